"""A file of answers as a teacher."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from locum.dataset import read_examples
from locum.prices import Tokens
from locum.teachers.given import given_answers
from locum.teachers.protocol import Answered, AskedTeacher, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from locum.schema import Example, Task
    from locum.teachers.protocol import Question, Till

__all__ = ["AnswerFile"]


class AnswerFile(AskedTeacher):
    """Answers the texts that a file has answers to.

    Where a text stands in several rows, they answer its draws one after the other.

    Args:
        path: A file in the formats of `locum.dataset.read_examples`; rows with an answer, a
            distribution or both are used.
        columns: Which column holds which kind of value, as there.
        encoding: How the bytes of the file spell text.
        name: How the report calls it; by default by the name of the file.

    Raises:
        InputError: The file cannot be read, is empty, lacks a column, or has no usable row.
        UsageError: ``columns`` names an unknown kind, or the encoding does not exist.
    """

    free = True

    def __init__(
        self,
        path: str | Path,
        columns: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        name: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        read = read_examples(self.path, columns, encoding)
        self.columns, self.skipped = read.columns, read.skipped
        self._rows: dict[str, list[Example]] = {}
        for example in read.examples:
            if example.answer is not None or example.distribution:
                self._rows.setdefault(example.text, []).append(example)
        content = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self._file = [content, sorted(self.columns.items()), encoding]

    def __repr__(self) -> str:
        """Show where the answers come from."""
        return f"AnswerFile({str(self.path)!r})"

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a SHA-256 of the file's content and columns, the labels, the text and the draw."""
        asked = ["file", self._file, task.labels, text, draw]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def worst_case(self, task: Task, text: str) -> Tokens:  # noqa: ARG002 - it uses no tokens
        """Return no tokens."""
        return Tokens(0, 0)

    async def answer(
        self,
        task: Task,
        questions: Sequence[Question],
        till: Till,  # noqa: ARG002 - there is nothing to pay
    ) -> AsyncGenerator[Answered, None]:
        """Yield each question with the file's answer, or with a failure where it has none."""
        rows = [self._row_of(question) for question in questions]
        answers = iter(given_answers([row for row in rows if row is not None], task))
        for question, row in zip(questions, rows, strict=True):
            answer = None if row is None else next(answers)
            yield Answered(question, answer or self._nothing(question))

    def _row_of(self, question: Question) -> Example | None:
        rows = self._rows.get(question.text, [])
        return rows[question.draw] if question.draw < len(rows) else None

    def _nothing(self, question: Question) -> Failure:
        which = "further answer" if question.draw else "answer"
        return Failure("missing", f"{self.path} has no {which} to this text")
