"""What keeps calls of a task from having a frame in common."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic import SETTINGS, plain_rest
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.promotion.frame import Frame
    from locum.schema import JsonObject

__all__ = ["Varying", "most_varied"]


class Varying(NamedTuple):
    """A part of requests, and how many values it has in them; a part that is missing counts."""

    part: str
    values: int


def most_varied(asked: Iterable[tuple[Frame, JsonObject]]) -> Varying:
    """Return what differs most between requests: instruction and output format, model or a setting.

    Args:
        asked: The frame of each, and the request without its input; at least one.
    """
    values: defaultdict[str, set[object]] = defaultdict(set)
    for frame, rest in asked:
        plain = plain_rest(rest)
        values["the instruction or the output format"].add(frame.fingerprint)
        values["the model"].add(frame.model)
        for name in SETTINGS:
            values[repr(name)].add(canonical_json(plain.get(name)))
    part, found = max(sorted(values.items()), key=lambda one: len(one[1]))
    return Varying(part, len(found))
