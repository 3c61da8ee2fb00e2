"""Student families, one file each, behind one protocol."""

from locum.students.protocol import Student, find_family, student_families

__all__ = ["Student", "find_family", "student_families"]
