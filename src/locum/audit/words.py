"""A prompt as words, in which what surely varies looks alike: numbers, moments, identifiers."""

from __future__ import annotations

import re
from array import array
from sys import intern
from typing import NamedTuple

__all__ = ["BETWEEN", "NOISE", "NUMBER", "VARYING", "Words", "read_words"]

BETWEEN = "\x1f"
"""Stands before, between and after the words of a text that is written in one string."""
NUMBER = "{number}"
NOISE = frozenset({"{moment}", "{identifier}", "{placeholder}"})
"""What varies and says nothing of what is asked."""
VARYING = NOISE | {NUMBER}

_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[AaPp][Mm]\b)?"
_ZONE = r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
_WORD = re.compile(
    rf"""
    (?P<space>\s+)
    | (?P<moment>
        (?=[\dADFJMNOSTW]) (?:
            \d{{4}}-\d\d-\d\d(?:(?:T|,?\s){_CLOCK}{_ZONE})?
            | \d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}\b
            | (?:{_DAY},?\s+)?{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}})?
            | (?:{_DAY},?\s+)?\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s+\d{{4}})?
            | {_CLOCK}{_ZONE}
            | {_DAY}\b
        )
    )
    | (?P<word>[^\W\d_]+(?:['\u2019-][^\W\d_]+)*(?!\w))
    | (?P<placeholder>\[[A-Z][A-Z0-9_]*_[0-9]{{1,9}}\])
    | (?P<identifier>
        [0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}
        | (?=\w*[^\W\d]) (?=\w*\d) \w+
    )
    | (?P<number>\d+(?:[.,]\d+)*)
    | (?P<mark>[^\W\d]+|\w|[^\w\s])
    """,
    re.VERBOSE,
)
_PLAIN = frozenset({"word", "mark"})
_SHOWN = {"space": "\n", **{name[1:-1]: name for name in VARYING}}


class Words(NamedTuple):
    """A text as words, marks and ends of lines.

    Args:
        text: As it was.
        keys: Each word; ``{number}`` and the like for what surely varies.
        starts: Where each begins in the text.
        ends: Where each ends.
    """

    text: str
    keys: tuple[str, ...]
    starts: array[int]
    ends: array[int]

    @property
    def joined(self) -> str:
        """All keys in one string, in which those of a pattern can be looked for."""
        return f"{BETWEEN}{BETWEEN.join(self.keys)}{BETWEEN}" if self.keys else BETWEEN

    def part(self, begin: int, end: int) -> Words:
        """Return the words from one place to another."""
        chosen = slice(begin, end)
        return Words(self.text, self.keys[chosen], self.starts[chosen], self.ends[chosen])

    def between(self, begin: int, end: int) -> str:
        """Return the text of the words from one place to another."""
        return self.text[self.starts[begin] : self.ends[end - 1]] if begin < end else ""


def read_words(text: str) -> Words:
    """Return the words of a text.

    Moments, numbers, identifiers (words with digits in them, UUIDs) and placeholders of redaction
    become one key each; spaces do not count, and an end of line is a word.
    """
    keys, starts, ends = list[str](), array("I"), array("I")
    for found in _WORD.finditer(text):
        kind, shown = found.lastgroup or "", found.group()
        if kind == "space" and "\n" not in shown:
            continue
        keys.append(intern(shown) if kind in _PLAIN else _SHOWN[kind])
        begin, end = found.span()
        starts.append(begin)
        ends.append(end)
    return Words(text, tuple(keys), starts, ends)
