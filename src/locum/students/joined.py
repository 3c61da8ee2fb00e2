"""What students have in common that are made of other students."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import orjson

from locum.errors import ArtefactError, UsageError
from locum.losses import soften
from locum.students.base import BaseStudent, read_lesson, write_parameters
from locum.students.protocol import Judgement, WindowedStudent, find_family, refit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.students.protocol import Student

__all__ = [
    "JOINED_FAMILIES",
    "UNREADABLE",
    "JoinedStudent",
    "Member",
    "Rehearsal",
    "bring_to_scale",
    "extras_of",
    "load_members",
    "rehearse",
    "settings_of",
    "typical_novelty",
]

JOINED_FAMILIES = ("cascade", "ensemble")
UNREADABLE = (OSError, orjson.JSONDecodeError, AttributeError, TypeError, KeyError, UsageError)

_PARAMETERS = "student.json"
_HELD_OUT = 0.15


class Member(NamedTuple):
    """A family of students with the settings of its constructor, the labels aside."""

    family: str
    settings: Mapping[str, Any]


class Rehearsal(NamedTuple):
    """Students that were trained together, and what they said of inputs that were held out.

    Args:
        students: The students; what learns in seconds of each learned from all inputs.
        judged: What each said of the ``H`` inputs held out, when it had not learned from them.
        answers: Index of the teacher's label of each of these, ``[H]``.
    """

    students: list[Student]
    judged: list[Judgement]
    answers: NDArray[np.int64]


class JoinedStudent(BaseStudent):
    """Students that answer together; the files of each lie in a folder with its name."""

    searched: ClassVar[bool] = False

    @property
    def members_(self) -> dict[str, Student]:
        """The students by the names of their folders."""
        raise NotImplementedError

    def cut_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts of which some member reads the beginning alone."""
        members = self.members_.values()
        windowed = [student for student in members if isinstance(student, WindowedStudent)]
        return max((student.cut_share(texts) for student in windowed), default=0.0)

    def save_with(self, directory: Path, parameters: Mapping[str, Any]) -> list[Path]:
        """Write parameters and members into an existing folder; return the files written.

        The members' own files, their settings among them, lie in folders with their names.
        """
        own = directory / _PARAMETERS
        write_parameters(own, parameters)
        files = [own]
        for name, member in self.members_.items():
            (directory / name).mkdir(exist_ok=True)
            files += member.save(directory / name)
        return files

    @staticmethod
    def read_parameters(directory: Path) -> dict[str, Any]:
        """Return the parameters that `save_with` wrote, whatever they are."""
        parameters: dict[str, Any] = orjson.loads((directory / _PARAMETERS).read_bytes())
        return parameters


def load_members(
    directory: Path, families: Mapping[str, type[Student]], classes: Sequence[str]
) -> list[Student]:
    """Read the members that `JoinedStudent.save_with` wrote; nothing that a file holds is run.

    Args:
        directory: Of the joined student.
        families: Of each member, by the name of its folder.
        classes: Labels that each must have.

    Raises:
        ArtefactError: A file is missing or holds something else, or labels differ.
    """
    members = [family.load(directory / name) for name, family in families.items()]
    if any(member.classes_ != tuple(classes) for member in members):
        raise ArtefactError(f"{directory}: the students in it have different labels")
    return members


def rehearse(
    classes: Sequence[str],
    members: Sequence[Member],
    inputs: Sequence[str],
    soft_labels: NDArray[np.float64],
    human_labels: NDArray[np.integer] | None,
    seed: int,
) -> Rehearsal:
    """Train students on 85% of the inputs, drawn at random, and let them judge the others.

    Raises:
        UsageError: There are less than two inputs, so that none could be held out, or what is to
            be learned does not fit them (see `read_lesson`).
    """
    texts, soft_labels, human_labels = read_lesson(inputs, soft_labels, classes, human_labels)
    if len(texts) < 2:
        raise UsageError(
            f"students that answer together cannot learn from {len(texts)} input(s): two are needed"
        )
    order = np.random.default_rng(seed).permutation(len(texts))
    held = np.sort(order[: max(1, round(_HELD_OUT * len(texts)))])
    learned = np.setdiff1d(order, held)

    def fitted(member: Member, rows: NDArray[np.integer]) -> Student:
        student = find_family(member.family)(classes, **member.settings)
        human = None if human_labels is None else human_labels[rows]
        return student.fit([texts[row] for row in rows.tolist()], soft_labels[rows], human)

    held_texts = [texts[row] for row in held.tolist()]
    students = [fitted(member, learned) for member in members]
    judged = [student.judge(held_texts) for student in students]
    every = np.arange(len(texts))
    students = [
        fitted(member, every)
        if student.searched
        else refit(student, texts, soft_labels, human_labels)
        for member, student in zip(members, students, strict=True)
    ]
    return Rehearsal(students, judged, soft_labels[held].argmax(axis=1))


def settings_of(student: Student) -> dict[str, Any]:
    """Return what a student's constructor took besides the labels."""
    return {name: value for name, value in student.get_params().items() if name != "classes"}


def extras_of(student: Student) -> list[str]:
    """Return Locum's extras that the predictions of a student need, in alphabetical order."""
    if isinstance(student, JoinedStudent):
        found = {extra for member in student.members_.values() for extra in extras_of(member)}
        return sorted(found)
    return [student.extra] if student.extra else []


def bring_to_scale(judgement: Judgement, temperature: float, typical: float) -> Judgement:
    """Return a member's judgement on a common scale.

    Args:
        judgement: The member's own.
        temperature: At which it is calibrated.
        typical: Novelty that is usual, which then is 1; see `typical_novelty`.
    """
    proba = soften(judgement.proba, temperature).astype(np.float32)
    return Judgement(proba, (judgement.novelty / np.float32(typical)).astype(np.float32))


def typical_novelty(novelty: NDArray[np.float32]) -> float:
    """Return the mean of novelties, or 1 where that is 0."""
    mean = float(novelty.mean(dtype=np.float64))
    return mean if mean > 0 else 1.0
