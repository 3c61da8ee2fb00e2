"""What is known of inputs whatever their answers are: counts, repeats, and a hash."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, TypedDict

from locum.schema import Split, label_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.distillation.splitting import Divided
    from locum.schema import Example

__all__ = ["InputCounts", "count_inputs", "hash_learned_from", "repeated_rows"]

_PAIRS_A_TEXT = 10


class InputCounts(TypedDict):
    """Those that the summary of any kind of task holds; see `DataSummary`."""

    inputs: int
    splits: dict[Split, int]
    by_time: bool
    own_test: bool
    exact_duplicates: int
    near_duplicates: int
    unused: int


def count_inputs(divided: Divided) -> InputCounts:
    """Count inputs, their near-copies, and those of each split."""
    groups, splits = divided.groups, divided.splits
    return InputCounts(
        inputs=len(groups.group),
        splits={split: len(rows) for split, rows in splits.rows.items()},
        by_time=splits.by_time,
        own_test=splits.own_test,
        exact_duplicates=groups.exact,
        near_duplicates=groups.near,
        unused=splits.unused,
    )


def repeated_rows(examples: Sequence[Example]) -> list[tuple[int, int]]:
    """Return pairs of rows of inputs that repeat each other, of the first ten of each text."""
    rows_by_text: defaultdict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        rows_by_text[label_key(example.text)].append(row)
    return [
        pair for rows in rows_by_text.values() for pair in combinations(rows[:_PAIRS_A_TEXT], 2)
    ]


def hash_learned_from(parts: Iterable[str | bytes], rest: bytes = b"") -> str:
    """Return the SHA-256 of texts and answers, each after its length, and of what comes last."""
    digest = hashlib.sha256()
    for part in parts:
        given = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(given).to_bytes(8, "little") + given)
    digest.update(rest)
    return digest.hexdigest()
