"""Escapes in string literals, as the languages have them in common."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["unescape", "with_pairs"]

_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|u+([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|"
    r"N\{([^}\n]+)\}|([0-7]{1,3})|(\r?\n|.))",
    re.DOTALL,
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def unescape(text: str) -> str:
    """Return what a string literal stands for."""
    return with_pairs(_ESCAPE.sub(_unescaped, text)) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    braced, short, long, byte, name, octal, other = match.groups()
    if name:
        return _named(name) or match[0]
    if octal:
        return chr(int(octal, 8))
    if other:
        return "" if other[-1] == "\n" else _ESCAPED.get(other, other)
    code = int(braced or short or long or byte, 16)
    return chr(code) if code <= 0x10FFFF else match[0]


def _named(name: str) -> str | None:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return None


def with_pairs(text: str) -> str:
    """Return a text in which the two halves of a surrogate pair are one character."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
