"""Bytes of a log file, unpacked, in pieces."""

from __future__ import annotations

import codecs
import gzip
import sys
import zlib
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, cast

from locum.errors import InputError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["STANDARD_INPUT", "BrokenOffError", "Source", "open_source"]

STANDARD_INPUT = "-"
_PIECE = 1 << 18
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"\x28\xb5\x2f\xfd": "packed by Zstandard: unpack it first (zstd -d)",
    b"\xfd7zXZ\0": "packed by XZ: unpack it first (xz -d)",
    b"BZh91AY&SY": "packed by bzip2: unpack it first (bzip2 -d)",
    b"PK\x03\x04": "a ZIP archive or a workbook: unpack it first (unzip), or save it as CSV",
    b"PAR1": "Parquet: write it as JSON lines first, as locum calls export calls.jsonl does",
}
_LONGEST_START = max(map(len, _OTHERS))
_TABLES = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_CUT_OFF = "the file ends here: it is cut off or damaged"


class BrokenOffError(Exception):
    """The reason why the rest of a file cannot be read."""


class Source(NamedTuple):
    """An open log file.

    Args:
        name: How messages name it.
        head: Its first bytes, up to 256 KiB, unpacked, in UTF-8 and without a byte order mark.
        pieces: All of its bytes, those of the head too; raises `BrokenOffError`.
        delimiter: What usually parts its fields, where its name says that it is a table.
        lined: Whether its name says that it is one of JSON lines.
        changed: When it was last written, in seconds since 1970; ``None`` for a stream.
    """

    name: str
    head: bytes
    pieces: Iterator[bytes]
    delimiter: str | None
    lined: bool
    changed: float | None


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file, packed by gzip or not, in UTF-8 or marked UTF-16; ``-`` is the standard input.

    Raises:
        InputError: It cannot be read, or is packed in another way.
    """
    if str(path) == STANDARD_INPUT:
        stream = cast("io.BufferedReader", sys.stdin.buffer)
        yield _source("standard input", stream, "", None)
        return
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    try:
        opened = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with opened:
        yield _source(str(path), opened, suffix, path.stat().st_mtime)


def _source(name: str, stream: io.BufferedReader, suffix: str, changed: float | None) -> Source:
    start = stream.peek(_LONGEST_START)
    for other, kind in _OTHERS.items():
        if start.startswith(other):
            raise InputError(f"{name} is {kind}")
    packed = start.startswith(_GZIP)
    pieces = _in_utf8(_pieces(gzip.GzipFile(fileobj=stream) if packed else stream))
    head = b""
    broken = None
    try:
        while len(head) < _PIECE and (piece := next(pieces, b"")):
            head += piece
    except BrokenOffError as error:
        broken = error
    plain = head.removeprefix(codecs.BOM_UTF8)
    content = _chained(plain, broken, pieces)
    return Source(name, plain, content, _TABLES.get(suffix), suffix in _LINES, changed)


def _pieces(stream: io.BufferedReader | gzip.GzipFile) -> Iterator[bytes]:
    try:
        # Unlike read, read1 hands out what came before the damage.
        while piece := stream.read1(_PIECE):
            yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BrokenOffError(_CUT_OFF) from None
    except OSError as error:
        raise BrokenOffError(f"the file cannot be read any further: {error.strerror}") from None


def _in_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes as they are, but for text that a byte order mark says to be UTF-16."""
    start = next(pieces, b"")
    if not start.startswith(_UTF_16):
        yield start
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
    for piece in chain([start], pieces):
        if text := decoder.decode(piece):
            yield text.encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        raise BrokenOffError(_CUT_OFF)


def _chained(head: bytes, broken: BrokenOffError | None, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    if broken is not None:
        raise broken
    yield from rest
