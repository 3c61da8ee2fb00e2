"""What the inputs of an extraction task are, and what their owner should know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import count_inputs, hash_learned_from, warn_of_inputs
from locum.extraction.result import ExtractionSummary
from locum.extractors import value_at
from locum.shapes import ITEM, Closed, leaves
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.distillation import Divided
    from locum.extraction.answers import AnswerPool
    from locum.shapes import ExtractionTask

__all__ = ["strata", "summarise"]

_MANY_UNUSABLE = 0.02
_SHOWN = 3


def strata(task: ExtractionTask, pool: AnswerPool) -> NDArray[np.int64]:
    """Return the values of the closed field with the most of them, as numbers, ``[N]``."""
    closed = {
        path for path, leaf in leaves(task.shape) if isinstance(leaf, Closed) and ITEM not in path
    }
    found = [_numbered(pool, path) for path in sorted(closed)]
    return max(found, key=np.max, default=np.zeros(len(pool.answers), np.int64))


def _numbered(pool: AnswerPool, path: tuple[str, ...]) -> NDArray[np.int64]:
    """Return a number for each answer, alike for those whose field has the same value."""
    said = [canonical_json(value_at(answer, path)) for answer in pool.answers]
    place = {value: number for number, value in enumerate(dict.fromkeys(said))}
    return np.array([place[value] for value in said], np.int64)


def summarise(
    task: ExtractionTask, pool: AnswerPool, divided: Divided, notes: Sequence[str]
) -> ExtractionSummary:
    """Describe the data; the warnings begin with ``notes``."""
    splits = divided.splits
    rows = np.sort(np.concatenate([splits.rows["train"], splits.rows["validation"]]))
    learned_from = (
        part
        for row in rows.tolist()
        for part in (pool.examples[row].text, canonical_json(pool.answers[row]))
    )
    of_inputs = warn_of_inputs(pool.examples, divided, "and defers where the text goes on")
    warnings = [_unusable(pool), *of_inputs, _left_out(task)]
    return ExtractionSummary(
        **count_inputs(divided),
        missing=pool.missing,
        problems=pool.problems,
        repairs=pool.repairs,
        training_sha256=hash_learned_from(learned_from),
        warnings=[*notes, *filter(None, warnings)],
    )


def _unusable(pool: AnswerPool) -> str:
    total = len(pool.examples) + pool.unusable
    if pool.unusable <= _MANY_UNUSABLE * total:
        return ""
    shown = "; ".join(f"{p.problem} ({p.answers:,})" for p in pool.problems[:_SHOWN])
    return (
        f"{pool.unusable:,} of {total:,} answers ({pool.unusable / total:.1%}) are no object of "
        f"the schema and were left out ({shown}): the certificate speaks of the others"
    )


def _left_out(task: ExtractionTask) -> str:
    if not task.leave_out:
        return ""
    return f"the student's answers have no {', '.join(task.leave_out)}, as was asked for"
