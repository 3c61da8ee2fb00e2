"""A student with its temperature and its certificate: what is saved, loaded and asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from locum.errors import UsageError
from locum.losses import soften
from locum.schema import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.config import RedactionSettings
    from locum.evaluation import Certificate
    from locum.redaction import Redactor
    from locum.schema import Task
    from locum.students import Student

__all__ = ["CertifiedStudent"]


@dataclass(frozen=True)
class CertifiedStudent:
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
    """

    task: Task
    model: Student
    temperature: float
    certificate: Certificate
    teacher: str
    training_sha256: str = ""
    redaction: RedactionSettings | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.model.classes_

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return calibrated probabilities of the labels, ``[N, C]``."""
        return self._calibrated(texts).astype(np.float32)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return a label for each text, and whether the certificate covers it.

        An empty text is never answered.

        Raises:
            UsageError: ``texts`` is one string instead of a sequence of them.
        """
        if isinstance(texts, str):
            raise UsageError("predict takes a list of texts: wrap the one text in [ ]")
        proba = self._calibrated(texts)
        best, confidence = proba.argmax(axis=1), proba.max(axis=1)
        return [
            Prediction(
                self.classes_[index],
                sure,
                bool(text.strip()) and sure >= self.certificate.threshold,
            )
            for text, index, sure in zip(texts, best.tolist(), confidence.tolist(), strict=True)
        ]

    def _calibrated(self, texts: Sequence[str]) -> NDArray[np.float64]:
        if self._redactor is not None:
            texts = [self._redactor.redact_text(text) for text in texts]
        return soften(self.model.predict_proba(texts), self.temperature)

    @cached_property
    def _redactor(self) -> Redactor | None:
        if self.redaction is None:
            return None
        from locum.redaction import Redactor

        return Redactor(self.redaction)

    def save(self, directory: str | Path) -> Path:
        """Write the artefact into a folder that does not exist yet or holds one; return it.

        Raises:
            ArtefactError: The folder holds something else.
        """
        from locum.export.artefact import save_artefact

        return save_artefact(self, directory)
