"""Which prompts a set of texts was written by: fixed text that many of them share, and gaps.

Pairs of words that many different texts share are text of a template, as in the detection
of boilerplate and of near-copies (Broder 1997). All texts with the most frequent such shingle are
aligned: shingles that all of them have, in one order, are the fixed segments (as in the mining of
log templates: Spell, Du and Li 2016; Drain, He et al. 2017). They are taken away, and so on; then
again with shingles that 95% have, and half, as some texts hold a template's words by chance. What
stands in a gap decides whether a template is one task (IPLoM, Makanju et al. 2009, cuts by the same
count): up to seven values (30 where most are four words or longer) are as many tasks, more are a
slot's; texts that are templates of their own are tasks.

Counts are of different texts, ties go by the text, and no share of all texts decides: so neither
the order of texts nor those of another task change what is found.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.audit.pattern import Pattern, Span, pattern_of
from locum.audit.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["find_patterns"]

_MOST_VALUES = 7
_MOST_LONG_VALUES = 30
_LONG_VALUE = 4
_SHINGLE = 2
_SHORTEST_RUN = 2
_BEGIN, _END = 0, 1
_FIXED = 0.95
_SHARES = (1.0, _FIXED, 0.5)
_COVERED = 0.9
_MOST_SEEDS = 400
_DEEPEST = 3
_LONG_GAP = 8
_WORDS_A_TEXT = 4_000


def find_patterns(texts: Sequence[Words], least: int) -> list[Pattern]:
    """Return the prompts of texts, those with most fixed text first.

    Args:
        texts: In any order; texts with the same keys count as one. Of a long one the first and the
            last 2,000 words count.
        least: Different texts that a template needs.
    """
    found = _split(_distinct(texts), least, 0)
    patterns = {(pattern.segments, pattern.starts, pattern.ends): pattern for pattern in found}
    return sorted(patterns.values(), key=lambda pattern: (-pattern.size, pattern))


def _distinct(texts: Sequence[Words]) -> list[Words]:
    """One text of those with the same keys, in the order of keys."""
    first: dict[tuple[str, ...], Words] = {}
    for words in map(_shortened, texts):
        known = first.get(words.keys)
        if known is None or words.text < known.text:
            first[words.keys] = words
    return [first[keys] for keys in sorted(first)]


def _shortened(words: Words) -> Words:
    if len(words.keys) <= _WORDS_A_TEXT:
        return words
    half = _WORDS_A_TEXT // 2
    head, tail = words.part(0, half), words.part(len(words.keys) - half, len(words.keys))
    return Words(
        words.text, head.keys + tail.keys, head.starts + tail.starts, head.ends + tail.ends
    )


class _Frame(NamedTuple):
    pattern: Pattern
    members: list[int]
    gaps: list[list[Span]]


class _Shingles:
    """The shingles of texts, by number.

    Args:
        texts: The texts.
        least: How many texts a shingle needs to count.
    """

    def __init__(self, texts: Sequence[Words], least: int) -> None:
        rows = _numbered_words(texts)
        edge = _SHINGLE - 1
        base = max(int(row.max()) for row in rows) + 1
        self.sizes = np.array([len(row) - edge for row in rows])
        self._text_of = np.repeat(np.arange(len(texts)), self.sizes)
        codes = np.concatenate([row[:-1] * base + row[1:] for row in rows])
        self._ids = _with_occurrence(np.unique(codes, return_inverse=True)[1], self._text_of)
        self._bounds = np.concatenate([[0], np.cumsum(self.sizes)])
        self.counts = np.bincount(self._ids)
        self._order = np.argsort(self._ids, kind="stable")
        self._order_bounds = np.concatenate([[0], np.cumsum(self.counts)])
        self._first = self._order[self._order_bounds[:-1]]
        self.least = least

    def of(self, text: int) -> NDArray[np.int64]:
        """Return the shingles of a text in their order."""
        return self._ids[self._bounds[text] : self._bounds[text + 1]]

    def texts_with(self, shingle: int) -> NDArray[np.int64]:
        """Return the texts that have a shingle."""
        begin, end = self._order_bounds[shingle : shingle + 2]
        texts: NDArray[np.int64] = self._text_of[self._order[begin:end]]
        return texts

    def counts_in(self, texts: Sequence[int]) -> NDArray[np.int64]:
        """Return how many of some texts have each shingle."""
        return np.bincount(
            np.concatenate([self.of(text) for text in texts]), minlength=len(self.counts)
        )

    def holding(self, texts: Sequence[int], wanted: NDArray[np.bool_]) -> list[int]:
        """Return those of some texts that have all wanted shingles."""
        number = int(wanted.sum())
        return [text for text in texts if np.count_nonzero(wanted[self.of(text)]) == number]

    def seeds(self) -> list[int]:
        """Return shingles that begin, end or lie within long frequent text, frequent ones first.

        Those of one count stand in the order in which they first occur in the sorted texts.
        """
        frequent = self.counts >= self.least
        chosen = np.zeros(len(self.counts), bool)
        for text in range(len(self.sizes)):
            shingles = self.of(text)
            chosen[shingles[_long_runs(frequent[shingles])]] = True
        candidates = np.flatnonzero(chosen)
        order = np.lexsort((self._first[candidates], -self.counts[candidates]))
        return [int(shingle) for shingle in candidates[order]]


def _numbered_words(texts: Sequence[Words]) -> list[NDArray[np.int64]]:
    """Number of each word of each text, with a mark of its beginning and one of its end."""
    number: defaultdict[str, int] = defaultdict(lambda: len(number) + 2)
    edge = _SHINGLE - 1
    return [
        np.array([_BEGIN] * edge + [number[key] for key in words.keys] + [_END] * edge)
        for words in texts
    ]


def _with_occurrence(ids: NDArray[np.int64], text_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell the second occurrence of a shingle in a text from the first, and so on.

    Else examples in a prompt would make a word fixed that the input behind them begins with.
    """
    order = np.lexsort((ids, text_of))
    same = (np.diff(ids[order]) == 0) & (np.diff(text_of[order]) == 0)
    place = np.arange(len(ids))
    begins = np.maximum.accumulate(np.where(np.concatenate([[True], ~same]), place, 0))
    occurrence = np.empty_like(ids)
    occurrence[order] = place - begins
    codes = ids * (int(occurrence.max()) + 1) + occurrence
    numbered: NDArray[np.int64] = np.unique(codes, return_inverse=True)[1]
    return numbered


