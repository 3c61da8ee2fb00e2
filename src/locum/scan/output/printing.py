"""Texts from code, which may hold anything, on terminals and in logs."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, keep: str = "") -> str:
    """Return a text in which all that could steer a terminal is escaped, except for ``keep``."""
    return "".join(
        each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text
    )
