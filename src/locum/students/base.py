"""What all families of Locum's own share: parameters, and predictions from judgements."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self

import numpy as np
import orjson

from locum.errors import UsageError
from locum.losses import first_unusable
from locum.students.columns import column_names, places_of_classes
from locum.students.texts import as_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.students.protocol import Judgement

__all__ = ["BaseStudent", "Lesson", "UnfittedError", "read_lesson", "write_parameters"]


class UnfittedError(UsageError, AttributeError):
    """A student was asked for what it has not learned yet."""


class BaseStudent:
    """A student whose constructor keeps each argument under its own name, but ``classes_``."""

    extra: ClassVar[str] = ""

    classes_: tuple[str, ...]

    @property
    def tried(self) -> Mapping[str, Sequence[float]]:
        """Values of settings of its own that are worth trying, the most telling first."""
        return {}

    def judge(self, inputs: Sequence[str]) -> Judgement:
        """Return probabilities and novelty of the inputs in one pass.

        Raises:
            UsageError: They are no texts (see `as_texts`).
        """
        return self._judge(as_texts(inputs))

    def _judge(self, texts: list[str]) -> Judgement:
        raise NotImplementedError

    def predict_proba(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of the labels, ``[N, C]``."""
        return self.judge(inputs).proba

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the most probable label of each input."""
        return [self.classes_[index] for index in self.judge(inputs).proba.argmax(axis=1)]

    def __sklearn_clone__(self) -> Self:
        """Return a student of the same parameters that has learned nothing."""
        return type(self)(**self.get_params())

    if not TYPE_CHECKING:  # so that types are checked for attributes that are nowhere

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to do where what was learned is asked for, and nothing was."""
            kind = type(self).__name__
            raise UnfittedError(f"this {kind} is not fitted, and has no {name!r}: call fit first")

    def save(self, directory: str | Path) -> list[Path]:
        """Write the fitted state into an existing folder; return the files written.

        Those of a student that is made of others lie in folders of their own.

        Raises:
            UsageError: There is no such folder, or the student is not fitted.
        """
        if not Path(directory).is_dir():
            raise UsageError(f"{directory} is no folder: make it first")
        return self._save(Path(directory))

    def _save(self, directory: Path) -> list[Path]:
        raise NotImplementedError

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run.

        Raises:
            ArtefactError: A file is missing, or holds something else than a student of this family.
            UsageError: The family's extra is not installed.
        """
        return cls._load(Path(directory))

    @classmethod
    def _load(cls, directory: Path) -> Self:
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - as scikit-learn
        """Return the parameters that the constructor took."""
        names = list(inspect.signature(type(self)).parameters)
        return {"classes": list(self.classes_)} | {
            name: getattr(self, name) for name in names if name != "classes"
        }


class Lesson(NamedTuple):
    """What a student learns from.

    Args:
        texts: ``N`` of them.
        soft_labels: ``[N, C]``.
        human_labels: An index or -1 for each, if there are any.
    """

    texts: list[str]
    soft_labels: NDArray[np.float64]
    human_labels: NDArray[np.integer] | None


def read_lesson(
    inputs: Sequence[str],
    soft_labels: NDArray[np.float64],
    classes: Sequence[str],
    human_labels: NDArray[np.integer] | None = None,
) -> Lesson:
    """Return inputs and labels by their places, and refuse what no student can learn from.

    Args:
        inputs: ``N`` texts.
        soft_labels: Expected to be ``[N, C]``, finite and not negative, with a sum above zero in
            each row. A table's columns are matched to the labels by their names.
        classes: ``C`` labels.
        human_labels: Expected to be ``[N]`` whole numbers, if there are any: the place of a label,
            or -1.

    Raises:
        UsageError: They are not so; the first row that is not is named. Or a label is no text, or
            stands there twice.
    """
    texts = as_texts(inputs)
    _check_classes(classes)
    soft_labels = _in_order(soft_labels, classes)
    expected = (len(texts), len(classes))
    if soft_labels.shape != expected or not texts:
        raise UsageError(
            f"soft labels of shape {list(soft_labels.shape)} for {len(texts):,} inputs and "
            f"{len(classes)} labels: expected {list(expected)}, and at least one input"
        )
    if human_labels is not None:
        _check_human_labels(human_labels, *expected)
    row = first_unusable(soft_labels)
    if row is not None:
        raise UsageError(
            f"the soft labels of input {row + 1} are {np.round(soft_labels[row][:5], 4).tolist()}"
            f"{'...' if len(classes) > 5 else ''}: expected finite numbers of zero or more, with "
            "one above zero"
        )
    return Lesson(texts, soft_labels, human_labels)


def _in_order(soft_labels: NDArray[np.float64], classes: Sequence[str]) -> NDArray[np.float64]:
    """Return soft labels with columns in the order of the labels, where they have names."""
    names = column_names(soft_labels)
    found: NDArray[np.float64] = np.asarray(soft_labels)
    return found if names is None else found.take(places_of_classes(names, [*classes]), axis=1)


def _check_classes(classes: Sequence[str]) -> None:
    for name in classes:
        if not isinstance(name, str):
            raise UsageError(f"label {name!r} is of type {type(name).__name__}: expected a text")
    if len(set(classes)) < len(classes):
        twice = next(name for place, name in enumerate(classes) if name in classes[:place])
        raise UsageError(f"label {twice!r} stands there twice: expected each label once")


def _check_human_labels(human_labels: NDArray[np.integer], inputs: int, labels: int) -> None:
    expected = f"expected an array of a whole number from -1, for none, to {labels - 1} each"
    if not isinstance(human_labels, np.ndarray) or human_labels.dtype.kind not in "iu":
        kind = getattr(human_labels, "dtype", type(human_labels).__name__)
        raise UsageError(f"human labels of type {kind}: {expected}")
    if human_labels.shape != (inputs,):
        shape = list(human_labels.shape)
        raise UsageError(f"human labels of shape {shape} for {inputs:,} inputs: {expected}")
    unknown = np.flatnonzero((human_labels < -1) | (human_labels >= labels))
    if len(unknown):
        row = unknown[0]
        raise UsageError(f"the human label of input {row + 1} is {human_labels[row]}: {expected}")


def write_parameters(file: Path, parameters: Mapping[str, Any]) -> None:
    """Write what a constructor took as JSON, numbers of numpy as any others."""
    file.write_bytes(orjson.dumps(parameters, option=orjson.OPT_SERIALIZE_NUMPY))