def _long_runs(frequent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark places in runs of frequent shingles that are long, or at an end of the text."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frequent, [False]])))
    marked = np.zeros(len(frequent), bool)
    for begin, end in edges.reshape(-1, 2):
        if end - begin >= _SHORTEST_RUN or begin == 0 or end == len(frequent):
            marked[begin:end] = True
    return marked


def _split(texts: Sequence[Words], least: int, depth: int) -> list[Pattern]:
    """Return the templates of distinct sorted texts."""
    return [
        pattern
        for frame in _frames(texts, least)
        for pattern in _branches([texts[member] for member in frame.members], frame, least, depth)
    ]


def _frames(texts: Sequence[Words], least: int) -> Iterator[_Frame]:
    """Yield groups of texts with the fixed text that they share, the largest first."""
    if len(texts) < least:
        return
    shingles = _Shingles(texts, least)
    joined = [words.joined for words in texts]
    free = np.ones(len(texts), bool)
    seeds = shingles.seeds()[:_MOST_SEEDS]
    for share in _SHARES:
        tried = np.zeros(len(shingles.counts), bool)
        for seed, members in _by_frequency(shingles, seeds, free, least):
            if tried[seed]:
                continue
            fixed = shingles.counts_in(members) >= share * len(members)
            tried |= fixed
            frame = _frame(texts, joined, shingles, members, fixed)
            if frame is not None and len(frame.members) >= frame.pattern.least(least):
                free[frame.members] = False
                yield frame


def _by_frequency(
    shingles: _Shingles, seeds: Sequence[int], free: NDArray[np.bool_], least: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield seeds with the free texts that have them, those first that most free texts have."""
    waiting = [(-int(shingles.counts[seed]), place) for place, seed in enumerate(seeds)]
    heapq.heapify(waiting)
    while waiting:
        counted, place = heapq.heappop(waiting)
        having = shingles.texts_with(seeds[place])
        members: list[int] = having[free[having]].tolist()
        if len(members) < least:
            continue
        if len(members) < -counted:
            heapq.heappush(waiting, (-len(members), place))
        else:
            yield seeds[place], members


def _frame(
    texts: Sequence[Words],
    joined: Sequence[str],
    shingles: _Shingles,
    members: list[int],
    fixed: NDArray[np.bool_],
) -> _Frame | None:
    """Return the fixed segments of one text that has them all, and the texts that align."""
    whole = shingles.holding(members, fixed)
    if not whole:
        return None
    shown = min(whole, key=lambda member: (len(texts[member].keys), member))
    words, placed = texts[shown], fixed[shingles.of(shown)]
    spans = _fixed_spans(placed, len(words.keys))
    starts, ends = bool(placed[0]), bool(placed[-1])
    while spans:
        pattern = pattern_of(spans, words, starts=starts, ends=ends)
        if not pattern.is_evident():
            return None
        found = [(member, pattern.gaps(texts[member], joined[member])) for member in members]
        aligned = [(member, gaps) for member, gaps in found if gaps is not None]
        # Those that have the shingles, and not in this order, are texts of another template.
        if len(aligned) >= _FIXED * len(whole):
            return _Frame(pattern, [m for m, _ in aligned], [gaps for _, gaps in aligned])
        shortest = min(spans, key=lambda span: (span.end - span.begin, span))
        starts, ends = starts and shortest != spans[0], ends and shortest != spans[-1]
        spans.remove(shortest)
    return None


def _fixed_spans(fixed: NDArray[np.bool_], size: int) -> list[Span]:
    """Words that fixed shingles cover; the first and the last shingle reach over the edge."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], fixed, [False]]))).reshape(-1, 2)
    edge = _SHINGLE - 1
    spans = [Span(max(0, int(b) - edge), min(size, int(e))) for b, e in edges]
    merged = list[Span]()
    for span in spans:
        if merged and span.begin < merged[-1].end:
            merged[-1] = Span(merged[-1].begin, span.end)
        elif span.begin < span.end:
            merged.append(span)
    return merged


def _branches(texts: Sequence[Words], frame: _Frame, least: int, depth: int) -> list[Pattern]:
    """Return the templates within a frame: itself, unless what stands in a gap tells several."""
    if depth == _DEEPEST:
        return [frame.pattern]
    for gap in range(len(frame.gaps[0])):
        contents = [words.part(*spans[gap]) for words, spans in zip(texts, frame.gaps, strict=True)]
        groups = _by_value(contents, least) or _by_template(contents, least)
        if groups:
            parts = [[texts[place] for place in group] for group in groups]
            return [pattern for part in parts for pattern in _again(part, frame, least, depth)]
    return [frame.pattern]


def _again(texts: Sequence[Words], frame: _Frame, least: int, depth: int) -> list[Pattern]:
    """Return the templates of a part of a frame's texts."""
    shingles = _Shingles(texts, least)
    joined = [words.joined for words in texts]
    counts = shingles.counts_in(members := list(range(len(texts))))
    for share in _SHARES[:2]:
        inner = _frame(texts, joined, shingles, members, counts >= share * len(texts))
        if inner is not None and inner.pattern.size > frame.pattern.size:
            return _branches([texts[member] for member in inner.members], inner, least, depth + 1)
    return [frame.pattern]


def _by_value(contents: Sequence[Words], least: int) -> list[list[int]]:
    """Group texts by what stands in a gap; none where that is not one of few values."""
    counts = Counter(words.keys for words in contents)
    values = [keys for keys, count in counts.items() if count >= least]
    words = np.median([len(keys) for keys in values]) if values else 0
    if not 2 <= len(values) <= (_MOST_LONG_VALUES if words >= _LONG_VALUE else _MOST_VALUES):
        return []
    if sum(counts[keys] for keys in values) < _FIXED * len(contents):
        return []
    return [
        [place for place, words in enumerate(contents) if words.keys == keys]
        for keys in sorted(values)
    ]


def _by_template(contents: Sequence[Words], least: int) -> list[list[int]]:
    """Group texts by the template that stands in a gap; none unless these are nearly all."""
    if np.median([len(words.keys) for words in contents]) < _LONG_GAP:
        return []
    distinct = _distinct(contents)
    frames = [
        frame
        for frame in _frames(distinct, least)
        if frame.pattern.has_gap and len(frame.pattern.fixed_words) >= _LONG_GAP
    ]
    if len(frames) < 2 or sum(len(f.members) for f in frames) < _COVERED * len(distinct):
        return []
    group_of = {
        distinct[member].keys: number
        for number, frame in enumerate(frames)
        for member in frame.members
    }
    groups: list[list[int]] = [[] for _ in frames]
    for place, words in enumerate(contents):
        number = group_of.get(_shortened(words).keys)
        if number is not None:
            groups[number].append(place)
    return groups
