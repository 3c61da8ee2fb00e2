"""``locum import``, ``locum calls`` and ``locum distill`` on what is in the store."""

from __future__ import annotations

import json
import math
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from locum.cli.app import app
from locum.errors import InputError
from locum.store import CallFilter, CallStore, open_database
from tests.call_samples import make_call, make_calls
from tests.commands import locum, refusal, run
from tests.traffic import LABELS, make_examples

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

CALLS = 1200
EMAIL = "maria.keller@example.com"


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def pair(number: int, text: str, said: str, distribution: dict[str, float]) -> dict[str, Any]:
    alternatives = [{"token": k, "logprob": math.log(p)} for k, p in distribution.items()]
    token = {"token": said, "logprob": math.log(distribution[said]), "top_logprobs": alternatives}
    return {
        "request": {
            "model": "gpt-4.1-nano",
            "messages": [
                {"role": "system", "content": "Which team should answer?"},
                {"role": "user", "content": text},
            ],
        },
        "response": {
            "id": f"chatcmpl-{number:032d}",
            "created": 1_790_000_000 + number,
            "model": "gpt-4.1-nano",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": said},
                    "logprobs": {"content": [token]},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": 1},
        },
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store holds imported calls."""
    folder = tmp_path_factory.mktemp("project")
    rows = []
    for number, example in enumerate(make_examples(CALLS)):
        assert example.answer is not None
        assert example.distribution is not None
        text = f"{example.text} {EMAIL}" if number == 7 else example.text
        rows.append(orjson.dumps(pair(number, text, example.answer, dict(example.distribution))))
    (folder / "log.jsonl").write_bytes(b"\n".join([*rows, b"{broken"]))
    done = run("import", "log.jsonl", "--task", "support", folder=folder)
    assert f"{CALLS:,} calls imported, 0 known already".encode() in done.stdout
    assert b"1 row skipped" in done.stderr
    return folder


def test_importing_again_adds_nothing(project: Path) -> None:
    (report,) = lines(run("import", "log.jsonl", "--json", folder=project))
    assert [file["added"] for file in report["files"]] == [0]
    assert [file["known"] for file in report["files"]] == [CALLS]
    assert report["files"][0]["format"] == "pairs"


def test_known_calls_are_named_and_it_is_said(tmp_path: Path) -> None:
    records = [orjson.dumps(pair(number, f"text {number}", "b", {"b": 1.0})) for number in range(3)]
    run("import", "-", "--task", "other", folder=tmp_path, stdin=records[0])
    log = b"\n".join(records)
    run("import", "-", folder=tmp_path, stdin=log)
    done = run("import", "-", "--task", "support", folder=tmp_path, stdin=log)
    assert b"0 calls imported, 3 known already, 2 of them named now" in done.stdout
    assert b"another task keep it (other 1)" in done.stderr
    (report,) = lines(run("import", "-", "--task", "support", "--json", folder=tmp_path, stdin=log))
    [file] = report["files"]
    assert (file["named"], file["named_otherwise"], file["archived"]) == (0, {"other": 1}, 0)


def test_strict_stops_at_the_bad_line(tmp_path: Path, project: Path) -> None:
    content = (project / "log.jsonl").read_bytes().splitlines()
    done = run("import", "-", "--strict", folder=tmp_path, code=1, stdin=b"\n".join(content[-2:]))
    assert b"line 2" in done.stderr
    assert b"1 new calls before it are stored" in done.stderr


def test_nothing_to_import_is_an_error(tmp_path: Path) -> None:
    done = run("import", "absent.jsonl", folder=tmp_path, code=1)
    assert b"absent.jsonl" in done.stderr
    done = run("import", "-", "--format", "pears", folder=tmp_path, code=2, stdin=b"{}")
    assert b"expected one of" in done.stderr


def test_an_import_says_where_nothing_tells_when_calls_were_sent(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("text,answer\nhello,yes\nbye,no\n")
    done = run("import", "table.csv", folder=tmp_path)
    assert b"nothing tells when 2 calls were sent" in done.stderr
    (tmp_path / "timed.csv").write_text("text,answer,time\nhello,yes,2026-01-01T00:00:00Z\n")
    assert b"nothing tells" not in run("import", "timed.csv", folder=tmp_path).stderr


def test_a_task_that_no_student_could_be_named_by_is_refused(project: Path, tmp_path: Path) -> None:
    log = str(project / "log.jsonl")
    done = run("import", log, "--task", "support/tickets", folder=tmp_path, code=2)
    assert b"task name 'support/tickets' cannot be used" in done.stderr
    assert not (tmp_path / ".locum").exists()


def test_calls_are_listed_filtered_and_summed_up(project: Path) -> None:
    table = run("calls", "--limit", "2", folder=project)
    assert table.stdout.count(b"support") == 2
    assert f"2 of {CALLS:,} calls".encode() in table.stderr
    listed = lines(run("calls", "--json", "--limit", "3", "--model", "gpt-4*", folder=project))
    assert [call["time"] for call in listed] == [1_790_000_000 + CALLS - n for n in (1, 2, 3)]
    assert lines(run("calls", "--json", "--model", "other", folder=project)) == []
    assert lines(run("calls", "--json", "--since", "2030-01-01", folder=project)) == []
    (total,) = lines(run("calls", "totals", "--json", folder=project))
    assert (total["name"], total["calls"], total["input_tokens"]) == ("support", CALLS, 40 * CALLS)
    assert total["cost_usd"] > 0
    assert b"support" in run("calls", "totals", "--task", "support", folder=project).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["calls", "--since", "yesterday"], b"--since 'yesterday'"),
        (["calls", "--outcome", "fine"], b"--outcome 'fine'"),
        (["calls", "delete"], b"say which calls to delete"),
        (["calls", "delete", "--task", "support"], b"confirm with --yes"),
        (["calls", "export", "--format", "xml"], b"--format 'xml'"),
        (["calls", "export", "--format", "parquet"], b"give a file"),
        (["calls", "export", "-", "--format", "parquet"], b"give a file"),
    ],
)
def test_wrong_usage_is_code_2(project: Path, arguments: list[str], said: bytes) -> None:
    assert said in run(*arguments, folder=project, code=2).stderr


def test_a_call_is_shown_whole_and_redacted(project: Path) -> None:
    exported = lines(run("calls", "export", folder=project))
    assert len(exported) == CALLS
    shown = orjson.loads(run("calls", "show", exported[7]["id"][:12], folder=project).stdout)
    assert shown == exported[7]
    said = shown["request"]["messages"][1]["content"]
    assert said.endswith(" [EMAIL_1]")
    stored = (project / ".locum" / "locum.sqlite").read_bytes()
    assert EMAIL.encode() not in stored


def test_an_export_can_be_imported_elsewhere(project: Path, tmp_path: Path) -> None:
    run("calls", "export", "calls.jsonl", folder=project)
    content = (project / "calls.jsonl").read_bytes()
    done = run("import", "-", "--task", "support", folder=tmp_path, stdin=content)
    assert f"{CALLS:,} calls imported".encode() in done.stdout
    exported = lines(run("calls", "export", folder=tmp_path))
    kept = lines(run("calls", "export", folder=project))
    assert exported == kept
    (report,) = lines(run("import", "calls.jsonl", "--json", folder=project))
    assert report["files"][0]["format"] == "calls"
    assert (report["files"][0]["added"], report["files"][0]["known"]) == (0, CALLS)


def test_a_store_that_moves_keeps_what_is_no_fair_sample(tmp_path: Path) -> None:
    homes, file = [tmp_path / "old", tmp_path / "new"], tmp_path / "calls.jsonl"
    with open_database(homes[0] / "locum.sqlite") as database:
        store = CallStore(database)
        store.add(make_calls(250))
        store.link("deferred", [("support", f"call-{number:05}") for number in range(0, 250, 3)])
        store.note_untimed(make_calls(90))
        kept = (store.deferred(), store.untimed())
    locum(homes[0], "calls", "export", str(file))
    locum(homes[1], "import", str(file))
    with open_database(homes[1] / "locum.sqlite") as database:
        assert (CallStore(database).deferred(), CallStore(database).untimed()) == kept
    shown = orjson.loads(locum(homes[1], "calls", "show", "call-00003"))
    assert (shown["deferred"], shown["untimed"]) == ("support", True)


def test_calls_of_a_model_with_a_price_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "locum.toml").write_text('[prices."gpt-4.1-nano"]\ninput = 1.0\noutput = 2.0\n')
    record = orjson.dumps(pair(1, "a", "b", {"b": 1.0}))
    run("import", "-", folder=tmp_path, stdin=record)
    (call,) = lines(run("calls", "export", folder=tmp_path))
    assert call["cost_usd"] == pytest.approx((40 * 1.0 + 1 * 2.0) / 1e6)


def test_whole_numbers_beyond_64_bits_are_shown_and_exported(tmp_path: Path) -> None:
    large = 2**70 + 1
    (call,) = make_calls(1)
    call.request["metadata"] = {"order": large}
    with open_database(tmp_path / ".locum" / "locum.sqlite") as database:
        CallStore(database).add([call])
    exported = json.loads(run("calls", "export", folder=tmp_path).stdout)
    assert exported["request"]["metadata"] == {"order": large}
    assert json.loads(run("calls", "show", exported["id"], folder=tmp_path).stdout) == exported


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl.gz", "all.xlsx", "all.v2"])
def test_an_export_of_no_known_ending_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    (tmp_path / "home").mkdir()
    with open_database(tmp_path / "home" / "locum.sqlite") as database:
        CallStore(database).add(make_calls(1))
    ending = name[name.rindex(".") :]
    said = refusal(tmp_path / "home", "calls", "export", str(file), code=2)
    assert f"{name} ends in '{ending}': expected .jsonl or .parquet; or say with --format" in said
    assert not file.exists()
    locum(tmp_path / "home", "calls", "export", str(file), "--format", "jsonl")
    assert orjson.loads(file.read_bytes())["id"] == "call-00000"


@pytest.mark.parametrize("name", ["all", "all.jsonl", "all.json", "all.NDJSON"])
def test_an_export_in_lines_is_imported_by_any_name_that_it_may_have(
    tmp_path: Path, name: str
) -> None:
    homes, file = [tmp_path / "old", tmp_path / "new"], tmp_path / name
    with open_database(homes[0] / "locum.sqlite") as database:
        CallStore(database).add(make_calls(1))
    locum(homes[0], "calls", "export", str(file))
    assert "calls, 1 calls imported" in locum(homes[1], "import", str(file))


def test_a_dash_is_standard_output(tmp_path: Path) -> None:
    (tmp_path / ".locum").mkdir()
    with open_database(tmp_path / ".locum" / "locum.sqlite") as database:
        CallStore(database).add(make_calls(3))
    assert len(lines(run("calls", "export", "-", folder=tmp_path))) == 3
    assert [file.name for file in tmp_path.iterdir()] == [".locum"]


@pytest.mark.parametrize("name", ["kept.jsonl", "kept.parquet", "-"])
def test_an_export_of_no_call_is_an_error_and_leaves_the_file(tmp_path: Path, name: str) -> None:
    home, file = tmp_path / "home", tmp_path / name
    file.write_bytes(b"earlier")
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).add(make_calls(1))
    place = name if name == "-" else str(file)
    said = refusal(home, "calls", "export", place, "--task", "typo")
    assert "calls --task typo finds no call, so nothing is exported" in said
    assert file.read_bytes() == b"earlier"


@pytest.mark.parametrize("extra", [[], ["--format", "parquet"]], ids=str)
def test_an_export_to_a_folder_is_refused(project: Path, extra: list[str]) -> None:
    refused = run("calls", "export", ".", *extra, folder=project, code=1).stderr
    assert b". cannot be written: it is a folder" in refused


def test_an_export_to_a_pipe_leaves_its_permissions(project: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        last = datetime.fromtimestamp(1_790_000_000 + CALLS - 1, UTC).isoformat()
        run("calls", "export", str(pipe), "--since", last, folder=project)
    finally:
        os.close(reader)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o666


def test_an_export_to_parquet(project: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    run("calls", "export", "calls.parquet", "--task", "support", folder=project)
    with duckdb.connect() as connection:
        file = str(project / "calls.parquet")
        rows = connection.execute("SELECT id FROM read_parquet(?)", [file]).fetchall()
    assert len(set(rows)) == CALLS


def test_recorded_calls_are_distilled_with_their_soft_labels(project: Path) -> None:
    (result,) = lines(run("distill", "support", "--json", folder=project))
    assert result["decision"]["verdict"] == "distil"
    assert result["data"]["soft_label_source"] == "distributions"
    assert result["teacher"]["name"] == "gpt-4.1-nano"
    assert result["teacher"]["cost_per_1000_usd"] > 0
    text = make_examples(1, seed=3)[0].text
    (plain,) = lines(run("predict", "support", text, "--json", folder=project))
    assert plain["label"] in LABELS
    one, other = (
        lines(run("predict", "support", f"{text} {address}", "--json", folder=project))
        for address in ("someone@example.com", "another.person@example.org")
    )
    assert one == other, "addresses are taken out of what a student is asked about"
    first = lines(run("calls", "--json", "--limit", "1", folder=project))[0]["id"]
    deleted = run("calls", "delete", first, "--yes", folder=project).stdout
    assert b"1 call deleted" in deleted
    assert b"locum distill support" in deleted
    report = project / ".locum" / "support" / "report.html"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert stat.S_IMODE(report.parent.stat().st_mode) == 0o700
    assert str(report.relative_to(project)).encode() in deleted
    assert b"there is no call" in run("calls", "show", first, folder=project, code=1).stderr
    run("import", "log.jsonl", "--task", "support", folder=project)


def test_a_deletion_by_ids_leaves_out_those_that_are_gone_and_names_them(tmp_path: Path) -> None:
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add([*make_calls(3), make_call("of a log", source="pairs")])
    delete = ("calls", "delete", "--yes", "of a log", "call-00001", "call-1", "call-2")
    assert "there is no call 'call-1', 'call-2'" in refusal(tmp_path, *delete, "--dry-run")
    said = refused_after_saying(tmp_path, *delete)
    assert "2 calls deleted" in said
    assert "1 of them came from imported files" in said
    with open_database(tmp_path / "locum.sqlite") as database:
        assert CallStore(database).count(CallFilter()) == 2
    assert "no call 'of a log', 'call-00001'" in refusal(tmp_path, *delete[:-2])


def refused_after_saying(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(home)])
    assert isinstance(done.exception, InputError)
    return done.stdout


def test_a_deletion_says_where_another_program_keeps_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.cli.calls._LOG_PATIENCE_SECONDS", 0.0)
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add(make_calls(3))
        with database.snapshot() as reader:
            assert reader.execute("SELECT count(*) FROM calls") == [(3,)]
            said = locum(tmp_path, "calls", "delete", "call-00001", "--yes")
    assert "the store's log, the file whose name ends in -wal, holds what was deleted" in said


def test_a_task_without_calls_says_what_to_do(project: Path) -> None:
    done = run("distill", "unknown", folder=project, code=1)
    assert b"no recorded call of task 'unknown'" in done.stderr
    since = ("distill", "support", "--since")
    done = run(*since, "1s", folder=project, code=1)
    assert b"no recorded call of task 'support' since 20" in done.stderr
    done = run(*since, "2999-01-01", folder=project, code=2)
    assert b"--since '2999-01-01': expected a time that has passed" in done.stderr


def test_old_calls_are_compacted_and_still_there(project: Path) -> None:
    pytest.importorskip("duckdb")
    other = project / ".locum" / "locum.sqlite-archive" / "other.parquet"
    other.parent.mkdir()
    other.write_bytes(b"of another store")
    done = run("calls", "compact", "--older-than", "2026-09-21T14:20:00", folder=project)
    assert b" calls moved into 1 Parquet files" in done.stdout
    assert b"1 in all, such as other.parquet" in done.stderr
    assert other.exists()
    assert lines(run("calls", "totals", "--json", folder=project))[0]["calls"] == CALLS
    assert len(lines(run("calls", "export", folder=project))) == CALLS
