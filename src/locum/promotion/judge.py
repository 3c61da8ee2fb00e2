"""What answers mean: whether a student and its teacher said the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from locum.export import (
    CertifiedExtractor,
    CertifiedStudent,
    ExtractionManifest,
    GenerationManifest,
    load_artefact,
    read_manifest,
    verify_artefact,
)
from locum.extractors import meaning
from locum.shapes import Checker
from locum.teachers import LabelParser
from locum.traffic.json_answers import read_answer
from locum.writers import Acceptance, Pair

if TYPE_CHECKING:
    from locum.export import AnyStudent

__all__ = ["Judge", "load_judge"]

_Reader = Callable[[str], str | None]


class Judge:
    """Tells what answers mean, and whether a student's and its teacher's agree.

    A teacher's answer that is no label of the task, or no object of its schema, agrees with
    nothing: whoever called would have seen that answer, and did not.

    Args:
        read: Returns what a teacher's answer means; ``None`` where it means nothing.
        agree: Tells of what the student said, and of what its teacher's answer means, whether they
            agree.
    """

    def __init__(self, read: _Reader, agree: Callable[[str, str], bool]) -> None:
        self._read = read
        self._agree = agree

    @classmethod
    def of(cls, student: AnyStudent) -> Judge:
        """Return the judge of a student's answers."""
        if isinstance(student, CertifiedStudent):
            return cls.of_labels(student.classes_)
        if isinstance(student, CertifiedExtractor):
            read, said = _objects(student)
            return cls(read, lambda spoken, meant: said(spoken) == meant)
        return cls.of_rule(student.rule)

    @classmethod
    def of_labels(cls, labels: Sequence[str]) -> Judge:
        """Return the judge of answers that are labels."""
        parse = LabelParser(labels)

        def read(answer: str) -> str | None:
            index = parse(answer)
            return None if index is None else labels[index]

        return cls(read, lambda said, meant: said == meant)

    @classmethod
    def of_rule(cls, rule: str) -> Judge:
        """Return the judge of written answers, by the rule of their certificate."""
        acceptance = Acceptance(rule)

        def agree(said: str, answer: str) -> bool:
            return bool(said) and bool(acceptance.accept([Pair("", said, answer)])[0])

        return cls(lambda answer: " ".join(answer.split()) or None, agree)

    def __call__(self, said: str, answer: str) -> bool:
        """Tell whether a student and its teacher agree.

        Args:
            said: The student's label, its object as JSON, or its text.
            answer: The teacher's answer.
        """
        read = self._read(answer)
        return read is not None and self._agree(said, read)

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
    manifest = read_manifest(Path(folder))
    if isinstance(manifest, GenerationManifest):
        # The rule says it all, and a language model is large.
        return Judge.of_rule(manifest.rule)
    if isinstance(manifest, ExtractionManifest):
        return Judge.of(load_artefact(folder))
    verify_artefact(folder)
    return Judge.of_labels(manifest.task.labels)


def _objects(student: CertifiedExtractor) -> tuple[_Reader, _Reader]:
    task = student.task
    checker = Checker(task.answer_schema)
    sets = frozenset(unit.path for unit in student.model.units if unit.kind == "set")

    def read(answer: str) -> str | None:
        value = read_answer(answer, task.shape, checker, task.leave_out).value
        return None if value is None else meaning(value, sets).decode()

    return read, lambda said: meaning(json.loads(said), sets).decode() if said else None
