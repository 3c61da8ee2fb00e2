"""Spans of a text that say almost what a string says."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from locum.alignment.folding import squeeze
from locum.alignment.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LEAST_SIMILARITY", "SimilarSpan", "SimilarSpans", "differ_by"]

LEAST_SIMILARITY = 0.85

_FEWEST_CHARACTERS = 4
_LONGEST = 400  # characters; a longer string is no value of a field but a passage
_ANCHORS = 64  # places that a string is compared at
_SIMILAR_WORD = 0.75
_WORDS_BESIDE = 1  # that a span may have less or more than the string


class SimilarSpan(NamedTuple):
    """A span of tokens, and how far it is from what was looked for (0 to 1)."""

    first_token: int
    end_token: int
    distance: float


class SimilarSpans:
    """The words of one text, by their folded form.

    Args:
        tokens: Texts of the tokens, in order.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens

    @cached_property
    def _words(self) -> list[tuple[int, str]]:
        """Index and form of the tokens that hold a letter or a digit."""
        forms = ((index, squeeze(token)) for index, token in enumerate(self._tokens))
        return [(index, form) for index, form in forms if form]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Where among the words each form stands."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, (_, form) in enumerate(self._words):
            places[form].append(place)
        return places

    @cached_property
    def _forms(self) -> list[str]:
        return list(self._places)

    def find(self, value: str) -> list[SimilarSpan]:
        """Return spans that differ little, the nearest first, then in order; none overlap.

        The similarity is the normalised Indel similarity of the words joined by spaces, as
        ``rapidfuzz.fuzz.ratio`` has it; the digits in both are the same. Only places at which a
        word of the string stands, or one like it, are compared: the 64 of its rarest words.
        """
        if not _FEWEST_CHARACTERS <= len(value) <= _LONGEST:
            return []
        words = _words_of(value)
        wanted, digits = " ".join(words), _digits("".join(words))
        found = []
        for first, end in self._windows(words):
            forms = [form for _, form in self._words[first:end]]
            distance = differ_by(wanted, " ".join(forms))
            if distance <= 1 - LEAST_SIMILARITY and _digits("".join(forms)) == digits:
                found.append((distance, first, end))
        return [
            SimilarSpan(self._words[first][0], self._words[end - 1][0] + 1, distance)
            for distance, first, end in _apart(sorted(found))
        ]

    def best(self, value: str) -> float:
        """Return the similarity of a string to the part of the text that is most like it."""
        from rapidfuzz import fuzz

        wanted = " ".join(_words_of(value[:_LONGEST]))
        text = " ".join(form for _, form in self._words)
        return fuzz.partial_ratio(wanted, text) / 100 if wanted and len(text) >= len(wanted) else 0

    def _windows(self, words: Sequence[str]) -> set[tuple[int, int]]:
        """Return the spans of words, first and end, that may be similar."""
        beside = range(-_WORDS_BESIDE, _WORDS_BESIDE + 1)
        return {
            (start, start + len(words) + more)
            for place in self._anchors(words)
            for start in (place - 1, place, place + 1)
            for more in beside
            if start >= 0 and start < start + len(words) + more <= len(self._words)
        }

    def _anchors(self, words: Sequence[str]) -> Iterator[int]:
        """Yield where the string may begin: for its rarest words, the place less their own."""
        places = sorted(
            (
                (len(self._places[form]), place, form)
                for place, word in enumerate(words)
                for form in self._like(word)
            )
        )
        left = _ANCHORS
        for _, place, form in places:
            for at in self._places[form][:left]:
                yield at - place
                left -= 1
            if left <= 0:
                return

    def _like(self, word: str) -> list[str]:
        """Return the forms in the text that are like a word."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        if len(word) < _FEWEST_CHARACTERS:
            return [word] if word in self._places else []
        found = process.extract(
            word,
            self._forms,
            scorer=Indel.normalized_similarity,
            score_cutoff=_SIMILAR_WORD,
            limit=8,
        )
        return [form for form, _, _ in found]


def differ_by(one: str, other: str) -> float:
    """Return the Indel distance of two strings over the sum of their lengths, 0 to 1."""
    from rapidfuzz.distance import Indel

    return Indel.normalized_distance(one, other)


def _words_of(value: str) -> list[str]:
    return [form for token in tokenize(value) if (form := squeeze(token.text))]


def _digits(form: str) -> str:
    return "".join(filter(str.isdigit, form))


def _apart(found: Sequence[tuple[float, int, int]]) -> Iterator[tuple[float, int, int]]:
    """Yield spans in the order given, without those that overlap an earlier one."""
    taken: set[int] = set()
    for distance, first, end in found:
        if taken.isdisjoint(range(first, end)):
            taken.update(range(first, end))
            yield distance, first, end
