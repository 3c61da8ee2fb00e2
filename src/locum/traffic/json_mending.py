"""Answers that nearly have their shape, put right where only one thing can be meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.schema import label_key
from locum.shapes import Closed, ListOf, Number, OneOf, Record, Text, admits, option_of
from locum.traffic.json_objects import WrittenFloat
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.shapes import JsonScalar, JsonValue, Shape, UnexpectedField

__all__ = ["Mended", "Unwrapped", "drop_unexpected", "mend", "unwrap"]

_NULLS = {"", "null", "none", "n/a"}
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# A number in groups of three is read where its signs cannot be taken for each other: a group and
# a point, or several groups. "1,200" alone is 1.2 in half of the world.
_GROUPED_NUMBERS = tuple(
    (re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:{signs})"), group, point)
    for signs, group, point in (
        (r"(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,}", ",", "."),
        (r"(?:\.[0-9]{3})+,[0-9]+|(?:\.[0-9]{3}){2,}", ".", ","),
    )
)
_MOST_DIGITS = 308


class Mended(NamedTuple):
    """A value after repairs.

    Args:
        value: With them done; it need not have its shape even so.
        repairs: Their names, each once.
    """

    value: JsonValue
    repairs: tuple[str, ...] = ()


class Unwrapped(NamedTuple):
    """An object, and whether it stood in a field of another.

    Args:
        value: The object.
        repairs: The name of the repair, if there was one.
        is_foreign: Whether it holds something, and none of the fields that it should have.
    """

    value: dict[str, JsonValue]
    repairs: tuple[str, ...] = ()
    is_foreign: bool = False


def unwrap(value: dict[str, JsonValue], shape: Record) -> Unwrapped:
    """Return the object that is meant: another's field, if that alone has a field of the shape.

    Models write ``{"answer": {...}}``; small ones repeat the schema they are shown, with the
    values in its ``properties``.

    Args:
        value: The object as it was written.
        shape: Of the one that is meant.
    """
    if _has_a_field(value, shape):
        return Unwrapped(value)
    inner = [one for one in value.values() if isinstance(one, dict) and _has_a_field(one, shape)]
    if len(inner) == 1:
        return Unwrapped(inner[0], ("wrapped object",))
    return Unwrapped(value, is_foreign=bool(value))


def _has_a_field(value: dict[str, JsonValue], shape: Record) -> bool:
    return not shape.fields.keys().isdisjoint(_mend_names(value, shape))


def mend(value: JsonValue, shape: Shape) -> Mended:
    """Return a value nearer to its shape; one that has it stays as it is.

    Args:
        value: JSON, of which a `WrittenFloat` becomes a text as it was written.
        shape: Its own.
    """
    match shape, value:
        case OneOf(), _:
            return _mend_union(value, shape)
        case Record(), dict():
            return _mend_record(value, shape)
        case ListOf(item), list():
            mended = [mend(one, item) for one in value]
            return Mended([one.value for one in mended], _names(mended))
    if admits(shape, value):
        return Mended(value)
    return (
        _empty_as_null(value, shape)
        or _mend_leaf(value, shape)
        or _as_null(value, shape)
        or Mended(value)
    )


def _names(mended: Iterable[Mended]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in mended for name in one.repairs))


def _mend_leaf(value: JsonValue, shape: Shape) -> Mended | None:
    match shape, value:
        case Closed(values), bool() | int() | float() | str():
            return _mend_closed(value, values)
        case Number(), str():
            return _mend_number(value, shape)
        case Text(), int() | float() if not isinstance(value, bool):
            return Mended(_written(value), ("text as number",))
        case ListOf(item), _:
            return _mend_bare(value, item)
    return None


def _as_null(value: JsonValue, shape: Shape) -> Mended | None:
    said = isinstance(value, str) and label_key(value) in _NULLS
    textual = isinstance(shape, Text)
    return Mended(None, ("null as text",)) if said and shape.nullable and not textual else None


def _empty_as_null(value: JsonValue, shape: Shape) -> Mended | None:
    is_empty = isinstance(value, list | dict) and _is_empty(value)
    return Mended(None, ("empty as null",)) if is_empty and shape.nullable else None


def _is_empty(value: JsonValue) -> bool:
    """Whether a value says nothing, as null, an empty list or an object without values."""
    if isinstance(value, list | dict):
        return all(map(_is_empty, value.values() if isinstance(value, dict) else value))
    return value is None


def _mend_closed(value: JsonScalar, values: tuple[JsonScalar, ...]) -> Mended | None:
    found = [(listed, name) for listed in values if (name := _likeness(value, listed))]
    return Mended(found[0][0], (found[0][1],)) if len(found) == 1 else None


def _likeness(given: JsonScalar, listed: JsonScalar) -> str | None:
    """Name the repair that makes a listed value of what was given."""
    match given, listed:
        case str(), str() if label_key(given) == label_key(listed):
            return "enum spelling"
        case str(), bool() if _TRUTHS.get(label_key(given)) is listed:
            return "boolean as text"
        case str(), int() | float() if not isinstance(listed, bool) and _read(given) == listed:
            return "number as text"
        case int() | float(), str() if not isinstance(given, bool) and _written(given) == listed:
            return "text as number"
    return None


def _written(number: float) -> str:
    return number.written if isinstance(number, WrittenFloat) else str(number)


def _mend_number(value: str, shape: Number) -> Mended | None:
    number = _read(value)
    if number is None or not admits(shape, number):
        return None
    return Mended(int(number) if shape.whole else number, ("number as text",))


def _read(text: str) -> float | None:
    """Return the number that a text can only mean."""
    stripped = text.strip()
    for pattern, group, point in _GROUPED_NUMBERS:
        if pattern.fullmatch(stripped):
            stripped = stripped.replace(group, "").replace(point, ".")
    if not _PLAIN_NUMBER.fullmatch(stripped) or len(stripped) > _MOST_DIGITS:
        return None
    plain = stripped.lstrip("+-").isdigit()
    return int(stripped) if plain else float(stripped)


def _mend_bare(value: JsonValue, item: Shape) -> Mended | None:
    if value is None or (isinstance(value, str) and label_key(value) in _NULLS):
        return None
    mended = mend(value, item)
    if mended.value is None or not admits(item, mended.value):
        return None
    return Mended([mended.value], _names([mended, Mended(None, ("bare value",))]))


def _mend_union(value: JsonValue, shape: OneOf) -> Mended:
    option = option_of(shape, value)
    if option is not None:
        return mend(value, option)
    empty = _empty_as_null(value, shape)
    if empty is not None:
        return empty
    tried = [(mend(value, option), option) for option in shape.options]
    fitting = [mended for mended, option in tried if admits(option, mended.value)]
    if value is not None and len({canonical_json(mended.value) for mended in fitting}) == 1:
        return fitting[0]
    return _as_null(value, shape) or Mended(value)


def _mend_record(value: dict[str, JsonValue], shape: Record) -> Mended:
    spelled = _mend_names(value, shape)
    repairs = [Mended(None, ("key spelling",))] if spelled.keys() != value.keys() else []
    mended = {
        name: mend(inner, shape.fields[name].shape) if name in shape.fields else Mended(inner)
        for name, inner in spelled.items()
    }
    blank = {name for name, field in mended.items() if _is_blank(name, field, shape)}
    repairs += [Mended(None, ("null left out",))] if blank else []
    missing = [
        name
        for name, field in shape.fields.items()
        if field.required and field.shape.nullable and name not in mended
    ]
    repairs += [Mended(None, ("missing null",))] if missing else []
    present = {name: field.value for name, field in mended.items() if name not in blank}
    return Mended(present | dict.fromkeys(missing), _names([*repairs, *mended.values()]))


def _is_blank(name: str, mended: Mended, shape: Record) -> bool:
    """Whether a field is null that may be absent but not null."""
    field = shape.fields.get(name)
    absent = field is not None and not field.required and not field.shape.nullable
    return absent and mended.value is None


def _mend_names(value: dict[str, JsonValue], shape: Record) -> dict[str, JsonValue]:
    """Name fields as the shape does, which were named but for case and the signs between words."""
    meant = _by_bare_name(name for name in shape.fields if name not in value)
    given = _by_bare_name(name for name in value if name not in shape.fields)
    names = {
        given[bare][0]: meant[bare][0]
        for bare in given
        if len(given[bare]) == len(meant.get(bare, ())) == 1
    }
    return {names.get(name, name): inner for name, inner in value.items()}


def _by_bare_name(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_BETWEEN_WORDS.sub("", name).casefold(), []).append(name)
    return found


def drop_unexpected(
    value: JsonValue, shape: Shape, unexpected: Iterable[UnexpectedField]
) -> Mended:
    """Take fields out of a value, in place, that its schema forbids and its shape does not know.

    Args:
        value: JSON.
        shape: Its own.
        unexpected: What a `Checker` said of it.
    """
    repairs: tuple[str, ...] = ()
    for place, name in unexpected:
        holder, record = _at(value, shape, place)
        known = isinstance(record, Record) and name not in record.fields
        if known and isinstance(holder, dict) and name in holder:
            del holder[name]
            repairs = ("unexpected field",)
    return Mended(value, repairs)


def _at(
    value: JsonValue, shape: Shape | None, place: tuple[str | int, ...]
) -> tuple[JsonValue, Shape | None]:
    """A place within a value, and its shape where it has one."""
    shape = option_of(shape, value) if isinstance(shape, OneOf) else shape
    if not place:
        return value, shape
    step, rest = place[0], place[1:]
    if isinstance(value, list) and isinstance(step, int) and isinstance(shape, ListOf):
        return _at(value[step], shape.item, rest)
    if isinstance(value, dict) and isinstance(step, str) and isinstance(shape, Record):
        field = shape.fields.get(step)
        return _at(value[step], field.shape if field else None, rest)
    return value, None
