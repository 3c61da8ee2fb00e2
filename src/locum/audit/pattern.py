"""The fixed text of a prompt, with gaps for what varies."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.words import BETWEEN, NOISE, VARYING, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import JsonObject

__all__ = ["GAP", "WHOLE", "Pattern", "Span", "pattern_of", "pattern_of_json", "whole_text"]

GAP = "{}"
_TIMES_ALONE = 3
_TIMES_A_HEADING = 5
_HEADING_MARKS = frozenset(":\n")
_MARKS = frozenset("\n:\"“”„«»'`<>[]{}()|#=*~")


class Span(NamedTuple):
    """Words from one place to another, exclusive."""

    begin: int
    end: int


class _Fields(NamedTuple):
    segments: tuple[tuple[str, ...], ...]
    starts: bool
    ends: bool
    shown: str


class Pattern(_Fields):
    """Segments of words that follow each other in a text, with anything between them.

    Args:
        segments: The keys of each.
        starts: Whether a text begins with the first one.
        ends: Whether it ends with the last one.
        shown: The fixed text as it was written in one call, with ``{}`` for what varies.
    """

    @cached_property
    def _joined(self) -> tuple[str, ...]:
        return tuple(_join(segment) for segment in self.segments)

    @property
    def fixed_words(self) -> tuple[str, ...]:
        """The words that never vary, in their order."""
        return tuple(key for segment in self.segments for key in segment if _is_word(key))

    @property
    def size(self) -> int:
        """How many words and marks are fixed."""
        return sum(map(len, self.segments))

    @property
    def has_gap(self) -> bool:
        """Whether anything varies but numbers and the like."""
        return len(self.segments) != 1 or not (self.starts and self.ends)

    def gaps(self, words: Words, joined: str | None = None) -> list[Span] | None:
        """Return what stands between the segments; ``None`` where a text is another one.

        Args:
            words: The text.
            joined: Its keys in one string, where they are at hand.
        """
        placed = self._place(words.joined if joined is None else joined)
        if placed is None:
            return None
        size = len(words.keys)
        before = [Span(0, 0), *placed, Span(size, size)]
        gaps = [Span(one.end, other.begin) for one, other in pairwise(before)]
        return gaps[self.starts : len(gaps) - self.ends]

    def admits(self, joined: str) -> bool:
        """Tell whether a text is one of the pattern's, by its keys in one string."""
        return self._place(joined) is not None

    def _place(self, joined: str) -> list[Span] | None:
        """Where each segment stands: the first and the last at their ends, others the earliest."""
        spans = []
        place, counted = 0, 0
        last = len(self._joined) - 1
        for index, segment in enumerate(self._joined):
            if index == last and self.ends and not (index == 0 and self.starts):
                found = len(joined) - len(segment)
                found = found if joined.endswith(segment) and found >= place else -1
            else:
                found = joined.find(segment, place)
            if found < 0 or (index == 0 and self.starts and found):
                return None
            begin = counted + joined.count(BETWEEN, place, found)
            end = begin + len(self.segments[index])
            spans.append(Span(begin, end))
            # The mark behind a segment may be the one before the next.
            place, counted = found + len(segment) - 1, end
        if self.starts and self.ends and last == 0 and place != len(joined) - 1:
            return None
        return spans

    def varying(self, words: Words) -> str | None:
        """Return the part of a text that varies, as it was written.

        Numbers within the fixed text belong to it; moments, identifiers and placeholders of
        redaction there do not.

        Returns:
            The gaps and the numbers, by lines; ``None`` where the text is another one.
        """
        gaps = self.gaps(words)
        if gaps is None:
            return None
        inside = {place for gap in gaps for place in range(gap.begin, gap.end)}
        parts = [(gap.begin, words.between(*gap)) for gap in gaps if gap.begin < gap.end]
        parts += [
            (place, words.between(place, place + 1))
            for place, key in enumerate(words.keys)
            if key in VARYING and key not in NOISE and place not in inside
        ]
        return "\n".join(text for _, text in sorted(parts))

    def is_evident(self) -> bool:
        """Tell whether the fixed text may be a prompt, if enough texts have it."""
        return self._times() is not None

    def least(self, texts: int) -> int:
        """Return how many different texts show that the fixed text is a prompt.

        A prompt has three different words of 12 letters, in segments of which one is set off from
        what varies: by a colon, a quotation mark, a bracket or the end of a line. People use other
        phrases in common as well. So five words of 18 letters at the beginning or the end take
        three times as many texts, and one word of five letters as a heading five times as many.

        Args:
            texts: How many show the first kind.
        """
        return texts * (self._times() or 1)

    def _times(self) -> int | None:
        words, outer = frozenset(self.fixed_words), self._outer_words()
        is_set_off = self._is_set_off()
        if is_set_off and len(words) >= 3 and _letters(words) >= 12:
            return 1
        if not is_set_off and len(outer) >= 5 and _letters(outer) >= 18:
            return _TIMES_ALONE
        is_heading = self.starts and self.has_gap and self.segments[0][-1] in _HEADING_MARKS
        return _TIMES_A_HEADING if is_heading and _letters(outer) >= 5 else None

    def _outer_words(self) -> list[str]:
        outer = [*self.segments[:1]] * self.starts + [*self.segments[-1:]] * self.ends
        return [key for segment in dict.fromkeys(outer) for key in segment if _is_word(key)]

    def _is_set_off(self) -> bool:
        if not (self.starts or self.ends or any(map(_is_line, self.segments))):
            return False
        before = [segment[-1] for segment in self.segments]
        after = [segment[0] for segment in self.segments]
        edges = [*before[: len(before) - self.ends], *after[self.starts :]]
        return any(key in _MARKS for key in edges)

    def to_json(self) -> JsonObject:
        """Return what `pattern_of_json` reads."""
        return {
            "segments": [list(segment) for segment in self.segments],
            "starts": self.starts,
            "ends": self.ends,
            "shown": self.shown,
        }

    @property
    def varies(self) -> bool:
        """Whether texts of the pattern may differ in anything."""
        return self.has_gap or not VARYING.isdisjoint(self.segments[0])


