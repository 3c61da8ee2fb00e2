"""``locum scan`` as a user runs it, on real files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from locum.cli.app import app
from locum.errors import LocumError
from tests.commands import run
from tests.scan_application import TRIAGE, write_application

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application, in whose folder commands run."""
    monkeypatch.chdir(tmp_path)
    return write_application(tmp_path)


def scan(*arguments: str, columns: int = 80) -> str:
    """Run ``locum scan`` in this process, and return what it prints to standard output."""
    done = CliRunner().invoke(app, ["scan", *arguments], env={"COLUMNS": str(columns)})
    if done.exception is not None:
        raise done.exception
    return done.stdout


def scan_json(*arguments: str) -> Any:  # noqa: ANN401 - JSON
    return orjson.loads(scan("--format", "json", *arguments))


def refusal(*arguments: str, code: int) -> str:
    """Run ``locum scan`` where it is refused, and return why."""
    with pytest.raises(LocumError) as refused:
        scan(*arguments)
    assert refused.value.exit_code == code
    return str(refused.value)


def told(*arguments: str) -> list[tuple[str, str]]:
    """Path and rule of each finding."""
    return [(one["path"], one["rule"]) for one in scan_json(*arguments)["findings"]]


FORMS = ("table", "json", "sarif", "github")
BOTH = [("src/order.ts", "fixed-schema"), ("src/triage.py", "closed-answer")]


# What is found.


def test_calls_that_break_a_rule_are_found(project: Path) -> None:
    found = scan_json()
    assert [(one["path"], one["rule"]) for one in found["findings"]] == BOTH
    assert [one["path"] for one in found["sites"]] == ["src/chat.ts", *(path for path, _ in BOTH)]
    [_, triage] = found["findings"]
    assert (triage["severity"], triage["line"], triage["column"]) == ("error", 11, 14)
    assert triage["site"]["model"] == "gpt-4o"
    assert triage["evidence"]
    assert found["summary"]["files"] == 3
    assert (project / "src" / "triage.py").read_text() == TRIAGE


@pytest.mark.parametrize(
    "paths", [["."], ["src"], ["src/"], ["./src"], ["src/order.ts", "src/triage.py"], ["src", "."]]
)
def test_paths_are_told_from_the_current_folder(project: Path, paths: list[str]) -> None:
    assert told(*paths) == BOTH
    assert told(*(str(project / path) for path in paths)) == BOTH


def test_files_of_tests_are_scanned_where_asked_for(project: Path) -> None:
    [*_, extra] = told("--tests", str(project))
    assert extra == ("tests/test_triage.py", "closed-answer")


def test_a_named_file_of_a_folder_of_tests_is_one_of_tests_too(project: Path) -> None:
    shutil.copy(project / "src" / "triage.py", project / "tests" / "helpers.py")
    assert told("tests/helpers.py") == []
    assert told("tests/helpers.py", "--tests") == [("tests/helpers.py", "closed-answer")]


def test_what_lies_elsewhere_is_told_with_its_whole_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "tests")
    path = (project / "src" / "order.ts").as_posix()
    assert told("../src/order.ts") == [(path, "fixed-schema")]
    assert told("../src")[0] == (path, "fixed-schema")


def test_rules_can_be_chosen(project: Path) -> None:
    assert told("--rule", "fixed-schema") == BOTH[:1]
    assert told("--rule", "fixed-schema", "--rule", "closed-answer") == BOTH
    assert told("--rule", "offline-loop", str(project)) == []


def test_a_comment_in_the_code_ignores_a_rule(project: Path) -> None:
    path = project / "src" / "triage.py"
    call = "    answer = client.chat.completions.create("
    ignored = TRIAGE.replace(call, f"{call}  # locum: ignore[closed-answer]")
    assert ignored != TRIAGE
    path.write_text(ignored)
    found = scan_json()
    assert [one["path"] for one in found["findings"]] == ["src/order.ts"]
    assert found["summary"]["suppressed"] == 1
    assert scan_json("--rule", "fixed-schema")["summary"]["suppressed"] == 0
    results = orjson.loads(scan("--format", "sarif"))["runs"][0]["results"]
    kinds = {result["ruleId"]: result["suppressions"] for result in results}
    assert kinds == {"closed-answer": [{"kind": "inSource"}], "fixed-schema": []}
    path.write_text(ignored.replace("closed-answer]", "narrow-prompt]"))
    assert told() == BOTH


# Forms.


def test_the_table_fits_into_80_columns(project: Path) -> None:
    deep = project / "src" / ("deeply" * 9) / ("nested" * 9)
    deep.mkdir(parents=True)
    (deep / "triage.py").write_text(TRIAGE)
    said = scan()
    assert max(map(len, said.splitlines())) <= 80
    assert said.startswith("2 errors\n")
    assert "src/triage.py:11:14  closed-answer\n" in said
    assert "…" not in said
    assert all(line == line.rstrip() for line in said.splitlines())


def test_forms_for_programs_are_printed_alone(project: Path) -> None:
    done = run("scan", "--format", "sarif", folder=project)
    assert orjson.loads(done.stdout)["version"] == "2.1.0"
    assert b"files 3" in done.stderr
    done = run("scan", "--format", "github", folder=project)
    [warning, error] = done.stdout.decode().splitlines()
    assert warning.startswith("::warning file=src/order.ts,line=6,col=24,endLine=9,title=locum ")
    assert error.startswith("::error file=src/triage.py,line=11,col=14,endLine=19,title=locum ")
    done = run("scan", folder=project)
    assert b"closed-answer" in done.stdout
    assert done.stderr == b""


