"""Values of an answer that stand across a place of its text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from locum.alignment.leaf_values import value_key
from locum.alignment.normalisers import NORMALISERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from locum.alignment.normalisers import Normaliser
    from locum.shapes.shape import JsonValue

__all__ = ["Crossing", "find_crossing"]

# Of what is read rather than copied, such as a date in words.
_LONGEST_READ = 60


class Crossing(NamedTuple):
    """Where the values begin and end that stand across a place, in characters of the text."""

    start: int
    end: int


def find_crossing(text: str, place: int, answer: JsonValue) -> Crossing | None:
    """Return from where to where values stand across a place; ``None`` where none does.

    Args:
        text: What the teacher was asked about.
        place: In it, in characters.
        answer: The teacher's.
    """
    values = [*_values(answer)]
    found = [*_copied(text, place, values), *_read(text, place, values)]
    if not found:
        return None
    return Crossing(min(start for start, _ in found), max(end for _, end in found))


def _values(answer: JsonValue) -> Iterator[str | float]:
    """Yield the texts and numbers of an answer."""
    match answer:
        case dict() | list():
            for held in answer.values() if isinstance(answer, dict) else answer:
                yield from _values(held)
        case str() | int() | float() if answer != "" and not isinstance(answer, bool):
            yield answer


def _copied(text: str, place: int, values: Sequence[str | float]) -> Iterator[tuple[int, int]]:
    for value in values:
        written = str(value)
        first = max(place - len(written) + 1, 0)
        near = text[first : place + len(written) - 1]
        for match in re.finditer(re.escape(written), near, re.IGNORECASE):
            yield first + match.start(), first + match.end()


def _read(text: str, place: int, values: Sequence[str | float]) -> Iterator[tuple[int, int]]:
    first = max(place - _LONGEST_READ, 0)
    near = text[first : place + _LONGEST_READ]
    keys = {value_key(value) for value in values}
    for normaliser, mentions in _readers():
        if not any(map(normaliser.gives, values)):
            continue
        for begin, end in mentions(near):
            crosses = first + begin < place < first + end
            if crosses and value_key(normaliser(near[begin:end])) in keys:
                yield first + begin, first + end


@cache
def _readers() -> list[tuple[Normaliser, Callable[[str], Iterable[tuple[int, int]]]]]:
    """Return the normalisers that read values which need not stand in a text as they are."""
    offered = [(one, one.mentions) for one in NORMALISERS.values() if one.available()]
    return [(one, mentions) for one, mentions in offered if mentions is not None]
