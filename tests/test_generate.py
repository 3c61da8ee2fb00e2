"""``locum generate``, against a real server on loopback that writes texts and labels them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.dataset import CopyFinder, WrittenExample, find_groups, may_seed
from locum.errors import UsageError
from locum.labelling import find_writer
from locum.labelling.acceptance import accept, is_clean
from locum.labelling.material import Sizes, share_out
from locum.labelling.writing_prompts import WritingOrder, build_writing_prompt, find_texts
from locum.schema import Task
from locum.store import hold
from locum.teachers import BatchTeacher, ChatTeacher, Panel, Votes
from tests.commands import run
from tests.traffic import LABELS, make_examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TELLING = {"billing": "invoice", "shipping": "parcel", "returns": "broken"}
_SYLLABLES = ["ba", "do", "ki", "lu", "me", "no", "ra", "su", "ti", "ve"]
_PROMPT_TOKENS, _ANSWER_TOKENS = 100, 50


class Writer:
    """A chat completions server that writes texts where it is asked to, and labels all others.

    The same prompt gets the same texts.

    Args:
        url: The API's base.
        bodies: How often each request was received.
        prompts: Prompts that ask for texts.
        bad: Every so many-th answer to those holds no list; 0 for none.
        stuck: The one text that is written of a label, again and again.
        ending: What stands at the end of each text that is written.
        at: Called when so many requests were received.
    """

    def __init__(self) -> None:
        self.url = ""
        self.bodies: Counter[bytes] = Counter()
        self.prompts: list[str] = []
        self.bad = 0
        self.stuck: dict[str, str] = {}
        self.ending = ""
        self.at: tuple[int, threading.Event] | None = None
        self._lock = threading.Lock()

    @property
    def received(self) -> int:
        """Requests of all kinds."""
        return self.bodies.total()

    def answer(self, body: bytes) -> dict[str, Any]:
        """Return the completion of one request."""
        text = orjson.loads(body)["messages"][-1]["content"]
        with self._lock:
            self.bodies[body] += 1
            writes = "Answer with one JSON array" in text
            if writes:
                self.prompts.append(text)
            if self.at is not None and self.received >= self.at[0]:
                self.at[1].set()
            bad = writes and self.bad and len(self.prompts) % self.bad == 0
        said = "I would rather not." if bad else self._write(text) if writes else _label(text)
        return _completion(said, orjson.loads(body).get("logprobs", False))

    def _write(self, prompt: str) -> str:
        found = re.search(r"Write (\d+) new inputs for which the label '(\w+)' is right", prompt)
        assert found is not None
        count, label = int(found[1]), found[2]
        if label in self.stuck:
            return json.dumps([self.stuck[label]] * count)
        digest = hashlib.sha256(prompt.encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        texts = []
        for _ in range(count):
            words = ["".join(generator.choice(_SYLLABLES, 3)) for _ in range(7)]
            texts.append(" ".join([*words, _TELLING[label]]) + self.ending)
        return "Sure:\n```json\n" + json.dumps(texts, indent=1) + "\n```"


def _label(text: str) -> str:
    return next((label for label, word in _TELLING.items() if word in text), "billing")


def _completion(text: str, logprobs: bool) -> dict[str, Any]:  # noqa: FBT001 - as requests say it
    entry = {"token": text, "logprob": -0.1, "top_logprobs": [{"token": text, "logprob": -0.1}]}
    return {
        "model": "writer-1",
        "choices": [
            {
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
                "logprobs": {"content": [entry]} if logprobs else None,
            }
        ],
        "usage": {"prompt_tokens": _PROMPT_TOKENS, "completion_tokens": _ANSWER_TOKENS},
    }


@contextmanager
def serving(writer: Writer) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = orjson.dumps(writer.answer(body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed leaves a broken connection."""

    with Server(("127.0.0.1", 0), Handler) as server:
        writer.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def writer() -> Iterator[Writer]:
    served = Writer()
    with serving(served):
        yield served


SETTINGS = """
[tasks.support]
instruction = "Which team should answer?"
labels = { billing = "money", shipping = "the way of a parcel", returns = "goods sent back" }

[prices."scribe"]
input = 1.0
output = 2.0
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with settings and 900 real inputs with answers."""
    (tmp_path / "locum.toml").write_text(SETTINGS)
    rows = [f"{e.text},{e.answer}" for e in make_examples(900)]
    (tmp_path / "calls.csv").write_text("text,answer\n" + "\n".join(rows) + "\n")
    return tmp_path


