"""Values that stand at one place of a text, of which a tagger can give one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.alignment.objects import AlignedSpan

__all__ = ["PartedSpans", "part_spans"]


class PartedSpans(NamedTuple):
    """Spans of an answer.

    Args:
        kept: The longest that share no token.
        crossed: The others, each with the first of those that hold its tokens.
    """

    kept: list[AlignedSpan]
    crossed: list[tuple[AlignedSpan, AlignedSpan]]


def part_spans(spans: Sequence[AlignedSpan]) -> PartedSpans:
    """Tell the spans that a tagger can give at once from those that others cross."""
    holder: dict[int, AlignedSpan] = {}
    parted = PartedSpans([], [])
    for span in sorted(spans, key=lambda span: span.first_token - span.end_token):
        tokens = range(span.first_token, span.end_token)
        others = [holder[token] for token in tokens if token in holder]
        if others:
            parted.crossed.append((span, others[0]))
        else:
            holder.update(dict.fromkeys(tokens, span))
            parted.kept.append(span)
    return parted
