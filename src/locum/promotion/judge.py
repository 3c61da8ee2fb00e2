"""Whether a student and its teacher said the same."""

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

Judge = Callable[[str, str], bool]
"""Tells of a student's label, or object as JSON, and a teacher's answer whether they agree."""


def load_judge(folder: str | Path) -> Judge:
    """Return the judge of a student's answers.

    A teacher's answer that is no label of the task, or no object of its schema, agrees with
    nothing: whoever called would have seen that answer, and did not.

    Args:
        folder: The student's artefact.

    Raises:
        ArtefactError: It cannot be read.
    """
    student = load_artefact(folder)
    if isinstance(student, CertifiedStudent):
        return _label_judge(student)
    return _object_judge(student)


def _label_judge(student: CertifiedStudent) -> Judge:
    parse = LabelParser(student.classes_)
    indices = {label: index for index, label in enumerate(student.classes_)}
    return lambda said, answer: parse(answer) == indices.get(said, -1)


def _object_judge(student: CertifiedExtractor) -> Judge:
    task = student.task
    checker = Checker(task.answer_schema)
    sets = frozenset(unit.path for unit in student.model.units if unit.kind == "set")

    def agree(said: str, answer: str) -> bool:
        read = read_answer(answer, task.shape, checker, task.leave_out).value
        if read is None or not said:
            return False
        return meaning(read, sets) == meaning(orjson.loads(said), sets)

    return agree