def command(writer: Writer, *options: str, count: int = 120) -> list[str]:
    asked = ["--teacher", writer.url, "--model", "scribe", "--inputs", "calls.csv"]
    return ["generate", "support", "--n", str(count), *asked, "--budget", "5", "-q", *options]


def synthetic(project: Path) -> list[dict[str, Any]]:
    file = project / ".locum" / "support" / "synthetic.jsonl"
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def test_inputs_are_written_labelled_and_learned_from(writer: Writer, project: Path) -> None:
    done = orjson.loads(run(*command(writer), "--json", folder=project).stdout)
    rows = synthetic(project)
    assert (done["new"], done["before"], done["lacking"]) == (120, 0, {})
    assert Counter(row["asked_label"] for row in rows) == dict.fromkeys(LABELS, 40)
    assert all(row["synthetic"] is True and row["answer"] == row["asked_label"] for row in rows)
    assert all(row["soft_label"][row["answer"]] == pytest.approx(0.9, abs=0.01) for row in rows)
    assert [one["agreeing"] for one in done["by_label"]] == [40, 40, 40]
    calls = done["written"]["answered"] + done["labelled"]["answered"]
    assert calls == writer.received
    cost = (_PROMPT_TOKENS * 1.0 + _ANSWER_TOKENS * 2.0) / 1e6
    assert done["balance"]["spent_usd"] == pytest.approx(calls * cost)
    assert done["diversity"]["texts"] == 120
    assert 1 < done["diversity"]["synthetic"]["vendi"] <= 120

    distilled = run("distill", "support", "--calls", "calls.csv", "--json", folder=project)
    data = orjson.loads(distilled.stdout)["data"]
    assert data["inputs"] == 900
    assert data["synthetic"]["inputs"] == 120
    assert data["synthetic"]["tried"] == 120, "what they were written after is in train"
    assert b"read 120 synthetic inputs from .locum/support/synthetic.jsonl" in distilled.stderr
    assert b"--no-synthetic leaves them out" in distilled.stderr
    left = run(
        "distill", "support", "--calls", "calls.csv", "--no-synthetic", "--json", folder=project
    )
    assert orjson.loads(left.stdout)["data"]["synthetic"] is None


def test_another_run_asks_nothing_and_more_are_added(writer: Writer, project: Path) -> None:
    run(*command(writer), folder=project)
    first, asked = synthetic(project), writer.received
    run(*command(writer), folder=project)
    assert (synthetic(project), writer.received) == (first, asked)
    run(*command(writer, count=150), folder=project)
    rows = synthetic(project)
    assert rows[:120] == first
    assert Counter(row["asked_label"] for row in rows) == dict.fromkeys(LABELS, 50)
    assert max(writer.bodies.values()) == 1


def test_another_teacher_labels_all_texts_anew(writer: Writer, project: Path) -> None:
    run(*command(writer, count=12), folder=project)
    first, asked = synthetic(project), writer.received
    assert {row["labelled_by"] for row in first} == {"scribe"}
    options = command(writer, "--priced-as", "scribe", count=12)
    options[options.index("scribe")] = "other"
    run(*options, folder=project)
    second = synthetic(project)
    assert [row["text"] for row in second] == [row["text"] for row in first]
    assert {row["labelled_by"] for row in second} == {"other"}
    assert writer.received == asked + 12
    run(*command(writer, count=12), folder=project)
    assert (synthetic(project), writer.received) == (first, asked + 12), "what is known is free"


def test_another_version_or_more_votes_label_all_texts_anew(writer: Writer, project: Path) -> None:
    run(*command(writer, count=12), folder=project)
    asked = writer.received
    run(*command(writer, "--model-version", "2", count=12), folder=project)
    assert writer.received == asked + 12
    options = command(writer, "--votes", "3-3", "--dry-run", "--json", count=12)
    [planned] = orjson.loads(run(*options, folder=project).stdout)["teachers"]
    assert (planned["does"], planned["calls"], planned["known"]) == ("label", 36, 0)


