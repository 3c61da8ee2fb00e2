"""Texts that are more than prose: those that are JSON, and those that hold files in Base64."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from locum.redaction.leaves import context_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JsonText", "change_json", "change_parts", "is_json", "json_texts", "searched_parts"]

_LONG = 2048
_FILE = re.compile(r"(?<![A-Za-z0-9+/=])(?!eyJ)[A-Za-z0-9+/]{1024,}+=*(?![A-Za-z0-9_.-])", re.ASCII)
_LITERAL = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|(?<![A-Za-z0-9.+-])[0-9]{3,19}(?![A-Za-z0-9.+-])', re.DOTALL
)
_COLON = re.compile(r"\s*:")


class JsonText(NamedTuple):
    """A string or a number in a text that is JSON.

    Args:
        start: Where it begins there, with its quote.
        end: Where it ends.
        text: What it says.
        context: What is thought to stand before it.
    """

    start: int
    end: int
    text: str
    context: str


def is_json(text: str) -> bool:
    """Tell whether a text is an object or an array in JSON."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def json_texts(text: str) -> Iterator[JsonText]:
    """Yield the strings and whole numbers of a text that is JSON; none of another text."""
    if not is_json(text):
        return
    context = ""
    for match in _LITERAL.finditer(text):
        value = json.loads(match[0]) if match[0][0] == '"' else match[0]
        if match[0][0] == '"' and _COLON.match(text, match.end()):
            yield JsonText(*match.span(), value, "")
            context = context_of(value)
        else:
            yield JsonText(*match.span(), value, context)


def change_json(text: str, change: Callable[[str, str], str]) -> str:
    """Return a JSON text in which the function of text and context changed its literals."""
    pieces, last = [], 0
    for inner in json_texts(text):
        changed = change(inner.text, inner.context)
        if changed != inner.text:
            ascii_alone = text[inner.start : inner.end].isascii()
            pieces += [text[last : inner.start], json.dumps(changed, ensure_ascii=ascii_alone)]
            last = inner.end
    return "".join([*pieces, text[last:]])


def searched_parts(text: str) -> list[str]:
    """Return what is left of a text without files in Base64, such as images."""
    if len(text) < _LONG or not _has_file(text):
        return [text]
    return _FILE.split(text)


def change_parts(text: str, change: Callable[[str], str]) -> str:
    """Return a text in which the function changed what `searched_parts` returns of it."""
    if len(text) < _LONG or not _has_file(text):
        return change(text)
    pieces, last = [], 0
    for match in _FILE.finditer(text):
        pieces += [change(text[last : match.start()]), match[0]]
        last = match.end()
    return "".join([*pieces, change(text[last:])])


def _has_file(text: str) -> bool:
    # A private key may lack line breaks too.
    is_likely = "base64," in text or " " not in text[:1024]
    return is_likely and "-----BEGIN" not in text
