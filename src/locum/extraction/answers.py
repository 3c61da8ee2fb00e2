"""From the teacher's answers, as they were written, to objects that satisfy the schema."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.shapes import Checker, infer_schema
from locum.traffic.json_answers import read_answer
from locum.traffic.json_objects import count_listed, find_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Example
    from locum.shapes import ExtractionTask, InferredSchema, JsonValue

__all__ = [
    "ONE_OBJECT",
    "AnswerPool",
    "AnswerProblem",
    "build_answer_pool",
    "check_left_out",
    "find_objects",
    "refuse_lists",
    "schema_of_answers",
]

ONE_OBJECT = (
    "a student answers with one object: let the instruction ask for an object that holds the list, "
    'as in {"items": [...]}'
)
_MOSTLY_LISTS = 0.5
_MANY_OF_OTHERS = 0.02
_SHOWN_CHARACTERS = 120
_LONGEST_PROBLEM = 100
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.\[])-?\d+(?:\.\d+)?')


class AnswerProblem(NamedTuple):
    """Why answers cannot be used.

    Args:
        problem: What is wrong.
        answers: With how many.
        example: The beginning of one.
    """

    problem: str
    answers: int
    example: str


class AnswerPool(NamedTuple):
    """Inputs whose answer is an object of the schema, ``N`` of them.

    Args:
        examples: The inputs.
        answers: The objects, without the fields that are left out.
        missing: Inputs without an answer.
        problems: What is wrong with the other answers, the most frequent first.
        repairs: How many answers each kind of repair was made to.
    """

    examples: list[Example]
    answers: list[dict[str, JsonValue]]
    missing: int
    problems: list[AnswerProblem]
    repairs: Counter[str]

    @property
    def unusable(self) -> int:
        """Answers that are no object of the schema."""
        return sum(problem.answers for problem in self.problems)


def build_answer_pool(
    task: ExtractionTask, examples: Sequence[Example], answers: Sequence[str | None]
) -> AnswerPool:
    """Keep the inputs whose answer is an object of the task's schema, or can only mean one.

    Args:
        task: What was asked.
        examples: The inputs.
        answers: The teacher's answers to them as text.

    Raises:
        UsageError: The schema cannot be used.
    """
    checker = Checker(task.answer_schema)
    kept: list[tuple[Example, dict[str, JsonValue]]] = []
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    repairs: Counter[str] = Counter()
    for example, text in zip(examples, answers, strict=True):
        if text is None:
            continue
        read = read_answer(text, task.shape, checker, task.leave_out)
        if read.value is None:
            problem = _kind(read.problem or "")[:_LONGEST_PROBLEM]
            counts[problem] += 1
            shown.setdefault(problem, text[:_SHOWN_CHARACTERS])
            continue
        repairs.update(read.repairs)
        kept.append((example, read.value))
    problems = [AnswerProblem(name, n, shown[name]) for name, n in counts.most_common()]
    missing = sum(text is None for text in answers)
    objects = [value for _, value in kept]
    return AnswerPool([example for example, _ in kept], objects, missing, problems, repairs)


def find_objects(answers: Sequence[str]) -> list[dict[str, JsonValue] | None]:
    """Return the object that each answer holds, as it was written; ``None`` where it holds none."""
    found: list[dict[str, JsonValue] | None] = []
    for answer in answers:
        try:
            found.append(find_object(answer).value)
        except ValueError:
            found.append(None)
    return found


def check_left_out(task: ExtractionTask, answers: Sequence[str | None]) -> None:
    """Refuse to leave out a field that there is not.

    Args:
        task: What is distilled.
        answers: The teacher's, as text.

    Raises:
        UsageError: The schema does not name it, and no answer has it.
    """
    unnamed = set(task.leave_out) - task.schema.get("properties", {}).keys()
    for field in sorted(unnamed):
        spelled = (json.dumps(field), json.dumps(field, ensure_ascii=False))
        if not any(name in text for text in answers if text for name in spelled):
            raise UsageError(
                f"task {task.name!r} is to leave out {field!r}, which neither the schema names "
                f"(it has {', '.join(task.shape.fields)}) nor any of its answers has"
            )


def refuse_lists(answers: Sequence[str | None]) -> None:
    """Refuse answers that are lists of objects: a student answers with one object.

    Args:
        answers: The teacher's, as text.

    Raises:
        UsageError: Most are, and more than a fiftieth list none or several.
    """
    given = [text for text in answers if text is not None]
    sizes = [size for text in given if (size := count_listed(text)) is not None]
    others = sum(size != 1 for size in sizes)
    if len(sizes) > _MOSTLY_LISTS * len(given) and others > _MANY_OF_OTHERS * len(given):
        raise UsageError(
            f"{len(sizes):,} of {len(given):,} answers are lists of objects, of which {others:,} "
            f"hold none or several, and {ONE_OBJECT}"
        )


def schema_of_answers(answers: Sequence[str]) -> InferredSchema:
    """Return the schema that answers share; those that hold no object are left out.

    Raises:
        UsageError: They share none, or one that no student can answer with; or they are lists.
    """
    refuse_lists(answers)
    values = [value for value in find_objects(answers) if value is not None]
    return infer_schema(values)


def _kind(problem: str) -> str:
    """Return a problem without the value that has it, so that like ones count together."""
    return _VALUE.sub("\u2026", problem)