def test_the_same_seed_writes_the_same_from_the_cache(writer: Writer, project: Path) -> None:
    run(*command(writer), folder=project)
    first, asked = synthetic(project), writer.received
    (project / ".locum" / "support" / "synthetic.jsonl").unlink()
    done = orjson.loads(run(*command(writer), "--json", folder=project).stdout)
    assert (synthetic(project), writer.received) == (first, asked)
    assert done["written"]["spent_usd"] == done["labelled"]["spent_usd"] == 0
    (project / ".locum" / "support" / "synthetic.jsonl").unlink()
    run(*command(writer, "--seed", "1"), folder=project)
    assert {row["text"] for row in synthetic(project)}.isdisjoint(row["text"] for row in first)


@pytest.mark.parametrize(
    "requests",
    [pytest.param(20, id="writing"), pytest.param(150, id="labelling", marks=pytest.mark.slow)],
)
def test_a_run_that_is_killed_goes_on_and_buys_nothing_twice(
    writer: Writer, project: Path, requests: int
) -> None:
    options = command(writer, "--concurrency", "4", count=300)
    reached = threading.Event()
    writer.at = (requests, reached)
    with subprocess.Popen(
        [sys.executable, "-m", "locum", *options],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert reached.wait(60)
        os.kill(process.pid, signal.SIGKILL)
    done = orjson.loads(run(*options, "--json", folder=project).stdout)
    rows = synthetic(project)
    assert len(rows) == 300
    assert all("answer" in row for row in rows)
    in_flight = done["written"]["assumed"] + done["labelled"]["assumed"]
    twice = sum(count - 1 for count in writer.bodies.values())
    assert max(writer.bodies.values()) <= 2
    assert twice <= in_flight < 20, "calls in flight when it was killed, and no others"


def test_one_run_alone_writes_a_task_s_texts(writer: Writer, project: Path) -> None:
    with hold(project / ".locum" / "support" / "synthetic.jsonl", busy=""):
        refused = run(*command(writer), folder=project, code=1)
    assert b"another run writes into .locum/support/synthetic.jsonl" in refused.stderr
    assert writer.received == 0


def test_the_budget_holds_and_more_of_it_goes_on(writer: Writer, project: Path) -> None:
    options = command(writer, "--concurrency", "2")
    small = [*options[: options.index("--budget")], "--budget", "0.02", "--json"]
    done = orjson.loads(run(*small, folder=project).stdout)
    assert done["balance"]["spent_usd"] <= 0.02
    assert done["written"]["unasked"] + done["labelled"]["unasked"] > 0
    done = orjson.loads(run(*options, "--json", folder=project).stdout)
    assert done["lacking"] == {}
    assert all("answer" in row for row in synthetic(project))
    assert max(writer.bodies.values()) == 1


def test_a_dry_run_says_what_it_takes_and_asks_nothing(writer: Writer, project: Path) -> None:
    plan = orjson.loads(run(*command(writer), "--dry-run", "--json", folder=project).stdout)
    write, label = plan["teachers"]
    assert (write["does"], write["calls"], label["does"], label["calls"]) == (
        "write",
        12,
        "label",
        120,
    )
    assert 0 < plan["likely_usd"] < plan["worst_usd"]
    assert plan["notes"] == []
    with (project / "calls.csv").open("a") as file:
        file.write("only a text\n")
    done = run(*command(writer), "--dry-run", folder=project)
    assert b"texts to write" in done.stdout
    assert b"scribe writes" in done.stdout
    assert b"note: 1 row skipped: " in done.stderr
    assert writer.received == 0
    assert not (project / ".locum" / "support").exists()


def test_without_a_budget_nothing_is_bought(writer: Writer, project: Path) -> None:
    options = command(writer)
    place = options.index("--budget")
    done = run(*options[:place], *options[place + 2 :], folder=project, code=2)
    assert b"--budget DOLLARS" in done.stderr
    assert writer.received == 0


def test_prompts_show_what_train_will_hold_and_nothing_else(writer: Writer, project: Path) -> None:
    run(*command(writer), folder=project)
    texts = [example.text for example in make_examples(900)]
    group, none = find_groups(texts).group, np.zeros(900, np.bool_)
    hidden = ~may_seed(texts, group, [None] * 900, none, none)
    prompts = "\n".join(writer.prompts)
    assert not [texts[row] for row in np.flatnonzero(hidden) if texts[row] in prompts]
    assert sum(text in prompts for text in texts) > 20
    assert all("goods sent back" in prompt for prompt in writer.prompts)


def test_bad_answers_are_counted_and_a_stuck_label_is_given_up(
    writer: Writer, project: Path
) -> None:
    writer.bad = 5
    writer.stuck = {"returns": "the same broken thing"}
    done = run(*command(writer), folder=project)
    assert done.stdout.count(b"\n") > 8
    assert b"three rounds brought no new text of 1 labels" in done.stderr
    assert b"'returns' 39" in done.stderr
    rows = synthetic(project)
    assert Counter(row["asked_label"] for row in rows) == {
        "billing": 40,
        "shipping": 40,
        "returns": 1,
    }
    assert len(find_groups([row["text"] for row in rows]).group) == 81
    assert find_groups([row["text"] for row in rows]).largest == 1
    assert re.search(rb"answers without texts\s+[1-9]", done.stdout)


def test_traffic_shares_follow_the_real_answers(writer: Writer, project: Path) -> None:
    rows = [e for e in make_examples(900) if e.answer != "returns"]
    lines = [f"{e.text},{e.answer}" for e in rows]
    (project / "calls.csv").write_text("text,answer\n" + "\n".join(lines) + "\n")
    run(*command(writer, "--balance", "traffic", count=50), folder=project)
    found = Counter(row["asked_label"] for row in synthetic(project))
    real = Counter(example.answer for example in rows)
    assert found["returns"] == 0
    assert found["billing"] == pytest.approx(50 * real["billing"] / real.total(), abs=1)


def import_calls(project: Path, count: int) -> list[str]:
    """Import calls without probabilities, the oldest first; return their texts in that order."""
    rows = [
        {
            "request": {
                "model": "scribe",
                "messages": [
                    {"role": "system", "content": "Which team should answer?"},
                    {"role": "user", "content": example.text},
                ],
            },
            "response": {
                "id": f"chatcmpl-{number:032d}",
                "created": 1_790_000_000 + number,
                "model": "scribe",
                "choices": [{"message": {"role": "assistant", "content": example.answer}}],
            },
        }
        for number, example in enumerate(make_examples(count))
    ]
    (project / "log.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    run("import", "log.jsonl", "--task", "support", folder=project)
    return [example.text for example in make_examples(count)]


def test_recorded_calls_seed_texts_that_are_redacted_and_go_with_them(
    writer: Writer, project: Path
) -> None:
    texts = import_calls(project, 300)
    writer.ending = " to maria.keller@example.com"
    options = command(writer, count=60)
    place = options.index("--inputs")
    run(*options[:place], *options[place + 2 :], folder=project)
    rows = synthetic(project)
    assert len(rows) == 60
    assert all(row["text"].endswith(" to [EMAIL_1]") for row in rows)
    prompts = "\n".join(writer.prompts)
    assert not [text for text in texts[150:] if text in prompts], "the newest certify"
    assert [text for text in texts[:150] if text in prompts]
    with closing(sqlite3.connect(project / ".locum" / "locum.sqlite")) as store:
        written = "SELECT count(*) FROM answers WHERE CAST(answer AS TEXT) LIKE '%Sure:%'"
        assert store.execute(written).fetchone()[0] == len(writer.prompts)
        newest = datetime.fromtimestamp(1_790_000_000 + 150, UTC).isoformat()
        delete = ["calls", "delete", "--yes", "--task", "support"]
        left = run(*delete, "--since", newest, folder=project)
        assert b"150 calls deleted" in left.stdout
        assert b"synthetic" not in left.stdout, "no writer was shown them"
        said = run(*delete, folder=project)
        assert store.execute(written).fetchone()[0] == 0
    file = ".locum/support/synthetic.jsonl"
    assert f"{file} holds texts that were written after some".encode() in said.stdout
    assert stat.S_IMODE((project / file).stat().st_mode) == 0o600


def test_another_model_may_write(writer: Writer, project: Path) -> None:
    scribe = Writer()
    options = command(writer)
    with serving(scribe):
        run(*options, "--writer", scribe.url, "--writer-model", "scribe", folder=project)
    assert (len(scribe.prompts), len(writer.prompts)) == (scribe.received, 0)
    assert writer.received == 120


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--writer-model", "m"], b"--writer-model goes with --writer"),
        (["--writer", "http://127.0.0.1:9/v1"], b"its model: add --writer-model NAME"),
        (["--teacher", "function:json:dumps"], b"cannot write texts"),
        (["--n", "0"], b"--n"),
        (["--seed", "-1"], b"--seed"),
    ],
)
def test_wrong_usage_is_code_2(project: Path, options: list[str], said: bytes) -> None:
    given = ["--teacher", "http://127.0.0.1:9/v1", "--model", "scribe", "--budget", "1"]
    used = given if "--teacher" not in options else given[4:]
    done = run(
        "generate", "support", "--inputs", "calls.csv", *used, *options, folder=project, code=2
    )
    assert said in done.stderr


