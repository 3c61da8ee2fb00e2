"""The ensemble: several students are asked, and their probabilities are pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from locum.errors import ArtefactError, UsageError
from locum.students.ensemble_rule import EnsembleRule, fit_rule
from locum.students.joined import (
    JOINED_FAMILIES,
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

__all__ = ["EnsembleStudent"]


class EnsembleStudent(JoinedStudent):
    """Students that are all asked; their calibrated log-probabilities are added up by weight.

    The pool is log-linear (Genest and Zidek 1986); its weights are fitted on inputs that no member
    learned from (see `fit_rule`). `fit` keeps 15% of its inputs for that, drawn at random; members
    that are cheap to train learn from them too in the end. `of` joins students that were trained
    already.

    Novelty is the members' mean by weight, each one's divided by its mean over held-out inputs, so
    that 1 is usual.

    Args:
        classes: The labels, in the order of the soft labels' columns.
        members: Families of at least two students; not themselves joined ones.
        settings: Of their constructors, without the labels; by default none.
        seed: Of the draw of held-out inputs.
    """

    family: ClassVar[str] = "ensemble"

    def __init__(
        self,
        classes: Sequence[str],
        members: Sequence[str] = ("linear", "encoder"),
        settings: Sequence[Mapping[str, Any]] | None = None,
        seed: int = 0,
    ) -> None:
        self.classes_ = tuple(classes)
        self.members = tuple(members)
        given = [{} for _ in members] if settings is None else settings
        self.settings = [dict(one) for one in given]
        self.seed = seed
        if len(self.members) < 2 or len(self.settings) != len(self.members):
            raise UsageError(
                f"an ensemble of {len(self.members)} with settings for {len(self.settings)}: "
                "expected at least two families, and settings for each"
            )
        for name in self.members:
            if name in JOINED_FAMILIES:
                raise UsageError(f"an ensemble cannot hold a {name}: name another family")

    @classmethod
    def of(cls, members: Sequence[Student], rule: EnsembleRule) -> Self:
        """Join trained students by a rule.

        Raises:
            UsageError: There are less than two, their labels differ, one is itself made of others,
                or the rule is none for them.
        """
        rule.check(len(members))
        if len({member.classes_ for member in members}) > 1:
            raise UsageError("the students of an ensemble have different labels: train all on one")
        student = cls(
            members[0].classes_ if members else (),
            [member.family for member in members],
            [settings_of(member) for member in members],
        )
        student._join(members, rule)
        return student

    def _join(self, members: Sequence[Student], rule: EnsembleRule) -> None:
        self.students_, self.rule_ = list(members), rule

    @property
    def members_(self) -> dict[str, Student]:
        """The students by the names of their folders."""
        return dict(zip(self._folders(), self.students_, strict=True))

    def _folders(self) -> list[str]:
        return [f"member-{place}" for place in range(len(self.members))]

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
        members = [Member(*one) for one in zip(self.members, self.settings, strict=True)]
        found = rehearse(self.classes_, members, inputs, soft_labels, human_labels, self.seed)
        self._join(found.students, fit_rule(found.judged, found.answers))
        return self

    def _judge(self, texts: list[str]) -> Judgement:
        return self.rule_.join([student.judge(texts) for student in self.students_])

    def _save(self, directory: Path) -> list[Path]:
        return self.save_with(
            directory,
            {
                "classes": self.classes_,
                "members": self.members,
                "seed": self.seed,
                "rule": self.rule_._asdict(),
            },
        )

    @classmethod
    def _load(cls, directory: Path) -> Self:
        try:
            saved = cls.read_parameters(directory)
            given = saved.pop("rule")
            rule = EnsembleRule(**{name: tuple(part) for name, part in given.items()})
            student = cls(**saved)
            rule.check(len(student.members))
            families = [find_family(name) for name in student.members]
        except UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no ensemble: {error}") from None
        by_folder = dict(zip(student._folders(), families, strict=True))
        joined = cls.of(load_members(directory, by_folder, student.classes_), rule)
        joined.seed = student.seed
        return joined
