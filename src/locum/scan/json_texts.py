"""JSON texts, parts of which vary, as values."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from locum.scan.values import (
    Fields,
    Items,
    Scalar,
    Slot,
    Text,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["from_json"]


def from_json(text: Text) -> Value | None:
    """Return a JSON text, parts of which may vary, as a value; ``None`` where it is none."""
    written = ""
    slots: list[Slot] = []
    for part in text.parts:
        if isinstance(part, str):
            written += part
        else:
            quoted = written.count('"') - written.count('\\"')
            mark = f"\ue010{len(slots)}\ue011"
            written += mark if quoted % 2 else f'"{mark}"'
            slots.append(part)
    if not written.lstrip().startswith(("{", "[")):
        return None
    try:
        return _from_plain(json.loads(written, strict=False), slots)
    except (ValueError, RecursionError):
        return None


def _from_plain(value: object, slots: Sequence[Slot]) -> Value:
    if isinstance(value, str):
        parts: list[str | Slot] = []
        for number, part in enumerate(re.split(r"\ue010(\d+)\ue011", value)):
            if number % 2:
                parts.append(slots[int(part)])
            elif part:
                parts.append(part)
        return Text(tuple(parts) or ("",))
    if isinstance(value, dict):
        return Fields({str(key): _from_plain(one, slots) for key, one in value.items()})
    if isinstance(value, list):
        return Items(tuple(_from_plain(one, slots) for one in value))
    return Scalar(value) if isinstance(value, int | float | None) else Unknown()
