"""Which span of a text each value of an answer comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from locum.alignment.assignment import assign_places
from locum.alignment.leaf_values import leaf_values, show_value
from locum.alignment.places import TextPlaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.alignment.leaf_values import LeafValue
    from locum.alignment.plan import ExtractionPlan
    from locum.alignment.spans import Quality, SpanMatch
    from locum.alignment.tokens import Token
    from locum.shapes.shape import FieldPath, JsonValue, Record

__all__ = ["AlignedAnswer", "AlignedSpan", "LossReason", "LostValue", "align_answer"]

LossReason: TypeAlias = Literal[
    "not in the text", "only similar", "read otherwise", "overlaps", "not of its shape"
]

_ALIKE = 0.7


class AlignedSpan(NamedTuple):
    """Where a value of an answer stands in the text.

    Args:
        path: Of its field.
        item: Index of each list on the way, from the outermost.
        first_token: Index of the span's first token.
        end_token: Index after its last token.
        quality: How the value stands there; ``exact`` too where a normaliser reads it out of a
            number, a date and the like.
    """

    path: FieldPath
    item: tuple[int, ...]
    first_token: int
    end_token: int
    quality: Quality


class LostValue(NamedTuple):
    """A value that comes from no span.

    Args:
        path: Of its field.
        reason: ``not in the text``; ``only similar``, some part of the text is like it, but less
            than 0.85; ``read otherwise``, no span gives it by the field's normaliser; ``overlaps``,
            other values of its field hold its places; ``not of its shape``.
        shown: The value, shortened.
    """

    path: FieldPath
    reason: LossReason
    shown: str


class AlignedAnswer(NamedTuple):
    """An answer's values that are copied or normalised: where they stand, and which are lost.

    Args:
        spans: In the answer's order; two of one field share no token.
        lost: In the answer's order.
    """

    spans: tuple[AlignedSpan, ...]
    lost: tuple[LostValue, ...]


def align_answer(
    text: str, tokens: Sequence[Token], answer: JsonValue, shape: Record, plan: ExtractionPlan
) -> AlignedAnswer:
    """Find the spans that an answer's values come from.

    Args:
        text: What the teacher was asked about.
        tokens: Of the text, as `tokenize` returns them.
        answer: The teacher's; null is the absence of a value.
        shape: Of the answer.
        plan: Its copied and normalised fields are looked for; the others are left aside.
    """
    spanned = plan.spanned
    values = [
        leaf
        for leaf in leaf_values(answer, shape)
        if leaf.path in spanned and leaf.value is not None
    ]
    places = TextPlaces(text, tokens)
    found = [
        places.of_field(leaf.value, spanned[leaf.path].normaliser) if leaf.fits else []
        for leaf in values
    ]
    chosen = assign_places(values, found)
    spans, lost = [], []
    for leaf, match, candidates in zip(values, chosen, found, strict=True):
        if match:
            spans.append(AlignedSpan(leaf.path, leaf.item, *match[:3]))
        else:
            lost.append(
                LostValue(leaf.path, _reason(leaf, candidates, places), show_value(leaf.value))
            )
    return AlignedAnswer(tuple(spans), tuple(lost))


def _reason(leaf: LeafValue, candidates: Sequence[SpanMatch], places: TextPlaces) -> LossReason:
    if not leaf.fits:
        return "not of its shape"
    if candidates:
        return "overlaps"
    if not isinstance(leaf.value, str):
        return "read otherwise"
    return "only similar" if places.finder.similarity(leaf.value) >= _ALIKE else "not in the text"
