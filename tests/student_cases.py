"""What tests of all student families share: odd texts, data to learn, a pickle that bites."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from locum.losses import softmax

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ODD_TEXTS", "StudentData", "make_data", "write_trap"]

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
