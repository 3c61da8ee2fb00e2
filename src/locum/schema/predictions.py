"""What students say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema.tasks import JsonObject

__all__ = ["Extraction", "FieldValue", "Generation", "Prediction"]


class Prediction(NamedTuple):
    """What a student says of one input.

    Args:
        label: The most probable label.
        confidence: The student's calibrated probability of that label.
        answered: Whether the certificate covers it; where false, ask the teacher.
    """

    label: str
    confidence: float
    answered: bool


class FieldValue(NamedTuple):
    """A field of an answer, or a list in it, as a student gives it.

    Args:
        value: Its own; ``None`` for nothing.
        confidence: The student's calibrated probability that the teacher would say the same.
        accepted: Whether the field's own certificate covers it, or that of the whole answer.
    """

    value: Any
    confidence: float
    accepted: bool


class Extraction(NamedTuple):
    """What a student of an extraction task says of one input.

    Args:
        answer: The object, which satisfies the task's schema; ``None`` where there is none.
        confidence: The student's calibrated probability that all of it is as the teacher would say.
        answered: Whether the certificate covers it; where false, ask the teacher.
        fields: Each field by its path, such as ``order.date``; whole lists stand as one.
    """

    answer: JsonObject | None
    confidence: float
    answered: bool
    fields: Mapping[str, FieldValue]


class Generation(NamedTuple):
    """What a student of a generation task writes for one input.

    Args:
        answer: Its text; ``None`` where it came to no end.
        confidence: The student's estimated probability that the answer is as good as its teacher's,
            by the rule of its certificate.
        answered: Whether the certificate covers it; where false, ask the teacher.
    """

    answer: str | None
    confidence: float
    answered: bool
