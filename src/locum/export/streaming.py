"""Predictions for texts that come one after the other, as from a queue."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["in_batches"]

Said = TypeVar("Said")


def in_batches(
    predict: Callable[[Sequence[str]], list[Said]], texts: Iterable[str], size: int
) -> Iterator[Said]:
    """Yield what is predicted for each text, holding one batch in memory.

    Args:
        predict: Predicts a batch.
        texts: Any number of them. Where they end in an error, that is raised once all that came
            before is predicted.
        size: Texts of a batch, one or more.

    Raises:
        UsageError: ``texts`` is one string, or a batch would be empty.
    """
    if isinstance(texts, str):
        raise UsageError("predict_batch takes texts one after the other: wrap the one text in [ ]")
    if size < 1:
        raise UsageError(f"size {size} cannot be used: expected one text a batch or more")
    return _predicted(predict, iter(texts), size)


def _predicted(
    predict: Callable[[Sequence[str]], list[Said]], source: Iterator[str], size: int
) -> Iterator[Said]:
    while True:
        batch: list[str] = []
        try:
            batch.extend(islice(source, size))
        except Exception:  # what came before, a queue will not give again
            yield from predict(batch)
            raise
        if not batch:
            return
        yield from predict(batch)
