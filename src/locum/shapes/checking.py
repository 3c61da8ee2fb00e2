"""Whether an answer satisfies its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.schema import is_placeholder
from locum.shapes.reading import read_schema
from locum.shapes.source import nesting, plain_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema_rs import ValidationError

    from locum.shapes.shape import JsonValue

__all__ = ["Checker", "UnexpectedField"]

_DEEPEST = 100
_LONGEST_ECHO = 80
_LONGEST_PROBLEM = 300
_OF_TEXTS = frozenset({"pattern", "minLength", "maxLength"})
# Stands for the value in a message, so that a shorter one can be put there.
_MASK = "\ue000"


class UnexpectedField(NamedTuple):
    """A field of an answer that the schema forbids.

    Args:
        place: Of the object that holds it: names of fields, and numbers of items from 0.
        name: Its own.
    """

    place: tuple[str | int, ...]
    name: str


class Checker:
    """Judges answers by a JSON Schema, with the library jsonschema-rs.

    ``format`` is a hint and is not asserted, as draft 2020-12 has it. A text that redaction put in
    the place of a value passes its pattern and its bounds of length, which that value satisfied.
    Nothing is fetched.

    Args:
        schema: One that `read_schema` reads.

    Raises:
        UsageError: As `read_schema`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema_rs import validator_for

        # The library takes forever over some schemas that are refused here.
        read_schema(schema)
        self._schema = schema
        try:
            self._validator = validator_for(
                plain_schema(schema), validate_formats=False, mask=_MASK, offline=True
            )
        except ValueError as error:
            raise UsageError(f"the schema cannot be used ({error}): correct it") from None

    def __reduce__(self) -> tuple[type[Checker], tuple[Mapping[str, Any]]]:
        """Let a copy be made of the schema, as the library's validator cannot be copied."""
        return Checker, (self._schema,)

    def is_valid(self, value: JsonValue) -> bool:
        """Return whether an answer satisfies the schema; what is no JSON does not."""
        if _flaw(value):
            return False
        return self._validator.is_valid(value) or self._error(value) is None

    def problem(self, value: JsonValue) -> str | None:
        """Return the first thing that is wrong with an answer, and where; ``None`` if nothing is.

        It has at most 300 characters, and shows no part of the answer that has more than 80.
        """
        flaw = _flaw(value)
        if flaw:
            return flaw
        error = self._error(value)
        return None if error is None else _described(_telling(error))

    def _error(self, value: JsonValue) -> ValidationError | None:
        errors = self._validator.iter_errors(value)
        return next((error for error in errors if not _is_hidden(error)), None)

    def unexpected(self, value: JsonValue) -> list[UnexpectedField]:
        """Return the fields that the schema forbids, or one of its options does."""
        if _flaw(value):
            return []
        return list(dict.fromkeys(_unexpected(self._validator.iter_errors(value))))


def _flaw(value: JsonValue) -> str | None:
    """What keeps a value from being JSON that any program can read."""
    if nesting(value, _DEEPEST) > _DEEPEST:
        return f"nested more than {_DEEPEST} deep"
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "holds half a surrogate pair, which is no text"
    except (TypeError, ValueError) as error:
        return f"is no JSON ({error})"
    return None


def _is_hidden(error: ValidationError) -> bool:
    """Whether what is wrong is only that a placeholder stands where a text did."""
    if error.kind.name in _OF_TEXTS:
        return is_placeholder(error.instance)
    options: Sequence[list[ValidationError]] = getattr(error.kind, "context", [])
    return any(errors and all(map(_is_hidden, errors)) for errors in options)


def _telling(error: ValidationError) -> ValidationError:
    """Of an error that no option fits, the error of the option that fits furthest."""
    options: Sequence[list[ValidationError]] = getattr(error.kind, "context", [])
    inner = [_telling(errors[0]) for errors in options if errors]
    return max([error, *inner], key=_fit)


def _fit(error: ValidationError) -> tuple[int, bool]:
    """How deep an error lies, and whether it is more than that of a wrong type or option."""
    told = error.kind.name != "type" and not hasattr(error.kind, "context")
    return len(error.instance_path), told


def _described(error: ValidationError) -> str:
    names: Sequence[str] = getattr(error.kind, "unexpected", [])
    value = json.dumps(error.instance, ensure_ascii=False)
    told = error.message.replace(_MASK, _cut(value, _LONGEST_ECHO), 1)
    if names:
        told = f"the schema forbids the fields {', '.join(_cut(n, _LONGEST_ECHO) for n in names)}"
    return _cut(f"{_place(error.instance_path)}: {told}", _LONGEST_PROBLEM)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _place(path: Sequence[str | int]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".") or "the answer"


def _unexpected(errors: Iterator[ValidationError]) -> Iterator[UnexpectedField]:
    for error in errors:
        place = tuple(error.instance_path)
        yield from (UnexpectedField(place, name) for name in getattr(error.kind, "unexpected", ()))
        for inner in getattr(error.kind, "context", ()):
            yield from _unexpected(inner)
