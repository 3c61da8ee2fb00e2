"""What reads a value in a span of a text."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from locum.shapes.shape import JsonScalar

__all__ = ["LONGEST_SPAN", "Normaliser"]

LONGEST_SPAN = 1_000  # characters of a span that is read


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Maps what a span says to a JSON value: the same in every run, on every day.

    Args:
        name: Its own.
        read: The value of a span's text, or ``None`` where it is none of its kind.
        gives: Whether a value may be one of its own; cheap, and never wrong where it says no.
        mentions: Where a text may say such a value, as ranges of characters; ``None`` where the
            value itself stands in the text but for case, punctuation and spaces.
        library: Module that reading needs beyond what Locum itself does.
    """

    name: str
    read: Callable[[str], JsonScalar]
    gives: Callable[[JsonScalar], bool]
    mentions: Callable[[str], Iterable[tuple[int, int]]] | None = None
    library: str | None = None

    def __call__(self, text: str) -> JsonScalar:
        """Return the value that a span's text says; ``None`` where it says none."""
        return self.read(text) if len(text) <= LONGEST_SPAN else None

    def available(self) -> bool:
        """Tell whether the library that it needs is installed."""
        return self.library is None or find_spec(self.library) is not None
