"""``locum relabel``, with a teacher on loopback that gives log-probabilities."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.cli.output import command_to_type
from locum.dataset import read_examples
from locum.distillation.splitting import split_pool
from locum.errors import UsageError
from locum.relabelling import FileOfCalls, Purchase, check_output, read_purchases, write_labelled
from locum.relabelling.material import find_material
from locum.schema import Task
from locum.store import LabelStore
from tests.close_calls import LABELS, CloseCall, SoftServer, make_close_calls, serve_soft_labels
from tests.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

TASK = Task("support", LABELS, instruction="Which team should answer?")
CALLS = 600
CLOSE_CALLS = make_close_calls(CALLS)
FIRST_TO_CERTIFY = int(0.72 * CALLS)
A_CALL = 40 * 10e-6 + 1 * 40e-6
SETTINGS = """
[tasks.support]
instruction = "Which team should answer?"
labels = ["billing", "shipping", "returns"]
[prices.m]
input = 10.0
output = 40.0
"""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands compute on one thread each: those of several would wait for each other."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")


def test_an_output_is_checked(tmp_path: Path) -> None:
    calls, other = tmp_path / "calls.jsonl", tmp_path / "other.jsonl"
    calls.touch()
    check_output(None, None)
    check_output(calls, calls)
    check_output(other, calls)
    other.touch()
    for output, given, message in (
        (None, calls, "--output FILE"),
        (other, None, "goes with --calls"),
        (tmp_path / "x.csv", calls, r"ends with \.jsonl"),
        (other, calls, "exists: to go on from it"),
    ):
        with pytest.raises(UsageError, match=message):
            check_output(output, given)
    check_output(tmp_path / "new.jsonl", calls, "latin-1")
    check_output(calls, calls, "UTF_8")
    with pytest.raises(UsageError, match="would not be read as latin-1 again"):
        check_output(calls, calls, "latin-1")


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    table, path = tmp_path / "calls.csv", tmp_path / "deep" / "calls.jsonl"
    table.write_text(
        "query,teacher,gold,time,latency_ms,cost_usd,soft_label,split\n"
        "one,billing,returns,1.5,2.5,0.25,,train\n"
        'two,billing,,,,,"{""billing"": 0.75, ""returns"": 0.25}",\n'
        "a field is missing\n"
        "thrée,returns,,,,,,test\n",
        "latin-1",
    )
    before = read_examples(table, {"split": "split"}, "latin-1")
    purchases = {"one": Purchase(0, None, 0.25), "two": Purchase(1, 0, 0.0)}
    bought = {text: {"billing": 0.5, "returns": 0.5} for text in ("one", "two")}
    write_labelled(path, FileOfCalls(table, before.columns, "latin-1"), bought, purchases)
    assert read_purchases(path, "query") == purchases
    one, *others = read_examples(path, {"split": "split"}).examples
    assert one.distribution == bought["one"]
    assert [replace(one, distribution=None), *others] == before.examples
    assert list(path.parent.iterdir()) == [path]


def test_what_stood_in_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    lines = [
        '{"id": 123456789012345678901234567890, "query":"ö", "answer":"billing", "note":"keep"}',
        '{"id": 2, "query": null, "answer": "billing"}',
        "to be mended",
        "",
        '{"id": 3, "query": ["ö"], "part": "test"}',
        '{"id": 4, "query": "other", "answer": "returns", "probabilities": {"billing": 60}}',
    ]
    path.write_text("\n".join(lines), "utf-8")
    columns = read_examples(path, {"text": "query", "split": "part"}).columns
    calls = FileOfCalls(path, columns)
    soft, purchase = {"billing": 0.5, "returns": 0.5}, Purchase(0, None, 0.5)
    write_labelled(path, calls, {"ö": soft, "other": soft}, {"ö": purchase})
    first, *middle, last = path.read_text("utf-8").splitlines()
    assert middle == lines[1:-1]
    assert json.loads(first) == json.loads(lines[0]) | {
        "probabilities": soft,
        "relabelled": {"chosen": 0, "control": None, "usd": 0.5},
    }
    assert json.loads(last) == json.loads(lines[-1]) | {"probabilities": soft}
    written = path.read_bytes()
    write_labelled(path, calls, {"ö": {"billing": 1.0}}, read_purchases(path, "query"))
    assert path.read_bytes() == written


def test_the_next_command_holds_what_was_given() -> None:
    typed = command_to_type(
        "distill",
        "support",
        calls=Path("my calls.jsonl"),
        column=["text=q", "split=a b"],
        seed=None,
        batch=True,
        quiet=False,
        top_logprobs=0,
    )
    _, _, given = typed.partition(" distill ")
    options = ["--calls", "my calls.jsonl", "--column", "text=q", "--column", "split=a b"]
    options += ["--batch", "--top-logprobs", "0"]
    assert shlex.split(given) == ["support", *options]


@pytest.fixture(scope="module")
def server() -> Iterator[SoftServer]:
    """A teacher that gives log-probabilities."""
    with serve_soft_labels({call.text: call.distribution for call in CLOSE_CALLS}) as served:
        yield served


def teacher_options(server: SoftServer) -> tuple[str, ...]:
    return "--teacher", server.url, "--model", "m"


def logged(number: int, call: CloseCall) -> bytes:
    message = {"role": "assistant", "content": call.answer}
    record = {
        "request": {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Which team should answer?"},
                {"role": "user", "content": call.text},
            ],
        },
        "response": {
            "id": f"chatcmpl-{number:032d}",
            "created": 1_790_000_000 + number,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        },
    }
    return orjson.dumps(record)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds calls with answers alone."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "locum.toml").write_text(SETTINGS, "utf-8")
    lines = [logged(number, call) for number, call in enumerate(CLOSE_CALLS)]
    (folder / "log.jsonl").write_bytes(b"\n".join(lines))
    run("import", "log.jsonl", "--task", "support", folder=folder)
    return folder


def relabel_json(
    folder: Path, server: SoftServer, *options: str
) -> tuple[dict[str, Any], list[str]]:
    """What a run says, and the texts that it asked about."""
    before = len(server.asked)
    done = run(
        "relabel", "support", *teacher_options(server), *options, "--json", "-q", folder=folder
    )
    said: dict[str, Any] = orjson.loads(done.stdout)
    return said, server.asked[before:]


def test_recorded_calls_end_to_end(project: Path, server: SoftServer) -> None:
    plan, asked = relabel_json(project, server, "--budget", "0.05", "--dry-run")
    assert asked == []
    assert plan["learned_from"] == FIRST_TO_CERTIFY
    assert 0 < plan["likely_usd"] <= 0.05 == plan["left_usd"]

    first, asked = relabel_json(project, server, "--budget", "0.05")
    number_of = {call.text: number for number, call in enumerate(CLOSE_CALLS)}
    assert max(number_of[text] for text in asked) < FIRST_TO_CERTIFY, "the newest certify and test"
    assert len(set(asked)) == len(asked) == first["answered"]
    assert first["spent_in_all_usd"] == pytest.approx(len(asked) * A_CALL)
    assert first["spent_in_all_usd"] <= 0.05
    assert {first["chosen"] > 0, first["control"] > 0} == {True}
    names = [measure["name"] for measure in first["gains"]["measures"]]
    assert names == ["loss", "soft_loss", "risk_area", "agreement"]
    for measure in first["gains"]["measures"]:
        low, high = measure["chosen"]["interval"]
        assert low <= measure["chosen"]["value"] <= high
        per_dollar = measure["chosen"]["value"] / first["gains"]["usd"]
        assert measure["chosen"]["per_dollar"] == pytest.approx(per_dollar)

    again, asked_then = relabel_json(project, server, "--budget", "0.05")
    assert asked_then == []
    assert again["gains"] == first["gains"]
    assert "of the budget of $0.05" in again["notes"][0]

    options = (*teacher_options(server), "--budget", "0.02", "--dry-run", "-q")
    done = run("relabel", "support", *options, folder=project)
    assert "of the budget of $0.02, $0.0" in " ".join(done.stdout.decode().split())

    second, asked_then = relabel_json(project, server, "--budget", "0.1")
    assert second["gains"]["bought"] > first["gains"]["bought"]
    assert second["plan"]["learned_from"] == FIRST_TO_CERTIFY
    assert not set(asked) & set(asked_then)
    assert max(number_of[text] for text in asked_then) < FIRST_TO_CERTIFY
    assert second["cached"] == 0
    assert 0.05 < second["spent_in_all_usd"] <= 0.1

    done = run("distill", "support", "--json", "-q", "--target", "0.6", folder=project)
    assert (
        orjson.loads(done.stdout)["data"]["soft_label_source"] == "distributions and single answers"
    )


def test_a_budget_is_asked_for(project: Path, server: SoftServer) -> None:
    before = len(server.asked)
    done = run("relabel", "support", *teacher_options(server), "-q", folder=project, code=2)
    assert b"say what the labels may cost: --budget DOLLARS" in done.stderr
    done = run("relabel", "support", folder=project, code=2)
    assert b"say who is asked" in done.stderr
    done = run("relabel", "support", *teacher_options(server), "--dry-run", folder=project)
    assert b", all that are left" in done.stdout
    assert len(server.asked) == before


def test_the_table_tells_what_was_gained(project: Path, server: SoftServer) -> None:
    options = ("--budget", "1", "--most", "60")
    done = run("relabel", "support", *teacher_options(server), *options, folder=project)
    lines = done.stdout.decode().splitlines()
    out = " ".join(done.stdout.decode().split())
    [heading] = [line for line in lines if line.endswith("95% interval")]
    assert max(map(len, lines[lines.index(heading) :][:17])) < 80
    assert sum(" all  " in line for line in lines) == 4
    assert out.count("by choosing") == 4
    assert "soft labels for $" in out
    assert b"of 12, students trained" in done.stderr
    assert "locum distill support" in out
    assert b"the others are never asked about" in done.stderr


def test_rows_that_are_left_out_are_told(tmp_path: Path, server: SoftServer) -> None:
    (tmp_path / "locum.toml").write_text(SETTINGS, "utf-8")
    rows = [{"text": c.text, "answer": c.answer} for c in CLOSE_CALLS]
    (tmp_path / "calls.jsonl").write_bytes(b"\n".join([*map(orjson.dumps, rows), b"{broken"]))
    options = ("--calls", "calls.jsonl", "--output", "soft.jsonl", "--dry-run")
    plan, _ = relabel_json(tmp_path, server, *options)
    assert "not valid JSON" in plan["notes"][0]
    done = run(
        "relabel", "support", *teacher_options(server), *options, folder=tmp_path
    )  # fmt: skip
    assert b"note: 1 row skipped: not valid JSON" in done.stderr


@pytest.mark.slow
def test_a_file_of_calls_end_to_end(tmp_path: Path, server: SoftServer) -> None:
    (tmp_path / "locum.toml").write_text(SETTINGS, "utf-8")
    rows = [{"text": c.text, "answer": c.answer} for c in CLOSE_CALLS]
    (tmp_path / "calls.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    options = ("--calls", "calls.jsonl", "--output", "soft.jsonl", "--budget")
    first, asked = relabel_json(tmp_path, server, *options, "0.02")
    soft = read_examples(tmp_path / "soft.jsonl").examples
    assert [(e.text, e.answer) for e in soft] == [(row["text"], row["answer"]) for row in rows]
    assert {e.text for e in soft if e.distribution} == set(asked)
    assert len(asked) == first["answered"] > 0

    options = ("--calls", "soft.jsonl", "--output", "soft.jsonl", "--budget")
    second, asked_then = relabel_json(tmp_path, server, *options, "0.04")
    assert asked_then
    assert second["gains"]["bought"] > first["gains"]["bought"]
    again, asked_again = relabel_json(tmp_path, server, *options, "0.04")
    assert asked_again == []
    assert again["gains"] == second["gains"]
    assert not set(asked) & set(asked_then)
    examples = read_examples(tmp_path / "soft.jsonl").examples
    assert {e.text for e in examples if e.distribution} == {*asked, *asked_then}

    done = run(
        "distill", "support", "--calls", "soft.jsonl", "--json", "-q", "--target", "0.6",
        folder=tmp_path,
    )  # fmt: skip
    data = orjson.loads(done.stdout)["data"]
    assert data["soft_label_source"] == "distributions and single answers"
    with LabelStore(tmp_path / "scratch.sqlite") as scratch:
        material = find_material(TASK, examples, scratch, 0)
    assert material.labelled.sum() == len({*asked, *asked_then})
    for seeded in (False, True):
        splits = split_pool(material.pool, 0, seeded=seeded).splits.rows
        for split in ("certify", "test"):
            assert not material.labelled[splits[split]].any()
    assert data["splits"]["train"] == len(material.training)
