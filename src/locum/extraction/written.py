"""What the decision says of fields that no student can give, and the cure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locum.distillation import Decision
from locum.extractors import NOTHING_SAID, meaning, value_at
from locum.shapes import ITEM, ListOf, OneOf, Record, option_of, show_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.alignment import AlignmentReport
    from locum.extractors import Unit
    from locum.shapes import FieldPath, JsonValue, Shape

__all__ = ["explain_crossed", "explain_unnamed", "refuse_written", "written_shares"]

_OFTEN = 0.05
_NEARLY_ALWAYS = 0.95


def written_shares(units: Sequence[Unit], answers: Sequence[JsonValue]) -> list[tuple[Unit, float]]:
    """Return the written units, with the share of answers that hold anything there."""
    written = [unit for unit in units if not unit.is_imitated]
    return [
        (
            unit,
            sum(unit.says(value_at(answer, unit.path)) for answer in answers) / len(answers),
        )
        for unit in written
    ]


def refuse_written(
    decision: Decision, units: Sequence[Unit], answers: Sequence[JsonValue], *, partial: bool
) -> Decision:
    """Return the decision with what free text has to do with it, and the cure.

    Args:
        decision: By the certificates.
        units: Of the answers.
        answers: The teacher's, of which some are.
        partial: Whether single fields are worth having.
    """
    often = [(unit, share) for unit, share in written_shares(units, answers) if share > _OFTEN]
    if not often:
        return decision
    shown = "; ".join(
        f"{show_path(unit.path)} is written by the teacher in {share:.0%} of its answers "
        f"({unit.fields[0].reason})"
        for unit, share in often
    )
    names = " ".join(f"--leave-out {name}" for name in dict.fromkeys(u.path[0] for u, _ in often))
    cure = f"{names} makes a student without"
    if not partial:
        cure += ", --partial one that gives the other fields alone"
    reason = f"{decision.reason}; free text is not imitated: {shown}; {cure}"
    return _with_reason(decision, reason, max(share for _, share in often))


def explain_crossed(decision: Decision, alignment: AlignmentReport) -> Decision:
    """Return the decision with the fields whose values others cross, and the cure.

    Args:
        decision: By the certificates.
        alignment: Of the answers that were learned from.
    """
    crossed = [
        (field.path, other, answers)
        for field in alignment.fields
        for other, answers in field.crossed
        if answers > _OFTEN * alignment.answers
    ]
    if not crossed:
        return decision
    shown = "; ".join(
        f"{show_path(path)} stands where {show_path(other)} does in {answers:,} of "
        f"{alignment.answers:,} answers"
        for path, other, answers in crossed
    )
    names = " ".join(f"--leave-out {name}" for name in dict.fromkeys(p[0] for p, _, _ in crossed))
    reason = f"{decision.reason}; a place of the text is read for one field alone: {shown}; {names}"
    most = max(answers for *_, answers in crossed) / alignment.answers
    return _with_reason(decision, f"{reason} makes a student without", most)


def explain_unnamed(decision: Decision, shape: Shape, answers: Sequence[JsonValue]) -> Decision:
    """Return the decision with the fields of answers that the schema does not name, and the cure.

    Args:
        decision: By the certificates.
        shape: Of the schema.
        answers: The teacher's, of which some are.
    """
    counts = Counter(path for answer in answers for path in set(_unnamed(answer, shape)))
    often = {path: n for path, n in sorted(counts.items()) if n > _OFTEN * len(answers)}
    if not often:
        return decision
    shown = ", ".join(f"{show_path(path)} ({n / len(answers):.0%})" for path, n in often.items())
    outer = [path[0] for path in often if len(path) == 1]
    cures = [" ".join(f"--leave-out {name}" for name in outer) + " makes a student without"]
    inner = [show_path(path) for path in often if len(path) > 1]
    forbid = f'forbid {", ".join(inner)} in it ("additionalProperties": false) to do without'
    cure = ", or ".join(["add them to it", *cures * bool(outer), *[forbid] * bool(inner)])
    reason = (
        f"{decision.reason}; the student gives no field that the schema does not name, and the "
        f"teacher's answers have {shown}: {cure}"
    )
    return _with_reason(decision, reason, max(often.values()) / len(answers))


def _unnamed(value: JsonValue, shape: Shape, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield where a value holds something in a field that its shape does not know."""
    shape = option_of(shape, value) or shape if isinstance(shape, OneOf) else shape
    match shape, value:
        case Record(fields), dict():
            for name, inner in value.items():
                if name in fields:
                    yield from _unnamed(inner, fields[name].shape, (*path, name))
                elif meaning(inner, ()) != NOTHING_SAID:
                    yield (*path, name)
        case ListOf(item), list():
            for one in value:
                yield from _unnamed(one, item, (*path, ITEM))


def _with_reason(decision: Decision, reason: str, share: float) -> Decision:
    """A decision by what is in the way in a share of the answers."""
    if decision.verdict != "distil" and share > _NEARLY_ALWAYS:
        return Decision("do_not_distil", reason)
    return decision._replace(reason=reason)
