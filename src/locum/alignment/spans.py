"""Where a string of an answer stands in a text."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from locum.alignment.folding import fold, squeeze
from locum.alignment.similar import SimilarSpans, differ_by
from locum.alignment.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.alignment.tokens import Token

__all__ = ["QUALITIES", "Quality", "SpanFinder", "SpanMatch", "find_spans"]

Quality: TypeAlias = Literal["exact", "case", "punctuation", "edited"]

QUALITIES: tuple[Quality, ...] = ("exact", "case", "punctuation", "edited")

_ARTICLES = frozenset({"a", "an", "the"})
_APOSTROPHES = frozenset("'\u2019\u02bc\uff07")
# "12" is not what "1/2" says, while a longer number may well be written in groups.
_FEWEST_GROUPED_DIGITS = 4


class SpanMatch(NamedTuple):
    """A span of a text that says what a string says.

    Args:
        first_token: Index of its first token.
        end_token: Index after its last token.
        quality: ``exact``, character for character; ``case``, but for case and Unicode form;
            ``punctuation``, but for punctuation, spaces, accents and an English article or
            possessive at the string's edges; ``edited``, but for small edits.
        distance: Share of the characters that edits take or add, 0 to 1 (Indel distance of the
            folded strings over the sum of their lengths).
    """

    first_token: int
    end_token: int
    quality: Quality
    distance: float


class _View(NamedTuple):
    """A form of the text, with where tokens begin and end in it."""

    form: str
    first_at: dict[int, int]
    end_at: dict[int, int]

    def find(self, needle: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of whole tokens that read as the needle, in order."""
        at = self.form.find(needle) if needle else -1
        while at >= 0:
            first, end = self.first_at.get(at), self.end_at.get(at + len(needle))
            if first is not None and end is not None:
                yield first, end
            at = self.form.find(needle, at + 1)


class SpanFinder:
    """Finds many strings in one text: its forms are made once.

    Args:
        text: What is searched.
        tokens: Of the text, as `tokenize` returns them.
    """

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens

    def find(self, value: str) -> list[SpanMatch]:
        """Return the spans that say what a string says, the best quality first, then in order.

        Edits are looked for only where the string stands in no other way. Spans may overlap.
        """
        places = dict.fromkeys(self._places(value.strip()))
        if not places:
            spans = self._similar.find(value.strip())
            return [SpanMatch(s.first_token, s.end_token, "edited", s.distance) for s in spans]
        found = [self._judge(value, first, end) for first, end in places]
        return sorted(found, key=lambda match: (QUALITIES.index(match.quality), match))

    def similarity(self, value: str) -> float:
        """Return how much of a string some part of the text says, 0 to 1."""
        return self._similar.best(value)

    def text_of(self, first: int, end: int) -> str:
        """Return what the text says from one token to another, the latter exclusive."""
        return self.text[self.tokens[first].start : self.tokens[end - 1].end] if end > first else ""

    def span_of(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the tokens of a range of characters; ``None`` where it cuts one or is white."""
        first, after = self._plain.first_at.get(start), self._plain.end_at.get(end)
        return None if first is None or after is None else (first, after)

    def _places(self, value: str) -> Iterator[tuple[int, int]]:
        words = [token.text for token in tokenize(value)]
        yield from self._plain.find(value)
        yield from self._folded.find(" ".join(map(fold, words)))
        for part in _without_edges(words):
            forms = [form for word in part if (form := squeeze(word))]
            needle = "".join(forms)
            if len(needle) >= _FEWEST_GROUPED_DIGITS or not needle.isdigit():
                yield from self._squeezed.find(needle)
            elif len(forms) == 1:
                yield from self._folded.find(needle)

    def _judge(self, value: str, first: int, end: int) -> SpanMatch:
        there = self.text_of(first, end)
        if there == value:
            return SpanMatch(first, end, "exact", 0.0)
        one, other = fold(value), fold(there)
        if one == other:
            return SpanMatch(first, end, "case", 0.0)
        return SpanMatch(first, end, "punctuation", differ_by(one, other))

    @cached_property
    def _plain(self) -> _View:
        first_at = {token.start: index for index, token in enumerate(self.tokens)}
        end_at = {token.end: index for index, token in enumerate(self.tokens, 1)}
        return _View(self.text, first_at, end_at)

    @cached_property
    def _folded(self) -> _View:
        return _join([fold(token.text) for token in self.tokens], " ")

    @cached_property
    def _squeezed(self) -> _View:
        return _join([squeeze(token.text) for token in self.tokens], "")

    @cached_property
    def _similar(self) -> SimilarSpans:
        return SimilarSpans([token.text for token in self.tokens])


def find_spans(value: str, text: str, tokens: Sequence[Token]) -> list[SpanMatch]:
    """Return the spans of a text that say what a string says.

    Args:
        value: What is looked for.
        text: Where.
        tokens: Of the text, as `tokenize` returns them.

    Returns:
        The best quality first, then by position; empty where the text does not say it. Small edits
        (a similarity of at least 0.85, in strings of four characters or more, digits the same)
        are looked for only where nothing better is found.
    """
    return SpanFinder(text, tokens).find(value)


def _join(forms: Sequence[str], between: str) -> _View:
    """Join the tokens' forms; a token of which nothing is left begins and ends nowhere."""
    first_at: dict[int, int] = {}
    end_at: dict[int, int] = {}
    place = 0
    for index, form in enumerate(forms):
        if form:
            first_at[place] = index
            end_at[place + len(form)] = index + 1
        place += len(form) + len(between)
    return _View(between.join(forms), first_at, end_at)


def _without_edges(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield words as they are, and without article and possessive at the edges."""
    yield words
    first = 1 if words and words[0].lower() in _ARTICLES else 0
    possessive = len(words) > 2 and words[-1] in {"s", "S"} and words[-2] in _APOSTROPHES
    bare = words[first : len(words) - 2 if possessive else len(words)]
    if bare and len(bare) < len(words):
        yield bare
