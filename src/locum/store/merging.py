"""Rows of several places as one stream, in the order of their times."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from locum.store.call_rows import FACT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.store.database import Row

__all__ = ["RowStream", "merge_by_time"]

_TIME = FACT_COLUMNS.index("time")


class RowStream(NamedTuple):
    """Rows in the order of their times.

    Args:
        first: No row is earlier, in seconds since 1970.
        open: Begins to read them.
    """

    first: float
    open: Callable[[], Iterator[Row]]


def merge_by_time(streams: list[RowStream]) -> Iterator[Row]:
    """Merge rows by time; a stream is opened when its first time is reached."""
    waiting = sorted(streams, key=lambda stream: -stream.first)
    heads: list[tuple[float, int, Row, Iterator[Row]]] = []
    while heads or waiting:
        while waiting and (not heads or waiting[-1].first <= heads[0][0]):
            _push(heads, len(waiting), waiting.pop().open())
        if heads:
            _, order, row, rows = heapq.heappop(heads)
            yield row
            _push(heads, order, rows)


def _push(
    heads: list[tuple[float, int, Row, Iterator[Row]]], order: int, rows: Iterator[Row]
) -> None:
    row = next(rows, None)
    if row is not None:
        heapq.heappush(heads, (row[_TIME], order, row, rows))
