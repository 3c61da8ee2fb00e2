"""Inputs that a model wrote: kept apart from the real ones, and learned from where that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from locum.dataset import admit_written
from locum.distillation.pool import pool_labelled
from locum.distillation.result import SyntheticFacts
from locum.distillation.summary import hash_learned
from locum.distillation.teacher_facts import correct_pool
from locum.training import Labelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.calibration import LabelCalibration
    from locum.dataset import Surroundings
    from locum.distillation.pool import Pool
    from locum.distillation.result import DataSummary
    from locum.distillation.splitting import Divided
    from locum.schema import Example, Task, TeacherAnswer
    from locum.training import SyntheticGain

__all__ = ["Answers", "Synthetic", "conclude_synthetic", "divide_answers"]


class Answers(NamedTuple):
    """Inputs, each with the teacher's answer."""

    examples: list[Example]
    answers: list[TeacherAnswer | None]


def divide_answers(
    examples: Sequence[Example], answers: Sequence[TeacherAnswer | None]
) -> tuple[Answers, Answers]:
    """Return the real inputs and the synthetic ones."""
    real, written = Answers([], []), Answers([], [])
    for example, answer in zip(examples, answers, strict=True):
        kind = written if example.synthetic else real
        kind.examples.append(example)
        kind.answers.append(answer)
    return real, written


class Synthetic(NamedTuple):
    """Synthetic inputs that know of no other real ones than those of the train split.

    Args:
        pool: They with their labels; there may be none.
        facts: What became of the others.
    """

    pool: Pool
    facts: SyntheticFacts

    @classmethod
    def among(cls, task: Task, written: Answers, real: Pool, divided: Divided) -> Self:
        """Take the synthetic inputs that may be learned from.

        Args:
            task: What was asked.
            written: All of them.
            real: The real inputs.
            divided: Their near-copies and splits.
        """
        pool = pool_labelled(task, *written)
        texts = [example.text for example in real.examples]
        train = divided.splits.rows["train"]
        admitted = admit_written(texts, divided.groups.group, train, pool.examples)
        given, labelled, rows = len(written.examples), len(pool.examples), np.flatnonzero(admitted)
        facts = SyntheticFacts(given, given - labelled, labelled - len(rows))
        return cls(_rows_of(pool, rows), facts)

    def labelled(
        self, calibration: LabelCalibration, surroundings: Surroundings
    ) -> Labelled | None:
        """Return what a student can learn from; ``None`` where there is nothing.

        Args:
            calibration: The teacher's correction.
            surroundings: What is taken off the inputs.
        """
        if not self.pool.examples:
            return None
        corrected = correct_pool(self.pool, calibration)
        texts = [surroundings.inner(example.text) for example in corrected.examples]
        probabilities = corrected.soft_labels.probabilities
        return Labelled(texts, probabilities, corrected.answers, corrected.human)


def _rows_of(pool: Pool, rows: NDArray[np.int64]) -> Pool:
    soft_labels = pool.soft_labels
    return pool._replace(
        examples=[pool.examples[row] for row in rows.tolist()],
        soft_labels=replace(soft_labels, probabilities=soft_labels.probabilities[rows]),
        answers=pool.answers[rows],
        human=pool.human[rows],
    )


def conclude_synthetic(
    data: DataSummary, synthetic: Synthetic, gain: SyntheticGain | None
) -> DataSummary:
    """Return the summary of the data with what became of the synthetic inputs.

    Args:
        data: Without it.
        synthetic: They.
        gain: What they changed, where a student was trained.
    """
    facts = synthetic.facts._replace(gain=gain)
    if not facts.inputs:
        return data
    return data._replace(
        synthetic=facts,
        training_sha256=(
            hash_learned(data, synthetic.pool) if facts.used else data.training_sha256
        ),
        warnings=[*data.warnings, facts.sentence],
    )
