"""Escapes in string literals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.scan.languages.escapes import unescape
from tests.scanning import only_site

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text())
def test_what_python_and_json_escape_is_read_back(text: str) -> None:
    assert unescape(text.encode("unicode_escape").decode()) == text
    assert unescape(json.dumps(text)[1:-1]) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\x41\x0a", "A\n"),
        (r"caf\u{e9}", "café"),
        (r"\uuu0041", "A"),
        (r"\U0001F600", "😀"),
        (r"\ud83d\ude00", "😀"),
        (r"\N{LATIN SMALL LETTER E WITH ACUTE}clair", "éclair"),
        (r"\101\0", "A\0"),
        (r"\N{NO SUCH NAME} \U00110000", r"\N{NO SUCH NAME} \U00110000"),
        (
            r"\"\'\\n\$",
            r"""
"'\n$
""".strip(),
        ),
        ("a\\\nb\\\r\nc", "abc"),
    ],
)
def test_an_escape_is_what_it_stands_for(written: str, meant: str) -> None:
    assert unescape(written) == meant


def test_half_a_pair_at_the_end_of_a_part_meets_the_other_half(tmp_path: Path) -> None:
    code = (
        "import OpenAI from 'openai';\nconst c = new OpenAI();\n"
        "export const f = (t: string) => c.responses.create({ model: 'gpt-4o',\n"
        r"  input: `\ud83d\ude00 Is this spam? Answer n\xf3 or s\u{ed}. ${t}` });"
    )
    site = only_site(tmp_path, code, "a.ts")
    assert site.instruction == "😀 Is this spam? Answer nó or sí. {}"
    assert site.answers == ("nó", "sí")
