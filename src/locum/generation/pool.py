"""From the teacher's answers to pairs that a writer can learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import count_inputs, hash_learned_from, repeated_rows, warn_of_inputs
from locum.generation.result import GenerationSummary
from locum.writers import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.distillation import Divided
    from locum.schema import Example

__all__ = ["MOST_WRITTEN", "WrittenPool", "build_written_pool", "repeated_pairs", "summarise"]

MOST_WRITTEN = 1_024
"""Tokens of an answer that is learned from, at the most."""
_MANY_LEFT_OUT = 0.02


class WrittenPool(NamedTuple):
    """Inputs with an answer, ``N`` of them.

    Args:
        examples: The inputs.
        answers: What the teacher wrote, without spaces around it.
        missing: Inputs without a whole answer, or with an empty one.
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
    return [
        Pair(pool.examples[one].text, pool.answers[one], pool.answers[other])
        for one, other in repeated_rows(pool.examples)
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
    splits = divided.splits
    rows = sorted([*splits.rows["train"].tolist(), *splits.rows["validation"].tolist()])
    learned_from = (part for row in rows for part in (pool.examples[row].text, pool.answers[row]))
    answered = len(pool.examples) + pool.too_long
    warnings = [
        _left_out(pool.missing, answered + pool.missing, "inputs have no whole answer"),
        _left_out(pool.too_long, answered, f"answers have {MOST_WRITTEN:,} tokens or more"),
        _cut(cut),
        *warn_of_inputs(pool.examples, divided),
    ]
    return GenerationSummary(
        **count_inputs(divided),
        missing=pool.missing,
        too_long=pool.too_long,
        training_sha256=hash_learned_from(learned_from),
        warnings=[*notes, *filter(None, warnings)],
    )


def _left_out(count: int, total: int, what: str) -> str:
    if count <= _MANY_LEFT_OUT * total:
        return ""
    return f"{count:,} of {total:,} {what} and were left out: the certificate speaks of the others"


def _cut(cut: int) -> str:
    if not cut:
        return ""
    return f"the student reads the beginning alone of {cut:,} inputs, which are too long for it"
