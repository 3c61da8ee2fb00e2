"""How well the answers' values were found in their texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.alignment.objects import align_answer
from locum.alignment.overlaps import part_spans
from locum.alignment.spans import QUALITIES
from locum.alignment.tokens import tokenize
from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.alignment.objects import LossReason, LostValue
    from locum.alignment.plan import ExtractionPlan
    from locum.alignment.spans import Quality
    from locum.shapes.shape import FieldPath, JsonValue, Record

__all__ = ["AlignmentReport", "FieldAlignment", "LostValues", "measure_alignment"]

_MOST_EXAMPLES = 3


class LostValues(NamedTuple):
    """Values of a field that come from no span, for one reason.

    Args:
        reason: Theirs.
        values: How many.
        examples: Up to three different ones, shortened.
    """

    reason: LossReason
    values: int
    examples: tuple[str, ...]


class FieldAlignment(NamedTuple):
    """How well the values of a copied or normalised field were found.

    Args:
        path: Of the field.
        values: How many the teacher gave, null left aside.
        aligned: How many were found, by quality, the best first; all four are there.
        lost: The others by reason, the most frequent first.
        crossed: In how many answers one of them lies where one of another field stands that is as
            long or longer, by that field, the most frequent first.
    """

    path: FieldPath
    values: int
    aligned: Mapping[Quality, int]
    lost: tuple[LostValues, ...]
    crossed: tuple[tuple[FieldPath, int], ...] = ()


class AlignmentReport(NamedTuple):
    """How well the values of all copied and normalised fields were found.

    Args:
        fields: One each, in the schema's order.
        answers: How many were looked at.
        whole: How many of them lost no value.
    """

    fields: tuple[FieldAlignment, ...]
    answers: int
    whole: int


def measure_alignment(
    shape: Record, texts: Sequence[str], answers: Sequence[JsonValue], plan: ExtractionPlan
) -> AlignmentReport:
    """Align all answers and count.

    Args:
        shape: Of the answers.
        texts: What the teacher was asked about, ``[N]``.
        answers: Its answers, ``[N]``.
        plan: Its copied and normalised fields are looked for.

    Raises:
        UsageError: There are not as many answers as texts.
    """
    if len(texts) != len(answers):
        raise UsageError(f"{len(texts)} texts and {len(answers)} answers: expected one each")
    found: dict[FieldPath, Counter[Quality]] = defaultdict(Counter)
    lost: dict[FieldPath, list[LostValue]] = defaultdict(list)
    crossed: dict[FieldPath, Counter[FieldPath]] = defaultdict(Counter)
    whole = 0
    for text, answer in zip(texts, plan.without_constants(answers), strict=True):
        aligned = align_answer(text, tokenize(text), answer, shape, plan)
        whole += not aligned.lost
        for span in aligned.spans:
            found[span.path][span.quality] += 1
        pairs = ((span.path, other.path) for span, other in part_spans(aligned.spans).crossed)
        for path, other in dict.fromkeys(pairs):
            crossed[path][other] += 1
        for value in aligned.lost:
            lost[value.path].append(value)
    fields = (
        FieldAlignment(
            path,
            found[path].total() + len(lost[path]),
            {quality: found[path][quality] for quality in QUALITIES},
            _by_reason(lost[path]),
            tuple(crossed[path].most_common()),
        )
        for path in plan.spanned
    )
    return AlignmentReport(tuple(fields), len(texts), whole)


def _by_reason(lost: Sequence[LostValue]) -> tuple[LostValues, ...]:
    groups: dict[LossReason, list[str]] = defaultdict(list)
    for value in lost:
        groups[value.reason].append(value.shown)
    return tuple(
        LostValues(reason, len(shown), tuple(dict.fromkeys(shown))[:_MOST_EXAMPLES])
        for reason, shown in sorted(groups.items(), key=lambda pair: -len(pair[1]))
    )
