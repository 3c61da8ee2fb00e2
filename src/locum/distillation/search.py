"""What the user chooses of the search for a student."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.folders import find_folder
from locum.students.encoder_source import may_be_on_hub

if TYPE_CHECKING:
    from collections.abc import Collection

    from locum.evaluation import Promise

__all__ = [
    "AUTO",
    "DEFAULT_ENCODER",
    "DEFAULT_SECONDS",
    "SearchSettings",
    "check_promise",
    "is_above_zero",
]

AUTO = "auto"
DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SECONDS = 900.0


class SearchSettings(NamedTuple):
    """What is tried, and what ends the search.

    Args:
        student: One to try alone; several, with commas between them; or ``auto`` for all.
        coverage: Foreseen coverage that is enough; by default the best is come close to.
        seconds: No student is begun after so long, and an encoder stops learning then.
        max_bytes: Students that are larger are left out.
        encoder: Folder or hub name of an encoder.
        embeddings: Folder or hub name of static token embeddings; by default the encoder, from
            which they are distilled.
        seed: Seed of students that use random numbers.
    """

    student: str = AUTO
    coverage: float | None = None
    seconds: float = DEFAULT_SECONDS
    max_bytes: int | None = None
    encoder: str = DEFAULT_ENCODER
    embeddings: str | None = None
    seed: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The students that are named; none where all are tried."""
        named = self.student.split(",") if self.student != AUTO else ()
        return tuple(dict.fromkeys(name.strip() for name in named))

    @property
    def is_race(self) -> bool:
        """Whether there is a student to choose."""
        return len(self.names) != 1

    def check(self, known: Collection[str], answers: str) -> None:
        """Refuse values that cannot be used.

        Args:
            known: Names of students besides ``auto``.
            answers: What they answer with, as an error says it.

        Raises:
            UsageError: One is out of its range, or no student has that name.
        """
        self._check_students(known, answers)
        if self.coverage is not None and not 0 < self.coverage <= 1:
            raise UsageError(f"coverage {self.coverage}: expected a number above 0 and at most 1")
        if self.coverage is not None and not self.is_race:
            raise UsageError(
                f"coverage {self.coverage} says which of several students is enough, and "
                f"{self.student!r} alone is asked for: leave one of them out"
            )
        if not is_above_zero(self.seconds):
            raise UsageError(f"{self.seconds} seconds for the search: expected more than 0")
        if self.max_bytes is not None and not is_above_zero(self.max_bytes):
            raise UsageError(f"at most {self.max_bytes} bytes a student: expected more than 0")
        for role, place in (("encoder", self.encoder), ("embeddings", self.embeddings)):
            if place is not None and _names_no_folder(place):
                raise UsageError(
                    f"{role} {place!r} does not exist: expected a folder, or the name of a model "
                    "on the Hugging Face hub"
                )

    def _check_students(self, known: Collection[str], answers: str) -> None:
        if not isinstance(self.student, str):
            raise UsageError(
                f"students {self.student!r}: expected their names in one text, with commas between "
                "them, such as 'linear,ensemble'"
            )
        if AUTO in self.names:
            raise UsageError(f"{AUTO!r} stands for all students: leave the others out, or {AUTO!r}")
        for name in self.names:
            if name not in known:
                names = ", ".join(sorted({AUTO, *known}))
                raise UsageError(f"no student {name!r} answers {answers}: expected one of {names}")


def check_promise(promise: Promise, seed: int, minimum_coverage: float) -> None:
    """Refuse a promise that cannot be kept, and what cannot be used beside it.

    Raises:
        UsageError: A value is out of its range.
    """
    promise.check()
    if seed < 0 or not 0 <= minimum_coverage <= 1:
        raise UsageError(
            f"seed {seed}, minimum coverage {minimum_coverage}: expected a seed of zero or more, "
            "and a coverage between 0 and 1"
        )


def is_above_zero(value: object) -> bool:
    """Tell whether a value is a number above zero."""
    return isinstance(value, Real) and float(value) > 0


def _names_no_folder(place: str) -> bool:
    """Whether a name can only be a folder's, and there is none."""
    return not may_be_on_hub(place) and find_folder(place) is None
