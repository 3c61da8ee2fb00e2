"""Which labels a text may still come to mean as it is written on."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from locum.schema import MARKS, label_key
from locum.teachers.json_strings import read_open_string
from locum.teachers.parsing import LabelParser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["JOINED_LETTERS", "LabelPrefixes"]

# What characters of several bytes become in a `label_key`, where that is of ASCII.
JOINED_LETTERS = ("ss", "st", "ff", "fi", "fl")

_REMEMBERED = 16_384
_FENCE = "```"
_UNKNOWN = "\ufffd"
_FIRST_OF_SEVERAL_BYTES = 0x80
_AFTER_THE_LAST_WITH_A_CASE = 0x1F000
_PIECE = re.compile(f"{_UNKNOWN}.*|[\udc80-\udcff]+\\Z", re.DOTALL)


class LabelPrefixes:
    """Tells for the beginning of an answer which labels it may come to mean by `LabelParser`.

    Every label that some continuation means is named; now and then one more is. Texts are given as
    bytes, as tokens may end within a character; one that only looks like a space or a letter of
    ASCII counts once it is whole. From a replacement character on, where the bytes
    are lost, a text is taken for unknown.

    Args:
        labels: The task's labels, distinct also when case is ignored.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.parser = LabelParser(labels)
        self.every = frozenset(range(len(labels)))
        self._tables = [(marks, _SortedKeys(table)) for marks, table in self.parser.tables]
        # Where any marks may stand around one label alone, they are no sign of it yet.
        self._marks_say_nothing = self.parser.tables[-1][0] == MARKS[-1]
        # Few tokens make up most answers of a task.
        self._plain = lru_cache(_REMEMBERED)(self._read_plain)
        self._quoted = lru_cache(_REMEMBERED)(self._read_quoted)

    def possible(self, text: bytes, *, quoted: bool) -> frozenset[int]:
        """Return the labels that an answer may mean which begins with ``text``.

        Args:
            text: The answer so far.
            quoted: Whether a string of JSON is meant whose opening quote stands before the text.
        """
        return self._quoted(text) if quoted else self._plain(text)

    def meaning(self, text: bytes, *, quoted: bool) -> int | None:
        """Return the label that an answer means which is ``text`` and no more, as `possible`."""
        answer = _decode(text)
        if not quoted:
            return self.parser(answer)
        string = read_open_string(answer)
        if string is None or string.after is None:
            return None
        return self.parser.find(string.text)

    def _read_plain(self, text: bytes) -> frozenset[int]:
        body = _decode(text).lstrip()
        if _FENCE.startswith(body):
            return self.every
        found = self._possible(body) | self._read_json(body)
        if not body.startswith(_FENCE):
            return found
        _, newline, inside = body.partition("\n")
        # Backticks at the end may be the beginning of the closing fence.
        inside = inside.rstrip("`").lstrip()
        return found | self._possible(inside) | self._read_json(inside) if newline else self.every

    def _read_json(self, body: str) -> frozenset[int]:
        if body.startswith("{"):
            return self.every
        string = read_open_string(body[1:]) if body.startswith('"') else None
        if string is None or (string.after or "").strip():
            return frozenset()
        return self._string(string.text, closed=string.after is not None)

    def _read_quoted(self, text: bytes) -> frozenset[int]:
        string = read_open_string(_decode(text))
        if string is None:
            return frozenset()
        return self._string(string.text, closed=string.after is not None)

    def _string(self, text: str, *, closed: bool) -> frozenset[int]:
        if not closed:
            return self._possible(text)
        index = self.parser.find(text)
        return frozenset() if index is None else frozenset((index,))

    def _possible(self, text: str) -> frozenset[int]:
        """Labels that a text may become, or is already, by `LabelParser.find`."""
        broken_off = _PIECE.search(text)
        piece = broken_off[0] if broken_off else ""
        if _may_be_around(piece):
            piece = ""
        key = _key_so_far(text[: broken_off.start()] if broken_off else text)
        if not piece and self._marks_say_nothing and not key.lstrip(MARKS[-1].before):
            return self.every
        found: set[int] = set()
        for marks, table in self._tables:
            start = key.lstrip(marks.before)
            following = table.starting(start)
            found.update(index for rest, index in following if _may_follow(piece, rest))
            if not piece:
                found.update(table.equal(start.rstrip().rstrip(marks.after)))
        return frozenset(found)


class _SortedKeys:
    def __init__(self, indices: Mapping[str, int]) -> None:
        self._indices = indices
        self._keys = sorted(indices)

    def starting(self, start: str) -> Iterator[tuple[str, int]]:
        """Yield what follows ``start`` in each key that begins with it, and the label's index."""
        for key in islice(self._keys, bisect_left(self._keys, start), None):
            if not key.startswith(start):
                return
            yield key[len(start) :], self._indices[key]

    def equal(self, key: str) -> Iterator[int]:
        """Yield the index of the label of a key, if there is one."""
        if key in self._indices:
            yield self._indices[key]


def _key_so_far(text: str) -> str:
    """`label_key` of a text that goes on: a space at its end may stand inside a label."""
    key = label_key(text)
    return f"{key} " if key and text[-1].isspace() else key


def _may_follow(piece: str, rest: str) -> bool:
    """Whether a piece of a character may begin the rest of a label."""
    if not piece:
        return True
    if piece.startswith(_UNKNOWN) or not rest:
        return not rest[:1].isascii()
    begun = _bytes_of(piece)
    folded = _folded_by_beginning().get(begun, ())
    return rest[0].encode("utf-8", "replace").startswith(begun) or any(
        rest.startswith(one) for one in folded
    )


@cache
def _folded_by_beginning() -> Mapping[bytes, frozenset[str]]:
    """What characters become in a `label_key`, by each beginning of their bytes.

    Those that stay as they are, and those that become one letter of ASCII, are left out.
    """
    found: dict[bytes, set[str]] = {}
    for number in range(_FIRST_OF_SEVERAL_BYTES, _AFTER_THE_LAST_WITH_A_CASE):
        character = chr(number)
        folded = character.casefold()
        if folded != character and (len(folded) > 1 or not folded.isascii()):
            written = character.encode()
            for length in range(1, len(written)):
                found.setdefault(written[:length], set()).add(folded)
    return {begun: frozenset(folded) for begun, folded in found.items()}


def _may_be_around(piece: str) -> bool:
    """Whether a piece of a character may be one of a quote around a label."""
    if not piece or piece.startswith(_UNKNOWN):
        return False
    return any(character.encode().startswith(_bytes_of(piece)) for character in MARKS[-1].before)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _bytes_of(piece: str) -> bytes:
    return piece.encode("utf-8", "surrogateescape")
