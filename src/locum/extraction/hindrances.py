"""What keeps a student from giving whole objects, and which fields to leave out for it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation import Decision
from locum.evaluation import inputs_needed
from locum.extractors import NOTHING_SAID, meaning, value_at
from locum.shapes import ITEM, ListOf, OneOf, Record, option_of, show_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locum.alignment import AlignmentReport
    from locum.evaluation import Promise
    from locum.extractors import Unit, Verdicts
    from locum.shapes import FieldPath, JsonValue, Shape

__all__ = ["Hindrance", "explain", "find_hindrances", "find_untold"]

_OFTEN = 0.05
_NEARLY_ALWAYS = 0.95


class Hindrance(NamedTuple):
    """What is in the way of whole objects.

    Args:
        said: What it is.
        cure: What to do about it.
        fields: Those of the object itself without which it is not in the way.
        share: Of the answers that it is in the way of.
    """

    said: str
    cure: str
    fields: tuple[str, ...]
    share: float

    @property
    def is_nearly_always(self) -> bool:
        """Whether hardly an answer is without it."""
        return self.share > _NEARLY_ALWAYS


def find_hindrances(
    shape: Shape,
    units: Sequence[Unit],
    answers: Sequence[JsonValue],
    alignment: AlignmentReport,
    *,
    partial: bool,
) -> list[Hindrance]:
    """Return what in the teacher's answers no student can give, where it is more than rare.

    That is free text, values where another field's stand, and fields that the schema does not name.

    Args:
        shape: Of the schema.
        units: Of the answers.
        answers: The teacher's, of which some are.
        alignment: Of the answers that were learned from.
        partial: Whether single fields are asked for already.
    """
    return [
        *_written(units, answers, partial=partial),
        *_crossed(alignment),
        *_unnamed(shape, answers),
    ]


def find_untold(
    units: Sequence[Unit], seen: Sequence[Verdicts], promise: Promise, *, partial: bool
) -> list[Hindrance]:
    """Return the fields that a student gives, and on no part of the inputs surely enough.

    Args:
        units: Of the answers.
        seen: What students say of inputs that they did not learn from.
        promise: Target and confidence.
        partial: As `find_hindrances` has it.
    """
    there = np.concatenate([[value is not None for value in one.values] for one in seen])
    if not there.any():
        return []
    confidence = np.concatenate([one.unit_confidence for one in seen])[there]
    agrees = np.concatenate([one.unit_agrees for one in seen])[there]
    untold = [
        (unit, float(agrees[:, column].mean()))
        for column, unit in enumerate(units)
        if inputs_needed(confidence[:, column], agrees[:, column], promise) is None
    ]
    if not untold or len({unit.path[0] for unit, _ in untold}) == len(_outer(units)):
        return []
    shown = "; ".join(
        f"{show_path(unit.path)} agrees with the teacher's in {share:.1%} of inputs, and the "
        "student does not know in which"
        for unit, share in untold
    )
    fields = _outer(unit for unit, _ in untold)
    said = f"what the text does not tell is not learned: {shown}"
    disagreeing = 1 - min(share for _, share in untold)
    return [Hindrance(said, _without(fields, partial=partial), fields, disagreeing)]


def explain(decision: Decision, hindrances: Iterable[Hindrance]) -> Decision:
    """Return a decision by the certificates with what is in the way, and the cures."""
    for one in hindrances:
        reason = f"{decision.reason}; {one.said}; {one.cure}"
        if decision.verdict != "distil" and one.is_nearly_always:
            decision = Decision("do_not_distil", reason)
        else:
            decision = decision._replace(reason=reason)
    return decision


def _written(
    units: Sequence[Unit], answers: Sequence[JsonValue], *, partial: bool
) -> Iterator[Hindrance]:
    often = [(unit, share) for unit, share in _written_shares(units, answers) if share > _OFTEN]
    if not often:
        return
    shown = "; ".join(
        f"{show_path(unit.path)} is written by the teacher in {share:.0%} of its answers "
        f"({unit.fields[0].reason})"
        for unit, share in often
    )
    fields = _outer(unit for unit, _ in often)
    said = f"free text is not imitated: {shown}"
    yield Hindrance(said, _without(fields, partial=partial), fields, max(s for _, s in often))


def _written_shares(
    units: Sequence[Unit], answers: Sequence[JsonValue]
) -> Iterator[tuple[Unit, float]]:
    """Yield the written units, with the share of answers that hold anything there."""
    for unit in units:
        if not unit.is_imitated:
            said = sum(unit.says(value_at(answer, unit.path)) for answer in answers)
            yield unit, said / len(answers)


def _crossed(alignment: AlignmentReport) -> Iterator[Hindrance]:
    crossed = [
        (field.path, other, answers)
        for field in alignment.fields
        for other, answers in field.crossed
        if answers > _OFTEN * alignment.answers
    ]
    if not crossed:
        return
    shown = "; ".join(
        f"{show_path(path)} stands where {show_path(other)} does in {answers:,} of "
        f"{alignment.answers:,} answers"
        for path, other, answers in crossed
    )
    fields = tuple(dict.fromkeys(path[0] for path, _, _ in crossed))
    said = f"a place of the text is read for one field alone: {shown}"
    most = max(answers for *_, answers in crossed) / alignment.answers
    yield Hindrance(said, _without(fields, partial=True), fields, most)


def _unnamed(shape: Shape, answers: Sequence[JsonValue]) -> Iterator[Hindrance]:
    counts = Counter(path for answer in answers for path in set(_unknown(answer, shape)))
    often = {path: n for path, n in sorted(counts.items()) if n > _OFTEN * len(answers)}
    if not often:
        return
    shown = ", ".join(f"{show_path(path)} ({n / len(answers):.0%})" for path, n in often.items())
    fields = tuple(path[0] for path in often if len(path) == 1)
    inner = [show_path(path) for path in often if len(path) > 1]
    cures = ["add them to it"]
    if fields:
        cures.append(_without(fields, partial=True))
    if inner:
        cures.append(
            f'forbid {", ".join(inner)} in it ("additionalProperties": false) to do without'
        )
    said = (
        "the student gives no field that the schema does not name, and the teacher's answers have "
        f"{shown}"
    )
    yield Hindrance(said, ", or ".join(cures), fields, max(often.values()) / len(answers))


def _unknown(value: JsonValue, shape: Shape, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield where a value holds something in a field that its shape does not know."""
    shape = option_of(shape, value) or shape if isinstance(shape, OneOf) else shape
    match shape, value:
        case Record(fields), dict():
            for name, inner in value.items():
                if name in fields:
                    yield from _unknown(inner, fields[name].shape, (*path, name))
                elif meaning(inner, ()) != NOTHING_SAID:
                    yield (*path, name)
        case ListOf(item), list():
            for one in value:
                yield from _unknown(one, item, (*path, ITEM))


def _outer(units: Iterable[Unit]) -> tuple[str, ...]:
    """Return the fields of the object itself that units are of."""
    return tuple(dict.fromkeys(unit.path[0] for unit in units))


def _without(fields: Iterable[str], *, partial: bool) -> str:
    names = " ".join(f"--leave-out {name}" for name in fields)
    cure = f"{names} makes a student without"
    return cure if partial else f"{cure}, --partial one that gives the other fields alone"
