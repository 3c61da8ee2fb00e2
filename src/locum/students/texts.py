"""Texts as a list, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from locum.errors import UsageError, shown

__all__ = ["as_texts"]


def as_texts(texts: Iterable[str]) -> list[str]:
    """Return texts as a list; a list is returned as it is.

    A column of a table has an index of its own, so that its n-th text is had by its place in a list
    alone.

    Args:
        texts: Any number of them.

    Raises:
        UsageError: They are one text, a table or a mapping, or one of them is no text.
    """
    found = texts if isinstance(texts, list) else _listed(texts)
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            raise UsageError(
                f"text {number} is {shown(text)}: expected a str; leave out what is missing, and "
                "decode bytes"
            )
    return found


def _listed(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, (str, bytes)):
        raise UsageError(f"{texts[:40]!r} is one text: give a list of texts, [text]")
    table = getattr(texts, "ndim", 1) != 1
    if table or isinstance(texts, Mapping) or not isinstance(texts, Iterable):
        raise UsageError(f"{shown(texts)} is no list of texts: give a list, or one column")
    return list(texts)