def test_a_file_is_written_whole(project: Path) -> None:
    for form in FORMS:
        path = project / f"report.{form}"
        path.write_text("old")
        done = run("scan", "src", "--format", form, "--output", path.name, folder=project)
        assert done.stdout == b""
        assert b"findings 2: 1 error, 1 warning" in done.stderr
        assert b"src/triage.py" in path.read_bytes()
    assert max(map(len, (project / "report.table").read_text().splitlines())) <= 80
    assert b"\x1b" not in (project / "report.table").read_bytes()
    assert {path.suffix for path in project.glob("*.*")} == {".table", ".json", ".sarif", ".github"}


def test_no_name_and_no_prompt_breaks_a_form(tmp_path: Path) -> None:
    lone = TRIAGE.replace("Which team", "Which \\ud83d\\x1b team")
    for name in (b"caf\xe9.py", "日本 100%.py".encode(), b"a,b:c%0A\n::error::x.py", b"q\"'<.py"):
        (tmp_path / os.fsdecode(name)).write_text(lone)
    shown = {form: run("scan", "--format", form, folder=tmp_path).stdout for form in FORMS}
    assert all(b"\x1b" not in said for said in shown.values())
    assert len(orjson.loads(shown["json"])["findings"]) == 4
    assert len(shown["github"].decode().splitlines()) == 4
    [run_of] = orjson.loads(shown["sarif"])["runs"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run_of["results"]
    ]
    assert "a%2Cb%3Ac%250A%0A%3A%3Aerror%3A%3Ax.py" in uris
    assert "%E6%97%A5%E6%9C%AC%20100%25.py" in uris
    run("scan", "--write-baseline", "known.json", folder=tmp_path)
    done = run("scan", "--baseline", "known.json", "--fail-on", "note", folder=tmp_path)
    assert b"in baseline  4" in done.stdout


# What fails.


@pytest.mark.parametrize(
    ("fail_on", "count"),
    [("note", "2 findings"), ("warning", "2 findings"), ("error", "1 finding")],
)
def test_grave_findings_end_with_code_3(project: Path, fail_on: str, count: str) -> None:
    done = run("scan", "--fail-on", fail_on, folder=project, code=3)
    assert b"src/triage.py" in done.stdout
    assert done.stderr.decode().startswith(f"locum: {count} of severity ")
    assert b"--write-baseline" in done.stderr


def test_milder_findings_do_not_fail(project: Path) -> None:
    (project / "src" / "triage.py").unlink()
    assert told("--fail-on", "error") == BOTH[:1]
    assert "--fail-on warning allows none" in refusal("--fail-on", "warning", code=3)


# Baselines.


def test_a_baseline_holds_what_is_known_though_lines_move(project: Path) -> None:
    scan("--write-baseline", "known.json", "--fail-on", "note")
    path = project / "src" / "triage.py"
    indented = TRIAGE.replace('        model="gpt-4o",\n', '        model = "gpt-4o",\n\n')
    path.write_text(f"# One more line.\n\n{indented}")
    found = scan_json("--baseline", "known.json", "--fail-on", "note")
    assert found["findings"] == []
    assert found["summary"]["in_baseline"] == 2
    path.write_text(TRIAGE.replace("Which team should answer?", "Who should answer?"))
    assert told("--baseline", "known.json") == BOTH[1:]
    assert told("--baseline", "known.json", "src/order.ts") == []


def test_writing_a_baseline_says_how_much_is_known(project: Path) -> None:
    said = " ".join(scan("--write-baseline", "known.json").split())
    assert "findings 0 suppressed 0 in baseline 2" in said
    before = (project / "known.json").read_bytes()
    scan("--write-baseline", "known.json", "src")
    assert (project / "known.json").read_bytes() == before


def test_sarif_tells_the_baseline_where_it_is_not_hidden(project: Path) -> None:
    scan("--write-baseline", str(project / "known.json"))
    options = ("--format", "sarif", "--baseline", "known.json")
    results = orjson.loads(scan(*options))["runs"][0]["results"]
    assert [result["suppressions"] for result in results] == [[{"kind": "external"}]] * 2
    assert orjson.loads(scan(*options, "--hide-suppressed"))["runs"][0]["results"] == []


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, ["'nowhere'", "a file or a folder that exists"]),
        (["--rule", "closed"], 2, ["--rule 'closed'", "closed-answer, fixed-schema"]),
        (["--baseline", "none.json"], 1, ["'none.json'", "--write-baseline none.json"]),
        (["--baseline", "src/triage.py"], 1, ["'src/triage.py' is no baseline", "anew"]),
        (["--output", "none/report.json"], 1, ["'none/report.json'", "a folder that exists"]),
        (["--output", "src"], 1, ["'src'", "cannot be written", "expected a file"]),
        (["--write-baseline", "none/known.json"], 1, ["'none/known.json'", "a folder that"]),
        (["--baseline", "a", "--write-baseline", "b"], 2, ["give one of them"]),
    ],
)
def test_what_cannot_be_done_is_named_with_its_cure(
    project: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    said = refusal(*arguments, code=code)
    for word in words:
        assert word in said
    assert not list(project.rglob("*.partial"))


@pytest.mark.parametrize(
    ("option", "expected"),
    [("--format", ["table", "json", "sarif", "github"]), ("--fail-on", ["note", "warning"])],
)
def test_an_unknown_choice_names_those_there_are(
    project: Path, option: str, expected: list[str]
) -> None:
    said = run("scan", option, "xml", folder=project, code=2).stderr.decode()
    for word in ("xml", *expected):
        assert word in said


def test_an_empty_folder_has_no_findings(tmp_path: Path) -> None:
    done = run("scan", "--fail-on", "note", folder=tmp_path)
    assert done.stdout.decode().splitlines()[0].split() == ["files", "0"]
