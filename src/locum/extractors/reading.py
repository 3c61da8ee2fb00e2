"""What an extractor reads in one text, and how sure it is of each part."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from locum.alignment import find_normaliser
from locum.extractors.assembly import Findings
from locum.extractors.comparing import value_at
from locum.extractors.marks import MarkedSpan, place_spans
from locum.extractors.options import NOTHING, SOMETHING, show_option

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from locum.alignment import Token
    from locum.extractors.assembly import Assembler
    from locum.extractors.heads import HeadPlan
    from locum.extractors.marks import Mark, Place
    from locum.extractors.tag_set import Span
    from locum.extractors.tagging import Tagging
    from locum.extractors.units import Unit
    from locum.shapes import FieldPath, JsonScalar

__all__ = ["Reading", "Restore", "Told"]

Restore: TypeAlias = "Callable[[str], str | None]"

_LEAST = 1e-12


class Told(NamedTuple):
    """What heads and tagger say of a text, before an object is made of it.

    Args:
        text: The text.
        tokens: Of it.
        tagging: ``None`` where nothing is tagged.
        rankings: Of each head: its options with their probabilities, the best first.
    """

    text: str
    tokens: Sequence[Token]
    tagging: Tagging | None
    rankings: Sequence[tuple[HeadPlan, list[tuple[str, float]]]]


class Reading:
    """An object that was read in a text.

    Args:
        told: By heads and tagger.
        units: Of the answers.
        marks: What spans may be.
        normalisers: Of normalised fields, by path.
        unmarked: Fields that have values and no mark, as no text taught any, with the share of
            answers in which they have none.
        assembler: Of the answers.
        restore: Turns what is copied from the text into a value, or ``None`` where it is none.
        is_cut: Whether the text goes on where reading ended: what it says there may make any part
            of the object another, so that there is no confidence in it.

    What was marked and is no part of the object, as it is of another kind or one too many, makes
    the confidence in its unit, and in the object, 0.

    Attributes:
        value: The object; ``None`` where what was found makes none.
    """

    def __init__(
        self,
        told: Told,
        units: Sequence[Unit],
        marks: Sequence[Mark],
        normalisers: Mapping[FieldPath, str],
        unmarked: Mapping[FieldPath, float],
        assembler: Assembler,
        restore: Restore = str,
        *,
        is_cut: bool = False,
    ) -> None:
        self._unmarked = unmarked
        self._is_cut = is_cut
        self._told, self._units, self._marks = told, units, marks
        self._restore = restore
        self._spans = [] if told.tagging is None else told.tagging.spans
        self._rankings, self._members = _split(told.rankings)
        self._repeated: set[FieldPath] = set()
        found = self._found(normalisers)
        read = {place: value for place, value in found.items() if value is not None}
        members = {
            path: [value for value, ranking in of_list if ranking[0][0] == "present"]
            for path, of_list in self._members.items()
        }
        assembled = assembler.build(Findings(self._rankings, members, read))
        self.value = assembled.value if assembled else None
        self._unread = {path for path, _ in found.keys() - read.keys()} | self._repeated
        self._unread |= {path for path, _ in assembled.unused} if assembled else set()

    def _found(self, normalisers: Mapping[FieldPath, str]) -> dict[Place, JsonScalar]:
        """Return what the spans say; of several for one place the first."""
        marked = [MarkedSpan(self._marks[int(s.name)], s.begin, s.end) for s in self._spans]
        placed, closed = place_spans(marked)
        found: dict[Place, JsonScalar] = {k: v for k, v in closed.items() if v is not None}
        for place, span in placed:
            if place in found:
                self._repeated.add(place[0])
            else:
                found[place] = self._value_of(span, normalisers.get(span.mark.path))
        return found

    def _value_of(self, span: MarkedSpan, normaliser: str | None) -> JsonScalar:
        tokens = self._told.tokens
        said = self._restore(self._told.text[tokens[span.begin].start : tokens[span.end - 1].end])
        return said if normaliser is None or said is None else find_normaliser(normaliser)(said)

    def marked_characters(self) -> list[tuple[Mark, int, int]]:
        """Return what was marked, from which character and to which, exclusive."""
        tokens = self._told.tokens
        return [
            (self._marks[int(s.name)], tokens[s.begin].start, tokens[s.end - 1].end)
            for s in self._spans
        ]

    @property
    def log_confidence(self) -> float:
        """Logarithm of the probability that all of the object is as the teacher would say.

        Heads and tagger are taken to err independently.
        """
        if self.value is None or self._unread or self._is_cut:
            return -math.inf
        heads = [self._head_confidence(unit) for unit in self._units if unit.kind != "spans"]
        heads += self._unmarked.values()
        tagged = 0.0 if self._told.tagging is None else self._told.tagging.log_probability
        return tagged + sum(
            math.log(confidence) if confidence else -math.inf for confidence in heads
        )

    def unit_confidences(self) -> dict[FieldPath, float]:
        """Return the probability that each unit is as the teacher would say.

        That of a unit that is written is the probability that the teacher says nothing, or 0 where
        that is not the likelier.
        """
        if self.value is None or self._is_cut:
            return dict.fromkeys((unit.path for unit in self._units), 0.0)
        spans = [unit for unit in self._units if unit.kind == "spans"]
        tagged = dict(zip((unit.path for unit in spans), self._tagged(spans), strict=True))
        return {
            unit.path: tagged[unit.path] if unit.kind == "spans" else self._head_confidence(unit)
            for unit in self._units
        }

    def _tagged(self, units: Sequence[Unit]) -> list[float]:
        fields = [self._names_and_spans({field.path for field in unit.fields}) for unit in units]
        tagging = self._told.tagging
        known = tagging.field_confidences(fields) if tagging else [1.0] * len(units)
        return [
            confidence * math.prod(self._factor(field.path) for field in unit.fields)
            for unit, confidence in zip(units, known, strict=True)
        ]

    def _factor(self, path: FieldPath) -> float:
        return 0.0 if path in self._unread else self._unmarked.get(path, 1.0)

    def _names_and_spans(self, paths: Collection[FieldPath]) -> tuple[list[str], list[Span]]:
        names = [str(place) for place, mark in enumerate(self._marks) if mark.path in paths]
        return names, [span for span in self._spans if span.name in names]

    def _head_confidence(self, unit: Unit) -> float:
        if unit.kind == "set":
            probabilities = (r[0][1] for _, r in self._members.get(unit.path, ()))
            return max(math.prod(probabilities), _LEAST)
        ranking = self._rankings.get(unit.path, [(NOTHING, 1.0)])
        if ranking[0][0] == SOMETHING:
            return 0.0
        value = value_at(self.value, unit.path)
        if isinstance(value, dict | list) or not unit.says(value):
            value = None
        return max(dict(ranking).get(show_option(value), 0.0), _LEAST)


def _split(
    rankings: Iterable[tuple[HeadPlan, list[tuple[str, float]]]],
) -> tuple[
    dict[FieldPath, list[tuple[str, float]]],
    dict[FieldPath, list[tuple[JsonScalar, list[tuple[str, float]]]]],
]:
    """Return the rankings of whole fields, and those of lists' values with these."""
    fields: dict[FieldPath, list[tuple[str, float]]] = {}
    members: dict[FieldPath, list[tuple[JsonScalar, list[tuple[str, float]]]]] = {}
    for plan, ranking in rankings:
        if plan.member is None:
            fields[plan.path] = ranking
        else:
            value: JsonScalar = json.loads(plan.member)
            members.setdefault(plan.path, []).append((value, ranking))
    return fields, members
