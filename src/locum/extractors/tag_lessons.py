"""From texts and their answers to the tags that a tagger is to learn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.alignment import ExtractionPlan, align_answer, leaf_values, tokenize
from locum.extractors.marks import list_of, mark_spans
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.alignment import AlignedAnswer
    from locum.extractors.marks import Mark, MarkedText, Place
    from locum.extractors.units import Unit
    from locum.shapes import FieldPath, JsonScalar, JsonValue, Record

__all__ = ["OUTSIDE", "TagLessons", "mark_tags", "tag_lessons"]

OUTSIDE = "O"
_MOST_MARKS = 200
_ELSEWHERE = frozenset({"only similar", "read otherwise", "overlaps"})

Mask = NDArray[np.bool_]


class TagLessons(NamedTuple):
    """What a tagger is to learn.

    Args:
        marks: What spans may be; the name of each is its place.
        tags: Of the tagger: `OUTSIDE`, then those of each mark.
        texts: Which texts are learned from, ``M``.
        token_texts: Tokens of those.
        allowed: Which tags each token may have, ``[T, K]`` a text.
        torn: How many texts were left out, as the items of a list are mixed up in them.
        rare: How many were left out for a mark that few texts have, of over 200 marks.
    """

    marks: tuple[Mark, ...]
    tags: tuple[str, ...]
    texts: list[int]
    token_texts: list[list[str]]
    allowed: list[Mask]
    torn: int
    rare: int


class _Marked(NamedTuple):
    """A text with its spans, and the fields that have values elsewhere in it, none knows where."""

    tokens: list[str]
    spans: MarkedText
    astray: frozenset[FieldPath]


def tag_lessons(
    shape: Record, units: Iterable[Unit], texts: Sequence[str], answers: Sequence[JsonValue]
) -> TagLessons:
    """Align answers with their texts, and return the tags that say the same.

    A value that stands in the text in a way that is not known, as it is only similar to a part of
    it, may be anywhere outside the known spans: the tagger decides. One that the text does not say
    is nowhere.

    Args:
        shape: Of the answers.
        units: Of the answers; those of kind ``spans`` are tagged.
        texts: What the teacher was asked about, ``[N]``.
        answers: Its answers, ``[N]``.
    """
    plan = ExtractionPlan(tuple(f for unit in units if unit.kind == "spans" for f in unit.fields))
    told = [field.path for field in plan.fields if field.kind == "closed" and ITEM in field.path]
    marked = [_mark(t, a, shape, plan, told) for t, a in zip(texts, answers, strict=True)]
    whole = {row: one for row, one in enumerate(marked) if not one.spans.torn}
    counts = Counter(span.mark for one in whole.values() for span in one.spans.spans)
    marks = tuple(sorted((mark for mark, _ in counts.most_common(_MOST_MARKS)), key=repr))
    known = {
        row: one
        for row, one in whole.items()
        if all(span.mark in marks for span in one.spans.spans)
    }
    kept = [*known.values()]
    tags = (OUTSIDE, *_tags_of(marks, kept))
    return TagLessons(
        marks,
        tags,
        [*known],
        [one.tokens for one in kept],
        [_allowed(one, marks, tags) for one in kept],
        len(marked) - len(whole),
        len(whole) - len(kept),
    )


def mark_tags(place: int) -> tuple[str, str]:
    """Return the tags of the first token of a mark's span, and of the others."""
    return f"B-{place}", f"I-{place}"


def _mark(
    text: str, answer: JsonValue, shape: Record, plan: ExtractionPlan, told: Sequence[FieldPath]
) -> _Marked:
    tokens = tokenize(text)
    aligned = align_answer(text, tokens, answer, shape, plan)
    closed = _closed_values(answer, shape, told)
    spans = mark_spans(aligned.spans, closed, told)
    return _Marked([token.text for token in tokens], spans, _astray(aligned) | spans.crossed)


def _closed_values(
    answer: JsonValue, shape: Record, told: Sequence[FieldPath]
) -> dict[Place, JsonScalar]:
    if not told:
        return {}
    paths = set(told)
    leaves = leaf_values(answer, shape)
    return {(leaf.path, leaf.item): leaf.value for leaf in leaves if leaf.path in paths}


def _astray(aligned: AlignedAnswer) -> frozenset[FieldPath]:
    return frozenset(value.path for value in aligned.lost if value.reason in _ELSEWHERE)


def _tags_of(marks: Sequence[Mark], marked: Sequence[_Marked]) -> list[str]:
    """Return the tags of all marks; one whose spans have one token each needs no second."""
    longer = {s.mark for one in marked for s in one.spans.spans if s.end - s.begin > 1}
    tags: list[str] = []
    for place, mark in enumerate(marks):
        first, other = mark_tags(place)
        tags += [first, other] if mark in longer else [first]
    return tags


def _allowed(marked: _Marked, marks: Sequence[Mark], tags: Sequence[str]) -> Mask:
    index = {tag: column for column, tag in enumerate(tags)}
    place = {mark: number for number, mark in enumerate(marks)}
    allowed = np.zeros((len(marked.tokens), len(tags)), np.bool_)
    allowed[:, 0] = True
    lists = {list_of(path) for path in marked.astray}
    for number, mark in enumerate(marks):
        if list_of(mark.path) in lists:
            allowed[:, [index[tag] for tag in mark_tags(number) if tag in index]] = True
    for span in marked.spans.spans:
        first, other = mark_tags(place[span.mark])
        allowed[span.begin : span.end] = False
        allowed[span.begin, index[first]] = True
        if span.end - span.begin > 1:
            allowed[span.begin + 1 : span.end, index[other]] = True
    return allowed
