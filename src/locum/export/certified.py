"""A student with its temperature, deferral score and certificate: what is saved and asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import PLAIN_SCORE, text_lengths
from locum.dataset import NO_SURROUNDINGS
from locum.export.certified_base import CertifiedBase
from locum.losses import soften, soften_best
from locum.schema import Prediction
from locum.students import as_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.calibration import DeferralScore
    from locum.config import RedactionSettings
    from locum.dataset import Surroundings
    from locum.evaluation import Certificate
    from locum.schema import Task
    from locum.students import Judgement, Student

__all__ = ["CertifiedStudent"]


class _Assessment(NamedTuple):
    """Calibrated probabilities ``[N, C]``, and what the certificate's threshold is on, ``[N]``."""

    proba: NDArray[np.float64]
    score: NDArray[np.float64]


class _Choice(NamedTuple):
    """Place and probability of each best label, and whether it is covered, ``[N]``."""

    best: NDArray[np.intp]
    sure: NDArray[np.float64]
    certified: NDArray[np.bool_]


@dataclass(frozen=True)
class CertifiedStudent(CertifiedBase[Prediction]):
    """A student that knows where it may answer.

    Args:
        task: What it was trained for.
        model: The trained student.
        temperature: Its own, at which its probabilities are calibrated.
        certificate: Where it may answer.
        teacher: Name of the model that it stands in for.
        training_sha256: Hash of what it learned from; empty where that is not known.
        redaction: What was taken out of the texts that it learned from, and is taken out of those
            that it is asked about; ``None`` where nothing was.
        deferral: Scores each input; the certificate's threshold is one of this score. By default
            the probability of the best label.
        surroundings: What stood around nearly all inputs that it learned from. It is taken off
            those that it is asked about, as far as it is there: a student reads what is between.
    """

    task: Task
    model: Student
    temperature: float
    certificate: Certificate
    teacher: str
    training_sha256: str = ""
    redaction: RedactionSettings | None = None
    deferral: DeferralScore = PLAIN_SCORE
    surroundings: Surroundings = NO_SURROUNDINGS

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.model.classes_

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return calibrated probabilities of the labels, ``[N, C]``; rows sum to one.

        A row is uniform where the student gave no finite probabilities.
        """
        return self._assess(*self._judge(self._read(texts))).proba.astype(np.float32)

    def novelty(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return how unlike its training inputs each text is to the student, ``[N]``.

        0 is for a text all of which is known; see `locum.students.Judgement`.
        """
        return self._judge(self._read(texts))[0].novelty

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return a label for each text, and whether the certificate covers it.

        A blank text is never answered, nor one for which the student gave no finite numbers.

        Raises:
            UsageError: ``texts`` is one string, or one of them is no text.
        """
        texts = self._read(texts)
        best, sure, certified = self._choose(texts)
        return [
            Prediction(self.classes_[index], confidence, safe and bool(text.strip()))
            for text, index, confidence, safe in zip(
                texts, best.tolist(), sure.tolist(), certified.tolist(), strict=True
            )
        ]

    def _choose(self, texts: Sequence[str]) -> _Choice:
        judgement = self.model.judge(texts)
        if self.deferral.kind == "plain":
            raw, usable = _usable(judgement.proba)
            best, sure = soften_best(raw, self.temperature)
            return _Choice(best, sure, usable & (sure >= self.certificate.threshold))
        proba, score = self._assess(judgement, text_lengths(texts))
        certified = score >= self.certificate.threshold
        return _Choice(proba.argmax(axis=1), proba.max(axis=1), certified)

    def _content(self, text: str) -> str | None:
        [prediction] = self.predict([text])
        return prediction.label if prediction.answered else None

    def _read(self, texts: Sequence[str]) -> list[str]:
        """Return what the student reads of texts."""
        texts = as_texts(texts)
        if self._redactor is not None:
            texts = [self._redactor.redact_text(text) for text in texts]
        if self.surroundings != NO_SURROUNDINGS:
            texts = [self.surroundings.inner(text) for text in texts]
        return texts

    def _judge(self, texts: Sequence[str]) -> tuple[Judgement, NDArray[np.int64]]:
        return self.model.judge(texts), text_lengths(texts)

    def _assess(self, judgement: Judgement, lengths: NDArray[np.int64]) -> _Assessment:
        raw, usable = _usable(judgement.proba)
        proba = soften(raw, self.temperature)
        score = self.deferral.score(proba, judgement.novelty, lengths)
        return _Assessment(proba, np.where(usable, score, np.nan))


def _usable(
    proba: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return rows of probabilities, uniform where a row holds no finite ones, and which do."""
    mass = np.add.reduce(proba, axis=1)
    usable = (mass > 0) & (mass < np.inf)
    if not usable.all():
        proba = np.where(usable[:, np.newaxis], proba, 1.0)
    return proba, usable
