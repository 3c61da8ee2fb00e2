"""The splits, as a writer reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from locum.dataset import Surroundings
    from locum.generation.pool import WrittenPool
    from locum.schema import Split

__all__ = ["Part", "Parts", "split_parts"]


class Part(NamedTuple):
    """A split: what the student reads, and what its teacher answers."""

    texts: list[str]
    answers: list[str]


Parts = dict["Split", Part]


def split_parts(
    pool: WrittenPool, rows: Mapping[Split, NDArray[np.int64]], around: Surroundings
) -> Parts:
    """Return the splits of a pool.

    Args:
        pool: The inputs.
        rows: Row numbers by split.
        around: What is taken off the inputs.
    """

    def take(chosen: NDArray[np.int64]) -> Part:
        numbers = np.sort(chosen).tolist()
        texts = [around.inner(pool.examples[row].text) for row in numbers]
        return Part(texts, [pool.answers[row] for row in numbers])

    return {split: take(of_split) for split, of_split in rows.items()}
