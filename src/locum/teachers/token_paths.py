"""From the log-probabilities of tokens to a distribution over labels.

A chat model spells a label in one or several tokens. At every position of its answer the API says
what else it might have written, with probabilities; their product along the written answer is the
probability of leaving it there. So much is known of the probability with which an answer means a
label, by the rules of `LabelParser`:

* What was written counts as the label that it means, or as outside the label set. Where the API
  shows no position for the end of the answer, that it ends there is taken as certain.
* A listed alternative with which only one label is still possible counts as that label, although
  it might be left again. One with which no label is possible counts as outside.
* All else is unknown: a listed alternative with which several labels are possible, what is not
  listed (the tail past ``top_logprobs``), and an answer that was cut off within a label.

Inside JSON, all before the token in which the label's value begins is taken as given: the
probabilities are those of answers that begin like this. Elsewhere nothing is. JSON of another form
is unknown.

Unknown probability is spread by one rule, over the labels that may have it: for an alternative,
those that are possible with it, but for those to which a longer listed alternative leads that
begins with it (where ``10`` is listed, ``1`` is no ``10``); for a tail, those that were possible
before and to which no listed alternative leads that rules any label out. Where that is no label, it
is spread over none; where it is every label, in proportion to what the labels have otherwise; else
equally. Each label then differs from its probability by no more than what is unknown, plus what
would have left the label set or gone on to another label after it was counted as above.

Tokens may end within a character. The bytes of such a piece stand in a token's text as surrogate
escapes, as ``bytes.decode("utf-8", "surrogateescape")`` gives them.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from locum.teachers.label_prefixes import LabelPrefixes
from locum.traffic import is_end_token, token_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.schema import TokenPosition
    from locum.teachers.json_strings import JsonString
    from locum.teachers.parsing import LabelParser

__all__ = ["LabelMasses", "label_distribution", "label_masses"]

_LABEL_SETS = 32


class LabelMasses(NamedTuple):
    """What is known of the probabilities of labels; all numbers together are one.

    Args:
        labels: Probability that is known to be a label's, in the order of the labels.
        outside: Probability of answers that are no label.
        unknown: Probability of which it is not known where it belongs.
    """

    labels: tuple[float, ...]
    outside: float
    unknown: float


def label_masses(positions: Sequence[TokenPosition], labels: Sequence[str]) -> LabelMasses | None:
    """Return what is known of each label's probability, before anything is spread.

    Args:
        positions: The answer token by token.
        labels: The task's labels, distinct also when case is ignored.

    Returns:
        ``None`` where there are no positions.
    """
    tally = _follow(positions, labels)
    return tally.masses() if tally else None


def label_distribution(
    positions: Sequence[TokenPosition],
    labels: Sequence[str],
    string: JsonString | None = None,
) -> tuple[float, ...] | None:
    """Return the probability of each label, in the order of ``labels``; the sum is at most one.

    Unknown probability is spread by the rule above. It is not scaled to sum to one: what is missing
    is probability outside the label set, or unknown with no label that may have it.

    Args:
        positions: The answer token by token.
        labels: The task's labels, distinct also when case is ignored.
        string: The string in the answer's JSON that is the label; by default the one that
            `LabelParser` finds, if the answer is JSON.

    Returns:
        ``None`` where no probability goes to any label.
    """
    tally = _follow(positions, labels, string)
    return tally.distribution() if tally else None


def _follow(
    positions: Sequence[TokenPosition], labels: Sequence[str], string: JsonString | None = None
) -> _Tally | None:
    if not positions:
        return None
    tokens = [token_bytes(position.token) for position in positions]
    return _Walk(_prefixes(tuple(labels)), tokens, string).follow(positions)


@lru_cache(_LABEL_SETS)
def _prefixes(labels: tuple[str, ...]) -> LabelPrefixes:
    return LabelPrefixes(labels)


class _Tally:
    """Probability by what is known of it."""

    def __init__(self, every: frozenset[int]) -> None:
        self._every = every
        self._certain = [0.0] * len(every)
        self._shared = [0.0] * len(every)
        self._outside = 0.0
        self._unknown = 0.0
        self._in_proportion = 0.0

    def add(self, mass: float, possible: frozenset[int], takers: frozenset[int]) -> None:
        """Count probability with which some labels are possible, to be spread over ``takers``."""
        if not possible:
            self.add_outside(mass)
        elif len(possible) == 1:
            self.add_certain(mass, next(iter(possible)))
        else:
            self.add_unknown(mass, takers)

    def add_certain(self, mass: float, index: int) -> None:
        """Count probability of a label."""
        self._certain[index] += mass

    def add_outside(self, mass: float) -> None:
        """Count probability of no label."""
        self._outside += mass

    def add_unknown(self, mass: float, takers: frozenset[int]) -> None:
        """Count probability that may be any of the takers', or no label's."""
        self._unknown += mass
        if takers == self._every:
            self._in_proportion += mass
            return
        for index in takers:
            self._shared[index] += mass / len(takers)

    def masses(self) -> LabelMasses:
        """Return what is known."""
        return LabelMasses(tuple(self._certain), self._outside, self._unknown)

    def distribution(self) -> tuple[float, ...] | None:
        """Return what labels have after spreading; ``None`` where that is nothing."""
        known = [sum(both) for both in zip(self._certain, self._shared, strict=True)]
        total = sum(known)
        if not total:
            return None
        return tuple(p + self._in_proportion * (p / total) for p in known)


class _Walk:
    """Goes along a written answer and looks at what else might have been written."""

    def __init__(
        self, prefixes: LabelPrefixes, tokens: Sequence[bytes], string: JsonString | None
    ) -> None:
        self._prefixes = prefixes
        self._tokens = tokens
        self._span = _find_span(prefixes.parser, tokens, string)
        self._written = b""
        self._mass = 1.0
        self._has_ended = False
        self._tally = _Tally(prefixes.every)

    def follow(self, positions: Sequence[TokenPosition]) -> _Tally:
        """Return what the positions of the label say."""
        end = 0
        for position, token in zip(positions, self._tokens, strict=True):
            begin, end = end, end + len(token)
            if self._span.first < end or not self._span.first:
                given = token[: max(0, self._span.first - begin)]
                self._step(_probabilities(position), token, given)
            if self._span.last < end or not self._possible(self._written) or self._has_ended:
                break
        self._finish()
        return self._tally

    def _step(self, listed: Mapping[bytes, float], written: bytes, given: bytes) -> None:
        """Count what leaves the written answer at one position, and follow the rest.

        Args:
            listed: The alternatives with their probabilities.
            written: The token that was written.
            given: What it says before the label.
        """
        before = self._possible(self._written)
        possible = {token: self._possible_with(token, given) for token in listed}
        for token, probability in listed.items():
            if token != written:
                takers = _takers(token, possible, self._prefixes.every)
                self._tally.add(self._mass * probability, possible[token], takers)
        led_to = frozenset[int]().union(*(some for some in possible.values() if some != before))
        tail = max(0.0, 1.0 - sum(listed.values()))
        self._tally.add_unknown(self._mass * tail, before - led_to)
        self._mass *= listed.get(written, 0.0)
        self._has_ended = self._ends(written)
        if not self._has_ended:
            self._written += written[len(given) :]

    def _finish(self) -> None:
        index = self._meaning()
        if index is not None:
            self._tally.add_certain(self._mass, index)
            return
        possible = frozenset[int]() if self._has_ended else self._possible(self._written)
        if possible:
            self._tally.add_unknown(self._mass, possible)
        else:
            self._tally.add_outside(self._mass)

    def _possible(self, text: bytes) -> frozenset[int]:
        return self._prefixes.possible(text, quoted=self._span.quoted)

    def _possible_with(self, token: bytes, given: bytes) -> frozenset[int]:
        """Labels that are possible where a token is written instead."""
        if self._ends(token):
            index = self._meaning()
            return frozenset() if index is None else frozenset((index,))
        if not given:
            return self._possible(self._written + token)
        text, before = token.lstrip(), given.lstrip()
        # JSON of another form may mean any label.
        leaves = not text.startswith(before)
        return self._prefixes.every if leaves else self._possible(text[len(before) :])

    def _ends(self, token: bytes) -> bool:
        return is_end_token(token) and not self._possible(self._written + token)

    def _meaning(self) -> int | None:
        return self._prefixes.meaning(self._written, quoted=self._span.quoted)


class _Span(NamedTuple):
    """Where the label stands in an answer, in bytes, and whether as a string of JSON."""

    first: int
    last: int
    quoted: bool


def _find_span(parser: LabelParser, tokens: Sequence[bytes], string: JsonString | None) -> _Span:
    """Where an answer is to be followed: in JSON, from the value's first byte to its closing quote.

    An object in which nothing speaks for the answer is not followed.
    """
    count = len(tokens)
    while count and is_end_token(tokens[count - 1]):
        count -= 1
    answer = b"".join(tokens[:count]).decode("utf-8", "surrogateescape")
    spoken = string or parser.locate(answer)
    if spoken:
        first, last = (len(token_bytes(answer[:place])) for place in (spoken.start, spoken.end))
        return _Span(first, last, quoted=True)
    brace = answer.find("{") if parser(answer) is None else -1
    last = len(token_bytes(answer[:brace])) if brace >= 0 else sys.maxsize
    return _Span(0, last, quoted=False)


def _takers(
    token: bytes, possible: Mapping[bytes, frozenset[int]], every: frozenset[int]
) -> frozenset[int]:
    """Labels over which the probability of a token is spread with which several are possible."""
    own = possible[token]
    if len(own) < 2 or own == every:
        return own
    longer = (other for other in possible if other != token and other.startswith(token))
    return own.difference(*(possible[other] for other in longer)) or own


def _probabilities(position: TokenPosition) -> dict[bytes, float]:
    listed = {
        token_bytes(token): math.exp(min(0.0, logprob))
        for token, logprob in position.alternatives.items()
    }
    # Rounded log-probabilities may come to a little more than one.
    total = max(1.0, sum(listed.values()))
    return {token: probability / total for token, probability in listed.items()}
