"""The cascade: a cheap student answers what it is sure of, and another is asked the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson

from locum.errors import ArtefactError, UsageError
from locum.students.base import BaseStudent
from locum.students.cascade_rule import CascadeRule, choose_rule
from locum.students.protocol import Judgement, WindowedStudent, find_family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.students.protocol import Student

__all__ = ["CascadeStudent"]

_PARAMETERS = "student.json"
_FIRST, _SECOND = "first", "second"
_HELD_OUT = 0.15
_UNREADABLE = (
    OSError,
    orjson.JSONDecodeError,
    AttributeError,
    TypeError,
    KeyError,
    UsageError,
)


class CascadeStudent(BaseStudent):
    """Two students in a row (Viola and Jones 2001; Varshney and Baylis 2022).

    The first answers where its calibrated probability is high enough; only where it is not, the
    second is asked, and the answer is a mix of both. Which threshold and which mix is chosen on
    inputs that neither learned from (see `choose_rule`). `fit` keeps 15% of its inputs for that,
    drawn at random; a first student that is cheap to train learns from them too in the end.
    `of` joins students that were trained already.

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
    extra: ClassVar[str] = "onnx"
    searched: ClassVar[bool] = False

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
        student.first_settings = _settings_of(first)
        student.second_settings = _settings_of(second)
        return student

    def _join(self, first: Student, second: Student, rule: CascadeRule) -> None:
        self.first_, self.second_, self.rule_ = first, second, rule

    def cut_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts of which one of the two reads the beginning alone."""
        both = (self.first_, self.second_)
        windowed = [student for student in both if isinstance(student, WindowedStudent)]
        return max((student.cut_share(texts) for student in windowed), default=0.0)

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
        if len(inputs) < 2:
            raise UsageError(f"a cascade cannot learn from {len(inputs)} input(s): two are needed")
        order = np.random.default_rng(self.seed).permutation(len(inputs))
        held = np.sort(order[: max(1, round(_HELD_OUT * len(inputs)))])
        learned = np.setdiff1d(order, held)

        def fitted(name: str, settings: dict[str, Any], rows: NDArray[np.integer]) -> Student:
            student = find_family(name)(self.classes_, **settings)
            human = None if human_labels is None else human_labels[rows]
            return student.fit([inputs[row] for row in rows.tolist()], soft_labels[rows], human)

        first = fitted(self.first, self.first_settings, learned)
        second = fitted(self.second, self.second_settings, learned)
        texts = [inputs[row] for row in held.tolist()]
        rule = choose_rule(
            first.judge(texts), second.judge(texts), soft_labels[held].argmax(axis=1)
        )
        if first.searched:
            first = fitted(self.first, self.first_settings, np.arange(len(inputs)))
        self._join(first, second, rule)
        return self

    def judge(self, inputs: Sequence[str]) -> Judgement:
        """Return probabilities and novelty; the second is asked of the unsure inputs alone."""
        return self.rule_.join(
            self.first_.judge(inputs),
            lambda unsure: self.second_.judge([inputs[row] for row in unsure.tolist()]),
        )

    def save(self, directory: Path) -> list[Path]:
        """Write the fitted state into an existing folder; return the files written.

        The members' own files, their settings among them, lie in the folders ``first`` and
        ``second``.
        """
        parameters = directory / _PARAMETERS
        own = {
            "classes": self.classes_,
            "first": self.first,
            "second": self.second,
            "seed": self.seed,
            "rule": self.rule_._asdict(),
        }
        parameters.write_bytes(orjson.dumps(own))
        files = [parameters]
        for name, member in ((_FIRST, self.first_), (_SECOND, self.second_)):
            (directory / name).mkdir(exist_ok=True)
            files += member.save(directory / name)
        return files

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run.

        Raises:
            ArtefactError: A file is missing, or holds something else than a cascade.
        """
        try:
            saved = orjson.loads((directory / _PARAMETERS).read_bytes())
            rule = CascadeRule(**saved.pop("rule"))
            rule.check()
            student = cls(**saved)
            families = find_family(student.first), find_family(student.second)
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no cascade: {error}") from None
        first, second = (
            family.load(directory / name)
            for family, name in zip(families, (_FIRST, _SECOND), strict=True)
        )
        if not first.classes_ == second.classes_ == student.classes_:
            raise ArtefactError(f"{directory}: the students of the cascade have different labels")
        joined = cls.of(first, second, rule)
        joined.seed = student.seed
        return joined


def _settings_of(student: Student) -> dict[str, Any]:
    return {name: value for name, value in student.get_params().items() if name != "classes"}
