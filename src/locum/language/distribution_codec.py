"""Blocks of token distributions as bytes.

A block holds the rows of a sequence. Tokens are named by their rank among those that the cache has
seen, frequent ones first, so that the listed ranks of a row lie close together; they are written in
rising order as gaps, in the context of the last rank and of how many are left. What the levels are
depends mostly on the lowest of the row, which is written first (of drawn tokens, on how many there
are). The tail is what is missing to one but for rounding, and only the difference is written.

A block is read with the model that it was written with. Checksums of the bytes and of the numbers
refuse whatever else could come out.

Shapes: N rows, K listed tokens.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

import struct
import zlib
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from locum.errors import ArtefactError
from locum.language.distributions import Levels
from locum.language.entropy import Form, Reader, Table, Tally, Writer, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.language.entropy import Coder

    Numbers = NDArray[np.int64]

__all__ = ["CodingModel", "decode_block", "encode_block", "model_number"]

_LAST_RANKS, _LEFT, _TELLING = 40, 20, 48
FORMS = {
    "sizes": Form(3, bits=20),
    "lowest": Form(3, bits=20),
    "levels": Form(3, contexts=_TELLING, bits=21),
    "tails": Form(1, bits=20),
    "gaps": Form(1, contexts=_LAST_RANKS * _LEFT),
}
# By the last rank, and by how many are left.
_PASSED_OF = np.minimum(split(np.arange(1 << 18), 1)[0], _LAST_RANKS - 1) * _LEFT
_LEFT_OF = np.minimum(split(np.arange(1 << 12), 1)[0], _LEFT - 1)
_BLOCK_MARK, _MODEL_MARK = b"LTD1", b"LTM1"
_BLOCK_HEAD = struct.Struct("<4sBIIIIII")
_MODEL_HEAD = struct.Struct("<4sI")
_CHECK = struct.Struct("<I")
_LISTED, _DRAWN = 0, 1
# Tokens seen less often are not ranked: what is rare in one place is not so in another.
_OFTEN = 3


class CodingModel:
    """What blocks are written with: the order of tokens, and tables of frequencies.

    Args:
        seen: Tokens, most frequent first; all others follow in the order of their numbers.
        tables: By name, of the forms in `FORMS`.
    """

    def __init__(self, seen: Numbers, tables: dict[str, Table]) -> None:
        self._seen = seen
        self._sorted = np.sort(seen)
        self._rank_of = np.argsort(seen)
        self.tables = tables

    @classmethod
    def fit(cls, samples: Sequence[tuple[Levels, int]]) -> CodingModel:
        """Make one that foresees what is like the samples.

        Args:
            samples: Rows, with their scales.
        """
        held = np.concatenate([rows.ids_NK[_filled(rows)] for rows, _ in samples])
        tokens, counts = np.unique(held, return_counts=True)
        tokens, counts = tokens[counts >= _OFTEN], counts[counts >= _OFTEN]
        model = cls(tokens[np.lexsort((tokens, -counts))].astype(np.int64), {})
        tally = Tally(FORMS)
        for rows, scale in samples:
            _walk(tally, model.ranked(rows), rows.ids_NK.shape, scale, drawn=rows.tails_N is None)
        model.tables = tally.tables()
        return model

    def ranked(self, rows: Levels) -> Levels:
        """Return rows with ranks in the place of tokens, rising."""
        filled_NK = _filled(rows)
        ranks_NK = np.where(filled_NK, self._ranks(rows.ids_NK), np.iinfo(np.int64).max)
        order_NK = ranks_NK.argsort(axis=1)
        return rows._replace(
            ids_NK=np.take_along_axis(np.where(filled_NK, ranks_NK, 0), order_NK, 1),
            levels_NK=np.take_along_axis(rows.levels_NK, order_NK, 1),
        )

    def _ranks(self, ids: Numbers) -> Numbers:
        if not len(self._seen):
            return ids
        below = np.searchsorted(self._sorted, ids)
        at = np.minimum(below, len(self._seen) - 1)
        known = self._sorted[at] == ids
        return np.where(known, self._rank_of[at], len(self._seen) + ids - below)

    def tokens(self, ranks: Numbers) -> Numbers:
        """Return the tokens of ranks."""
        seen = len(self._seen)
        found: Numbers = self._seen.take(ranks, mode="clip") if seen else ranks.copy()
        rare = ranks >= seen
        others = ranks[rare] - seen
        # The token of rank n among the others has as many seen ones below it as fit.
        below = np.searchsorted(self._sorted - np.arange(seen), others, side="right")
        found[rare] = others + below
        return found

    @cached_property
    def number(self) -> int:
        """What blocks know it by."""
        return zlib.crc32(self._plain())

    @property
    def content(self) -> bytes:
        """The model as bytes."""
        head = _MODEL_HEAD.pack(_MODEL_MARK, len(self._seen))
        body = head + zlib.compress(self._plain(), 9)
        return body + _CHECK.pack(zlib.crc32(body))

    def _plain(self) -> bytes:
        parts = [self._seen.astype("<u4").tobytes()]
        parts += [self.tables[name].frequencies_CS.astype("<u2").tobytes() for name in FORMS]
        return b"".join(parts)

    @classmethod
    def read(cls, content: bytes) -> CodingModel:
        """Return the model of some bytes.

        Raises:
            ArtefactError: They are damaged, or of another version.
        """
        body = _checked(content, _MODEL_HEAD.size, _MODEL_MARK)
        _, seen = _MODEL_HEAD.unpack_from(body)
        try:
            parts = zlib.decompress(body[_MODEL_HEAD.size :])
        except zlib.error as error:
            raise ArtefactError(f"a coding model is damaged: {error}") from None
        place, tables = 4 * seen, {}
        for name, form in FORMS.items():
            shape = (form.contexts, form.symbols)
            part = np.frombuffer(parts, "<u2", shape[0] * shape[1], place)
            tables[name] = Table(part.astype(np.int64).reshape(shape))
            place += part.nbytes
        return cls(np.frombuffer(parts, "<u4", seen).astype(np.int64), tables)


def encode_block(rows: Levels, scale: int, model: CodingModel) -> bytes:
    """Write rows.

    Args:
        rows: What to write.
        scale: How many steps are one.
        model: Any; one that was fitted to what is like the rows makes them small.
    """
    ranked = model.ranked(rows)
    writer = Writer(FORMS, model.tables)
    _walk(writer, ranked, rows.ids_NK.shape, scale, drawn=rows.tails_N is None)
    words, rests = writer.finish()
    head = _BLOCK_HEAD.pack(
        _BLOCK_MARK,
        _DRAWN if rows.tails_N is None else _LISTED,
        *rows.ids_NK.shape,
        scale,
        model.number,
        _content_check(ranked),
        len(words),
    )
    body = head + words.astype("<u4").tobytes() + rests
    return body + _CHECK.pack(zlib.crc32(body))


def model_number(block: bytes) -> int:
    """Return the number of the model that a block was written with.

    Raises:
        ArtefactError: The block is damaged, or of another version.
    """
    return int(_BLOCK_HEAD.unpack_from(_checked(block, _BLOCK_HEAD.size, _BLOCK_MARK))[5])


def decode_block(block: bytes, model: CodingModel) -> tuple[Levels, int]:
    """Read rows, and how many steps are one.

    Raises:
        ArtefactError: The block is damaged, of another version, or was written with another model.
    """
    body = _checked(block, _BLOCK_HEAD.size, _BLOCK_MARK)
    _, kind, rows, width, scale, number, check, words = _BLOCK_HEAD.unpack_from(body)
    if number != model.number:
        raise ArtefactError(
            f"a block was written with model {number:08x} and is read with {model.number:08x}"
        )
    parts = np.frombuffer(body, "<u4", words, _BLOCK_HEAD.size).astype(np.uint32)
    reader = Reader(FORMS, model.tables, parts, body[_BLOCK_HEAD.size + parts.nbytes :])
    try:
        found = _walk(reader, None, (rows, width), scale, drawn=kind == _DRAWN)
        whole = _content_check(found) == check
    except (AssertionError, IndexError, ValueError):  # what constriction and numpy cannot read
        whole = False
    if not whole:
        raise ArtefactError(
            "a block does not read as it was written, though its bytes are whole: it is of another "
            "version of Locum or of the package constriction"
        )
    ids_NK = np.where(_filled(found), model.tokens(found.ids_NK), 0)
    return found._replace(ids_NK=ids_NK), scale


def _checked(content: bytes, least: int, mark: bytes) -> bytes:
    """Return bytes without their checksum."""
    body, check = content[: -_CHECK.size], content[-_CHECK.size :]
    if len(body) < least or check != _CHECK.pack(zlib.crc32(body)):
        raise ArtefactError(f"{len(content):,} bytes are damaged: their checksum is wrong")
    if not body.startswith(mark):
        raise ArtefactError(
            f"it has format {body[:4]!r}, expected {mark!r}: it is of another version of Locum"
        )
    return body


def _content_check(ranked: Levels) -> int:
    check = 0
    for part in (part for part in ranked if part is not None):
        check = zlib.crc32(part.astype("<i4").tobytes(), check)
    return check


def _filled(rows: Levels) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.arange(rows.ids_NK.shape[1]) < rows.sizes_N[:, None]
    return found


def _walk(
    coder: Coder, rows: Levels | None, shape: tuple[int, ...], scale: int, *, drawn: bool
) -> Levels:
    """Code rows of ranks from the first number to the last; return them.

    Args:
        coder: What is done with each number.
        rows: ``None`` where they are read.
        shape: ``[N, K]``.
        scale: How many steps are one.
        drawn: Whether it is drawn tokens, which may be fewer in a row and have no tails.
    """
    zeros_N = np.zeros(shape[0], np.int64)
    sizes_N, tails_N = zeros_N + shape[1], None
    if drawn:
        sizes_N = telling_N = coder.numbers(
            "sizes", zeros_N, None if rows is None else rows.sizes_N
        )
    else:
        lowest_N = None if rows is None else rows.levels_NK.min(axis=1)
        telling_N = coder.numbers("lowest", zeros_N, lowest_N)
    filled_NK = np.arange(shape[1]) < sizes_N[:, None]
    levels_NK = np.zeros(shape, np.int64)
    levels_NK[filled_NK] = coder.numbers(
        "levels",
        np.repeat(np.minimum(telling_N, _TELLING - 1), sizes_N),
        None if rows is None else rows.levels_NK[filled_NK],
    )
    if not drawn:
        missing_N = _missing(levels_NK, scale)
        apart_N = None
        if rows is not None and rows.tails_N is not None:
            apart_N = _zigzag(rows.tails_N - missing_N)
        tails_N = missing_N + _unzigzag(coder.numbers("tails", zeros_N, apart_N))
    return Levels(_walk_ranks(coder, rows, sizes_N, shape), levels_NK, tails_N, sizes_N)


def _walk_ranks(
    coder: Coder, rows: Levels | None, sizes_N: Numbers, shape: tuple[int, ...]
) -> Numbers:
    ranks_KN = np.zeros(shape[::-1], np.int64)
    gaps_KN = None if rows is None else _gaps(rows.ids_NK.T)
    least, most = int(sizes_N.min(initial=shape[1])), int(sizes_N.max(initial=0))
    last_N = np.full(shape[0], -1)
    for column in range(most):
        here = slice(None) if column < least else np.flatnonzero(sizes_N > column)
        last = last_N[here]
        left = _LEFT_OF.take(sizes_N[here] - column, mode="clip")
        contexts = _PASSED_OF.take(last + 1, mode="clip") + left
        gaps = None if gaps_KN is None else gaps_KN[column, here]
        last = last + 1 + coder.numbers("gaps", contexts, gaps)
        ranks_KN[column, here] = last_N[here] = last
    return np.ascontiguousarray(ranks_KN.T)


def _gaps(ranks_KN: Numbers) -> Numbers:
    gaps_KN: Numbers = np.diff(ranks_KN, axis=0, prepend=-1) - 1
    return gaps_KN


def _missing(levels_NK: Numbers, scale: int) -> Numbers:
    """What the tail is if nothing was rounded, alike on all machines."""
    steps_NK = np.maximum(levels_NK - 1, 0)
    rest_N = np.maximum(scale**2 - (steps_NK * steps_NK).sum(axis=1), 0)
    roots_N: Numbers = np.sqrt(rest_N.astype(np.float64)).astype(np.int64)
    return roots_N + 1


def _zigzag(numbers: Numbers) -> Numbers:
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def _unzigzag(numbers: Numbers) -> Numbers:
    return np.where(numbers & 1, -(numbers >> 1) - 1, numbers >> 1)
