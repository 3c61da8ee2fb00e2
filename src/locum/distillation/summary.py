"""What the data were, and what their owner should know about them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from locum.distillation.input_facts import count_inputs, hash_learned_from, repeated_rows
from locum.distillation.input_warnings import warn_of_inputs
from locum.distillation.result import DataSummary
from locum.evaluation import Share, share_of_pairs
from locum.schema import label_key
from locum.students import WindowedStudent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.dataset import Surroundings
    from locum.distillation.pool import Pool
    from locum.distillation.splitting import Divided
    from locum.schema import Task
    from locum.students import Student

__all__ = [
    "describe_surroundings",
    "hash_learned",
    "note_cut_texts",
    "note_surroundings",
    "summarise",
]

_FEW_OF_A_CLASS = 20
_MANY_OUTSIDE = 0.02
_SHOWN = 5


def summarise(task: Task, pool: Pool, divided: Divided, notes: Sequence[str]) -> DataSummary:
    """Describe the data; the warnings begin with ``notes``."""
    rows = divided.splits.rows
    learned_from = np.concatenate([rows["train"], rows["validation"]])
    return DataSummary(
        **count_inputs(divided),
        outside=pool.outside,
        human_labels=int((pool.human >= 0).sum()),
        human_outside=pool.human_outside,
        source=pool.soft_labels.source,
        self_agreement=_self_agreement(pool),
        training_sha256=_hash(pool, learned_from),
        warnings=[*notes, *_warnings(task, pool, divided, learned_from)],
    )


def _self_agreement(pool: Pool) -> Share | None:
    """How often inputs that repeat each other got the same answer, over pairs of them."""
    pairs = np.array(repeated_rows(pool.examples), np.int64).reshape(-1, 2)
    texts = [label_key(pool.examples[row].text) for row in pairs[:, 0].tolist()]
    return share_of_pairs(pool.answers[pairs[:, 0]] == pool.answers[pairs[:, 1]], texts)


def hash_learned(data: DataSummary, synthetic: Pool) -> str:
    """Return the hash of real inputs that were learned from together with that of others."""
    rows = np.arange(len(synthetic.examples))
    both = f"{data.training_sha256} {_hash(synthetic, rows)}"
    return hashlib.sha256(both.encode()).hexdigest()


def _hash(pool: Pool, rows: NDArray[np.int64]) -> str:
    rows = np.sort(rows)
    return hash_learned_from(
        (pool.examples[row].text for row in rows.tolist()),
        pool.soft_labels.probabilities[rows].tobytes(),
    )


def _warnings(
    task: Task, pool: Pool, divided: Divided, learned_from: NDArray[np.int64]
) -> list[str]:
    found = [
        _few_of_a_class(task, pool, learned_from),
        _outside(pool),
        *warn_of_inputs(pool.examples, divided),
        _hard_labels(pool),
        _no_human_labels(pool),
    ]
    return [warning for warning in found if warning]


def _few_of_a_class(task: Task, pool: Pool, learned_from: NDArray[np.int64]) -> str:
    counts = np.bincount(pool.answers[learned_from], minlength=len(task.labels))
    few = sorted((int(counts[i]), task.labels[i]) for i in np.flatnonzero(counts < _FEW_OF_A_CLASS))
    if not few:
        return ""
    shown = ", ".join(f"{label!r} {count}" for count, label in few[:_SHOWN])
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    return (
        f"few inputs to learn from in {len(few)} of {len(task.labels)} classes (under "
        f"{_FEW_OF_A_CLASS}: {shown}{more}): the student will rarely be sure of them"
    )


def _outside(pool: Pool) -> str:
    outside, total = pool.outside.answers, len(pool.examples) + pool.outside.answers
    if outside <= _MANY_OUTSIDE * total:
        return ""
    shown = ", ".join(f"{text!r} {count}" for text, count in pool.outside.frequent[:_SHOWN])
    return (
        f"{outside:,} of {total:,} answers ({outside / total:.1%}) are outside the label set "
        f"({shown}) and were left out: the certificate speaks of the others"
    )


def describe_surroundings(surroundings: Surroundings) -> list[str]:
    """Say what was taken off the inputs, in a sentence; nothing where nothing was."""
    if not any(surroundings):
        return []
    before, after = map(len, surroundings)
    ends = [f"begin with the same {before:,} characters"] * bool(before)
    ends += [f"end with the same {after:,} characters"] * bool(after)
    said = (
        f"nearly all inputs {' and '.join(ends)}: the student reads the rest, of inputs with and "
        "without them"
    )
    return [said]


def note_surroundings(data: DataSummary, surroundings: Surroundings) -> DataSummary:
    """Return the summary with what was taken off the inputs."""
    said = describe_surroundings(surroundings)
    return data._replace(warnings=[*said, *data.warnings])


def note_cut_texts(data: DataSummary, student: Student, texts: Sequence[str]) -> DataSummary:
    """Return the summary with a warning where the chosen student reads texts in part alone.

    Args:
        data: Without it.
        student: Which was chosen.
        texts: That it learned from.
    """
    cut = student.cut_share(texts) if isinstance(student, WindowedStudent) else 0.0
    if not cut:
        return data
    said = f"{student.family} reads the beginning alone of {cut:.1%} of the texts, which are longer"
    return data._replace(warnings=[*data.warnings, f"{said} than its window"])


def _hard_labels(pool: Pool) -> str:
    if pool.soft_labels.source != "single answers":
        return ""
    return (
        "the teacher gave single answers, not probabilities: the student cannot learn which "
        "answers were close calls, and the teacher's own calibration cannot be measured; ask for "
        "log-probabilities where the API has them"
    )


def _no_human_labels(pool: Pool) -> str:
    if (pool.human >= 0).any():
        return ""
    return (
        "there are no human labels: agreement with the teacher is measured, and whether the "
        "teacher is right is not"
    )
