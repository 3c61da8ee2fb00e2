"""Strings of JSON: the one that gives an answer, and one that is still being written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["JsonString", "OpenString", "read_open_string", "speaking_string"]

_NAMES = ("label", "answer", "category", "class")
_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"(\s*:)?'  # a string, or a key
    r"|([\[\]{}])"
    r'|[^\s,:"\[\]{}]+'  # a number, true, false, null
)
_CONTENT = re.compile(r'(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_BEGUN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_HALF_PAIR = re.compile("[\ud800-\udbff]\\Z")


class JsonString(NamedTuple):
    """A string of a JSON text.

    Args:
        text: What it says.
        start: Which character of the JSON text follows its opening quote.
        end: Which character is its closing quote.
    """

    text: str
    start: int
    end: int


class OpenString(NamedTuple):
    """The beginning of a JSON string.

    Args:
        text: What it says so far; an escape that is not whole yet is left out.
        after: What follows its closing quote; ``None`` where there is none yet.
    """

    text: str
    after: str | None


class _Member(NamedTuple):
    """A member of an object that is no object; ``string`` is ``None`` where it is no string."""

    name: str
    depth: int
    string: JsonString | None

    @property
    def rank(self) -> tuple[int, int]:
        return self.depth, _NAMES.index(self.name)


def speaking_string(document: str, is_label: Callable[[str], bool]) -> JsonString | None:
    """Return the string of a JSON text that gives the answer.

    It is the value of ``label``, ``answer``, ``category`` or ``class``: the one nearest to the
    root, the first of these names where several are. Where there is no such key, it is the only
    string value that is a label, or else the only one. Objects may be nested; what stands in
    arrays does not count.

    Args:
        document: JSON without spaces before it.
        is_label: Whether a string is a label.

    Returns:
        ``None`` where the text is not JSON, where nothing or more than one string would do, where
        the value of such a key is no string, or where the text is one string that is no label.
    """
    if document[:1] not in {"{", '"'} or not _is_json(document):
        return None
    if document.startswith('"'):
        text = orjson.loads(document)
        return JsonString(text, 1, len(document) - 1) if is_label(text) else None
    members = _members(document)
    named = [member for member in members if member.name in _NAMES]
    if named:
        highest = min(member.rank for member in named)
        return _only([member.string for member in named if member.rank == highest])
    strings = [member.string for member in members if member.string]
    return _only([string for string in strings if is_label(string.text)] or strings)


def read_open_string(raw: str) -> OpenString | None:
    """Return what a JSON string says whose opening quote stands before ``raw``.

    Returns:
        ``None`` where no JSON string begins like this.
    """
    content = _CONTENT.match(raw)
    assert content is not None, "the pattern matches the empty text"
    rest = raw[content.end() :]
    # The standard library reads half of a surrogate pair, too.
    text = str(json.loads(f'"{content[0]}"'))
    if rest.startswith('"'):
        return OpenString(text, rest[1:])
    if rest and not _BEGUN_ESCAPE.fullmatch(rest):
        return None
    return OpenString(_HALF_PAIR.sub("", text), None)


def _is_json(document: str) -> bool:
    try:
        orjson.loads(document)
    except orjson.JSONDecodeError:
        return False
    return True


def _members(document: str) -> list[_Member]:
    """Members of the objects of valid JSON, outside arrays."""
    members: list[_Member] = []
    name, brackets = "", ""
    for token in _TOKEN.finditer(document):
        raw, colon, bracket = token.groups()
        if colon:
            name = str(orjson.loads(f'"{raw}"')).strip().casefold()
            continue
        if bracket in {"}", "]"}:
            brackets = brackets[:-1]
            continue
        if bracket != "{" and "[" not in brackets:
            string = None if raw is None else JsonString(orjson.loads(f'"{raw}"'), *token.span(1))
            members.append(_Member(name, len(brackets), string))
        brackets += bracket or ""
    return members


def _only(strings: Sequence[JsonString | None]) -> JsonString | None:
    return strings[0] if len(strings) == 1 else None
