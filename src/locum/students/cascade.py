"""The cascade: a cheap student answers what it is sure of, and another is asked the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from locum.errors import ArtefactError, UsageError
from locum.students.cascade_rule import CascadeRule, choose_rule
from locum.students.joined import (
    UNREADABLE,
    JoinedStudent,
    Member,
    load_members,
    rehearse,
    settings_of,
)
from locum.students.protocol import find_family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from locum.students.protocol import Judgement, Student

__all__ = ["CascadeStudent"]

_FIRST, _SECOND = "first", "second"


class CascadeStudent(JoinedStudent):
    """Two students in a row (Viola and Jones 2001; Varshney and Baylis 2022).

    The first answers where its calibrated probability is high enough; only where it is not, the
    second is asked, and the answer is a mix of both. Which threshold and which mix is chosen on
    inputs that neither learned from (see `choose_rule`). `fit` keeps 15% of its inputs for that,
    drawn at random; a student that is cheap to train learns from them too in the end. `of` joins
    students that were trained already.

    Novelty is that of the student that answers, divided by its mean over held-out inputs, so that
    1 is usual on either scale.

    Args:
        classes: The labels, in the order of the soft labels' columns.
        first: Family of the cheap student.
        second: Family of the other; not itself a cascade, nor is the first.
        first_settings: Of the first's constructor, without the labels.
        second_settings: Of the second's.
        seed: Of the draw of held-out inputs.
    """

    family: ClassVar[str] = "cascade"

    def __init__(
        self,
        classes: Sequence[str],
        first: str = "linear",
        second: str = "encoder",
        first_settings: Mapping[str, Any] | None = None,
        second_settings: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        for name in (first, second):
            if name == self.family:
                raise UsageError("a cascade cannot hold a cascade: name another family")
        self.classes_ = tuple(classes)
        self.first = first
        self.second = second
        self.first_settings = dict(first_settings or {})
        self.second_settings = dict(second_settings or {})
        self.seed = seed

    @classmethod
    def of(cls, first: Student, second: Student, rule: CascadeRule) -> Self:
        """Join two trained students by a rule.

        Raises:
            UsageError: Their labels differ, one is a cascade, or the rule is none.
        """
        if first.classes_ != second.classes_:
            raise UsageError("the students of a cascade have different labels: train both on one")
        rule.check()
        student = cls(first.classes_, first.family, second.family)
        student._join(first, second, rule)
        student.first_settings = settings_of(first)
        student.second_settings = settings_of(second)
        return student

    def _join(self, first: Student, second: Student, rule: CascadeRule) -> None:
        self.first_, self.second_, self.rule_ = first, second, rule

    @property
    def members_(self) -> dict[str, Student]:
        """The students by the names of their folders."""
        return {_FIRST: self.first_, _SECOND: self.second_}

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each.

        Raises:
            UsageError: There are less than two inputs, so that none could be held out.
        """
        members = [
            Member(self.first, self.first_settings),
            Member(self.second, self.second_settings),
        ]
        found = rehearse(self.classes_, members, inputs, soft_labels, human_labels, self.seed)
        (cheap, other), (first, second) = found.judged, found.students
        self._join(first, second, choose_rule(cheap, other, found.answers))
        return self

    def _judge(self, texts: list[str]) -> Judgement:
        return self.rule_.join(
            self.first_.judge(texts),
            lambda unsure: self.second_.judge([texts[row] for row in unsure.tolist()]),
        )

    def _save(self, directory: Path) -> list[Path]:
        return self.save_with(
            directory,
            {
                "classes": self.classes_,
                "first": self.first,
                "second": self.second,
                "seed": self.seed,
                "rule": self.rule_._asdict(),
            },
        )

    @classmethod
    def _load(cls, directory: Path) -> Self:
        try:
            saved = cls.read_parameters(directory)
            rule = CascadeRule(**saved.pop("rule"))
            rule.check()
            student = cls(**saved)
            families = {_FIRST: find_family(student.first), _SECOND: find_family(student.second)}
        except UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no cascade: {error}") from None
        first, second = load_members(directory, families, student.classes_)
        joined = cls.of(first, second, rule)
        joined.seed = student.seed
        return joined
