"""Other ways to write spaces and signs in a number: of print, of web pages and of their URLs."""

from __future__ import annotations

import re
from bisect import bisect_right
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["ESCAPE", "Unescaped", "unescaped"]

_OF_PRINT = {
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013", "-"),
}
_DIGITS = b"0123456789"
_FEWEST_DIGITS = 6
# A plus is a space between groups of four digits alone; elsewhere it adds, or calls a country.
ESCAPE = re.compile(
    r"%(?:2[0-9A-F]|3A|C2%A0|E2%80%(?:89|9[0-3]|AF))"
    r"|&(?:nbsp|ensp|emsp|thinsp|#[0-9]{2,4}|#x[0-9A-F]{2,4});"
    r"|\\u(?:00[2A]|20[0-2])[0-9A-F]"
    r"|\+(?<=[0-9]{4}\+)(?=[0-9]{4}(?![0-9]))",
    re.IGNORECASE,
)
"""What is read as the sign that it stands for."""


class Unescaped(NamedTuple):
    """A text in which signs stand for their escapes.

    Args:
        text: The text.
        behind: The places in it behind these signs, in order.
        shifts: How much further back what follows them lies in the text that it was.
    """

    text: str
    behind: list[int]
    shifts: list[int]

    def place(self, place: int) -> int:
        """Return where a place of the text lies in the text that it was."""
        passed = bisect_right(self.behind, place)
        return place + self.shifts[passed - 1] if passed else place


def unescaped(text: str) -> Unescaped | None:
    """Return a text with spaces and signs as ASCII has them.

    ``None`` where it has no others, or too few digits for a number that has them.
    """
    has_escapes = "%" in text or "&" in text or "\\" in text or "+" in text
    if (text.isascii() and not has_escapes) or not _may_hold_a_number(text):
        return None
    printed = text if text.isascii() else _printed(text)
    found = _without_escapes(printed) if has_escapes else Unescaped(printed, [], [])
    return None if found.text == text else found


def _may_hold_a_number(text: str) -> bool:
    data = text.encode("utf-8", "surrogatepass")
    return len(data) - len(data.translate(None, _DIGITS)) >= _FEWEST_DIGITS


def _printed(text: str) -> str:
    # A text holds few of them, and looking for each alone is faster than a table of all.
    for sign, plain in _OF_PRINT.items():
        if sign in text:
            text = text.replace(sign, plain)
    return text


def _without_escapes(text: str) -> Unescaped:
    pieces: list[str] = []
    behind: list[int] = []
    shifts: list[int] = []
    length = last = 0
    for match in ESCAPE.finditer(text):
        pieces += [text[last : match.start()], _sign(match[0])]
        length += len(pieces[-2]) + len(pieces[-1])
        last = match.end()
        behind.append(length)
        shifts.append(last - length)
    return Unescaped("".join([*pieces, text[last:]]), behind, shifts)


def _sign(escape: str) -> str:
    if escape[0] == "%":
        sign = unquote(escape)
    elif escape[0] == "&":
        sign = unescape(escape)
    else:
        sign = " " if escape == "+" else chr(int(escape.lstrip("\\uU"), 16))
    return _OF_PRINT.get(sign, sign)
