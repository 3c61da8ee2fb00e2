"""What tests of students that are made of others share: scripted students, and judgements."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np

from locum.students import Judgement
from locum.students.base import BaseStudent
from locum.training import TrainedStudent, Trial
from tests.traffic import LABELS, make_examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "Asked",
    "ScriptedStudent",
    "ask_examples",
    "draw_judgement",
    "make_judgement",
    "make_trained",
]


class Asked(NamedTuple):
    """Texts with soft labels."""

    texts: list[str]
    soft_labels: NDArray[np.float64]


class ScriptedStudent(BaseStudent):
    """A student that finds its answers in a table, and keeps what it was asked."""

    family: ClassVar[str] = "scripted"
    searched: ClassVar[bool] = True

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes_ = tuple(classes)
        self.table: dict[str, tuple[list[float], float]] = {}
        self.asked: list[str] = []

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """It learns nothing."""
        raise NotImplementedError

    def judge(self, inputs: Sequence[str]) -> Judgement:
        """Return what the table says."""
        self.asked += inputs
        rows = [self.table[text] for text in inputs]
        proba = np.array([row for row, _ in rows], np.float32).reshape(-1, len(self.classes_))
        return Judgement(proba, np.array([novelty for _, novelty in rows], np.float32))


def ask_examples(count: int, seed: int = 0, noise: float = 0.1) -> Asked:
    """Texts of three classes with their distributions."""
    examples = make_examples(count, seed=seed, noise=noise)
    distributions = [
        [e.distribution[label] for label in LABELS] for e in examples if e.distribution
    ]
    return Asked([e.text for e in examples], np.array(distributions))


def make_judgement(rows: list[list[float]], novelty: list[float]) -> Judgement:
    """A judgement of so many inputs."""
    return Judgement(np.array(rows, np.float32), np.array(novelty, np.float32))


def draw_judgement(
    generator: np.random.Generator,
    answers: NDArray[np.int64],
    skill: float,
    shared: NDArray[np.float64] | float = 0.0,
) -> Judgement:
    """Three classes; logits of noise, some of it shared, with the answer's raised by the skill."""
    logits = shared + 0.5 * generator.normal(size=(len(answers), 3))
    logits[np.arange(len(answers)), answers] += skill
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Judgement(
        proba.astype(np.float32), generator.exponential(3, len(answers)).astype(np.float32)
    )


def make_trained(judgement: Judgement) -> TrainedStudent:
    """A student of three classes that said so of the validation inputs."""
    trial = Trial({"l2": 1.0}, soft=True, risk_area=0.1, agreement=0.9)
    return TrainedStudent(
        student=ScriptedStudent(["a", "b", "c"]),
        temperature=1.0,
        raw_validation_proba=judgement.proba,
        raw_validation_novelty=judgement.novelty,
        trials=[trial],
        curve=[],
    )
