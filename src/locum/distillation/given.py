"""Inputs as they are given from Python, checked before anything is asked or learned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.distillation.progress import Progress
from locum.errors import InputError, UsageError, shown
from locum.schema import Example, GenerationTask, Task
from locum.shapes import ExtractionTask
from locum.teachers import Budget, check_text, require_teacher

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_kinds", "to_examples"]

_ANSWERS = ("answer", "human")
_NUMBERS = ("time", "latency_ms", "cost_usd")
_MAY_BE_MISSING = (*_ANSWERS, "distribution", *_NUMBERS)
_DISTILLED_BY = {
    Task: "distill",
    ExtractionTask: "distill_extraction",
    GenerationTask: "distill_generation",
}


def check_kinds(
    task: object,
    expected: type[Any],
    teacher: object,
    budget: object,
    progress: object,
    **models: object,
) -> None:
    """Refuse a task that another function distils, and what is nothing of the kind that it should.

    Args:
        task: What is distilled.
        expected: Of which kind it has to be.
        teacher: Who is asked, if anybody is.
        budget: What that may cost, if that is said.
        progress: Who is told, if anybody is.
        models: Folders, or names on the Hugging Face hub, by what they are called.

    Raises:
        UsageError: One is so.
    """
    if not isinstance(task, expected):
        other = _DISTILLED_BY.get(type(task))
        cure = f"; it is for locum.{other}" if other else ""
        raise UsageError(f"task is {shown(task)}: expected a locum.{expected.__name__}{cure}")
    if teacher is not None:
        require_teacher(teacher)
    if not isinstance(budget, Budget | None):
        raise UsageError(
            f"budget is {shown(budget)}: expected a locum.Budget, such as "
            "Budget(task.name, cap_usd=5)"
        )
    if not isinstance(progress, Progress | None):
        raise UsageError(
            f"progress is {shown(progress)}: expected an object with the methods stage(message) "
            "and advance(done, total)"
        )
    for name, place in models.items():
        if not isinstance(place, str | Path):
            raise UsageError(
                f"{name} is {shown(place)}: expected a folder, or the name of a model on the "
                "Hugging Face hub"
            )


def to_examples(inputs: Sequence[str | Example]) -> list[Example]:
    """Return inputs as examples, and refuse those that cannot be learned from.

    Raises:
        InputError: There are none, a model wrote all, or one is no valid Unicode text.
        UsageError: They are one string, whose letters would be the inputs, or a table, whose names
            would be, or no list; or one is neither a text nor an example, or holds a value of
            another type than it should.
    """
    many = isinstance(inputs, Iterable) and not isinstance(inputs, str | Mapping)
    if not many or hasattr(inputs, "columns"):
        raise UsageError(
            f"inputs are a list of texts, not {shown(inputs)}: wrap the one text in [ ], take the "
            "column of texts, or read the file"
        )
    examples = [_to_example(number, given) for number, given in enumerate(inputs, start=1)]
    if not examples:
        raise InputError("there are no inputs: give at least one text")
    if all(example.synthetic for example in examples):
        raise InputError(
            f"a model wrote all {len(examples):,} inputs, and on such a student is never certified "
            "or tested: give inputs as production sends them too, such as recorded calls"
        )
    return examples


def _to_example(number: int, given: str | Example) -> Example:
    if not isinstance(given, str | Example):
        raise UsageError(
            f"input {number} is {shown(given)}: expected a text, or Example(text, answer)"
        )
    example = Example(given) if isinstance(given, str) else given
    if not isinstance(example.text, str):
        raise UsageError(f"the text of input {number} is {shown(example.text)}: expected a text")
    check_text(number, example.text)
    example = _plain(example)
    for name in _ANSWERS:
        value = getattr(example, name)
        if not isinstance(value, str | None):
            cure = "json.dumps" if isinstance(value, dict | list) else "str"
            raise UsageError(
                f"{name} of input {number} is {shown(value)}: expected a text, such as "
                f"{cure}({name})"
            )
    _check_distribution(number, example.distribution)
    for name in _NUMBERS:
        value = getattr(example, name)
        if not isinstance(value, int | float | None):
            raise UsageError(f"{name} of input {number} is {shown(value)}: expected a number")
    return example


def _plain(example: Example) -> Example:
    """Return an example of a table's row with plain numbers, and nothing for an empty cell."""
    changes: dict[str, Any] = {}
    for name in _MAY_BE_MISSING:
        value = getattr(example, name)
        if isinstance(value, float | np.floating) and math.isnan(value):
            changes[name] = None
        elif name in _NUMBERS and isinstance(value, np.number):
            changes[name] = value.item()
    return replace(example, **changes) if changes else example


def _check_distribution(number: int, distribution: object) -> None:
    cure = "expected probabilities by label, such as dict(zip(task.labels, probabilities))"
    if not isinstance(distribution, Mapping | None):
        raise UsageError(f"distribution of input {number} is {shown(distribution)}: {cure}")
    for label, probability in (distribution or {}).items():
        if not isinstance(label, str) or not isinstance(probability, float | Real):
            raise UsageError(
                f"distribution of input {number} holds {probability!r} for {label!r}: {cure}"
            )
