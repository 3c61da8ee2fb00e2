"""Closed values as text: what heads and marks tell apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from locum.shapes import JsonScalar

__all__ = ["NOTHING", "SOMETHING", "read_option", "show_option"]

NOTHING = ""  # null, or no field at all; no JSON text is empty
SOMETHING = "written"  # no JSON text either


def show_option(value: JsonScalar) -> str:
    """Return the option that a closed value is."""
    if value is None:
        return NOTHING
    whole = isinstance(value, float) and value.is_integer()
    return write_json(int(value) if whole else value).decode()


def read_option(option: str) -> JsonScalar:
    """Return the closed value that an option is; ``None`` for `NOTHING`."""
    value: JsonScalar = json.loads(option) if option != NOTHING else None
    return value
