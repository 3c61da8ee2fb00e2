"""Texts that others wrote are shown, and do nothing besides."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import locum.cli
from locum.cli.console import PlainConsole
from locum.cli.output import say, table
from locum.printing import printable

STEERING = "\x1b]0;pwned\x07\x1b[2K\x1b[1A \u009b31m \u202e\u2028\x7f\r"
SHOWN = "\\u001b]0;pwned\\u0007\\u001b[2K\\u001b[1A \\u009b31m \\u202e\\u2028\\u007f\\r"


def test_what_steers_a_terminal_is_escaped() -> None:
    assert printable(STEERING) == SHOWN
    assert printable("a\nb", keep="\n") == "a\nb"


@pytest.mark.parametrize(
    "text",
    [
        "Zürich\u00a0! 4\u202f000",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क्\u200dष",
        "👩\u200d🚒 ❤\ufe0f",
        "全角\u3000空白",
    ],
)
def test_texts_of_any_language_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_a_json_text_keeps_its_value(text: str) -> None:
    written = json.dumps([text], ensure_ascii=False, indent=1)
    assert json.loads(printable(written, keep="\n")) == [text]


def test_cells_sentences_and_messages_show_what_others_wrote(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = io.StringIO()
    console = PlainConsole(file=shown, width=200, force_terminal=True, color_system=None)
    console.print(
        table(f"of {STEERING}", ["name", "[bold]said"], [[STEERING, "[red]yes[/] :smile:"]])
    )
    console.print(f"a sentence of {STEERING}")
    say(f"locum: {STEERING}")
    said = shown.getvalue() + capsys.readouterr().out
    assert said.count(SHOWN) == 4
    assert "[red]yes[/] :smile:" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_no_command_prints_for_people_by_another_console() -> None:
    for path in Path(locum.cli.__file__).parent.glob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        ]
        made = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        assert not made & {"Console", "Text", "print"}, path
