"""Texts with places that are filled in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.values import Fields, Items, Slot, Text, as_text, constant_text, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.scan.values import Value

__all__ = ["braces", "dollars", "percent", "placeholders", "replaced", "sprintf"]

_PERCENT = re.compile(
    r"%(?:%|\{(\w+)\}|(?:\((\w+)\)|(\d+)\$|<(\w+)>)?[-+ #0]*\d*(?:\.\d+)?[a-zA-Z@])"
)
_DOLLAR = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")
_BRACE = re.compile(r"\{(\w*)[^{}\n]{0,40}\}")
_PLACEHOLDER = re.compile(r"\{\{\s*\$?(\w+)\s*\}\}|\{(\w+)\}|<<(\w+)>>|\$\{(\w+)\}")


def percent(text: Text, filling: Value) -> Text:
    """Return Python's ``text % filling``."""
    if isinstance(filling, Fields):
        return sprintf(text, (), filling.entries)
    return sprintf(text, filling.items if isinstance(filling, Items) else (filling,), {})


def sprintf(text: Text, arguments: Sequence[Value], named: Mapping[str, Value]) -> Text:
    """Return a text with ``%s`` and the like filled in."""
    taken = iter(arguments)

    def fill(match: re.Match[str]) -> Text:
        if match[0] == "%%":
            return Text(("%",))
        name, place = match[1] or match[2] or match[4], match[3]
        if name:
            return _filling(named.get(name), name)
        value = _at(arguments, int(place) - 1) if place else next(taken, None)
        return _filling(value, "%s")

    return _substituted(text, _PERCENT, fill)


def braces(text: Text, arguments: Sequence[Value], named: Mapping[str, Value]) -> Text:
    """Return a text with ``{}``, ``{0}`` and ``{name}`` filled in."""
    taken = iter(arguments)

    def fill(match: re.Match[str]) -> Text:
        name = match[1]
        if not name and match[0] != "{}":
            return Text((match[0],))
        if not name:
            return _filling(next(taken, None), "{}")
        value = _at(arguments, int(name)) if name.isdecimal() else named.get(name)
        return _filling(value, name)

    return _substituted(_unmasked(text), _BRACE, fill)


def dollars(text: Text, named: Mapping[str, Value]) -> Text:
    """Return a text with ``$name`` and ``${name}`` filled in."""

    def fill(match: re.Match[str]) -> Text:
        name = match[1] or match[2]
        return _filling(named.get(name), name) if name else Text(("$",))

    return _substituted(text, _DOLLAR, fill)


def placeholders(text: Text) -> Text:
    """Return the text of a prompt template, in which names in braces vary."""
    return _substituted(
        text,
        _PLACEHOLDER,
        lambda match: Text((Slot(match[1] or match[2] or match[3] or match[4]),)),
    )


def replaced(text: Text, old: Value, new: Value) -> Text:
    """Return a text in which ``new`` stands for ``old``."""
    wanted = constant_text(old)
    if not wanted:
        return text
    pattern = re.compile(re.escape(wanted))
    return _substituted(text, pattern, lambda _: as_text(new))


def _filling(value: Value | None, name: str) -> Text:
    return Text((Slot(name),)) if value is None else as_text(value)


def _at(arguments: Sequence[Value], place: int) -> Value | None:
    return arguments[place] if 0 <= place < len(arguments) else None


def _unmasked(text: Text) -> Text:
    """Doubled braces stand for single ones, which must not be filled in."""
    masked = (
        part.replace("{{", "\ue001").replace("}}", "\ue002") if isinstance(part, str) else part
        for part in text.parts
    )
    return Text(tuple(masked))


def _substituted(
    text: Text, pattern: re.Pattern[str], fill: Callable[[re.Match[str]], Text]
) -> Text:
    texts: list[Text] = []
    for part in text.parts:
        if not isinstance(part, str):
            texts.append(Text((part,)))
            continue
        end = 0
        for match in pattern.finditer(part):
            texts += [Text((_shown(part[end : match.start()]),)), fill(match)]
            end = match.end()
        texts.append(Text((_shown(part[end:]),)))
    return joined(texts)


def _shown(part: str) -> str:
    return part.replace("\ue001", "{").replace("\ue002", "}")
