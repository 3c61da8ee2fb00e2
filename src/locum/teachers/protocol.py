"""What every teacher offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from locum.schema import Task, TeacherAnswer

__all__ = ["Teacher"]


class Teacher(Protocol):
    """A model that can be asked for labels."""

    @property
    def name(self) -> str:
        """The model's name, as the report and the price list call it."""
        ...

    def identify(self, task: Task, text: str) -> str:
        """Return a key that is the same only where the same question would be asked again."""
        ...

    def answer(self, task: Task, texts: Sequence[str]) -> AsyncIterator[tuple[int, TeacherAnswer]]:
        """Yield the position of each text with its answer, in the order in which they arrive.

        Raises:
            TeacherError: The teacher cannot be reached, or refuses.
        """
        ...
