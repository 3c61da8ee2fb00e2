"""A JSON Schema as it is given: a mapping, its text, or a class that can tell it."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jsonschema_rs import Draft201909Validator

__all__ = ["malformed", "nesting", "plain_schema", "schema_of"]

_LONGEST = 1_000_000
_DEEPEST = 200
_SHOWN = 20
_DIALECT = re.compile(
    r"https?://json-schema\.org/(?:draft-0[67]/|draft/20(?:19-09|20-12)/)?schema#?"
)
_OF_REFERENCES = "!#$%&'()*+,/:;=?@~"
_CURE = "give a JSON Schema as a dict, as JSON text, or a pydantic model"


def schema_of(model: object) -> dict[str, Any]:
    """Return the JSON Schema that an object stands for.

    Args:
        model: A schema as a mapping, the JSON text of one, or a class that has
            ``model_json_schema()``, as those of pydantic have.

    Raises:
        UsageError: It is nothing of the kind, or its class cannot tell its schema.
    """
    if isinstance(model, str):
        return _of_text(model)
    if isinstance(model, dict):
        return model
    tell = getattr(model, "model_json_schema", None)
    if not callable(tell):
        raise UsageError(f"{_short(model)} is no schema: {_CURE}")
    try:
        told = tell()
    except Exception as error:  # whatever a class outside Locum raises
        raise UsageError(f"{_short(model)} cannot tell its schema ({error}): {_CURE}") from error
    if not isinstance(told, dict):
        raise UsageError(f"{_short(model)} tells {_short(told)} as its schema: {_CURE}")
    return told


def _of_text(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the schema {_short(text)} is no JSON ({error}): {_CURE}") from None
    if not isinstance(read, dict):
        raise UsageError(f"the schema {_short(text)} is no JSON object: {_CURE}")
    return read


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a schema that is known to be JSON, of a sane size, and well formed.

    References are percent-encoded in it.

    Raises:
        UsageError: It is not: a value that JSON cannot say, a circle, more than 1,000,000
            characters or 200 levels, an unknown ``$schema``, or keywords with impossible values,
            all of which are named.
    """
    try:
        text = json.dumps(dict(schema), ensure_ascii=False, allow_nan=False)
        text.encode()
        plain: dict[str, Any] = json.loads(
            text, parse_int=_sane_integer, object_hook=_quote_reference
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the schema is no JSON ({error}): {_CURE}") from None
    if len(text) > _LONGEST:
        raise UsageError(
            f"the schema has {len(text):,} characters, and at most {_LONGEST:,} are read: leave "
            "out fields that are not needed"
        )
    if nesting(plain, _DEEPEST) > _DEEPEST:
        raise UsageError(
            f"the schema is nested more than {_DEEPEST} deep: move inner parts to `$defs`"
        )
    dialect = plain.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not (isinstance(dialect, str) and _DIALECT.fullmatch(dialect)):
        raise UsageError(
            f"the schema's `$schema` is {_short(dialect)}: give it as draft 2020-12, 2019-09, 7 or "
            "6, or leave `$schema` out"
        )
    wrong = malformed(plain)
    if wrong:
        raise UsageError("\n".join(["the schema is not well formed; correct:", *wrong]))
    return plain


def _sane_integer(digits: str) -> int:
    if math.isinf(float(digits)):
        raise ValueError("a number is beyond 1.8e308")
    return int(digits)


def _quote_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """Percent-encode what a reference may not hold as it is, which people write all the same."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        schema["$ref"] = quote(reference, safe=_OF_REFERENCES)
    return schema


def nesting(value: object, most: int) -> int:
    """Return how many levels a JSON value has, or ``most + 1`` where it has more than that."""
    level, depth = [value], 0
    while level and depth <= most:
        level = list(chain.from_iterable(map(_children, level)))
        depth += 1
    return depth


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def malformed(schema: object) -> list[str]:
    """Return a line for each place of a schema that breaks the rules for schemas, at most 20."""
    found = (
        f"- {'.'.join(map(str, error.instance_path)) or 'the schema'}: {_said(error.message)}"
        for error in _metaschema().iter_errors(schema)
    )
    return list(islice(dict.fromkeys(found), _SHOWN))


def _said(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:199]}…"


@cache
def _metaschema() -> Draft201909Validator:
    """Of draft 2019-09: alone of all it knows the keywords of those before and after it."""
    from jsonschema_rs import Draft201909Validator

    return Draft201909Validator(
        {"$ref": "https://json-schema.org/draft/2019-09/schema"}, offline=True
    )
