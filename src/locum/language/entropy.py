"""Whole numbers in about as many bits as tables of their frequencies foresee.

A number is a *symbol*, its highest bits, which a range coder writes by the table of its context,
and the bits below, which are written as they are. The same walk over a block is taken by three:
`Tally` counts for the tables, `Writer` writes, `Reader` reads; each gives back the numbers. The
range coder is that of constriction, which is given frequencies in whole 65,536ths, so that no
rounding bears on what is read.

Shapes: N numbers, C contexts, S symbols.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["Coder", "Form", "Reader", "Table", "Tally", "Writer", "split"]

_WHOLE = 1 << 16
# What the frequencies over all contexts weigh against those of one, in numbers seen.
_PRIOR = 8.0
_MOST_BITS = 24  # a window of 32 bits holds as many at any of its first eight


class Form(NamedTuple):
    """How a kind of number is split.

    Args:
        detail: How many bits of a symbol follow the highest one.
        contexts: How many tables there are.
        bits: Numbers are under two to the power of it.
    """

    detail: int
    contexts: int = 1
    bits: int = _MOST_BITS

    @property
    def symbols(self) -> int:
        """How many symbols there are."""
        return ((self.bits - self.detail - 1) << self.detail) + (2 << self.detail)


def split(numbers_N: Numbers, detail: int) -> tuple[Numbers, Numbers]:
    """Return symbols, and how many bits of each number are below its symbol.

    Args:
        numbers_N: Zero or more.
        detail: As in `Form`.
    """
    exponents_N = np.frexp(numbers_N.astype(np.float64))[1].astype(np.int64)
    widths_N = np.maximum(exponents_N - 1 - detail, 0)
    return (widths_N << detail) + (numbers_N >> widths_N), widths_N


def _widths(symbols_N: Numbers, detail: int) -> Numbers:
    widths_N: Numbers = np.maximum((symbols_N >> detail) - 1, 0)
    return widths_N


class Table:
    """Frequencies of symbols in each context.

    Args:
        frequencies_CS: 65,536ths, each at least one, int64.
    """

    def __init__(self, frequencies_CS: Numbers) -> None:
        self.frequencies_CS = frequencies_CS
        self._models: dict[int, Any] = {}

    @classmethod
    def of(cls, counts_CS: Numbers) -> Table:
        """Make one of how often each symbol was seen."""
        over_all_S = counts_CS.sum(axis=0) + 0.5
        smooth_CS = counts_CS + _PRIOR * over_all_S / over_all_S.sum()
        shares_CS = smooth_CS / smooth_CS.sum(axis=1, keepdims=True)
        room = _WHOLE - counts_CS.shape[1]
        frequencies_CS = np.floor(shares_CS * room).astype(np.int64) + 1
        short_C = _WHOLE - frequencies_CS.sum(axis=1)
        frequencies_CS[np.arange(len(short_C)), frequencies_CS.argmax(axis=1)] += short_C
        return cls(frequencies_CS)

    def model(self, context: int) -> Any:  # noqa: ANN401 - constriction's types are not known
        """Return what the range coder takes."""
        if context not in self._models:
            shares_S = (self.frequencies_CS[context] / _WHOLE).astype(np.float32)
            categorical = _constriction().stream.model.Categorical
            self._models[context] = categorical(shares_S, perfect=False)
        return self._models[context]


class Coder(Protocol):
    """Takes a walk over the numbers of a block."""

    def numbers(self, name: str, contexts_N: Numbers, numbers_N: Numbers | None) -> Numbers:
        """Code numbers by a table; return them.

        Args:
            name: Of the table.
            contexts_N: The context of each.
            numbers_N: ``None`` where they are read.
        """
        ...


class Tally:
    """Counts symbols.

    Args:
        forms: Of all tables, by name.
    """

    def __init__(self, forms: Mapping[str, Form]) -> None:
        self._forms = forms
        self._counts = {
            name: np.zeros((form.contexts, form.symbols), np.int64) for name, form in forms.items()
        }

    def numbers(self, name: str, contexts_N: Numbers, numbers_N: Numbers | None) -> Numbers:
        """Count the symbols of numbers; return the numbers."""
        assert numbers_N is not None
        symbols_N, _ = split(numbers_N, self._forms[name].detail)
        counts_CS = self._counts[name]
        places_N = contexts_N * counts_CS.shape[1] + symbols_N
        counts_CS += np.bincount(places_N, minlength=counts_CS.size).reshape(counts_CS.shape)
        return numbers_N

    def tables(self) -> dict[str, Table]:
        """Return a table of each name."""
        return {name: Table.of(counts_CS) for name, counts_CS in self._counts.items()}


class Writer:
    """Writes numbers.

    Args:
        forms: Of all tables, by name.
        tables: The tables.
    """

    def __init__(self, forms: Mapping[str, Form], tables: Mapping[str, Table]) -> None:
        self._forms, self._tables = forms, tables
        self._encoder = _constriction().stream.queue.RangeEncoder()
        self._rests: list[Numbers] = []
        self._widths: list[Numbers] = []

    def numbers(self, name: str, contexts_N: Numbers, numbers_N: Numbers | None) -> Numbers:
        """Write numbers; return them."""
        assert numbers_N is not None
        table = self._tables[name]
        symbols_N, widths_N = split(numbers_N, self._forms[name].detail)
        order, runs = _runs(contexts_N)
        sorted_N = symbols_N[order].astype(np.int32)
        for context, start, end in runs:
            self._encoder.encode(sorted_N[start:end], table.model(context))
        self._rests.append(numbers_N & ((1 << widths_N) - 1))
        self._widths.append(widths_N)
        return numbers_N

    def finish(self) -> tuple[NDArray[np.uint32], bytes]:
        """Return the range coder's words, and the bits below the symbols."""
        words: NDArray[np.uint32] = self._encoder.get_compressed()
        none: Numbers = np.zeros(0, np.int64)
        rests_N = np.concatenate([none, *self._rests])
        widths_N = np.concatenate([none, *self._widths])
        owners = np.repeat(np.arange(len(widths_N)), widths_N)
        ends_N = np.cumsum(widths_N)
        shifts = ends_N[owners] - 1 - np.arange(len(owners))
        return words, np.packbits(((rests_N[owners] >> shifts) & 1).astype(np.uint8)).tobytes()


