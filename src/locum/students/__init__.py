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
from locum.students.texts import as_texts

__all__ = [
    "MAX_CHARACTERS",
    "Judgement",
    "RefittableStudent",
    "Student",
    "WindowedStudent",
    "as_texts",
    "check_judgement",
    "find_family",
    "naming_family",
    "refit",
    "student_families",
]
