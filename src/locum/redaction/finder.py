"""Find what is to be replaced in one text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from functools import lru_cache
from itertools import chain, product
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from locum.redaction.credentials import KIND
from locum.redaction.escapes import unescaped
from locum.redaction.folding import folded
from locum.redaction.hints import Hint, look
from locum.redaction.texts import json_texts, searched_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from locum.redaction.escapes import Unescaped
    from locum.redaction.hints import Span, Windows
    from locum.redaction.personal import Pattern

__all__ = ["Finder", "Finding"]

_SECRET_RANK = -1
_OWN_RANK = 1000
_OF_NUMBERS = frozenset({Hint.DIGITS, Hint.NUMBERED})
_SHORT = 64
# How providers name answers, calls of tools and requests: random, and new in every call.
_PROVIDERS_ID = re.compile(
    r"(?:chatcmpl|cmpl|resp|msg|run|gen|call|toolu|req|rs|fc|batch)[_-][0-9A-Za-z]{1,64}"
)
_SHORT_TEXTS = 8192
_LONG = 16_384
_LONG_TEXTS = 512
# No pattern looks further beyond its end.
_MARGIN = 64


class Finding(NamedTuple):
    """A part of a text that is to be replaced.

    Args:
        start: Where it begins.
        end: Where it ends.
        rank: Of two that overlap, the lower one counts.
        kind: What it is.
        same: Equal for two spellings of one value.
    """

    start: int
    end: int
    rank: int
    kind: str
    same: str


class Finder:
    """Searches texts for patterns.

    Args:
        patterns: What is searched for where a text shows their hint; the first ones count most.
        own: Regular expressions that every text is searched for, by kind.
    """

    def __init__(self, patterns: Sequence[Pattern], own: Mapping[str, re.Pattern[str]]) -> None:
        self._by_hint: dict[Hint, list[tuple[int, Pattern]]] = defaultdict(list)
        for rank, pattern in enumerate(patterns):
            self._by_hint[pattern.hint].append((rank, pattern))
        self._own = own
        kinds = {pattern.kind for pattern in patterns} | own.keys()
        names = "|".join(sorted((re.escape(kind.upper()) for kind in kinds), reverse=True))
        self.placeholder = re.compile(rf"\[(?P<name>{names})_(?P<number>[0-9]{{1,9}})\]")
        # Names of models and roles come again in every call, and so do instructions.
        self._short_holds = lru_cache(_SHORT_TEXTS)(self._holds)
        self._long_holds = lru_cache(_LONG_TEXTS)(self._holds)

    def holds(self, text: str, context: str, secrets: Mapping[str, str]) -> bool:
        """Tell whether something is to be replaced in a text, also in one that is JSON."""
        if secrets and any(form in text for form in secrets):
            return True
        if len(text) <= _SHORT:
            return self._short_holds(text, context)
        return (self._long_holds if len(text) <= _LONG else self._holds)(text, context)

    def _holds(self, text: str, context: str) -> bool:
        if not self._own and _PROVIDERS_ID.fullmatch(text):
            return False
        # The first finding tells: a text that is full of them is not searched to its end.
        if len(text) > _LONG and self._begins_with_finding(text[:_LONG], context):
            return True
        for part in searched_parts(text):
            if next(self._findings(part, context, {}), None) is not None:
                return True
        return "\\" in text and any(
            self._holds(inner.text, inner.context) for inner in json_texts(text)
        )

    def _begins_with_finding(self, text: str, context: str) -> bool:
        """Tell whether something is to be replaced in the beginning of a text, wherever that ends.

        By pattern, a whole text would be searched for most of them before the first finding.
        """
        whole = len(text) - _MARGIN
        return any(one.end < whole for one in self._findings(text, context, {}))

    def find(self, text: str, context: str, secrets: Mapping[str, str]) -> list[Finding]:
        """Return what is to be replaced, in order and without overlaps.

        Args:
            text: What is searched.
            context: What is thought to stand before it.
            secrets: Exact strings to find as well, each with the value that it is a form of.
        """
        return _without_overlaps(sorted(self._findings(text, context, secrets)))

    def _findings(self, text: str, context: str, secrets: Mapping[str, str]) -> Iterator[Finding]:
        """Yield all findings that touch no placeholder, by pattern."""
        searched = folded(f'{context}{text}"' if context else text)
        kept: list[Span] | None = None
        for finding in chain(
            _exact(text, secrets),
            self._own_matches(text),
            _moved(self._searched(searched), len(context), len(text)),
        ):
            if kept is None:
                kept = [match.span() for match in self.placeholder.finditer(text)]
            if _is_apart(finding, kept):
                yield finding

    def _searched(self, text: str) -> Iterator[Finding]:
        windows = look(text)
        plain = unescaped(text)
        if plain is None:
            return self._matches(text, windows)
        # Of a credential, signs are a part: it ends where a space would begin.
        others = {hint: spans for hint, spans in windows.items() if hint not in _OF_NUMBERS}
        return chain(self._matches(text, others), self._numbers(plain))

    def _numbers(self, plain: Unescaped) -> Iterator[Finding]:
        found = look(plain.text)
        windows = {hint: spans for hint, spans in found.items() if hint in _OF_NUMBERS}
        for finding in self._matches(plain.text, windows):
            start, end = plain.place(finding.start), plain.place(finding.end)
            yield finding._replace(start=start, end=end)

    def _matches(self, text: str, windows: Windows) -> Iterator[Finding]:
        for hint, places in windows.items():
            for (rank, pattern), place in product(self._by_hint[hint], places):
                for match in pattern.regex.finditer(text, *place):
                    if span := pattern.span(match):
                        same = pattern.same(text[slice(*span)])
                        yield Finding(*span, rank, pattern.kind, same)

    def _own_matches(self, text: str) -> Iterator[Finding]:
        # They come last: one that finds a part of a card's number must not save the rest of it.
        for rank, (kind, regex) in enumerate(self._own.items(), start=_OWN_RANK):
            for match in regex.finditer(text):
                if match[0]:
                    yield Finding(*match.span(), rank, kind, match[0])


def _moved(found: Iterable[Finding], before: int, length: int) -> Iterator[Finding]:
    """Yield the findings that lie in a text which follows its context, by their place there."""
    for finding in found:
        start, end = finding.start - before, finding.end - before
        if start >= 0 and end <= length:
            yield finding._replace(start=start, end=end)


def _exact(text: str, secrets: Mapping[str, str]) -> Iterator[Finding]:
    for form, secret in secrets.items():
        at = text.find(form)
        while at >= 0:
            yield Finding(at, at + len(form), _SECRET_RANK, KIND, secret)
            at = text.find(form, at + len(form))


def _is_apart(finding: Finding, kept: Sequence[Span]) -> bool:
    """Tell whether a finding touches no placeholder; those are in order."""
    place = bisect_right(kept, finding.start, key=itemgetter(1))
    return place == len(kept) or finding.end <= kept[place][0]


def _without_overlaps(found: Iterable[Finding]) -> list[Finding]:
    taken: list[Finding] = []
    for finding in found:
        if not taken or finding.start >= taken[-1].end:
            taken.append(finding)
        elif finding.rank < taken[-1].rank and finding.kind != taken[-1].kind:
            taken[-1] = finding
    return taken