def test_too_few_real_inputs_are_said(writer: Writer, project: Path) -> None:
    (project / "calls.csv").write_text("text,answer,split\none text,billing,test\n")
    done = run(*command(writer, "--column", "split=split"), folder=project, code=1)
    assert b"1 real inputs are too few" in done.stderr


def test_a_file_that_somebody_broke_is_left_alone(writer: Writer, project: Path) -> None:
    file = project / ".locum" / "support" / "synthetic.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"text": "mine", "answer": "billing"}\n')
    done = run(*command(writer), folder=project, code=1)
    assert b"1 rows are not synthetic: mend or remove them" in done.stderr
    assert file.read_text() == '{"text": "mine", "answer": "billing"}\n'
    assert writer.received == 0


def test_what_writes_behind_votes_panels_and_batches() -> None:
    chat = ChatTeacher("http://127.0.0.1:9/v1", "m", temperature=1.0)
    assert find_writer(chat) is chat
    assert find_writer(Votes(chat)) is chat
    assert find_writer(Panel([BatchTeacher(chat), Votes(chat)])) is chat
    with pytest.raises(UsageError, match="--writer URL"):
        find_writer(BatchTeacher(chat))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('["a b", "c"]', ["a b", "c"]),
        ('Here [you] go:\n```json\n[\n "a",\n "b"\n]\n```\nMore?', ["a", "b"]),
        ('["whole", "also whole", "cut of', ["whole", "also whole"]),
        ('[{"text": "a"}, {"input": "b"}, {"x": "y", "z": "w"}, 7]', ["a", "b"]),
        ('{"texts": ["a", "b"]}', ["a", "b"]),
        ('"a"\n"b"', ["a", "b"]),
        ('{"text": "a"}\n\n{"text": "b"},', ["a", "b"]),
        ("1. first one\n2) \u201csecond\u201d\n- 'third'\n", ["first one", "second", "third"]),
        ('["  spaced ", "", " "]', ["spaced"]),
        ('<think>["billing", "shipping"]: I need "billing".</think>["a", "b"]', ["a", "b"]),
        ('The labels are ["billing"].</think>["a", "b"]', ["a", "b"]),
        ('<think>The labels are ["billing", "shipping"]. So', []),
        (
            'Two for ["billing"]:\n["a bill is wrong", "paid twice"]',
            ["a bill is wrong", "paid twice"],
        ),
        ('["my parcel [#12] is late", ",", ","]', ["my parcel [#12] is late", ",", ","]),
        ('["[", ",", "c"] as you ["see"]', ["[", ",", "c"]),
        ('[{"text": "a", "label": "billing"}, {"label": "x", "input": "b"}]', ["a", "b"]),
        ("I would rather not.", []),
        ("", []),
        ("[" * 100_000, []),
        ('{"a":' * 100_000, []),
        ("[1, 2, 3]", []),
    ],
)
def test_texts_are_found_in_answers(answer: str, expected: list[str]) -> None:
    assert find_texts(answer) == expected


