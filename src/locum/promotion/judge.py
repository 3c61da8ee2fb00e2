"""What answers mean: whether a student and its teacher said the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from locum.export import CertifiedStudent, load_artefact
from locum.extractors import meaning
from locum.shapes import Checker
from locum.teachers import LabelParser
from locum.traffic.json_answers import read_answer

if TYPE_CHECKING:
    from pathlib import Path

    from locum.export import CertifiedExtractor

__all__ = ["Judge", "load_judge"]

_Reader = Callable[[str], str | None]


class Judge:
    """Tells what answers mean, and whether a student's and its teacher's agree.

    A teacher's answer that is no label of the task, or no object of its schema, agrees with
    nothing: whoever called would have seen that answer, and did not.

    Args:
        student: Who answers.
    """

    def __init__(self, student: CertifiedStudent | CertifiedExtractor) -> None:
        self._read: Callable[[str], str | None]
        self._said: Callable[[str], str | None]
        if isinstance(student, CertifiedStudent):
            self._read, self._said = _labels(student)
        else:
            self._read, self._said = _objects(student)

    def __call__(self, said: str, answer: str) -> bool:
        """Tell whether a student and its teacher agree.

        Args:
            said: The student's label, or its object as JSON.
            answer: The teacher's answer.
        """
        read = self._read(answer)
        return read is not None and read == self._said(said)

    def meaning(self, answer: str) -> str:
        """Return what is the same for answers of the teacher that mean the same."""
        read = self._read(answer)
        return answer if read is None else read


def load_judge(folder: str | Path) -> Judge:
    """Return the judge of a student's answers.

    Args:
        folder: The student's artefact.

    Raises:
        ArtefactError: It cannot be read.
    """
    return Judge(load_artefact(folder))


def _labels(student: CertifiedStudent) -> tuple[_Reader, _Reader]:
    classes = student.classes_
    parse = LabelParser(classes)

    def read(answer: str) -> str | None:
        index = parse(answer)
        return None if index is None else classes[index]

    return read, lambda said: said


def _objects(student: CertifiedExtractor) -> tuple[_Reader, _Reader]:
    task = student.task
    checker = Checker(task.answer_schema)
    sets = frozenset(unit.path for unit in student.model.units if unit.kind == "set")

    def read(answer: str) -> str | None:
        value = read_answer(answer, task.shape, checker, task.leave_out).value
        return None if value is None else meaning(value, sets).decode()

    return read, lambda said: meaning(orjson.loads(said), sets).decode() if said else None
