"""The ladder: which students are tried, the cheapest to ask first."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.students import find_family, student_families

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.distillation.search import SearchSettings

__all__ = ["LADDER", "Rung", "rung_names"]

_STEPS, _BATCH = 500, 32
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 10
_LEAST_SECONDS = 1.0


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

    def settings(self, given: SearchSettings, inputs: int, seconds: float) -> dict[str, Any]:
        """Return what the student's constructor gets besides the labels: what it has a name for.

        Args:
            given: What the user chose.
            inputs: How many it learns from.
            seconds: What is left of the time.
        """
        parameters = signature(find_family(self.family)).parameters
        chosen = {
            "embeddings": given.embeddings or given.encoder,
            "encoder": given.encoder,
            "epochs": _epochs(inputs),
            "seconds": max(seconds, _LEAST_SECONDS),
            "seed": given.seed,
        }
        if given.max_bytes is not None and "max_bytes" in parameters:
            chosen["max_bytes"] = _least(given.max_bytes, parameters["max_bytes"].default)
        return {name: value for name, value in chosen.items() if name in parameters} | {
            **self.fixed
        }


def _epochs(inputs: int) -> int:
    """Return passes that come to about 500 steps, 5 at least and 10 at most."""
    return min(max(_FEWEST_EPOCHS, -(-_STEPS * _BATCH // max(inputs, 1))), _MOST_EPOCHS)


def _least(most: int, default: object) -> int:
    return min(most, default) if isinstance(default, int) else most


LADDER = (
    Rung("linear", "linear", {}),
    Rung("static", "static", {}),
    Rung("cascade", "cascade", {}),
    Rung("frozen-encoder", "encoder", {"epochs": 0}),
    Rung("encoder", "encoder", {}),
    Rung("ensemble", "ensemble", {}),
)


def rung_names() -> set[str]:
    """Return what may be asked for by name: the rungs, and the installed families."""
    return {*(rung.name for rung in LADDER), *student_families()}
