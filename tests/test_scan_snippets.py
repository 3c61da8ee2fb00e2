"""Calls of many SDKs in seven languages, written apart from the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanning import expectations, found, scan

TEXT = Path(__file__).with_name("scan_snippets.txt").read_text("utf-8")
SNIPPETS = {name: code for name, _, code in (part.partition("\n") for part in TEXT.split("\n=== "))}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_breaks_what_its_comments_say(tmp_path: Path, name: str) -> None:
    code = SNIPPETS[name]
    assert found(scan(tmp_path, code, name)) == expectations(name, code)
