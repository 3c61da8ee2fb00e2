"""heartcut's students by its defaults: ``tfidf``, or ``setfit`` on the encoder.

It gives no guarantee: a caller may choose a confidence below which the teacher is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from heartcut.config import (
    SetFitParams,
    SetFitStudentConfig,
    TfidfStudentConfig,
)
from heartcut.students.base import Student, TrainingData, set_seed
from heartcut.students.registry import build_student

from benchmarks.peers.protocol import Fitted, Job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("heartcut",)


class HeartcutStudent(NamedTuple):
    """A student of heartcut's."""

    student: Any

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        proba: NDArray[np.float64] = self.student.predict_proba(list(texts))
        return proba


def fit(job: Job, folder: Path) -> Fitted:
    """Train on teacher-labelled train inputs, as its stage ``train`` does."""
    config = (
        SetFitStudentConfig(name="small", params=SetFitParams(model_name=job.encoder))
        if job.settings["kind"] == "setfit"
        else TfidfStudentConfig(name="baseline")
    )
    student = build_student(config, job.labels)
    set_seed(job.seed)
    data = TrainingData(
        job.train.texts, job.train.answers, job.validation.texts, job.validation.answers
    )
    student.fit(data, job.seed)
    student.save(folder)
    model = HeartcutStudent(student)
    return Fitted(model, model.predict_proba(job.validation.texts))


def load(folder: Path, job: Job) -> HeartcutStudent:  # noqa: ARG001 - the folder says all
    """Read what `fit` saved."""
    return HeartcutStudent(Student.load(folder))
