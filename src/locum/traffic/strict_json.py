"""JSON from outside: read strictly, so that what was read can be written again."""

from __future__ import annotations

import json
import re

import orjson

__all__ = ["canonical_json", "parse_json", "read_json", "write_json"]

_PLACE = re.compile(r" at line \d+ column \d+| \"[^\"]*\"|: line \d+ column \d+ \(char \d+\)")
_REASONS = {
    "recursion limit exceeded": "nested more than 200 deep",
    "Detected duplicate key": "an object names a key twice",
}


def parse_json(data: bytes) -> object:
    """Return the value of a text that no two parsers read apart.

    Raises:
        ValueError: The text is not valid JSON, says NaN, holds half a surrogate pair or no valid
            UTF-8, names a key twice in an object, or is nested more than 200 deep. The message is
            one of few and names no place.
    """
    import jiter

    try:
        value: object = jiter.from_json(data, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise _said(error) from None
    return value


def read_json(data: bytes) -> object:
    """Return the value as it can be written again.

    Raises:
        ValueError: As `parse_json`, or a number is too large to be written.
    """
    parse_json(data)
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise _said(error) from None


def _said(error: ValueError) -> ValueError:
    said = _PLACE.sub("", str(error))
    return ValueError(_REASONS.get(said, f"not valid JSON ({said})"))


def canonical_json(value: object) -> bytes:
    """Return JSON that is the same for equal values, in whatever order they name their keys.

    Raises:
        TypeError: The value holds something that JSON cannot say.
        RecursionError: It is nested too deep.
    """
    return write_json(value, sort_keys=True)


def write_json(value: object, *, sort_keys: bool = False, indented: bool = False) -> bytes:
    """Return a value as JSON.

    Args:
        value: What JSON can say.
        sort_keys: Whether names stand in order.
        indented: Whether each stands on a line of its own, for people.

    Raises:
        TypeError: The value holds something that JSON cannot say.
        RecursionError: It is nested too deep.
    """
    try:
        option = sort_keys * orjson.OPT_SORT_KEYS | indented * orjson.OPT_INDENT_2
        return orjson.dumps(value, option=option)
    except orjson.JSONEncodeError:
        # Whole numbers beyond 64 bits, and text that is no valid Unicode.
        if indented:
            return json.dumps(value, sort_keys=sort_keys, indent=2).encode()
        return json.dumps(value, sort_keys=sort_keys, separators=(",", ":")).encode()
