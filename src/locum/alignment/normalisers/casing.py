"""Normalisers that need nothing but the characters."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from locum.shapes.shape import JsonScalar

__all__ = ["CASING"]

_WORD_STARTS = re.compile(r"(?:^|(?<=[\s(\[\"/-]))\w")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_SPACES = re.compile(r"\s+")


def _as_is(text: str) -> str:
    return text


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _spaced(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _stripped(text: str) -> str:
    return _EDGES.sub("", text)


def _title(text: str) -> str:
    return _WORD_STARTS.sub(lambda match: match[0].title(), text.lower())


def _capitalised(text: str) -> str:
    return _WORD_STARTS.sub(lambda match: match[0].title(), text)


def _sentence(text: str) -> str:
    return text[:1].title() + text[1:]


def _digits_only(text: str) -> str | None:
    return "".join(character for character in text if character.isdecimal()) or None


def _is_text(value: JsonScalar) -> bool:
    return isinstance(value, str)


def _is_digits(value: JsonScalar) -> bool:
    return isinstance(value, str) and value.isdecimal()


def _is_lower(value: JsonScalar) -> bool:
    return isinstance(value, str) and value == value.lower()


def _is_upper(value: JsonScalar) -> bool:
    return isinstance(value, str) and value == value.upper()


# The simpler ones come first.
CASING = (
    Normaliser("as_is", _as_is, _is_text),
    Normaliser("composed", _composed, _is_text),
    Normaliser("spaced", _spaced, _is_text),
    Normaliser("lower", str.lower, _is_lower),
    Normaliser("upper", str.upper, _is_upper),
    Normaliser("capitalised", _capitalised, _is_text),
    Normaliser("title", _title, _is_text),
    Normaliser("sentence", _sentence, _is_text),
    Normaliser("stripped", _stripped, _is_text),
    Normaliser("digits_only", _digits_only, _is_digits),
)
