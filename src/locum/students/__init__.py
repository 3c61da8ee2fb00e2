"""Student families, one file each, behind one protocol."""

from locum.students.ngrams import MAX_CHARACTERS
from locum.students.protocol import (
    Judgement,
    RefittableStudent,
    Student,
    WindowedStudent,
    check_judgement,
    find_family,
    naming_family,
    refit,
    student_families,
)

__all__ = [
    "MAX_CHARACTERS",
    "Judgement",
    "RefittableStudent",
    "Student",
    "WindowedStudent",
    "check_judgement",
    "find_family",
    "naming_family",
    "refit",
    "student_families",
]
