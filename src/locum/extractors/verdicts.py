"""What an extractor says of inputs whose answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.calibration import fit_temperature
from locum.extractors.comparing import meaning, value_at
from locum.losses import soften

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from locum.extractors.reading import Reading
    from locum.extractors.units import Unit
    from locum.shapes import FieldPath, JsonValue

__all__ = ["Temperatures", "Verdicts", "calibrated", "fit_temperatures", "judge_answers"]

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CERTAIN = 1e-9


class Temperatures(NamedTuple):
    """At which an extractor's confidences are calibrated.

    Args:
        whole: Of whole objects.
        units: Of each unit, by path.
    """

    whole: float
    units: Mapping[FieldPath, float]


class Verdicts(NamedTuple):
    """What an extractor says of ``N`` inputs, in ``U`` units.

    Args:
        values: Its objects; ``None`` where there is none.
        confidence: In each object, ``[N]``.
        agrees: Whether it says what the teacher says, ``[N]``.
        unit_confidence: In each unit, ``[N, U]``.
        unit_agrees: Whether it says what the teacher says, ``[N, U]``.
        unit_given: Whether it says anything, ``[N, U]``.
        unit_asked: Whether the teacher says anything, ``[N, U]``.
    """

    values: list[dict[str, JsonValue] | None]
    confidence: Doubles
    agrees: Bools
    unit_confidence: Doubles
    unit_agrees: Bools
    unit_given: Bools
    unit_asked: Bools

    def calibrated(self, temperatures: Temperatures) -> Verdicts:
        """Return the same with calibrated confidences."""
        by_unit = temperatures.units.values()
        columns = zip(self.unit_confidence.T, by_unit, strict=True)
        return self._replace(
            confidence=calibrated(self.confidence, temperatures.whole),
            unit_confidence=np.column_stack([calibrated(*column) for column in columns]),
        )


def judge_answers(
    units: Sequence[Unit], readings: Sequence[Reading], answers: Sequence[JsonValue]
) -> Verdicts:
    """Compare what an extractor reads with the teacher's answers, ``[N]``; see `meaning`.

    Args:
        units: Of the answers.
        readings: What it reads in each text.
        answers: The teacher's.
    """
    paths = [unit.path for unit in units]
    sets = {unit.path for unit in units if unit.kind == "set"}
    told = [reading.unit_confidences() for reading in readings]
    whole = [
        reading.value is not None and meaning(reading.value, sets) == meaning(answer, sets)
        for reading, answer in zip(readings, answers, strict=True)
    ]
    said = _meanings([reading.value for reading in readings], paths, sets)
    wanted = _meanings(answers, paths, sets)
    there = np.array([[reading.value is not None] for reading in readings], np.bool_)
    return Verdicts(
        [reading.value for reading in readings],
        np.exp([reading.log_confidence for reading in readings]),
        np.array(whole, np.bool_),
        np.array([[one[path] for path in paths] for one in told]).reshape(
            len(readings), len(paths)
        ),
        (said == wanted) & there.reshape(-1, 1),
        _given(said, units),
        _given(wanted, units),
    )


def _meanings(
    answers: Sequence[JsonValue], paths: Sequence[FieldPath], sets: Container[FieldPath]
) -> NDArray[np.object_]:
    """Return what answers say at each path, ``[N, U]``."""
    found = np.empty((len(answers), len(paths)), object)
    for row, answer in enumerate(answers):
        for column, path in enumerate(paths):
            found[row, column] = meaning(value_at(answer, path), sets, path)
    return found


def _given(meanings: NDArray[np.object_], units: Sequence[Unit]) -> Bools:
    """Return whether what answers mean in each unit says anything, ``[N, U]``."""
    given = np.ones(meanings.shape, np.bool_)
    for column, unit in enumerate(units):
        for nothing in unit.nothings:
            given[:, column] &= meanings[:, column] != nothing
    return given


def calibrated(confidence: Doubles, temperature: float) -> Doubles:
    """Return the probabilities of being right, at a temperature, ``[N]``."""
    return soften(_pairs(confidence), temperature)[:, 0].astype(np.float64)


def fit_temperatures(verdicts: Verdicts, paths: Sequence[FieldPath]) -> Temperatures:
    """Return the temperatures at which confidences fit what was right the best.

    Each is that of `fit_temperature` on two outcomes, right and wrong.
    """
    columns = zip(paths, verdicts.unit_confidence.T, verdicts.unit_agrees.T, strict=True)
    units = {path: _fit(confidence, agrees) for path, confidence, agrees in columns}
    return Temperatures(_fit(verdicts.confidence, verdicts.agrees), units)


def _fit(confidence: Doubles, agrees: Bools) -> float:
    """An object or a unit that is not there says nothing of the others' confidence."""
    told = confidence > 0
    if not told.any():
        return 1.0
    return fit_temperature(_pairs(confidence[told]), np.where(agrees[told], 0, 1))


def _pairs(confidence: Doubles) -> Doubles:
    sure = np.minimum(confidence, 1 - _CERTAIN)
    return np.column_stack([sure, 1 - sure])
