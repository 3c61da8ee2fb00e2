"""A soft label as it is kept with a recorded call, and taken from store to store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from locum.schema.examples import TeacherAnswer

if TYPE_CHECKING:
    from locum.schema.tasks import JsonObject

__all__ = ["KeptSoftLabel"]

# A sum of probabilities may be a little over one.
_MOST = 1.001


@dataclass(frozen=True)
class KeptSoftLabel:
    """What a teacher said of a call's input.

    Args:
        labels: What it was asked to choose from.
        answer: Its answer, with a distribution in the order of these.
    """

    labels: tuple[str, ...]
    answer: TeacherAnswer

    def as_object(self) -> JsonObject | None:
        """Return labels with their probabilities, and whose they are; ``None`` without these."""
        if self.answer.distribution is None:
            return None
        return {
            "labels": dict(zip(self.labels, self.answer.distribution, strict=True)),
            "answer": self.answer.text,
            "teacher": self.answer.version,
            "votes": self.answer.votes,
        }

    @classmethod
    def from_object(cls, value: object) -> Self | None:
        """Return what `as_object` wrote; ``None`` where it is something else."""
        labels = value.get("labels") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(labels, dict):
            return None
        distribution = [float(one) for one in labels.values() if _is_probability(one)]
        if len(distribution) < len(labels) or not any(distribution) or not all(map(_text, labels)):
            return None
        answer = TeacherAnswer(
            _text(value.get("answer")) or "",
            tuple(distribution),
            version=_text(value.get("teacher")),
            votes=value["votes"] if type(value.get("votes")) is int else None,
        )
        return cls(tuple(labels), answer)


def _is_probability(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= _MOST


def _text(value: object) -> str | None:
    """A text that is valid Unicode, so that it can be written."""
    if isinstance(value, str) and value == value.encode("utf-8", "replace").decode():
        return value
    return None
