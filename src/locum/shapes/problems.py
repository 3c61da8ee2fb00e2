"""What keeps a schema from being used, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.shapes.shape import show_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.shapes.shape import FieldPath

__all__ = ["UnfitError", "refusal"]


class UnfitError(Exception):
    """A part of a schema cannot be used; whoever reads its field gathers it with the others.

    Args:
        reason: What is wrong, as the end of a sentence that begins with the field.
        cure: What to do about it, as an order.
    """

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(f"{reason}: {cure}")


def refusal(problems: Mapping[FieldPath, UnfitError]) -> UsageError:
    """Return the error that names every field with its problem and its cure."""
    lines = [f"- {show_path(path)} {problem}" for path, problem in problems.items()]
    fields = "one field" if len(lines) == 1 else f"{len(lines)} fields"
    return UsageError("\n".join([f"the schema cannot be used, because of {fields}:", *lines]))
