"""What functions of standard libraries give: texts, lists, records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.formatting import braces, replaced, sprintf
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Text,
    Unknown,
    Value,
    as_text,
    constant_text,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


__all__ = ["CONVERSIONS", "alternating_record", "function_value", "joined_items", "keys_or_items"]

CONVERSIONS = frozenset(
    {
        *("bool", "byte", "cast", "float", "int", "ofnullable", "parse", "str", "string"),
        *("stringify", "trim", "trimspace"),
    }
)
"""Functions that give their first argument in another type."""

# What these functions give is their first argument.
_SAME_AS_FIRST = frozenset(
    {
        *CONVERSIONS,
        *("dumps", "jsonencode", "marshal", "marshalindent", "serialize", "generate"),
        *("writevalueasstring", "tojson", "dedent", "cleandoc", "newbuffer", "newbufferstring"),
        *("newreader", "stringcontent", "ofstring", "ofbytearray", "int32"),
        *("int64", "float32", "float64", "ptr", "f", "newopt", "opt"),
        *("fromutf8string", "fromstring", "frombytes", "fromobjectasjson", "from"),
        *("getbytes", "set", "frozenset", "list", "tuple", "linkedhashset", "hashset", "arraylist"),
        *("copyof", "url", "uri", "create", "bytes", "keys", "values", "arraykeys", "arrayvalues"),
        *("raw", "jsoncontent", "toptr", "uniquevalue", "some", "typereference"),
        *("pointer", "json", "i", "rstrip", "htmlspecialchars", "sorted"),
        *("fromobject", "heredoc", "stripindent", "outdent", "freeze"),
        *("asdict", "immutableset", "stringbuilder", "arrayunique", "deepcopy", "copy"),
    }
)


_FORMATS = frozenset({"sprintf", "format"})
_KEYS = frozenset({"keys", "values", "arraykeys", "list", "set"})
_TEXTS = frozenset({"dedent", "string", "str", "trim", "trimspace"})
_LISTS = frozenset({"of", "aslist", "listof", "setof", "arraylistof"})


def keys_or_items(value: Value) -> Value:
    """Return the keys of a record as a list; whatever else there is stays as it is."""
    if isinstance(value, Fields):
        return Items(tuple(Text((key,)) for key in value.entries), value.is_open)
    return value


def joined_items(items: Value, between: Value) -> Value:
    """Return the texts of a list as one, with something between them."""
    listed = keys_or_items(items)
    if not isinstance(listed, Items) or listed.is_open:
        return Unknown("joined") if not isinstance(items, Input) else items
    return joined([as_text(one) for one in listed.items], constant_text(between) or "")


def function_value(
    name: str, arguments: tuple[Value, ...], named: Mapping[str, Value]
) -> Value | None:
    """Return what a function of a standard library gives; ``None`` where it is not known.

    Args:
        name: In lower case without underscores.
        arguments: By place.
        named: By name.
    """
    if name == "dict" and not arguments:
        return Fields(named)
    if name in _LISTS:
        return Items(arguments)
    if not arguments:
        return Fields(named) if name in _SAME_AS_FIRST and named else None
    if name in _FORMATS and isinstance(arguments[0], Text) and len(arguments) + len(named) > 1:
        return _formatted(arguments[0], arguments[1:], named)
    if len(arguments) > 1:
        found = _of_several(name, arguments)
        if found is not None:
            return found
    return _of_one(name, arguments[0])


def _formatted(text: Text, arguments: tuple[Value, ...], named: Mapping[str, Value]) -> Text:
    is_numbered = any("{0" in part for part in text.parts if isinstance(part, str))
    return (braces if is_numbered else sprintf)(text, arguments, named)


def _of_several(name: str, arguments: tuple[Value, ...]) -> Value | None:
    first, second = arguments[:2]
    if name in {"implode", "join"}:
        is_first = isinstance(first, Text)
        return joined_items(second, first) if is_first else joined_items(first, second)
    if name in {"strreplace", "replaceall", "strtr"} and len(arguments) > 2:
        return _str_replaced(name, arguments)
    if name in {"map", "arraymap"}:
        return second if isinstance(second, Items) else None
    return None


def _of_one(name: str, first: Value) -> Value | None:
    is_known = not isinstance(first, Unknown | Input)
    if name in _KEYS and is_known:
        return keys_or_items(first)
    if name in _TEXTS or (name in _SAME_AS_FIRST and is_known):
        return first
    return None


def alternating_record(arguments: tuple[Value, ...]) -> Value:
    """``Map.of(...)``, in which keys and values alternate."""
    keys = [constant_text(one) for one in arguments[::2]]
    entries = {key: one for key, one in zip(keys, arguments[1::2], strict=False) if key is not None}
    return Fields(entries, is_open=len(entries) < len(keys))


def _str_replaced(name: str, arguments: Sequence[Value]) -> Value | None:
    text = arguments[2] if name == "strreplace" else arguments[0]
    old, new = arguments[:2] if name == "strreplace" else arguments[1:3]
    if not isinstance(text, Text):
        return None
    if isinstance(old, Items):
        news = new.items if isinstance(new, Items) else (new,) * len(old.items)
        for one, other in zip(old.items, news, strict=False):
            text = replaced(text, one, other)
        return text
    return replaced(text, old, new)
