"""What a teacher's log-probabilities say of the closed values in its JSON.

A value is spelled in some of the answer's tokens. All before the token in which it begins is taken
as given, and the walk along its tokens is that of `locum.teachers.token_paths`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.extractors.options import SOMETHING, read_option
from locum.schema import TokenPosition, label_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from locum.extractors.heads import HeadPlan
    from locum.shapes import FieldPath

__all__ = ["SpokenAnswer", "ValuePlace", "find_values"]

_SPACES = " \t\r\n"
_AROUND = f"{_SPACES},:}}]"
_DECODER = json.JSONDecoder()


class ValuePlace(NamedTuple):
    """Where a value stands in an answer, in characters.

    Args:
        start: Its first; of a string the one after the opening quote.
        end: After its last; of a string the closing quote.
        text: What a string says; ``None`` for other values.
    """

    start: int
    end: int
    text: str | None


class SpokenAnswer(NamedTuple):
    """An answer with what else might have been written.

    Args:
        positions: The answer token by token.
        places: Where its values stand.
    """

    positions: Sequence[TokenPosition]
    places: Mapping[FieldPath, ValuePlace]

    @classmethod
    def read(cls, positions: Sequence[TokenPosition]) -> SpokenAnswer:
        """Return an answer from its tokens."""
        text = "".join(position.token for position in positions)
        return cls(positions, find_values(text))

    def distribution(self, plan: HeadPlan) -> NDArray[np.float64] | None:
        """Return the probability of each option of a head, ``[V]``; they sum to one.

        Returns:
            ``None`` where the answer does not name the field, nothing is known of any option, or
            some are alike but for their case.
        """
        # What only answers need not wait for what asks.
        from locum.teachers.json_strings import JsonString
        from locum.teachers.token_paths import label_distribution

        place = self.places.get(plan.path)
        labels = [_label(option) for option in plan.options]
        distinct = len({label_key(label) for label in labels}) == len(labels)
        if place is None or not distinct or SOMETHING in plan.options:
            return None
        if place.text is None:
            found = label_distribution(_trimmed(self.positions, place), labels)
        else:
            string = JsonString(place.text, place.start, place.end)
            found = label_distribution(self.positions, labels, string)
        probabilities = np.array(found or ())
        total = probabilities.sum()
        return probabilities / total if total > 0 else None


def find_values(answer: str) -> dict[FieldPath, ValuePlace]:
    """Return where the values outside lists stand in an answer that is one JSON object.

    What surrounds the object is passed over; where it is no JSON, nothing is found.
    """
    brace = answer.find("{")
    try:
        return dict(_walk(answer, brace, ())) if brace >= 0 else {}
    except (ValueError, IndexError, RecursionError):
        return {}


def _walk(text: str, at: int, path: FieldPath) -> Iterator[tuple[FieldPath, ValuePlace]]:
    """Yield the values of the object whose brace stands at a place."""
    at = _skip(text, at + 1)
    while text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if text[at] == "{":
            yield from _walk(text, at, (*path, name))
        value, end = _DECODER.raw_decode(text, at)
        if isinstance(value, str):
            yield (*path, name), ValuePlace(at + 1, end - 1, value)
        elif not isinstance(value, dict | list):
            yield (*path, name), ValuePlace(at, end, None)
        at = _skip(text, end)
        if text[at] != ",":
            return
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACES:
        at += 1
    return at


def _label(option: str) -> str:
    value = read_option(option)
    return value if isinstance(value, str) else option or "null"


def _trimmed(positions: Sequence[TokenPosition], place: ValuePlace) -> list[TokenPosition]:
    """Return the tokens of a value that is no string, without what stands around it."""
    kept, end = [], 0
    for position in positions:
        begin, end = end, end + len(position.token)
        if end <= place.start or begin >= place.end:
            continue
        given = position.token[: max(0, place.start - begin)]
        alternatives: dict[str, float] = {}
        for token, log_probability in position.alternatives.items():
            said = token.removeprefix(given).strip(_AROUND)
            known = alternatives.get(said, -np.inf)
            alternatives[said] = float(np.logaddexp(known, log_probability))
        written = position.token.removeprefix(given).strip(_AROUND)
        kept.append(TokenPosition(written, alternatives))
    return kept
