"""From the teacher's answers to pairs that a writer can learn from."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import warn_of_inputs
from locum.generation.result import GenerationSummary
from locum.schema import label_key
from locum.writers import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.distillation import Divided
    from locum.schema import Example

__all__ = ["MOST_WRITTEN", "WrittenPool", "build_written_pool", "repeated_pairs", "summarise"]

MOST_WRITTEN = 1_024
"""Tokens of an answer that is learned from, at the most."""
_PAIRS_A_TEXT = 10
_MANY_LEFT_OUT = 0.02


class WrittenPool(NamedTuple):
    """Inputs with an answer, ``N`` of them.

    Args:
        examples: The inputs.
        answers: What the teacher wrote, without spaces around it.
        missing: Inputs without an answer, or with an empty one.
        too_long: Inputs whose answers are longer than a student writes.
    """

    examples: list[Example]
    answers: list[str]
    missing: int
    too_long: int


def build_written_pool(
    examples: Sequence[Example], answers: Sequence[str | None], count: Callable[[str], int]
) -> WrittenPool:
    """Keep the inputs with an answer of no more tokens than a student writes.

    Args:
        examples: The inputs.
        answers: The teacher's answers to them.
        count: Counts the tokens of a text.
    """
    kept: list[tuple[Example, str]] = []
    missing = too_long = 0
    for example, answer in zip(examples, answers, strict=True):
        # Halves of surrogate pairs, as broken JSON has them, are no text that could be written.
        said = (answer or "").encode("utf-8", "replace").decode().strip()
        if not said:
            missing += 1
        elif len(said.encode()) >= MOST_WRITTEN <= count(said):
            too_long += 1
        else:
            kept.append((example, said))
    return WrittenPool(
        [example for example, _ in kept], [said for _, said in kept], missing, too_long
    )


def repeated_pairs(pool: WrittenPool) -> list[Pair]:
    """Return pairs of answers that the teacher gave to the same input at different times."""
    by_text: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for example, answer in zip(pool.examples, pool.answers, strict=True):
        by_text[label_key(example.text)].append((example.text, answer))
    return [
        Pair(text, first, second)
        for given in by_text.values()
        for (text, first), (_, second) in combinations(given[:_PAIRS_A_TEXT], 2)
    ]


def summarise(
    pool: WrittenPool, divided: Divided, notes: Sequence[str], cut: int
) -> GenerationSummary:
    """Describe the data; the warnings begin with ``notes``.

    Args:
        pool: The inputs.
        divided: Their splits.
        notes: What else is known of them.
        cut: How many are longer than what a student reads.
    """
    groups, splits = divided
    rows = sorted([*splits.rows["train"].tolist(), *splits.rows["validation"].tolist()])
    warnings = [_too_long(pool), _cut(cut), *warn_of_inputs(pool.examples, groups)]
    return GenerationSummary(
        inputs=len(pool.examples),
        splits={split: len(of_split) for split, of_split in splits.rows.items()},
        by_time=splits.by_time,
        exact_duplicates=groups.exact,
        near_duplicates=groups.near,
        unused=splits.unused,
        missing=pool.missing,
        too_long=pool.too_long,
        training_sha256=_hash(pool, rows),
        warnings=[*notes, *filter(None, warnings)],
    )


def _hash(pool: WrittenPool, rows: Sequence[int]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        for text in (pool.examples[row].text, pool.answers[row]):
            part = text.encode("utf-8", "surrogatepass")
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _too_long(pool: WrittenPool) -> str:
    total = len(pool.examples) + pool.too_long
    if pool.too_long <= _MANY_LEFT_OUT * total:
        return ""
    return (
        f"{pool.too_long:,} of {total:,} answers have {MOST_WRITTEN:,} tokens or more and were "
        "left out: the certificate speaks of the others"
    )


def _cut(cut: int) -> str:
    if not cut:
        return ""
    return f"the student reads the beginning alone of {cut:,} inputs, which are too long for it"
