"""Texts that others wrote, which may hold anything, on terminals and in logs."""

from __future__ import annotations

import json
import unicodedata

__all__ = ["printable"]

# Languages are written with the joiners of Persian, Hindi and emoji, and with spaces of any width.
_JOINERS = "\u200c\u200d"


def printable(text: str, keep: str = "") -> str:
    r"""Return a text in which all that could steer a terminal is escaped, as ``\u001b`` is in JSON.

    A JSON text stays the same value where the line breaks of its layout are kept.

    Args:
        text: What others wrote, or holds some of it.
        keep: Characters to leave as they are, such as line breaks.
    """
    if text.isprintable():
        return text
    return "".join(each if _is_harmless(each) or each in keep else _escape(each) for each in text)


def _is_harmless(character: str) -> bool:
    return (
        character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    )


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]
