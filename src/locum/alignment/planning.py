"""How each field is to be had, decided by the teacher's answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.alignment.constants import find_constant, is_blank, show_constant
from locum.alignment.evidence import gather_evidence, shares_read
from locum.alignment.leaf_values import value_key
from locum.alignment.plan import SPANNED_KINDS, ExtractionPlan, FieldPlan
from locum.errors import UsageError
from locum.schema import is_placeholder
from locum.shapes.shape import ITEM, Closed

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from locum.alignment.evidence import FieldEvidence, SeenValue
    from locum.alignment.leaf_values import ValueKey
    from locum.alignment.plan import FieldKind
    from locum.shapes.shape import FieldPath, JsonScalar, JsonValue, Record

__all__ = ["plan_fields"]

_LEAST_SPANNED = 0.90
_LEAST_CLOSED = 0.98
_MOST_CLOSED = 50
_MOST_HIDDEN = 0.05
_FEWEST_HELD_OUT = 30  # of which one unknown is more than a fiftieth
# Some value of a closed field is foreseen; which one it is, is still to be told. A span tells.
_CLOSED_MARGIN = 0.02
_NORMALISER_MARGIN = 0.01


class _Option(NamedTuple):
    """A way to have a field, and the share of its values that it reproduces."""

    kind: FieldKind
    reproduced: float
    reason: str
    normaliser: str | None = None
    values: tuple[JsonScalar, ...] = ()


def plan_fields(
    shape: Record,
    texts: Sequence[str],
    answers: Sequence[JsonValue],
    held_out: float = 0.25,
) -> ExtractionPlan:
    """Decide for every field whether it is closed, copied, normalised or written.

    A field whose values the schema lists is closed. Any other is what reproduces the teacher's
    values, null left aside, the best:

    - **copied**, where at least 90% stand in their text, character for character.
    - **normalised**, where a normaliser reads at least 90% in their text, and at least 1 point more
      than stand there as they are; of several the one that reads most, of equals the simplest.
    - **closed**, where at most 50 different values recur: at least 98% of those in held-out rows
      (30 or more of them) are found twice or more in the other rows. Where the field can be copied
      or normalised too, it has to be 2 points better, since a value that was seen before is not
      yet told from the others. A placeholder of redaction is no such value: it stands for another
      one in each answer.
    - **written** otherwise.

    A constant that stands where a text holds no value, such as an empty text or ``N/A``, is left
    aside as null is, unless the field is closed, or written with so few values that they may be
    all: there it is a value as any other.

    The items of a list of plain values may be closed: they are the set of values that the answer
    names. A field of a list's records may be closed too, where its values do not stand in the text,
    and is then told by the span that its item begins with. Without a field that is copied or
    normalised an item has no such span, and its fields are written.

    Args:
        shape: Of the answers.
        texts: What the teacher was asked about, ``[N]``.
        answers: Its answers, ``[N]``.
        held_out: Share of the rows in which values have to recur, between 0 and 1. A row is one of
            them by a hash of its text, so the choice is the same in every run and any order.

    Raises:
        UsageError: There are not as many answers as texts, or ``held_out`` is not between 0 and 1.
    """
    if len(texts) != len(answers) or not 0 < held_out < 1:
        raise UsageError(
            f"{len(texts)} texts, {len(answers)} answers, held_out={held_out}: expected one "
            "answer a text, and a share between 0 and 1"
        )
    fields = gather_evidence(shape, texts, answers)
    open_fields = [field for field in fields if not _has_head(field)]
    constants = {field.path: find_constant(field, texts) for field in open_fields}
    said = [field.without(constants[field.path]) for field in open_fields]
    shares = shares_read([f for f in said if f.copied < 1 - _NORMALISER_MARGIN], texts)
    apart = {row for row, text in enumerate(texts) if _is_apart(text, held_out)}
    planned = [
        _plan_field(field, constants.get(field.path), shares.get(field.path, {}), apart)
        for field in fields
    ]
    begun = {_record(field.path) for field in planned if field.kind in SPANNED_KINDS}
    return ExtractionPlan(tuple(_without_span(field, begun) for field in planned), len(answers))


def _is_apart(text: str, share: float) -> bool:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def _plan_field(
    field: FieldEvidence,
    constant: JsonScalar,
    shares: Mapping[str, float],
    apart: Container[int],
) -> FieldPlan:
    said = field.without(constant)
    choice = _listed(field) if _has_head(field) else _choose(field, said, shares, apart)
    if choice.kind == "written" and not is_blank(constant) and _different(field) <= _MOST_CLOSED:
        choice = _choose(field, field, {}, apart)
        constant = None
    if choice.kind == "closed":
        constant = None
    shown = "" if constant is None else f"; {show_constant(constant)} where it holds none"
    return FieldPlan(
        field.path,
        choice.kind,
        choice.normaliser,
        choice.values,
        ITEM in field.path,
        choice.reason + shown,
        choice.reproduced,
        len(field.without(constant).seen),
        constant,
    )


def _choose(
    field: FieldEvidence,
    said: FieldEvidence,
    shares: Mapping[str, float],
    apart: Container[int],
) -> _Option:
    closed = _closed(field, apart)
    if not said.seen:
        return closed or _Option("written", 0.0, "the teacher never gave it a value")
    spanned = _spanned(said, shares)
    # A head tells a constant as it tells any other value; a span cannot.
    of_all = spanned.reproduced * len(said.seen) / len(field.seen)
    if closed and (of_all < _LEAST_SPANNED or closed.reproduced >= of_all + _CLOSED_MARGIN):
        return closed
    if spanned.reproduced < _LEAST_SPANNED:
        return _Option("written", 0.0, _why_written(said, spanned))
    return spanned


def _without_span(field: FieldPlan, begun: Container[FieldPath]) -> FieldPlan:
    """Return how a field is to be had where nothing may tell the items that it belongs to."""
    if field.kind != "closed" or ITEM not in field.path[:-1]:
        return field
    if field.path[-1] == ITEM:
        missing = "a list of closed values within the items of a list is not offered"
    elif _record(field.path) not in begun:
        missing = "nothing else of its item stands in the text to tell items by"
    else:
        return field
    reason = f"{field.reason}, but {missing}"
    return replace(field, kind="written", values=(), reason=reason, reproduced=0.0)


def _record(path: FieldPath) -> FieldPath:
    """Return the path of the items that a field is part of; empty outside lists."""
    if ITEM not in path[:-1]:
        return ()
    return path[: len(path) - 1 - path[-2::-1].index(ITEM)]


def _listed_values(field: FieldEvidence) -> tuple[JsonScalar, ...]:
    """Return the values that the schema lists; none where it leaves some open."""
    closed = [leaf.values for leaf in field.leaves if isinstance(leaf, Closed)]
    if len(closed) < len(field.leaves):
        return ()
    return tuple({value_key(value): value for values in closed for value in values}.values())


def _has_head(field: FieldEvidence) -> bool:
    stands_there = ITEM in field.path[:-1] and field.copied >= _LEAST_SPANNED
    return bool(_listed_values(field)) and not stands_there


def _listed(field: FieldEvidence) -> _Option:
    values = _listed_values(field)
    reproduced = sum(value.fits for value in field.seen) / len(field.seen) if field.seen else 0.0
    return _Option("closed", reproduced, f"the schema lists {_count(values)}", None, values)


def _spanned(field: FieldEvidence, shares: Mapping[str, float]) -> _Option:
    """Return what reproduces most of copying and normalising."""
    share = f"{field.copied:.1%} of its values stand in the text as they are"
    copied = _Option("copied", field.copied, share)
    name = max(shares, key=shares.__getitem__, default=None)
    if name is None or shares[name] < shares.get("as_is", 0.0) + _NORMALISER_MARGIN:
        return copied
    read = f"{name} reads {shares[name]:.1%} of its values in the text"
    return _Option("normalised", shares[name], read, name)


def _closed(field: FieldEvidence, apart: Container[int]) -> _Option | None:
    """Return how well the values recur; ``None`` where they are too many, or do so too seldom."""
    counts = Counter(value_key(seen.value) for seen in field.seen if _can_be_closed(seen))
    held_out = [seen for seen in field.seen if seen.row in apart]
    if len(counts) > _MOST_CLOSED or len(held_out) < _FEWEST_HELD_OUT:
        return None
    elsewhere = Counter(
        value_key(s.value) for s in field.seen if _can_be_closed(s) and s.row not in apart
    )
    known = sum(elsewhere[value_key(seen.value)] > 1 for seen in held_out if seen.fits)
    reproduced = known / len(held_out)
    if reproduced < _LEAST_CLOSED:
        return None
    values = _recurring(field, counts)
    reason = f"{_count(values)} recur: {reproduced:.1%} of held-out values are among them"
    nullable = any(leaf.nullable for leaf in field.leaves)
    return _Option("closed", reproduced, reason, None, (*values, None) if nullable else values)


def _can_be_closed(seen: SeenValue) -> bool:
    """A placeholder of redaction stands for another value in each answer, and is never given."""
    return seen.fits and not is_placeholder(seen.value)


def _recurring(field: FieldEvidence, counts: Counter[ValueKey]) -> tuple[JsonScalar, ...]:
    """Return the values that occur twice or more, the most frequent first, then by how they read.

    Of numbers that are equal the one that reads shorter stands for all: ``1``, not ``1.0``.
    """
    fitting = (seen.value for seen in field.seen if _can_be_closed(seen))
    seen = sorted(fitting, key=repr, reverse=True)
    recurring = {value_key(value): value for value in seen if counts[value_key(value)] > 1}
    ordered = sorted(recurring, key=lambda key: (-counts[key], repr(recurring[key])))
    return tuple(recurring[key] for key in ordered)


def _why_written(field: FieldEvidence, spanned: _Option) -> str:
    different = _different(field)
    counted = f"{_count(range(len(field.seen)))}, {different} different"
    reason = f"{counted}; {spanned.reason}, fewer than {_LEAST_SPANNED:.0%}"
    hidden = sum(is_placeholder(seen.value) and not seen.copied for seen in field.seen)
    if hidden > _MOST_HIDDEN * len(field.seen):
        return (
            f"{reason}; {hidden} are placeholders of redaction, which saw what they stand for in "
            "the answers and not in their texts"
        )
    few = "; if these are all, list them as an enum" if different <= _MOST_CLOSED else ""
    return reason + few


def _different(field: FieldEvidence) -> int:
    return len({value_key(seen.value) for seen in field.seen})


def _count(values: Sequence[object]) -> str:
    return f"{len(values)} value{'' if len(values) == 1 else 's'}"
