"""How a call becomes a row of the store, and a row becomes a call."""

from __future__ import annotations

import json
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import jiter
import orjson

from locum.errors import InputError
from locum.schema import Call, CallFacts

if TYPE_CHECKING:
    from locum.schema import JsonObject
    from locum.store.database import Row

__all__ = ["FACTS", "FACT_COLUMNS", "CallRow", "storable", "to_call", "to_facts", "to_row"]

FACT_COLUMNS = tuple(field.name for field in fields(CallFacts))
FACTS = ", ".join(FACT_COLUMNS)
_STREAMED = FACT_COLUMNS.index("streamed")
_values = attrgetter(*FACT_COLUMNS)


class CallRow(NamedTuple):
    """A call as the database takes it.

    Args:
        facts: Values in the order of `FACT_COLUMNS`.
        request: JSON.
        response: JSON; ``null`` where there is none.
    """

    facts: tuple[Any, ...]
    request: bytes
    response: bytes

    @property
    def id(self) -> str:
        """The id of the call."""
        return str(self.facts[0])


def to_row(call: Call) -> CallRow:
    """Return the row of a call.

    Raises:
        InputError: A body is no JSON: it nests too deep, or holds a number that JSON has not.
    """
    facts = tuple(map(storable, _values(call.facts)))
    return CallRow(facts, _dump(call.request, call), _dump(call.response, call))


def to_facts(row: Row) -> CallFacts:
    """Return the facts that a row begins with."""
    values = list(row[: len(FACT_COLUMNS)])
    values[_STREAMED] = bool(values[_STREAMED])
    return CallFacts(*values)


def to_call(row: Row) -> Call:
    """Return the call of a row of facts, request and response.

    Raises:
        InputError: A body cannot be read: the store is damaged.
    """
    facts = to_facts(row)
    request, response = row[len(FACT_COLUMNS) :]
    return Call(facts, _load(request, facts) or {}, _load(response, facts))


def storable(value: object) -> object:
    """Replace what no database takes in a text: NUL and halves of surrogate pairs."""
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _dump(body: JsonObject | None, call: Call) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        pass
    # Whole numbers beyond 64 bits, and text that is no valid Unicode.
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"call {call.facts.id} cannot be kept as JSON: {error}") from None


def _load(body: bytes | str | None, facts: CallFacts) -> JsonObject | None:
    if body is None:
        return None
    loaded: object
    # orjson would read whole numbers beyond 64 bits as floats, and say nothing.
    try:
        loaded = jiter.from_json(body.encode() if isinstance(body, str) else body)
    except ValueError:
        loaded = _load_otherwise(body, facts)
    if loaded is None or isinstance(loaded, dict):
        return loaded
    raise InputError(f"the body of call {facts.id} is damaged: it is no JSON object")


def _load_otherwise(body: bytes | str, facts: CallFacts) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body of call {facts.id} is damaged: {error}") from None
