"""What keeps calls of a task from having a frame in common."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion.frame import frame_of
from locum.traffic import SETTINGS
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["Varying", "most_varied"]


class Varying(NamedTuple):
    """A part of requests, and how many values it has in them; a part that is missing counts."""

    part: str
    values: int


def most_varied(rests: Iterable[JsonObject]) -> Varying:
    """Return what differs most between requests: instruction and output format, model or a setting.

    Args:
        rests: Each without its input; at least one.
    """
    values: defaultdict[str, set[object]] = defaultdict(set)
    for rest in rests:
        frame = frame_of(rest)
        values["the instruction or the output format"].add(frame.fingerprint)
        values["the model"].add(frame.model)
        for name in SETTINGS:
            values[repr(name)].add(canonical_json(rest.get(name)))
    part, found = max(sorted(values.items()), key=lambda one: len(one[1]))
    return Varying(part, len(found))
