"""What is around a place: the class of a method, and the name that a method has its object by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.scan.tree import Class, Function

__all__ = ["owner_of", "receiver_name"]


def owner_of(function: Function | None) -> Class | None:
    """Return the class whose method a function is, or stands in."""
    while function is not None:
        if function.owner is not None:
            return function.owner
        function = function.parent
    return None


def receiver_name(function: Function | None) -> str:
    """Return by which name a method, or the one around a function, has its object in Go."""
    while function is not None:
        if function.receiver:
            return function.receiver
        function = function.parent
    return ""
