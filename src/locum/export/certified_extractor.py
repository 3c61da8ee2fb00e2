"""An extractor with its temperatures and certificates: what is saved and asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import NO_SURROUNDINGS
from locum.export.certified_base import CertifiedBase
from locum.extractors import calibrated, value_at
from locum.schema import Extraction, FieldValue
from locum.shapes import show_path
from locum.students import as_texts
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.config import RedactionSettings
    from locum.dataset import Surroundings
    from locum.evaluation import Certificate
    from locum.extractors import Extractor, Reading, Temperatures
    from locum.shapes import ExtractionTask, FieldPath, JsonValue

__all__ = ["CertifiedExtractor", "UnitCertificates"]


class UnitCertificates(NamedTuple):
    """Where a student may answer with one field, or one list, by itself.

    Args:
        value: Where it gives a value; ``None`` for nowhere. Its inputs are those alone.
        nothing: Where it says that there is none; likewise.
    """

    value: Certificate | None
    nothing: Certificate | None

    def accept(self, confidence: float, *, given: bool) -> bool:
        """Tell whether what the student says is covered."""
        certificate = self.value if given else self.nothing
        return certificate is not None and confidence >= certificate.threshold


@dataclass(frozen=True)
class CertifiedExtractor(CertifiedBase[Extraction]):
    """A student of an extraction task that knows where it may answer.

    Args:
        task: What it was trained for.
        model: The trained extractor.
        temperatures: At which its confidences are calibrated.
        certificate: Where it may answer with the whole object; ``None`` for nowhere.
        field_certificates: Where it may answer with single fields, and lists, by their paths. Each
            holds by itself.
        teacher: Name of the model that it stands in for.
        training_sha256: Hash of what it learned from; empty where that is not known.
        redaction: What was taken out of the texts that it learned from, and is taken out of those
            that it reads and put back into what it copies; ``None`` where nothing was. There is no
            answer with a placeholder in it.
        surroundings: What stood around nearly all inputs that it learned from. It is taken off
            those that it is asked about, as far as it is there: a student reads what is between.
    """

    task: ExtractionTask
    model: Extractor
    temperatures: Temperatures
    certificate: Certificate | None
    field_certificates: Mapping[FieldPath, UnitCertificates]
    teacher: str
    training_sha256: str = ""
    redaction: RedactionSettings | None = None
    surroundings: Surroundings = NO_SURROUNDINGS

    def predict(self, texts: Sequence[str], *, fields: bool = True) -> list[Extraction]:
        """Return an object for each text, and which of it the certificates cover.

        For a blank text nothing is answered or accepted.

        Args:
            texts: Any number of them.
            fields: Whether to look at each field by itself, which takes several times as long.

        Raises:
            UsageError: ``texts`` is one string, or one of them is no text.
        """
        return [self._predict_one(text, fields=fields) for text in as_texts(texts)]

    def answer_text(self, text: str) -> dict[str, JsonValue] | None:
        """Return the object for one text, or ``None`` where the certificate does not cover it.

        It does not look at single fields, and so is faster than `predict`.
        """
        reading, value = self._read(text)
        return value if self._is_answered(text, self._confidence(reading, value)) else None

    def _content(self, text: str) -> str | None:
        value = self.answer_text(text)
        return None if value is None else write_json(value).decode()

    def _predict_one(self, text: str, *, fields: bool) -> Extraction:
        reading, answer = self._read(text)
        confidence = self._confidence(reading, answer)
        answered = self._is_answered(text, confidence)
        found: dict[str, FieldValue] = {}
        if not fields:
            return Extraction(answer, confidence, answered, found)
        confidences = reading.unit_confidences()
        for unit in self.model.units:
            path, told = unit.path, confidences[unit.path]
            value = value_at(answer, path)
            sure = 0.0 if answer is None else _calibrated(told, self.temperatures.units[path])
            alone = self.field_certificates[path].accept(sure, given=unit.says(value))
            accepted = answered or (alone and bool(self.surroundings.inner(text).strip()))
            found[show_path(path)] = FieldValue(value, sure, accepted)
        return Extraction(answer, confidence, answered, found)

    def _read(self, text: str) -> tuple[Reading, dict[str, JsonValue] | None]:
        """Return what was read in a text, and the object, with what was taken out put back."""
        if self._redactor is None:
            reading = self.model.read(self.surroundings.inner(text))
            return reading, reading.value
        redacted = self._redactor.redact_reversibly(text)
        reading = self.model.read(self.surroundings.inner(redacted.text), redacted.restore)
        return reading, None if redacted.holds_placeholder(reading.value) else reading.value

    def _confidence(self, reading: Reading, value: dict[str, JsonValue] | None) -> float:
        if value is None:
            return 0.0
        return _calibrated(math.exp(reading.log_confidence), self.temperatures.whole)

    def _is_answered(self, text: str, confidence: float) -> bool:
        certificate = self.certificate
        return (
            certificate is not None
            and confidence >= certificate.threshold
            and bool(self.surroundings.inner(text).strip())
        )

    @cached_property
    def _sets(self) -> frozenset[FieldPath]:
        return frozenset(unit.path for unit in self.model.units if unit.kind == "set")


def _calibrated(confidence: float, temperature: float) -> float:
    return float(calibrated(np.array([confidence]), temperature)[0])
