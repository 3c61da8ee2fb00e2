"""What the benchmark asks of a student, and what it hands to it."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Adapter", "Fitted", "Gated", "Job", "Model", "Part", "at_places"]


class Part(NamedTuple):
    """Inputs with the label that the teacher gave, ``[N]``."""

    texts: list[str]
    answers: NDArray[np.int64]

    def joined(self, other: Part) -> Part:
        """These inputs followed by others."""
        return Part(self.texts + other.texts, np.concatenate([self.answers, other.answers]))

    def divided(self, place: int) -> tuple[Part, Part]:
        """The inputs before a place, and those from it on."""
        before, after = slice(place), slice(place, None)
        return (
            Part(self.texts[before], self.answers[before]),
            Part(self.texts[after], self.answers[after]),
        )


class Job(NamedTuple):
    """One student to train on one division of one set.

    Args:
        labels: The label set.
        train: What is learned from.
        validation: What settings, early stopping and thresholds may be chosen by.
        certify: What a student's own threshold may be fixed by, and Locum's is tested on.
        test: Inputs that choose nothing.
        seed: Of all random choices.
        target: Agreement with the teacher wanted where the student answers.
        encoder: Folder of a sentence encoder.
        embeddings: File that keeps embeddings of texts over runs.
        settings: Of the adapter.
    """

    labels: list[str]
    train: Part
    validation: Part
    certify: Part
    test: Part
    seed: int
    target: float
    encoder: str
    embeddings: str
    settings: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write the job for another process."""
        fields = self._asdict()
        for name in ("train", "validation", "certify", "test"):
            part = fields[name]
            fields[name] = {"texts": part.texts, "answers": part.answers.tolist()}
        path.write_text(json.dumps(fields), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        for name in ("train", "validation", "certify", "test"):
            given = fields[name]
            fields[name] = Part(given["texts"], np.array(given["answers"], np.int64))
        return cls(**fields)


class Model(Protocol):
    """A trained student."""

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return probabilities of the labels, ``[N, C]``."""
        ...


class Gated(NamedTuple):
    """What a student with a threshold of its own says: labels, ``[N]``, and where it answers."""

    predicted: NDArray[np.int64]
    answered: NDArray[np.bool_]


class Fitted(NamedTuple):
    """What training gives.

    Args:
        model: The final student.
        validation: Probabilities of the validation inputs, ``[N, C]``, by a student that has not
            learned from them.
        facts: Numbers and names for the record. ``encoding_seconds`` is what the embeddings took
            that were kept from before, ``train_seconds`` replaces the time that `fit` took.
        gate: Says of inputs what the product's own threshold would do; ``None`` where it has none.
    """

    model: Model
    validation: NDArray[np.floating]
    facts: Mapping[str, Any] = MappingProxyType({})
    gate: Callable[[Sequence[str]], Gated] | None = None


class Adapter(Protocol):
    """A module of this package that trains a kind of student."""

    PACKAGES: tuple[str, ...]

    def fit(self, job: Job, folder: Path) -> Fitted | dict[str, Fitted]:
        """Train, and save into an empty folder; several students into folders by their names."""
        ...

    def load(self, folder: Path, job: Job) -> Model:
        """Read what `fit` saved; of the job only labels, encoder and settings are looked at."""
        ...


def at_places(
    proba: NDArray[np.floating], places: Sequence[int] | NDArray[np.integer], labels: int
) -> NDArray[np.float64]:
    """Put columns at their places among all labels; those never learned get probability 0."""
    full = np.zeros((len(proba), labels))
    full[:, np.asarray(places)] = proba
    return full
