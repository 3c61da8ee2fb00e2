"""The entries of a JSON document, found by its brackets without holding or parsing it whole.

A parser of streams would be the usual way. The one at hand (ijson) takes memory by the square of
the depth, more than any machine has where brackets nest 100,000 deep; it passes over keys that
stand twice, and cannot go on after an entry that is no JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic.imports.sources import BrokenOffError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Entry", "find_list", "split_entries"]

_LONGEST = 100_000_000
_LISTS = (b'"data"', b'"observations"', b'"requests"', b'"resourceSpans"')
# A string to its end, or to the end of what is there; or a bracket.
_REST = rb'[^"\\]*(?:\\.[^"\\]*)*(?:(")|(\\?)\Z)'
_TOKEN = re.compile(rb'"' + _REST + rb"|[\[\]{}]", re.DOTALL)
_REST_OF_STRING = re.compile(_REST, re.DOTALL)
_TOO_LONG = f"longer than {_LONGEST // 1_000_000} MB"
_CUT_OFF = "the file ends in the middle of it"
_BETWEEN = "not a JSON object"


class Entry(NamedTuple):
    """One entry, or why there is none.

    Args:
        text: Its bytes.
        problem: The reason why there are none; empty where they are.
    """

    text: bytes
    problem: str = ""


def find_list(head: bytes) -> bytes | None:
    """Return which list of a document holds its entries.

    Returns:
        A key in quotes, ``b""`` where the document is a list itself, ``None`` for no list.
    """
    depth = 0
    key = b""
    for token in _TOKEN.finditer(head):
        mark = token[0]
        if mark in (b"[", b"{"):
            if mark == b"[" and (depth == 0 or (depth == 1 and key in _LISTS)):
                return key
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        elif depth == 1:
            key = mark
    return None


def split_entries(pieces: Iterable[bytes], found: bytes | None) -> Iterator[Entry]:
    """Yield the entries of the list that `find_list` returned, else the document's own objects.

    Something else than an object between entries is a problem by itself.
    """
    scanner = _Scanner(found)
    try:
        for piece in pieces:
            yield from scanner.feed(piece)
        yield from scanner.end()
    except BrokenOffError as error:
        yield Entry(b"", str(error))


class _Scanner:
    """Where in a document the bytes that came so far end."""

    def __init__(self, found: bytes | None) -> None:
        self._found = found
        # How many brackets are open around an entry.
        self._around = 0 if found is None else 2 if found else 1
        self._listed = not found
        self._key = b""
        self._depth = 0
        self._text = bytearray()
        self._scanned = 0
        # To where a string was searched whose end is still to come.
        self._searched: int | None = None
        self._after = 0
        self._start: int | None = None

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """Yield the entries that end in a piece."""
        self._text += piece
        if not self._is_in_string():
            yield from self._scan()
        if len(self._text) > _LONGEST:
            raise BrokenOffError(_TOO_LONG)

    def _is_in_string(self) -> bool:
        """Tell whether the string that was open has not ended yet."""
        if self._searched is None:
            return False
        self._searched = _open_until(_REST_OF_STRING.match(self._text, self._searched))
        return self._searched is not None

    def _scan(self) -> Iterator[Entry]:
        scanned = len(self._text)
        for token in _TOKEN.finditer(self._text, self._scanned):
            mark = token[0][:1]
            if mark == b'"':
                if token[1] is None:
                    scanned, self._searched = token.start(), _open_until(token)
                    break
                self._key = token[0] if self._depth == 1 else self._key
            elif mark in b"[{":
                yield from self._open(token, mark)
            else:
                yield from self._close(token)
        self._scanned = scanned
        self._drop()

    def end(self) -> Iterator[Entry]:
        """Yield what is wrong with the end."""
        if self._depth:
            yield Entry(b"", _CUT_OFF)
        else:
            yield from self._between(len(self._text))

    def _open(self, token: re.Match[bytes], mark: bytes) -> Iterator[Entry]:
        if self._listed and self._depth == self._around:
            yield from self._between(token.start())
            self._start = token.start()
        elif mark == b"[" and self._depth == 1 and self._key == self._found:
            self._listed = True
        self._depth += 1
        if self._start is None:
            self._after = token.end()

    def _close(self, token: re.Match[bytes]) -> Iterator[Entry]:
        self._depth = max(self._depth - 1, 0)
        if self._depth > self._around or not self._listed:
            return
        if self._start is not None:
            yield Entry(bytes(self._text[self._start : token.end()]))
            self._start = None
        else:
            yield from self._between(token.start())
            self._listed = not self._found
        self._after = token.end()

    def _between(self, end: int) -> Iterator[Entry]:
        if self._listed and self._text[self._after : end].strip(b" \t\r\n,"):
            yield Entry(b"", _BETWEEN)

    def _drop(self) -> None:
        """Forget what is not needed any more."""
        if self._start is not None:
            kept = self._start
        else:
            kept = self._after if self._listed else self._scanned
        del self._text[:kept]
        self._scanned -= kept
        self._searched = None if self._searched is None else self._searched - kept
        self._after -= kept
        self._start = None if self._start is None else 0


def _open_until(string: re.Match[bytes] | None) -> int | None:
    """To where a string was searched, but for a last backslash; ``None`` where it has ended."""
    if string is None or string[1] is not None:
        return None
    return string.start(2)