WHOLE = Pattern((), starts=False, ends=False, shown=GAP)
"""Any text."""


def pattern_of_json(value: JsonObject) -> Pattern:
    """Return the pattern that `Pattern.to_json` wrote."""
    segments = tuple(tuple(map(str, segment)) for segment in value["segments"])
    return Pattern(segments, bool(value["starts"]), bool(value["ends"]), str(value["shown"]))


def pattern_of(spans: Sequence[Span], words: Words, *, starts: bool, ends: bool) -> Pattern:
    """Return the pattern whose segments are spans of a text, in their order.

    Args:
        spans: What is fixed.
        words: The text.
        starts: Whether the first span begins all texts of the pattern.
        ends: Whether the last one ends them.
    """
    segments = tuple(words.keys[span.begin : span.end] for span in spans)
    return Pattern(segments, starts, ends, _show(spans, words, starts=starts, ends=ends))


def whole_text(words: Words) -> Pattern:
    """Return the pattern of a text in which nothing varies but numbers and the like."""
    return pattern_of([Span(0, len(words.keys))], words, starts=True, ends=True)


def _show(spans: Sequence[Span], words: Words, *, starts: bool, ends: bool) -> str:
    """Write the fixed text down with ``{}`` for what varies."""
    size = len(words.keys)
    around = [Span(0, 0), *spans, Span(size, size)]
    gaps = [Span(one.end, other.begin) for one, other in pairwise(around)]
    varying = [_characters(words, gap) for gap in gaps[starts : len(gaps) - ends]]
    varying += [
        _characters(words, Span(place, place + 1))
        for span in spans
        for place in range(*span)
        if words.keys[place] in VARYING
    ]
    written, done = list[str](), 0
    for begin, end in sorted(varying):
        written += [words.text[done:begin], GAP]
        done = end
    return "".join([*written, words.text[done:]])


def _characters(words: Words, span: Span) -> Span:
    """Where words begin and end in the text; of none, where they would."""
    if span.begin < span.end:
        return Span(words.starts[span.begin], words.ends[span.end - 1])
    place = words.ends[span.begin - 1] if span.begin else 0
    return Span(place, place)


def _is_word(key: str) -> bool:
    return key[:1].isalpha()


def _is_line(segment: Sequence[str]) -> bool:
    return "\n" in segment and sum(map(_is_word, segment)) >= 5


def _letters(words: Iterable[str]) -> int:
    return sum(map(len, words))


def _join(segment: Sequence[str]) -> str:
    return f"{BETWEEN}{BETWEEN.join(segment)}{BETWEEN}" if segment else BETWEEN
