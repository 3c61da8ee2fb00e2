"""What every student family offers, and where families are found."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["STUDENT_ENTRY_POINTS", "Student", "find_family", "student_families"]

STUDENT_ENTRY_POINTS = "locum.students"


class Student(Protocol):
    """A classifier that learns from soft labels; scikit-learn's conventions hold.

    A family registers its class under the entry point group ``locum.students``, with its name.
    """

    family: ClassVar[str]
    classes_: tuple[str, ...]

    def __init__(self, classes: Sequence[str], **settings: float) -> None:
        """Take the labels, in the order of the soft labels' columns, and the settings."""

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each."""
        ...

    def predict_proba(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of the labels, ``[N, C]``."""
        ...

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the most probable label of each input."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as scikit-learn
        """Return the parameters that the constructor took."""
        ...

    def save(self, directory: Path) -> list[Path]:
        """Write the fitted state into an existing folder; return the files written."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run."""
        ...


def student_families() -> list[str]:
    """Names of the families that are installed."""
    return sorted(entry.name for entry in entry_points(group=STUDENT_ENTRY_POINTS))


def find_family(name: str) -> type[Student]:
    """Return the class of a family.

    Raises:
        UsageError: No installed package registers a family of that name.
    """
    found = list(entry_points(group=STUDENT_ENTRY_POINTS, name=name))
    if not found:
        known = ", ".join(student_families())
        raise UsageError(f"there is no student family {name!r} here (installed: {known})")
    family: type[Student] = found[0].load()
    return family
