"""Answers that were cut off at their longest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.teachers.label_prefixes import LabelPrefixes

if TYPE_CHECKING:
    from locum.schema import Task

__all__ = ["is_undecided", "mark_as_cut_off"]

_ELLIPSIS = "\u2026"


def is_undecided(text: str, task: Task) -> bool:
    """Return whether an answer that begins so might still have meant several labels, or none."""
    begun = text.encode("utf-8", "surrogatepass")
    return len(LabelPrefixes(task.labels).possible(begun, quoted=False)) != 1


def mark_as_cut_off(text: str) -> str:
    """Return the text with an ellipsis, so that it means no label; an empty one stays empty."""
    return text + _ELLIPSIS if text else text
