"""Heads: what tells the closed values of an answer from its whole text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.alignment import leaf_values
from locum.extractors.options import NOTHING, SOMETHING, show_option
from locum.losses import soften
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from locum.extractors.units import Unit
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import FieldPath, JsonValue, Record

__all__ = [
    "Head",
    "HeadPlan",
    "HeadTargets",
    "head_targets",
    "plan_heads",
]

_ABSENT, _PRESENT = "absent", "present"


class HeadPlan(NamedTuple):
    """What a head tells apart.

    Args:
        path: Of its field, or of the list.
        options: JSON texts of the values, with `NOTHING` where the teacher gave none, and
            `SOMETHING` for whatever it wrote. Of a head for one value of a list: ``absent`` and
            ``present``.
        member: JSON text of that value; ``None`` for a head that tells a whole field.
    """

    path: FieldPath
    options: tuple[str, ...]
    member: str | None = None


class HeadTargets(NamedTuple):
    """What a head is to say of the texts that it learns from.

    Args:
        rows: Which texts those are, ``[M]``; one whose answer is no option is left out.
        options: Place of the answer among the head's options, ``[M]``.
    """

    rows: NDArray[np.int64]
    options: NDArray[np.int64]

    def soft_labels(
        self, plan: HeadPlan, spoken: Sequence[SpokenAnswer | None] | None = None
    ) -> NDArray[np.float64]:
        """Return the teacher's distributions over the options, ``[M, V]``.

        Args:
            plan: Of the head.
            spoken: Answers to all texts with their log-probabilities, where these are known; single
                answers count elsewhere.
        """
        soft_labels = np.eye(len(plan.options))[self.options]
        if spoken is None or plan.member is not None:
            return soft_labels
        for place, row in enumerate(self.rows.tolist()):
            answer = spoken[row]
            given = answer.distribution(plan) if answer else None
            if given is not None:
                soft_labels[place] = given
        return soft_labels


def plan_heads(
    units: Iterable[Unit], shape: Record, answers: Sequence[JsonValue]
) -> list[tuple[HeadPlan, HeadTargets]]:
    """Return the heads that the units of an answer need, each with what it is to learn.

    Values that the teacher never gave are no options.

    Args:
        units: Of the answers.
        shape: Of the answers.
        answers: The teacher's, ``[N]``.
    """
    told = [unit for unit in units if unit.kind in {"closed", "set", "written"}]
    seen = _values_seen({unit.path for unit in told}, shape, answers)
    found: list[tuple[HeadPlan, HeadTargets]] = []
    for unit in told:
        found += _heads_of(unit, seen[unit.path])
    return found


def head_targets(plan: HeadPlan, shape: Record, answers: Sequence[JsonValue]) -> HeadTargets:
    """Return what a head is to say of other texts."""
    seen = _values_seen({plan.path}, shape, answers)[plan.path]
    return _targets(plan, seen)


def _values_seen(
    paths: set[FieldPath], shape: Record, answers: Sequence[JsonValue]
) -> dict[FieldPath, list[list[str]]]:
    """Return the values of each field in each answer, as options; no value is an empty list."""
    seen: dict[FieldPath, list[list[str]]] = {path: [[] for _ in answers] for path in paths}
    for row, answer in enumerate(answers):
        for path, _, value, fits in leaf_values(answer, shape):
            root = path[: path.index(ITEM)] if ITEM in path else path
            if root in seen and value is not None:
                seen[root][row].append(show_option(value) if fits else f"{value!r}")
    return seen


def _heads_of(unit: Unit, seen: list[list[str]]) -> list[tuple[HeadPlan, HeadTargets]]:
    given = {option for options in seen for option in options}
    if unit.kind == "set":
        values = [show_option(value) for value in unit.fields[0].values]
        plans = [
            HeadPlan(unit.path, (_ABSENT, _PRESENT), value) for value in values if value in given
        ]
    else:
        nothing = [NOTHING] if not all(seen) else []
        options = (*_values_of(unit, given), *nothing)
        plans = [HeadPlan(unit.path, options or (NOTHING,))]
    return [(plan, _targets(plan, seen)) for plan in plans]


def _values_of(unit: Unit, given: Collection[str]) -> list[str]:
    """Return the options of a head that tells a whole field, but for `NOTHING`."""
    if unit.kind == "written":
        return [SOMETHING] if given else []
    options = dict.fromkeys(map(show_option, unit.fields[0].values))
    return [option for option in options if option != NOTHING and option in given]


def _targets(plan: HeadPlan, seen: Sequence[Sequence[str]]) -> HeadTargets:
    place = {option: index for index, option in enumerate(plan.options)}
    found = [place.get(_option_of(plan, options), -1) for options in seen]
    told = np.array(found, np.int64)
    rows = np.flatnonzero(told >= 0)
    return HeadTargets(rows, told[rows])


def _option_of(plan: HeadPlan, values: Sequence[str]) -> str:
    if plan.member is not None:
        return _PRESENT if plan.member in values else _ABSENT
    if SOMETHING in plan.options:
        return SOMETHING if values else NOTHING
    return values[0] if values else NOTHING


class Head:
    """Tells which of its options holds for a text.

    Args:
        plan: What it tells apart.
        temperature: At which its probabilities are calibrated.
    """

    def __init__(self, plan: HeadPlan, temperature: float = 1.0) -> None:
        self.plan, self.temperature = plan, temperature

    def rank(self, proba: NDArray[np.floating[Any]]) -> list[tuple[str, float]]:
        """Return the options with their calibrated probabilities, the best first.

        Args:
            proba: Before calibration, ``[V]``.
        """
        if len(self.plan.options) == 1:
            return [(self.plan.options[0], 1.0)]
        calibrated = soften(proba, self.temperature)
        order = np.argsort(-calibrated, kind="stable").tolist()
        return [(self.plan.options[index], float(calibrated[index])) for index in order]