@given(st.lists(st.text().map(str.strip).filter(bool), min_size=1, max_size=6), st.data())
def test_an_array_is_read_whole_and_a_cut_one_to_where_it_breaks(
    texts: list[str], data: st.DataObject
) -> None:
    plain = data.draw(st.booleans())
    answer = json.dumps(texts, ensure_ascii=plain)
    assert find_texts(f"Sure.\n{answer}") == texts
    end = len(json.dumps(texts[0], ensure_ascii=plain)) + 1
    found = find_texts(answer[: data.draw(st.integers(end, len(answer)))])
    assert found
    assert found == texts[: len(found)]


@given(
    st.integers(1, 500),
    st.sampled_from(["even", "traffic"]),
    st.lists(st.integers(0, 50), min_size=2, max_size=9).filter(any),
)
def test_shares_sum_to_the_whole_and_are_near_the_proportions(
    count: int, balance: str, counts: list[int]
) -> None:
    shares = share_out(count, balance, counts)  # type: ignore[arg-type]
    assert sum(shares) == count
    wanted = counts if balance == "traffic" else [1] * len(counts)
    for share, part in zip(shares, wanted, strict=True):
        assert abs(share - count * part / sum(wanted)) < 1


def test_proportions_need_labels() -> None:
    with pytest.raises(UsageError, match="locum label"):
        share_out(10, "traffic", [0, 0])


