"""Writers that a server computes: asked as their certificate was measured, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import locum
from locum.errors import ArtefactError, UsageError, WriterError
from locum.generation import distill_generation
from locum.generation.through import WriteThrough
from locum.schema import GenerationTask
from locum.writers import InProcess, keeper, load_pretrained
from locum.writers.keys import key_for
from locum.writers.served import LlamaServer, RunningServer
from tests.completion_server import (
    WRITER_NAME as NAME,
)
from tests.completion_server import (
    CompletionServer,
    running_programs,
    save_llama_program,
    serving_completions,
    serving_writer,
)
from tests.gateway_clients import happens
from tests.gateways import running_gateway, upstream_server
from tests.promoted import LIMITS, chat_request, promote, route, states, upstreams
from tests.small_writers import EASY, PAIRS, make_pairs, save_tiny_writer, taught, taught_student
from tests.test_gateway_served_writers import recorded_notes
from tests.test_gateway_writers import Writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.export import CertifiedWriter

SHA256 = "0" * 64
TEXTS = [example.text for example in make_pairs(12, hard=0.3, seed=5)]


@pytest.fixture(scope="module")
def student() -> CertifiedWriter:
    return taught_student()


@pytest.fixture
def server(student: CertifiedWriter) -> Iterator[CompletionServer]:
    with serving_writer(student) as running:
        yield running


def served(student: CertifiedWriter, url: str, attempts: int = 1) -> CertifiedWriter:
    """The same student, computed by a server."""
    backend = RunningServer(url, NAME, SHA256, attempts)
    return replace(student, model=student.model.through(backend))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program in the place of llama.cpp's server."""
    found = save_llama_program(tmp_path_factory.mktemp("bin"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCUM_LLAMA_SERVER", str(found))
        yield found


@pytest.fixture(scope="module")
def llama(program: Path) -> CertifiedWriter:
    """A student that was certified through that program."""
    assert program.exists()
    found = taught("llama.cpp:f32")
    assert found.student is not None
    assert found.facts is not None
    assert found.facts.backend == "llama.cpp with f32 numbers"
    return found.student


@pytest.fixture(scope="module")
def folder(llama: CertifiedWriter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama.save(tmp_path_factory.mktemp("saved") / "student")


def test_a_server_is_sent_tokens_and_says_what_this_process_would(
    student: CertifiedWriter, server: CompletionServer
) -> None:
    here, there = student.model.write(TEXTS), served(student, server.url).model.write(TEXTS)
    for mine, said in zip(here, there, strict=True):
        assert said._replace(mean=0, least=0) == mine._replace(mean=0, least=0)
        assert (said.mean, said.least) == pytest.approx((mine.mean, mine.least), abs=1e-4)
    assert {request["model"] for request in server.requests} == {NAME}
    prompts = [student.model.prompts.prompt(text) for text in TEXTS]
    assert sorted(request["prompt"] for request in server.requests) == sorted(prompts)


def test_a_saved_student_asks_the_server_that_it_was_certified_with(
    student: CertifiedWriter, server: CompletionServer, tmp_path: Path
) -> None:
    folder = served(student, server.url).save(tmp_path / "student")
    assert not (folder / "model.safetensors").exists()
    facts = json.loads((folder / "writer.json").read_bytes())["backend"]
    assert facts == {"kind": "server", "url": server.url, "model": NAME, "sha256": SHA256}
    assert f"{NAME} at {server.url}" in (folder / "README.md").read_text("utf-8")
    loaded = locum.load(folder)
    assert isinstance(loaded, locum.CertifiedWriter)
    assert not server.requests
    before = [(one.answer, one.answered) for one in student.predict(TEXTS)]
    assert [(one.answer, one.answered) for one in loaded.predict(TEXTS)] == before
    assert loaded.predict([]) == []


def test_a_server_of_other_weights_is_not_asked(
    student: CertifiedWriter, server: CompletionServer
) -> None:
    asked = served(student, server.url)
    asked.predict(TEXTS)
    server.names = ["another"]
    server.requests.clear()
    with pytest.raises(
        WriterError, match=f"has another: this student is written by {NAME}"
    ) as told:
        asked.predict(TEXTS)
    assert told.value.gone
    assert not server.requests


def choice(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    logprobs = {"token_logprobs": [-0.1, -0.2]}
    return {"text": "note", "finish_reason": "stop", "logprobs": logprobs} | more


@pytest.mark.parametrize(
    ("answered", "message", "gone"),
    [
        ((500, {"error": "x"}), "HTTP 500", False),
        ((401, {"error": "no [key]"}), "HTTP 401", True),
        ((404, {}), "HTTP 404", True),
        ((302, {}), "HTTP 302", False),
        ((200, b"<html>"), "does not answer as the completions API does", False),
        ((200, {"choices": []}), "with text and log-probabilities", False),
        ((200, {"choices": [choice(logprobs=None)]}), "log-probabilities", False),
        ((200, {"choices": [choice(logprobs={})]}), "log-probabilities", False),
        ((200, {"choices": [choice(text=None)]}), "log-probabilities", False),
        ((200, {"choices": [choice(logprobs={"token_logprobs": [float("nan")]})]}), "log-", False),
        ((200, {"choices": [choice(logprobs={"token_logprobs": [0.5]})]}), "log-prob", False),
        ((200, {"choices": [choice(logprobs={"token_logprobs": [None]})]}), "log-prob", False),
    ],
)
def test_nonsense_is_no_answer(
    student: CertifiedWriter,
    server: CompletionServer,
    answered: tuple[int, Any],
    message: str,
    gone: bool,  # noqa: FBT001 - of a table
) -> None:
    asking = served(student, server.url)
    server.change = lambda _: answered
    with pytest.raises(WriterError, match=message) as told:
        asking.predict(TEXTS[:1])
    assert told.value.gone == gone
    server.change = lambda said: said
    assert asking.predict(TEXTS[:1])[0].answer


def test_an_empty_answer_is_none(student: CertifiedWriter, server: CompletionServer) -> None:
    asking = served(student, server.url)
    told: tuple[dict[str, Any], ...] = ({"token_logprobs": []}, {"content": [{"logprob": -0.1}]})
    for logprobs in told:
        empty = 200, {"choices": [choice(text="", logprobs=logprobs)]}
        server.change = partial(lambda empty, _: empty, empty)
        [said] = asking.predict(TEXTS[:1])
        assert (said.answer, said.answered) == (None, False)


def test_a_server_that_is_away_is_gone(student: CertifiedWriter) -> None:
    with pytest.raises(WriterError, match="cannot be reached") as told:
        served(student, "http://127.0.0.1:9/v1").predict(TEXTS[:1])
    assert told.value.gone


@pytest.mark.parametrize("changed", ["change", "change_list"])
def test_what_passes_is_tried_again(
    student: CertifiedWriter, server: CompletionServer, changed: str
) -> None:
    failures = [500, 503]
    setattr(server, changed, lambda said: (failures.pop(), {}) if failures else said)
    assert served(student, server.url, attempts=3).predict(TEXTS[:1])[0].answer
    assert not failures


@pytest.mark.parametrize("listed", [(500, {}), (200, b"<html>"), (200, {"data": [{"name": NAME}]})])
def test_a_server_that_does_not_say_what_it_has_is_not_asked(
    student: CertifiedWriter, server: CompletionServer, listed: tuple[int, Any]
) -> None:
    server.change_list = lambda _: listed
    with pytest.raises(WriterError, match=r"HTTP 500|as the completions API does") as told:
        served(student, server.url).predict(TEXTS[:1])
    assert not told.value.gone
    assert not server.requests


def test_a_key_is_sent_and_not_shown(
    student: CertifiedWriter, server: CompletionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUM_WRITER_KEY", "secret-1 ")
    monkeypatch.setenv("LOCUM_WRITER_KEY_SERVERS", f"https://vllm.example.com {server.url}")
    asking = served(student, server.url)
    asking.predict(TEXTS[:1])
    assert server.keys == ["Bearer secret-1"]
    server.change = lambda _: (401, {"error": "not secret-1"})
    with pytest.raises(WriterError, match=r'not \[key\]"}$'):
        asking.predict(TEXTS[:1])


def test_a_key_goes_to_no_server_that_its_owner_did_not_name(
    student: CertifiedWriter, server: CompletionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUM_WRITER_KEY", "secret-1")
    for others in (None, "", "http://127.0.0.1:9 https://vllm.example.com"):
        if others is not None:
            monkeypatch.setenv("LOCUM_WRITER_KEY_SERVERS", others)
        asking = served(student, server.url)
        assert asking.predict(TEXTS[:1])[0].answer
    assert set(server.keys) == {None}
    server.change = lambda _: (401, {})
    name_it = f"set LOCUM_WRITER_KEY, and name {server.url[:-3]} in LOCUM_WRITER_KEY_SERVERS"
    with pytest.raises(WriterError, match=name_it):
        asking.predict(TEXTS[:1])


@pytest.mark.parametrize(
    ("servers", "url", "is_sent"),
    [
        ("https://vllm.example.com", "https://VLLM.example.com:443/v1", True),
        ("http://a.example,http://vllm:8000/v1", "http://vllm:8000/other", True),
        ("https://vllm.example.com", "http://vllm.example.com/v1", False),
        ("https://vllm.example.com", "https://vllm.example.com:8443/v1", False),
        ("https://vllm.example.com", "https://vllm.example.com.other.example/v1", False),
        ("https://vllm.example.com", "https://other.example/https://vllm.example.com", False),
        ("http://127.0.0.1:8000", "http://localhost:8000/v1", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:80000/v1", False),
    ],
)
def test_a_server_is_known_by_scheme_host_and_port(
    servers: str,
    url: str,
    is_sent: bool,  # noqa: FBT001 - of a table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCUM_WRITER_KEY", "secret-1")
    monkeypatch.setenv("LOCUM_WRITER_KEY_SERVERS", servers)
    assert key_for(url) == ("secret-1" if is_sent else None)


@pytest.mark.parametrize(
    "servers", ["vllm.example.com", "http://me:hidden@vllm", "http://vllm:80000"]
)
def test_servers_for_a_key_that_are_no_urls_are_refused(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUM_WRITER_KEY", "secret-1")
    monkeypatch.setenv("LOCUM_WRITER_KEY_SERVERS", servers)
    with pytest.raises(UsageError, match="LOCUM_WRITER_KEY_SERVERS") as caught:
        key_for("http://vllm/v1")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "other"},
        {"kind": "llama.cpp", "numbers": "f32", "context": 0},
        {"kind": "llama.cpp", "numbers": "f32", "context": 9, "program": "/bin/sh"},
        {"kind": "server", "url": "file:///etc", "model": "m", "sha256": SHA256},
        "llama.cpp",
    ],
)
def test_a_writer_of_unknown_facts_is_refused(
    student: CertifiedWriter, tmp_path: Path, facts: object
) -> None:
    student.model.save(tmp_path)
    path = tmp_path / "writer.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"backend": facts}))
    with pytest.raises(ArtefactError, match="holds no writer"):
        type(student.model).load(tmp_path)


@pytest.mark.parametrize(
    ("said", "models", "message"),
    [
        ("llama", None, "expected llama.cpp, llama.cpp:TYPE with one of f32"),
        ("llama.cpp:q9", None, "expected llama.cpp"),
        ("vllm:q8_0", None, "expected llama.cpp"),
        ("", None, "expected llama.cpp"),
        ("http://127.0.0.1:8000/v1", None, "expected models=FOLDER too"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: str, models: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WriteThrough.read(said, "notes", models)


def test_a_password_in_a_servers_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    url = "http://me:hidden@127.0.0.1:9/v1"
    for make in (
        lambda: RunningServer(url, NAME, SHA256),
        lambda: WriteThrough.read(url, "notes", tmp_path),
        lambda: WriteThrough.read(url, "notes", None),
    ):
        with pytest.raises(UsageError, match="server's URL holds a user or a password") as caught:
            make()
        assert "hidden" not in str(caught.value)


def test_a_running_server_is_waited_for_until_it_has_the_weights(tmp_path: Path) -> None:
    server = CompletionServer("another")
    models = tmp_path / "models"

    def load_when_it_is_there() -> None:
        assert happens(lambda: bool([*models.glob("notes-*")]), 120)
        [place] = models.glob("notes-*")
        server.backend = InProcess(*load_pretrained(place))
        server.names = [place.name]

    with serving_completions(server):
        loading = threading.Thread(target=load_when_it_is_there)
        loading.start()
        found = distill_generation(
            GenerationTask("notes", "Say it."),
            PAIRS[:400],
            student_model=save_tiny_writer(tmp_path / "tiny"),
            write_through=server.url,
            models=models,
            rounds=1,
            learning_rate=1e-2,
            target=0.8,
        )
        loading.join()
    [place] = models.iterdir()
    assert found.facts is not None
    assert found.facts.backend == f"{place.name} at {server.url}"
    assert json.loads((place / "generation_config.json").read_bytes())["do_sample"] is False
    # Of what is learned from, nothing is asked there.
    sizes = found.data.splits
    tried = sizes["validation"] + sizes["certify"] + sizes["test"]
    assert tried <= len(server.requests) < tried + 10
    assert {request["model"] for request in server.requests} == {place.name}


def test_llama_cpp_is_certified_and_asked_as_it_was(
    llama: CertifiedWriter, folder: Path, student: CertifiedWriter
) -> None:
    assert (folder / "model.gguf").exists()
    assert not (folder / "model.safetensors").exists()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert len(manifest["files"]["model.gguf"]["sha256"]) == 64
    loaded = locum.load(folder)
    assert isinstance(loaded, locum.CertifiedWriter)
    easy = [f"{word} of the by in" for word in EASY]
    said = loaded.predict(easy)
    assert said == llama.predict(easy)
    right = [one.answer == f"note {word} {word}" for one, word in zip(said, EASY, strict=True)]
    assert sum(right) >= 0.8 * len(EASY)
    covered = [one.answered for one, is_right in zip(said, right, strict=True) if is_right]
    assert sum(covered) >= 0.8 * len(covered)
    assert loaded.certificate.coverage == pytest.approx(student.certificate.coverage, abs=0.1)


def children_of(pid: int) -> list[str]:
    """The processes that one has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_server_that_dies_is_told_and_started_again(folder: Path) -> None:
    loaded = locum.load(folder)
    assert isinstance(loaded, locum.CertifiedWriter)
    first = loaded.predict(["amber of the"])
    [pid] = running_programs(folder)
    os.kill(pid, signal.SIGKILL)
    assert happens(lambda: not running_programs(folder))
    time.sleep(0.5)  # its keeper ends after it
    assert loaded.predict(["amber of the"]) == first
    del loaded
    assert happens(lambda: not running_programs(folder))


def test_a_server_ends_with_a_process_that_is_killed(folder: Path) -> None:
    script = (
        f"import locum, sys, time; student = locum.load({str(folder)!r})\n"
        "print(student.predict(['amber of the'])[0].answer, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        running = running_programs(folder)
        process.kill()
    assert (said, len(running)) == (b"note amber amber\n", 1)
    assert happens(lambda: not running_programs(folder))


def test_a_missing_program_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCUM_LLAMA_SERVER")
    monkeypatch.setenv("PATH", str(folder))
    loaded = locum.load(folder)
    with pytest.raises(WriterError, match="there is no program llama-server") as told:
        loaded.predict(["amber of the"])
    assert told.value.gone


def test_a_program_that_cannot_load_the_weights_says_why(folder: Path, program: Path) -> None:
    assert program.exists()
    server = LlamaServer(folder / "model.gguf", "f32", context=0)
    with pytest.raises(WriterError, match="status 1 before it had loaded the student: no room"):
        server.go_on([[1]], 1)


def test_the_program_is_tried_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUM_LLAMA_SERVER", "/bin/false")
    tiny = save_tiny_writer(tmp_path / "tiny", bytewise=True)
    task = GenerationTask("notes", "Say it.")
    with pytest.raises(WriterError, match="/bin/false ended with status 1"):
        distill_generation(task, PAIRS, student_model=tiny, write_through="llama.cpp")
    monkeypatch.setenv("LOCUM_LLAMA_SERVER", str(tmp_path / "absent"))
    with pytest.raises(WriterError, match="No such file or directory"):
        distill_generation(task, PAIRS, student_model=tiny, write_through="llama.cpp")
    words = save_tiny_writer(tmp_path / "words")
    with pytest.raises(UsageError, match="no byte-level BPE tokenizer"):
        distill_generation(task, PAIRS, student_model=words, write_through="llama.cpp")


def test_the_gateway_starts_the_program_and_ends_it(llama: CertifiedWriter, tmp_path: Path) -> None:
    promoted = promote(tmp_path / "calls.sqlite", tmp_path / "notes", llama, recorded_notes())
    unpacked = tmp_path / "students" / promoted.promotion.artefact
    with (
        upstream_server(Writing()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), LIMITS) as gateway,
    ):
        assert happens(lambda: states(gateway) == ["ready"], 60)
        assert len(running_programs(unpacked)) == 1
        assert route(gateway, chat_request("amber of the by in")) == "student"
    assert happens(lambda: not running_programs(unpacked))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("llama-server") is None, reason="no llama-server on the PATH")
@pytest.mark.parametrize("numbers", ["f32", "q8_0"])
def test_llama_cpp_itself_computes_what_transformers_does(
    numbers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCUM_LLAMA_SERVER", raising=False)
    found = taught(f"llama.cpp:{numbers}").student
    assert found is not None
    folder = found.save(tmp_path / "student")
    loaded = locum.load(folder)
    assert isinstance(loaded, locum.CertifiedWriter)
    # What is written side by side changes the last digits.
    for one, before in zip(loaded.predict(TEXTS), found.predict(TEXTS), strict=True):
        assert (one.answer, one.answered) == (before.answer, before.answered)
        assert one.confidence == pytest.approx(before.confidence, abs=1e-4)
    alone = tmp_path / "model.gguf"
    alone.symlink_to(folder / "model.gguf")
    model, _ = load_pretrained(alone)
    here = found.model.through(InProcess(model, found.model.tokenizer)).write(TEXTS)
    there = found.model.write(TEXTS)
    near = 1e-3 if numbers == "f32" else 0.05
    for mine, said in zip(here, there, strict=True):
        assert (said.text, said.ended, said.tokens) == (mine.text, mine.ended, mine.tokens)
        assert (said.mean, said.least) == pytest.approx((mine.mean, mine.least), abs=near)


def test_a_keeper_ends_what_it_runs_and_takes_its_folder_away(tmp_path: Path) -> None:
    folder = tmp_path / "socket"
    folder.mkdir()
    words = "sh", "-c", "for n in 1 2 3 4 5 6 7; do echo line $n >&2; done; exec sleep 600"
    command = [sys.executable, "-I", keeper.__file__, str(folder), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert happens(lambda: len(children_of(process.pid)) == 1)
        time.sleep(0.5)  # the program says what it has to say
        said, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGKILL
    assert said == b"".join(b"line %d\n" % number for number in range(3, 8))
    assert not folder.exists()