class Reader:
    """Reads what a `Writer` wrote, asked for the same names and contexts in the same order.

    Args:
        forms: Of all tables, by name.
        tables: The tables.
        words: The range coder's words.
        rests: The bits below the symbols.
    """

    def __init__(
        self,
        forms: Mapping[str, Form],
        tables: Mapping[str, Table],
        words: NDArray[np.uint32],
        rests: bytes,
    ) -> None:
        self._forms, self._tables = forms, tables
        self._decoder = _constriction().stream.queue.RangeDecoder(words)
        # The 32 bits from each byte on.
        self._windows = np.ndarray((len(rests) + 1,), ">u4", rests + bytes(4), 0, (1,))
        self._bit = 0

    def numbers(self, name: str, contexts_N: Numbers, numbers_N: Numbers | None = None) -> Numbers:
        """Read as many numbers as there are contexts."""
        assert numbers_N is None
        table, detail = self._tables[name], self._forms[name].detail
        order, runs = _runs(contexts_N)
        sorted_N = np.empty(len(contexts_N), np.int64)
        for context, start, end in runs:
            sorted_N[start:end] = self._decoder.decode(table.model(context), end - start)
        symbols_N = np.empty_like(sorted_N)
        symbols_N[order] = sorted_N
        widths_N = _widths(symbols_N, detail)
        return ((symbols_N - (widths_N << detail)) << widths_N) | self._rest(widths_N)

    def _rest(self, widths_N: Numbers) -> Numbers:
        ends_N = self._bit + widths_N.cumsum()
        starts_N = ends_N - widths_N
        if len(ends_N):
            self._bit = int(ends_N[-1])
        window_N = self._windows[np.minimum(starts_N >> 3, len(self._windows) - 1)]
        below_N = window_N.astype(np.int64) << (starts_N & 7)
        rest_N: Numbers = (below_N & 0xFFFFFFFF) >> (32 - widths_N)
        return rest_N


def _runs(contexts_N: Numbers) -> tuple[slice | Numbers, list[tuple[int, int, int]]]:
    """Return an order by context, and each context with its first place in it and its last."""
    if not len(contexts_N):
        return slice(None), []
    short_N = contexts_N.astype(np.uint16)  # sixteen bits sort fastest
    order = short_N.argsort(kind="stable")
    sorted_N = short_N[order]
    starts = [0, *((sorted_N[1:] != sorted_N[:-1]).nonzero()[0] + 1).tolist()]
    ends = [*starts[1:], len(order)]
    return order, list(zip(sorted_N[starts].tolist(), starts, ends, strict=True))


def _constriction() -> Any:  # noqa: ANN401 - a module
    try:
        import constriction
    except ImportError as error:
        raise UsageError(
            f"a cache of token distributions needs packages that are not installed ({error.name}): "
            "pip install 'locum[lm]'"
        ) from None
    return constriction
