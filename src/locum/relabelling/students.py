"""Students that say which inputs matter, each of inputs that it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.calibration import fit_temperature
from locum.calibration.folds import predict_held_out
from locum.losses import soften
from locum.students import find_family
from locum.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from locum.relabelling.material import Material
    from locum.students import Student
    from locum.training import Labelled

__all__ = ["choose_penalty", "fit", "held_out_probabilities"]

_FAMILY = "linear"


def _make(material: Material, **settings: float) -> Student:
    return find_family(_FAMILY)(material.task.labels, **settings)


def fit(material: Material, labelled: Labelled, l2: float) -> Student:
    """Return a student of the linear family that learned from some inputs."""
    return _make(material, l2=l2).fit(labelled.texts, labelled.soft_labels)


def choose_penalty(material: Material, told: Callable[[str], None]) -> float:
    """Return the penalty that distillation would choose for the recorded answers alone.

    Args:
        material: The inputs.
        told: Is told what is being tried.
    """
    hard = material.take(material.training, material.pool.soft_labels.probabilities).hardened()
    validation = material.take(material.validation, material.pool.soft_labels.probabilities)
    trained = train(
        lambda **settings: _make(material, **settings), hard, validation.hardened(), told
    )
    return trained.trials[0].settings["l2"]


def held_out_probabilities(
    material: Material, rows: NDArray[np.int64], l2: float
) -> NDArray[np.float64]:
    """Return calibrated probabilities ``[M, C]``, each by a student of the other four fifths.

    Args:
        material: The inputs.
        rows: Those that are learned from and predicted, ``M`` of them, one a group of near-copies:
            a copy elsewhere would give the answer away.
        l2: Penalty of the students.
    """
    labelled = material.take(rows, material.pool.soft_labels.probabilities)

    def predict(seen: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> NDArray[np.float64]:
        student = fit(
            material, material.take(rows[seen], material.pool.soft_labels.probabilities), l2
        )
        return student.predict_proba(material.texts(rows[unseen].tolist())).astype(np.float64)

    raw = predict_held_out(labelled.answers, predict)
    return soften(raw, fit_temperature(raw, labelled.answers))
