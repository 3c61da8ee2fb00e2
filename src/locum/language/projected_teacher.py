"""A teacher that speaks of classes of the student's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.language.teachers import ClassTargets

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from locum.language.packing import Packed
    from locum.language.teachers import Signal, TokenTeacher

__all__ = ["ProjectedTeacher"]


class ProjectedTeacher:
    """Has the student's logits put into classes before they are compared.

    Args:
        teacher: What lists classes: a `locum.language.AlignedTeacher` of whole classes, or a cache
            of what one said.
        project: Makes logits of classes of the student's, ``[N, V]`` to ``[N, V' + 1]``.
    """

    def __init__(self, teacher: TokenTeacher, project: Callable[[Tensor], Tensor]) -> None:
        self._teacher, self._project = teacher, project
        self.fingerprint, self.vocabulary = teacher.fingerprint, teacher.vocabulary
        self.asked_before = getattr(teacher, "asked_before", False)

    def ask(self, batch: Packed) -> Signal:
        """Return what gives the classes that the teacher lists, and how to compare with them."""
        signal = self._teacher.ask(batch)
        return lambda rows: ClassTargets(signal(rows), self._project)
