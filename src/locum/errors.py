"""Every error that Locum raises on purpose.

LocumError
├── UsageError        a value that the caller chose cannot be used          exit code 2
├── InputError        a file or a text that was given cannot be read        exit code 1
├── TeacherError      the teacher cannot be reached, or refuses             exit code 1
├── WriterError       the server that writes for a student fails        exit code 1
├── ArtefactError     a saved student is missing, damaged or not trusted    exit code 1
└── QualityGateError  no student keeps the promise, or a scan has findings  exit code 3

A message names the value, says what was expected and how to cure it. The command line prints it
without a traceback and ends with the exit code of its class.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ArtefactError",
    "InputError",
    "LocumError",
    "QualityGateError",
    "TeacherError",
    "UsageError",
    "WriterError",
    "shown",
]


class LocumError(Exception):
    """Base of all errors that Locum raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(LocumError):
    """A value that the caller chose cannot be used."""

    exit_code = 2


class InputError(LocumError):
    """A file or a text that was given cannot be read."""


class TeacherError(LocumError):
    """The teacher cannot be reached, or refuses to answer."""


class WriterError(LocumError):
    """A server that writes for a student cannot be reached, or does not answer as asked.

    Args:
        reason: What happened, and the cure.
        gone: Whether it will not answer the next text either.
    """

    def __init__(self, reason: str, *, gone: bool) -> None:
        super().__init__(reason)
        self.gone = gone


class ArtefactError(LocumError):
    """A saved student is missing, damaged or not trusted."""


class QualityGateError(LocumError):
    """What was asked for is not reached: no student keeps the promise, or a scan has findings."""

    exit_code = 3


def shown(value: object) -> str:
    """Return a value of another type than was expected as a message names it, shortened."""
    return f"{str(value)[:40]!r} of type {type(value).__name__}"
