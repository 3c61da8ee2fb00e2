"""Forms in which findings are told, and files that keep what is known."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from locum.errors import InputError
from locum.printing import printable
from locum.scan import RULES, Finding
from locum.scan.baseline import divide, read_baseline, write_baseline
from locum.scan.fingerprints import fingerprint_all, in_order
from locum.scan.output import to_annotations, to_object, to_sarif, to_table
from tests.scan_findings import FINDINGS, finding, report_of, site
from tests.scan_schemas import stored_schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.scan import ScanReport

# A file of its own is written anew for each example.
ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


# What a finding is known by.


def test_a_fingerprint_stays_where_lines_move_and_words_are_wrapped() -> None:
    [here] = fingerprint_all([finding()])
    wrapped = "\n    Which team should\n    answer this? {}\n"
    assert fingerprint_all([finding(line=400, column=1, instruction=wrapped)]) == [here]
    others = [
        finding(path="src/other.py"),
        finding(rule="narrow-prompt"),
        finding(instruction="Which colour is this? {}"),
        finding(instruction=None),
    ]
    assert len({here, *fingerprint_all(others)}) == 5


def test_equal_findings_are_told_apart_by_their_order() -> None:
    prints = fingerprint_all([finding(), finding(line=90), finding(line=400)])
    assert len(set(prints)) == 3
    assert {one.split(":")[0] for one in prints} == {prints[0].split(":")[0]}
    assert [one.split(":")[1] for one in prints] == ["1", "2", "3"]


def test_a_call_without_fixed_words_is_known_by_what_it_asks_for() -> None:
    bare = site(None)
    made = [
        finding(site=bare),
        finding(site=bare._replace(answers=("yes", "no"))),
        finding(site=bare._replace(schema=("name",))),
    ]
    assert len(set(fingerprint_all(made))) == 3
    assert fingerprint_all([finding(site=bare._replace(answers=("shipping", "billing")))]) == (
        fingerprint_all([finding(site=bare)])
    )


@given(FINDINGS)
def test_fingerprints_are_unique(findings: list[Finding]) -> None:
    assert len(set(fingerprint_all(findings))) == len(findings)


# Baselines.


def test_a_baseline_is_read_by_people_too(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    write_baseline(path, [finding(path="src/z.py"), finding(line=9), finding(line=2)])
    written = json.loads(path.read_bytes())
    assert written["version"] == 1
    assert [one["path"] for one in written["findings"]] == ["src/triage.py"] * 2 + ["src/z.py"]
    assert written["findings"][0]["rule"] == "closed-answer"
    assert written["findings"][0]["instruction"] == "Which team should answer this? {}"
    # One finding a line, and no line numbers: a diff shows what is new and nothing else.
    assert path.read_text().count("\n") == 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_baseline_stays_as_it_is_where_lines_move(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    write_baseline(before, [finding(line=3), finding(line=9), finding(path="a.py")])
    write_baseline(after, [finding(path="a.py", line=99), finding(line=90), finding(line=30)])
    assert before.read_bytes() == after.read_bytes()


def test_one_more_of_the_same_is_new() -> None:
    known = frozenset(fingerprint_all([finding(line=5)]))
    new, held = divide([finding(line=70), finding(line=5)], known)
    assert ([one.line for one in held], [one.line for one in new]) == ([5], [70])


@ONE_FOLDER
@given(st.data())
def test_a_baseline_of_findings_removes_exactly_these(tmp_path: Path, data: st.DataObject) -> None:
    findings = data.draw(FINDINGS)
    known = [one for one in findings if data.draw(st.booleans())]
    moved = [one._replace(line=one.line + 7, column=1) for one in findings]
    path = tmp_path / "known.json"
    write_baseline(path, known)
    new, held = divide(moved, read_baseline(path))
    assert sorted(map(repr, [*new, *held])) == sorted(map(repr, moved))
    assert bare_prints(held) == bare_prints(known)
    write_baseline(path, findings)
    assert divide(moved, read_baseline(path))[0] == []


def bare_prints(findings: Sequence[Finding]) -> list[str]:
    """What findings are known by, without the counter of equal ones."""
    return sorted(each.split(":")[0] for each in fingerprint_all(findings))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "it is no JSON"),
        (b"[]", "expected an object with a version and findings"),
        (b'{"version": 2, "findings": []}', "expected version 1, and it says 2"),
        (b'{"version": 1}', "expected a list of findings"),
        (b'{"version": 1, "findings": [{"rule": "x"}]}', "expected a fingerprint in each"),
    ],
)
def test_a_damaged_baseline_is_named_with_its_cure(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=why) as refused:
        read_baseline(path)
    assert str(path) in str(refused.value)
    assert f"--write-baseline {path}" in str(refused.value)


def test_a_missing_or_unreadable_baseline_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no baseline .*--write-baseline"):
        read_baseline(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_baseline(tmp_path)
    with pytest.raises(InputError, match=r"cannot be written: .* expected a file in a folder"):
        write_baseline(tmp_path / "none" / "known.json", [])


# Annotations.


def read_annotation(line: str) -> tuple[str, dict[str, str], str]:
    """Read a workflow command as the runner of GitHub Actions does."""
    _, head, message = line.split("::", 2)
    command, _, given = head.partition(" ")
    properties = dict(pair.split("=", 1) for pair in given.split(","))
    return command, {name: undo(value) for name, value in properties.items()}, undo(message)


def undo(escaped: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        escaped = escaped.replace(escape, character)
    return escaped.replace("%25", "%")


def test_an_annotation_names_place_rule_and_cure() -> None:
    told = to_annotations([finding(severity="note")])
    assert told == (
        "::notice file=src/triage.py,line=12,col=12,endLine=15,title=locum closed-answer::"
        "The answer is one of 2 labels.%0A- model gpt-4o is of the frontier tier%0A- labels on "
        "line 4: billing, shipping%0ATrain a classifier with locum distill.\n"
    )


@given(FINDINGS)
def test_what_an_annotation_escapes_can_be_undone(findings: list[Finding]) -> None:
    lines = to_annotations(findings).split("\n")
    assert lines.pop() == ""
    commands = {"note": "notice", "warning": "warning", "error": "error"}
    for one, line in zip(in_order(findings), lines, strict=True):
        command, properties, message = read_annotation(line)
        assert command == commands[one.severity]
        assert properties["file"] == printable(one.path, keep="\r\n")
        assert properties["line"] == str(one.line)
        assert message.startswith(printable(one.reason, keep="\r\n"))
        assert message.endswith(printable(one.cure, keep="\r\n"))
        assert "\r" not in line


def test_an_escape_in_code_stays_what_it_is() -> None:
    _, properties, message = read_annotation(
        to_annotations([finding(path="a%3A:b,c.py", reason="100%0A\r\nsure: yes, no")])
    )
    assert properties["file"] == "a%3A:b,c.py"
    assert message.startswith("100%0A\r\nsure: yes, no\n- ")


def test_nothing_in_code_steers_the_terminal_of_a_log() -> None:
    told = to_annotations([finding(path="a\x1b.py", reason="red \x1b[31m\x07")])
    assert told.rstrip("\n").isprintable()
    assert "red \\u001b[31m\\u0007" in told


# SARIF.


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Draft7Validator:
    """The schema that OASIS publishes."""
    schema = stored_schema("sarif-2.1.0")
    # A bracket that is never opened: no regular expression to the validator.
    for name in ("run", "toolComponent"):
        del schema["definitions"][name]["properties"]["language"]["pattern"]
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def only_run(report: ScanReport, in_baseline: Sequence[Finding] = ()) -> Any:  # noqa: ANN401 - JSON
    [run] = to_sarif(report, in_baseline)["runs"]
    return run


def test_rules_are_told_with_help_and_level() -> None:
    rules = only_run(report_of())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for rule, known in zip(rules, RULES.values(), strict=True):
        assert rule["defaultConfiguration"]["level"] == known.severity
        assert known.cure in rule["help"]["text"]
        assert f"locum: ignore[{known.id}]" in rule["help"]["markdown"]
        assert rule["shortDescription"]["text"] == known.title


def test_a_result_says_where_and_why() -> None:
    run = only_run(report_of(finding(path="src/a b/c#:1.py")))
    [result] = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/a%20b/c%23%3A1.py"
    assert place["region"] == {"startLine": 12, "startColumn": 12, "endLine": 15, "endColumn": 6}
    text = result["message"]["text"]
    for told in ("one of 2 labels", "frontier tier", "locum distill"):
        assert told in text
    assert result["suppressions"] == []


def test_what_is_suppressed_says_by_what() -> None:
    ignored, known = finding(line=40), finding(line=70)
    report = report_of(finding(), suppressed=(ignored,))
    results = only_run(report, [known])["results"]
    kinds = [[one["kind"] for one in result["suppressions"]] for result in results]
    assert kinds == [[], ["inSource"], ["external"]]
    prints = [result["partialFingerprints"]["locumCall/v1"] for result in results]
    assert len(set(prints)) == 3
    [run] = to_sarif(report, [known], with_suppressed=False)["runs"]
    assert run["results"] == results[:1]


def test_partial_fingerprints_stay_where_lines_move() -> None:
    [before] = only_run(report_of(finding()))["results"]
    [after] = only_run(report_of(finding(line=300)))["results"]
    assert before["partialFingerprints"] == after["partialFingerprints"]


def test_skipped_files_are_notifications() -> None:
    run = only_run(report_of(skipped={"minified": ["a.js", "b.js"]}))
    [notice] = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"] == "skipped 2 files: minified"


@given(new=FINDINGS, ignored=FINDINGS, known=FINDINGS)
def test_sarif_is_valid_for_any_finding(
    schema: jsonschema_rs.Draft7Validator,
    new: list[Finding],
    ignored: list[Finding],
    known: list[Finding],
) -> None:
    report = report_of(*new, suppressed=tuple(ignored), skipped={"not UTF-8": ["x.py"]})
    log = json.loads(json.dumps(to_sarif(report, known)))
    schema.validate(log)
    assert len(log["runs"][0]["results"]) == len(new) + len(ignored) + len(known)


# JSON.


def test_json_has_findings_sites_and_a_summary() -> None:
    report = report_of(
        finding(line=30),
        finding(severity="note"),
        suppressed=(finding(),),
        skipped={"minified": ["a.js", "b.js"]},
    )
    told = json.loads(json.dumps(to_object(report, [finding(line=7)])))
    assert told.keys() == {"findings", "sites", "summary"}
    assert [one["line"] for one in told["findings"]] == [12, 30]
    assert told["findings"][0]["site"]["model"] == "gpt-4o"
    # The one on line 7 is the first of its kind.
    assert [one["fingerprint"].split(":")[1] for one in told["findings"]] == ["2", "3"]
    assert told["sites"][0] == {
        "path": "src/triage.py",
        "line": 30,
        "column": 12,
        "site": told["findings"][1]["site"],
    }
    assert told["summary"] == {
        "files": 3,
        "lines": 1500,
        "sites": 2,
        "findings": 2,
        "by_severity": {"error": 1, "warning": 0, "note": 1},
        "suppressed": 1,
        "in_baseline": 1,
        "skipped": {"minified": 2},
    }


# The table.


def drawn(report: ScanReport, in_baseline: Sequence[Finding] = ()) -> str:
    output = io.StringIO()
    Console(file=output, width=80, color_system=None).print(to_table(report, in_baseline))
    return output.getvalue()


def test_the_table_is_grouped_by_severity_and_summed_up() -> None:
    said = drawn(
        report_of(
            finding("z.py", rule="offline-loop", severity="note"),
            finding("b.py"),
            finding("a.py"),
            suppressed=(finding(),),
            skipped={"minified": ["a.js", "b.js"], "larger than 10 MB": ["c.js"]},
        ),
        [finding()],
    )
    order = ["2 errors", "a.py:12:12", "b.py:12:12", "1 note", "z.py:12:12", "files", "skipped"]
    assert [said.index(text) for text in order] == sorted(said.index(text) for text in order)
    plain = " ".join(said.split())
    assert "a.py:12:12 closed-answer The answer is one of 2 labels." in plain
    assert "- model gpt-4o is of the frontier tier" in plain
    assert "> Train a classifier with locum distill." in plain
    assert "files 3 lines 1,500 call sites 3 findings 3: 2 errors, 1 note suppressed 1" in plain
    assert "in baseline 1 skipped 3: 1 larger than 10 MB, 2 minified" in plain


def test_the_table_of_nothing_is_the_summary() -> None:
    assert " ".join(drawn(report_of()).split()) == (
        "files 3 lines 1,500 call sites 0 findings 0 suppressed 0 in baseline 0 skipped 0"
    )


@given(FINDINGS)
def test_the_table_fits_into_80_columns(findings: list[Finding]) -> None:
    for line in drawn(report_of(*findings)).split("\n"):
        assert cell_len(line) <= 80


def test_code_cannot_steer_a_terminal() -> None:
    said = drawn(report_of(finding("\x1b[2J.py", reason="a\x07b\u202ec [red]d[/red]\r")))
    assert "\\u001b[2J.py" in said
    assert "a\\u0007b\\u202ec [red]d[/red]\\r" in said
    assert not set(said) & {"\x1b", "\x07", "\u202e", "\r"}