@settings(max_examples=60)
@given(
    st.lists(st.text("ab ", min_size=1, max_size=9), max_size=12),
    st.lists(st.text("ab ", min_size=1, max_size=9), max_size=12),
    st.integers(0, 8),
)
def test_what_is_taken_copies_nothing_and_is_no_more_than_wanted(
    earlier: list[str], texts: list[str], need: int
) -> None:
    written = [WrittenExample(text, asked_label="a") for text in texts]
    taken, rejected = accept(written, earlier, {"a": need}, 9, CopyFinder())
    assert len(taken) + rejected.total() == len(texts)
    assert len(taken) <= need
    joint = find_groups([*earlier, *(example.text for example in taken), "x"]).group.tolist()
    groups = joint[len(earlier) : -1]
    assert len(set(groups)) == len(groups)
    assert set(groups).isdisjoint(joint[: len(earlier)])


def test_texts_that_are_none_are_not_taken() -> None:
    texts = ["x" * 41, "lost \ufffd", "nul \0", " ", "fine one", "a label of its own"]
    written = [WrittenExample(text, asked_label="a") for text in texts]
    written[-1] = WrittenExample(texts[-1], asked_label="b")
    accepted = accept(written, [], {"a": 3}, 10, CopyFinder())
    assert [example.text for example in accepted.taken] == ["fine one"]
    assert accepted.rejected == {
        "too long": 1,
        "broken characters": 2,
        "empty": 1,
        "more than needed": 1,
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("tabs\tand\nlines\r\n", True),
        ("na\u00efve \u65e5\u672c\u8a9e \U0001f469\u200d\U0001f680", True),
        ("\x1b[31m", False),
        (chr(0xD800), False),
        ("\ue000", False),
        ("\ufffe", False),
        ("\ufffd", False),
    ],
)
def test_which_characters_are_real(text: str, *, clean: bool) -> None:
    assert is_clean(text) is clean


def test_long_inputs_leave_room_for_fewer_texts() -> None:
    short, long = Sizes.of(["x" * 80] * 50), Sizes.of(["x" * 3000] * 50)
    assert short.texts_a_prompt == 10
    assert short.answer_tokens == 1024
    assert (long.texts_a_prompt, long.answer_tokens) == (2, 3032)
    sizes = Sizes.of(["x" * length for length in range(1, 101)])
    assert sizes.bounds == (5, 34, 67, 95)
    assert sizes.longest == 100


def test_a_prompt_holds_the_task_first_and_texts_as_json() -> None:
    task = Task("topics", ("cash", "card"), "What is it about?", {"card": "plastic money"})
    order = WritingOrder("card", 3, 10, 40, ['say "yes"\nnow'], of_label=True, written=["there"])
    prompt = build_writing_prompt(task, order)
    assert prompt.index("What is it about?") < prompt.index("- card: plastic money")
    assert prompt.index("- cash\n") < prompt.index("Write 3 new inputs")
    assert "10 to 40 characters" in prompt
    assert '"say \\"yes\\"\\nnow"' in prompt
    assert "Real inputs with the label 'card'" in prompt
    assert '"there"' in prompt
    other = build_writing_prompt(task, order._replace(of_label=False, written=[]))
    assert "style alone" in other
    assert "written already" not in other
