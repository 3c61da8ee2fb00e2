"""Whether written answers can be compared while a student stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.writers import Acceptance

if TYPE_CHECKING:
    from locum.export import CertifiedWriter

__all__ = ["check_comparable"]


def check_comparable(student: CertifiedWriter) -> None:
    """Refuse a student whose promise nobody could watch.

    Raises:
        UsageError: Its rule asks a judge or an encoder, or needs what is not installed.
    """
    if not Acceptance(student.rule).is_on_texts:
        raise UsageError(
            f"the student of {student.task.name!r} is certified by {student.rule!r}, and a "
            "gateway that watches its promise asks no judge and no encoder: distil the task with a "
            "rule on the texts alone, such as --accept 'chrF>=0.6'"
        )
