"""How many tools a request offers, and whether one must be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.values import (
    Fields,
    Items,
    Made,
    Reference,
    Scalar,
    Text,
    Value,
    constant_text,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["count_tools", "must_call"]

_FORCED = frozenset({"required", "any", "tool", "function", "specific"})


def count_tools(values: Sequence[Value]) -> int | None:
    """Return how many tools there are; ``None`` where that is unknown."""
    total = 0
    for value in values:
        if isinstance(value, Items):
            if value.is_open:
                return None
            total += sum(count_tools([one]) or 1 for one in value.items)
        elif isinstance(value, Fields) and "tools" in value.entries:
            total += count_tools([value.entries["tools"]]) or 0
        elif isinstance(value, Fields):
            kinds = [one for one in value.entries.values() if isinstance(one, Fields | Made)]
            total += len(kinds) if _is_named_tools(value) else _declarations(value)
        elif isinstance(value, Made | Text):
            total += 1
        elif not isinstance(value, Scalar):
            return None
    return total


def _is_named_tools(value: Fields) -> bool:
    keys = {plain(key) for key in value.entries}
    known = {"type", "name", "function", "toolspec", "functiondeclarations", "inputschema"}
    return not keys & (known | {"parameters", "description", "oftool", "offunction"})


def _declarations(value: Fields) -> int:
    for key, one in value.entries.items():
        if plain(key) == "functiondeclarations" and isinstance(one, Items):
            return len(one.items)
    return 1


def must_call(value: Value | None) -> bool:
    """Return whether the choice of tools makes the model call one."""
    if value is None:
        return False
    text = plain(constant_text(value) or "")
    if text:
        return text not in {"auto", "none"}
    if isinstance(value, Fields):
        kinds = [plain(constant_text(one) or "") for one in value.entries.values()]
        inner = [one for one in value.entries.values() if isinstance(one, Fields | Made)]
        keys = {plain(key) for key in value.entries}
        if "auto" in kinds or "auto" in keys:
            return False
        return bool(
            _FORCED & set(kinds)
            or keys & {"name", "function", "tool", "any", "oftool", "allowedfunctionnames"}
            or any(must_call(one) for one in inner)
        )
    if isinstance(value, Made | Reference):
        path = value.path() if isinstance(value, Made) else plain(value.path)
        return not path.endswith(("auto", "none")) and "auto" not in path
    return False
