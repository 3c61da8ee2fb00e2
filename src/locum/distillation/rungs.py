"""The ladder: which students are tried, the cheapest to ask first."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.students import find_family, student_families
from locum.students.encoder_source import may_be_on_hub

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AUTO", "DEFAULT_ENCODER", "DEFAULT_SECONDS", "LADDER", "LadderSettings", "Rung"]

AUTO = "auto"
DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SECONDS = 900.0
_EPOCHS = 10
_LEAST_SECONDS = 1.0


class LadderSettings(NamedTuple):
    """What is tried, and what ends the search.

    Args:
        student: A rung or an installed family, to try that one alone; ``auto`` for the ladder.
        coverage: Foreseen coverage that is enough; by default the best is come close to.
        seconds: No rung is begun after so long, and an encoder stops learning then.
        max_bytes: Students that are larger are left out.
        encoder: Folder or hub name of a sentence encoder.
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

    def check(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            UsageError: One is out of its range, or no student has that name.
        """
        if self.coverage is not None and not 0 < self.coverage <= 1:
            raise UsageError(f"coverage {self.coverage}: expected a number above 0 and at most 1")
        if self.coverage is not None and self.student != AUTO:
            raise UsageError(
                f"coverage {self.coverage} says which student of the ladder is enough, and "
                f"{self.student!r} alone is asked for: leave one of them out"
            )
        if not self.seconds > 0:
            raise UsageError(f"{self.seconds} seconds for the search: expected more than 0")
        if self.max_bytes is not None and self.max_bytes <= 0:
            raise UsageError(f"at most {self.max_bytes} bytes a student: expected more than 0")
        for role, place in (("encoder", self.encoder), ("embeddings", self.embeddings)):
            if place is not None and _names_no_folder(place):
                raise UsageError(
                    f"{role} {place!r} does not exist: expected a folder, or the name of a model "
                    "on the Hugging Face hub"
                )
        known = {AUTO, *(rung.name for rung in LADDER), *student_families()}
        if self.student not in known:
            raise UsageError(
                f"there is no student {self.student!r} here (there are: {', '.join(sorted(known))})"
            )


class Rung(NamedTuple):
    """A kind of student that can be tried.

    Args:
        name: What it is called on the command line.
        family: The family of its student.
        fixed: Settings of the student that make it this rung.
    """

    name: str
    family: str
    fixed: Mapping[str, Any]

    def settings(self, given: LadderSettings, seconds: float) -> dict[str, Any]:
        """Return what the student's constructor gets besides the labels: what it has a name for.

        Args:
            given: What the user chose.
            seconds: What is left of the time.
        """
        parameters = signature(find_family(self.family)).parameters
        chosen = {
            "embeddings": given.embeddings or given.encoder,
            "encoder": given.encoder,
            "seconds": max(seconds, _LEAST_SECONDS),
            "seed": given.seed,
        }
        if given.max_bytes is not None and "max_bytes" in parameters:
            chosen["max_bytes"] = _least(given.max_bytes, parameters["max_bytes"].default)
        return {name: value for name, value in chosen.items() if name in parameters} | {
            **self.fixed
        }


def _least(most: int, default: object) -> int:
    return min(most, default) if isinstance(default, int) else most


LADDER = (
    Rung("linear", "linear", {}),
    Rung("static", "static", {}),
    Rung("cascade", "cascade", {}),
    Rung("frozen-encoder", "encoder", {"epochs": 0}),
    Rung("encoder", "encoder", {"epochs": _EPOCHS}),
)


def _names_no_folder(place: str) -> bool:
    """Whether a name can only be a folder's, and there is none."""
    return not may_be_on_hub(place) and not Path(place).expanduser().is_dir()
