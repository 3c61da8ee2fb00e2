"""Comments that say to ignore a finding, and test files, which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.scan import scan_paths
from tests.scanning import scan

if TYPE_CHECKING:
    from pathlib import Path

CODE = """from openai import OpenAI
client = OpenAI()
def f(t):
    {before}
    return client.responses.create({first}
        model="gpt-4o", input="Is this spam? Answer yes or no. " + t
    ){last}
"""


def with_comment(**places: str) -> str:
    return CODE.format(**{"before": "pass", "first": "", "last": "", **places})


@pytest.mark.parametrize(
    "places",
    [
        {"before": "# locum: ignore"},
        {"first": "  # locum: ignore[closed-answer]"},
        {"first": "  # locum: ignore [closed-answer]"},
        {"last": "  # locum: ignore[narrow-prompt, closed-answer] - a good reason"},
    ],
)
def test_a_comment_by_the_call_suppresses(tmp_path: Path, places: dict[str, str]) -> None:
    report = scan(tmp_path, with_comment(**places))
    assert report.findings == []
    assert [finding.rule for finding in report.suppressed] == ["closed-answer"]
    assert len(report.sites) == 1


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"first": "  # locum: ignore[offline-loop]"},
        {"first": "  # locum: ignore [offline-loop]"},
        {"first": "  # locum: ignore[closed-answer"},
        {"first": "  # locum: ignored before"},
        {"before": "print('# locum: ignore')"},
    ],
)
def test_other_rules_and_texts_do_not(tmp_path: Path, places: dict[str, str]) -> None:
    report = scan(tmp_path, with_comment(**places))
    assert [finding.rule for finding in report.findings] == ["closed-answer"]
    assert report.suppressed == []


def test_slashes_suppress_too(tmp_path: Path) -> None:
    code = (
        "import OpenAI from 'openai';\nconst c = new OpenAI();\n"
        "// locum: ignore[closed-answer]\n"
        "export const f = (t: string) => c.responses.create("
        "{ model: 'gpt-4o', input: `Is this spam? Answer yes or no. ${t}` });\n"
    )
    report = scan(tmp_path, code, "a.ts")
    assert (len(report.findings), len(report.suppressed)) == (0, 1)


def test_a_comment_behind_a_call_is_not_for_the_next_one(tmp_path: Path) -> None:
    call = 'client.responses.create(model="gpt-4o", input="Is this spam? Answer yes or no. " + t)'
    code = (
        "from openai import OpenAI\nclient = OpenAI()\ndef f(t):\n"
        f"    first = {call}  # locum: ignore\n    second = {call}\n    return first, second\n"
    )
    report = scan(tmp_path, code)
    assert [finding.line for finding in report.suppressed] == [4]
    assert [finding.line for finding in report.findings] == [5]


@pytest.mark.parametrize(
    ("comment", "suppressed"),
    [
        ("/*\n * locum: ignore\n */", 1),
        ("/* locum: ignore */", 1),
        ("// locum: ignore\n", 0),
        ("/* locum: ignore */ other();", 0),
    ],
)
def test_a_comment_right_above_has_lines_of_its_own(
    tmp_path: Path, comment: str, suppressed: int
) -> None:
    code = (
        "import OpenAI from 'openai';\nconst c = new OpenAI();\n"
        f"export function f(t) {{\n{comment}\n"
        "return c.responses.create({ model: 'gpt-4o',\n"
        "  input: `Is this spam? Answer yes or no. ${t}` });\n}"
    )
    assert len(scan(tmp_path, code, "a.js").suppressed) == suppressed


@pytest.mark.parametrize(
    "name", ["tests/test_x.py", "x_test.py", "src/__tests__/a.py", "spec/b.py", "conftest.py"]
)
def test_test_files_are_left_out(tmp_path: Path, name: str) -> None:
    assert scan(tmp_path, with_comment(), name).sites == []
    assert len(scan_paths([tmp_path], tests=True).sites) == 1
