"""What tests of all student families share: odd texts, data to learn, a pickle that bites."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.losses import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "NO_TEXTS",
    "ODD_TEXTS",
    "Column",
    "StudentData",
    "copies_of",
    "make_data",
    "write_trap",
]

ODD_TEXTS = [
    "",
    " \t\n",
    "\0",
    "a\0b",
    "word " * 200_000,
    "🙂👩‍🚀" * 50,
    "שלום עולם",
    "\ud800 lone \udfff",
    bytes(range(256)).decode("latin-1") * 20,
]

NO_TEXTS: dict[str, tuple[Any, str]] = {
    "one text": ("good film", "'good film' is one text: give a list of texts"),
    "bytes": (b"good film", "b'good film' is one text"),
    "a missing one": (["good", float("nan")], "text 2 is 'nan' of type float: expected a str"),
    "one as bytes": ([b"good"], "text 1 is \"b'good'\" of type bytes: expected a str"),
    "a table": (np.array([["good"], ["bad"]]), "of type ndarray is no list of texts"),
    "a mapping": ({"good": 1}, "of type dict is no list of texts"),
    "nothing": (None, "'None' of type NoneType is no list of texts"),
}


class Column:
    """A column of a table whose rows have labels, none of which is their place."""

    ndim = 1

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        """Go through them in their order."""
        return iter(self.values)

    def __array__(
        self,
        dtype: None = None,
        copy: bool | None = None,  # noqa: FBT001 - as numpy asks for it
    ) -> NDArray[Any]:
        """Return them in their order."""
        return np.array(self.values, dtype, copy=copy)

    def __getitem__(self, label: object) -> object:
        """Refuse a place, as it is the label of no row."""
        raise KeyError(label)


class StudentData(NamedTuple):
    """Texts and their true distributions ``[N, 3]``."""

    texts: list[str]
    truth: NDArray[np.float64]


def make_data(count: int, seed: int) -> StudentData:
    """Texts of six words; the words' scores sum to the logits of the true distribution."""
    scores = np.random.default_rng(0).normal(size=(30, 3))
    words = [f"{'bcdfgklmnprstvz'[i % 15]}{'aeiou'[i % 5]}{'xqwjh'[i // 6]}o" for i in range(30)]
    chosen = np.random.default_rng(seed).integers(0, 30, (count, 6))
    texts = [" ".join(words[index] for index in row) for row in chosen]
    return StudentData(texts, softmax(scores[chosen].sum(axis=1)))


def copies_of(student: Any) -> list[Any]:  # noqa: ANN401 - any student
    """Copies of a student, as other processes and threads get them."""
    return [pickle.loads(pickle.dumps(student)), copy.deepcopy(student)]  # noqa: S301 - its own


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (self.path, "w")


def write_trap(file: Path) -> Path:
    """Put a pickle in the place of a file; return what would exist if it were loaded."""
    sprung = file.with_name("sprung")
    file.write_bytes(pickle.dumps(_Trap(str(sprung))))
    return sprung
