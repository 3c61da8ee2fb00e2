"""From examples and answers to the pool that a student learns from and is tested on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import InputError
from locum.losses import first_unusable
from locum.schema import Example, SoftLabels, SoftLabelSource, Task, TeacherAnswer
from locum.teachers.given import given_answers
from locum.teachers.parsing import LabelParser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["OutsideAnswers", "Pool", "build_pool", "given_answers", "pool_labelled"]

_UNKNOWN = -1
_SHOWN = 5


class OutsideAnswers(NamedTuple):
    """Answers that are no label of the task; their inputs take no part.

    Args:
        answers: How many.
        missing: Inputs with no answer at all.
        frequent: The most frequent ones, with how often each was given.
        mean_mass: Mean probability that the teacher put outside the label set on the inputs that
            do take part; ``None`` where it gave no probabilities.
    """

    answers: int
    missing: int
    frequent: list[tuple[str, int]]
    mean_mass: float | None


class Pool(NamedTuple):
    """Inputs whose teacher's answer is a label of the task, ``N`` of them.

    Args:
        examples: The inputs, with what else is known about them.
        soft_labels: The teacher's distributions over the labels.
        answers: Index of the label that the teacher answered, ``[N]``.
        human: Index of a person's label, or -1, ``[N]``.
        outside: What was left out.
        human_outside: Human labels that are no label of the task; they count as not given.
    """

    examples: list[Example]
    soft_labels: SoftLabels
    answers: NDArray[np.int64]
    human: NDArray[np.int64]
    outside: OutsideAnswers
    human_outside: int


def build_pool(
    task: Task, examples: Sequence[Example], answers: Sequence[TeacherAnswer | None]
) -> Pool:
    """Keep the inputs whose answer is a label, with the teacher's distribution over the labels.

    Probability outside the label set is conditioned away: ``p / sum p``. Its mean is reported.

    Raises:
        InputError: No answer is a label, or all are the same one.
    """
    pool = pool_labelled(task, examples, answers)
    if not pool.examples:
        shown = ", ".join(repr(text) for text, _ in pool.outside.frequent[:3]) or "nothing"
        raise InputError(
            f"none of {len(examples):,} answers is a label of task {task.name!r} "
            f"({', '.join(task.labels[:_SHOWN])}); the teacher said {shown}"
        )
    if len(set(pool.answers.tolist())) == 1:
        raise InputError(
            f"every usable answer is {task.labels[pool.answers[0]]!r}: with one class there is "
            "nothing to decide; give calls with at least two different answers"
        )
    return pool


def pool_labelled(
    task: Task, examples: Sequence[Example], answers: Sequence[TeacherAnswer | None]
) -> Pool:
    """Return the pool as `build_pool`, also where it is empty or holds one class alone."""
    parser = LabelParser(task.labels)
    kept: list[tuple[Example, TeacherAnswer, int]] = []
    outside: Counter[str] = Counter()
    missing = 0
    for example, answer in zip(examples, answers, strict=True):
        index = parser(answer.text) if answer is not None else None
        if answer is None:
            missing += 1
        elif index is None:
            outside[answer.text[:80]] += 1
        else:
            kept.append((example, answer, index))
    labels = np.array([index for _, _, index in kept], np.int64)
    soft_labels, mass = _soft_labels(task, [answer for _, answer, _ in kept], labels)
    human, human_outside = _human_labels([example for example, _, _ in kept], parser)
    left_out = OutsideAnswers(outside.total(), missing, outside.most_common(_SHOWN), mass)
    pool = [example for example, _, _ in kept]
    return Pool(pool, soft_labels, labels, human, left_out, human_outside)


def _soft_labels(
    task: Task, answers: Sequence[TeacherAnswer], labels: NDArray[np.int64]
) -> tuple[SoftLabels, float | None]:
    probabilities = np.zeros((len(answers), len(task.labels)))
    probabilities[np.arange(len(labels)), labels] = 1.0
    with_distribution = [row for row, answer in enumerate(answers) if answer.distribution]
    if not with_distribution:
        return SoftLabels(probabilities, "single answers"), None
    given = np.array([answers[row].distribution for row in with_distribution], np.float64)
    row = first_unusable(given)
    if row is not None:
        raise InputError(
            f"the teacher's distribution over {', '.join(task.labels[:_SHOWN])} is "
            f"{given[row][:_SHOWN].tolist()} for one input: expected finite probabilities of zero "
            "or more, of which one is above zero; correct it, or leave the distribution out"
        )
    totals = given.sum(axis=1, keepdims=True)
    probabilities[with_distribution] = given / totals
    all_given = len(with_distribution) == len(answers)
    source: SoftLabelSource = "distributions" if all_given else "distributions and single answers"
    return SoftLabels(probabilities, source), float(1 - totals.mean())


def _human_labels(
    examples: Sequence[Example], parser: LabelParser
) -> tuple[NDArray[np.int64], int]:
    found = [parser(example.human) if example.human is not None else None for example in examples]
    outside = sum(
        example.human is not None and index is None
        for example, index in zip(examples, found, strict=True)
    )
    human = np.array([_UNKNOWN if index is None else index for index in found], np.int64)
    return human, outside
