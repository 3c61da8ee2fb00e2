"""What every student family offers, and where families are found."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from locum.errors import LocumError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "STUDENT_ENTRY_POINTS",
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

STUDENT_ENTRY_POINTS = "locum.students"


class Judgement(NamedTuple):
    """What a student makes of ``N`` inputs.

    Args:
        proba: Probabilities of the labels before any calibration, float32 ``[N, C]``.
        novelty: How unlike the training inputs each input is, float32 ``[N]``: 0 where all of it is
            familiar, and larger the stranger it is. Each family states its method.
    """

    proba: NDArray[np.float32]
    novelty: NDArray[np.float32]


class Student(Protocol):
    """A classifier that learns from soft labels; its methods are named as in scikit-learn.

    A family registers its class under the entry point group ``locum.students``, with its name. One
    that is ``searched`` learns in seconds: training tries several values of its ``l2``,
    ``temperature`` and ``human_weight``, and of settings of its own the values in ``tried``, in
    their order, and fits it again on train and validation inputs together. ``l2`` without values
    stands among them where the penalty is to be searched before some of them, and not after all.
    Another is fitted once, on the train inputs, and stops early by itself; if it can, part of it
    then learns from the validation inputs as well (see `RefittableStudent`). ``extra`` names
    Locum's extra that predictions need; empty for none, and where members have extras of their own.
    """

    family: ClassVar[str]
    searched: ClassVar[bool]
    extra: ClassVar[str]
    classes_: tuple[str, ...]

    def __init__(self, classes: Sequence[str], **settings: Any) -> None:  # noqa: ANN401 - each family has its own
        """Take the labels, in the order of the soft labels' columns, and the settings."""

    @property
    def tried(self) -> Mapping[str, Sequence[float]]:
        """Values of settings of its own that are worth trying, the most telling first."""
        ...

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each."""
        ...

    def judge(self, inputs: Sequence[str]) -> Judgement:
        """Return probabilities and novelty of the inputs in one pass."""
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
        """Write the fitted state into an existing folder; return the files written.

        A file is named ``name.suffix``: letters, digits, ``_`` and ``-``, and a suffix of small
        letters alone.
        """
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run."""
        ...


@runtime_checkable
class WindowedStudent(Protocol):
    """A student that reads so many tokens of a text, and no more."""

    def cut_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts that are longer."""
        ...


@runtime_checkable
class RefittableStudent(Protocol):
    """A fitted student of which a part can learn again without a search."""

    def refit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn again from these inputs, without making any choice anew."""
        ...


def refit(
    student: Student,
    inputs: Sequence[str],
    soft_labels: NDArray[np.float64],
    human_labels: NDArray[np.integer] | None = None,
) -> Student:
    """Let a fitted student learn from these inputs as far as it can without a search; return it.

    Args:
        student: The student; it stays as it is where nothing of it can learn again.
        inputs: ``N`` texts, those that it learned from among them.
        soft_labels: ``[N, C]``.
        human_labels: An index or -1 for each.
    """
    if not isinstance(student, RefittableStudent):
        return student
    return student.refit(inputs, soft_labels, human_labels)


def student_families() -> list[str]:
    """Names of the families that are installed."""
    return sorted(entry.name for entry in entry_points(group=STUDENT_ENTRY_POINTS))


def find_family(name: str) -> type[Student]:
    """Return the class of a family.

    Raises:
        UsageError: No installed package registers a family of that name.
    """
    family: type[Student] = _entry_point(name).load()
    return family


@contextmanager
def naming_family(name: str) -> Iterator[None]:
    """Say which family it was whose own code fails, where another package brings that family.

    Raises:
        UsageError: It fails with an error that is none of Locum's.
    """
    try:
        yield
    except LocumError:
        raise
    except Exception as error:
        entry = _entry_point(name)
        if entry.value.startswith("locum."):
            raise
        raise UsageError(
            f"student family {name!r} failed with {type(error).__name__}: {error} (see "
            f"{entry.value}, or leave the family out)"
        ) from error


def check_judgement(judgement: Judgement, family: str, inputs: int, labels: int) -> None:
    """Refuse a judgement that does not speak of these inputs and labels in numbers.

    Raises:
        UsageError: A shape is another one, or a number is not finite.
    """
    proba, novelty = (np.shape(part) for part in judgement)
    if (proba, novelty) != ((inputs, labels), (inputs,)):
        raise UsageError(
            f"student family {family!r} judges {inputs:,} inputs and {labels} labels by "
            f"probabilities of shape {list(proba)} and novelty of shape {list(novelty)}: expected "
            f"{[inputs, labels]} and {[inputs]}"
        )
    if not all(np.isfinite(part).all() for part in judgement):
        raise UsageError(
            f"student family {family!r} judges by numbers that are not finite: expected "
            "probabilities, and a novelty of each input"
        )


def _entry_point(name: str) -> EntryPoint:
    found = list(entry_points(group=STUDENT_ENTRY_POINTS, name=name))
    if not found:
        known = ", ".join(student_families())
        raise UsageError(f"there is no student family {name!r} here (installed: {known})")
    return found[0]
