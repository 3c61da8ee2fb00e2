"""Answers that are known already: those that came with examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.schema import TeacherAnswer
from locum.teachers.parsing import LabelParser
from locum.teachers.token_paths import label_distribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.schema import Example, Task

__all__ = ["MOST_PROBABILITY", "answer_of_probabilities", "given_answers"]

MOST_PROBABILITY = 1.05
"""Probabilities may sum to so much: those of ten labels do when rounded to two decimals, and those
of a softmax in 16 bits to less. What exceeds 1 is scaled to 1."""
_SHOWN = 5


def given_answers(examples: Sequence[Example], task: Task) -> list[TeacherAnswer | None]:
    """Return the answers that came with the examples.

    A recorded distribution without an answer counts as the answer that it makes most probable.

    Raises:
        InputError: One sums to more than one, or is all zeros and has no answer.
    """
    parser = LabelParser(task.labels)
    return [_given_answer(example, task, parser) for example in examples]


def answer_of_probabilities(
    probabilities: Mapping[str, float], task: Task, parser: LabelParser, text: str | None = None
) -> TeacherAnswer:
    """Return the answer that a distribution stands for; what sums to more than 1 is scaled to 1.

    Args:
        probabilities: Probability by label, at least one; what is no label counts as outside.
        task: Whose labels are meant.
        parser: The parser of these labels.
        text: The answer as it was written; by default the most probable one.
    """
    masses = dict.fromkeys(task.labels, 0.0)
    outside: dict[str, float] = {}
    most = max(1.0, sum(probabilities.values()))
    for label, given in probabilities.items():
        probability = given / most
        index = parser(label)
        if index is None:
            outside[label] = probability
        else:
            masses[task.labels[index]] += probability
    everything = masses | outside
    return TeacherAnswer(
        max(everything, key=everything.__getitem__) if text is None else text,
        distribution=tuple(masses.values()) if any(masses.values()) else None,
    )


def _given_answer(example: Example, task: Task, parser: LabelParser) -> TeacherAnswer | None:
    if example.positions and example.answer is not None:
        distribution = label_distribution(example.positions, task.labels)
        return TeacherAnswer(example.answer, distribution)
    if example.distribution:
        _check_sum(example.distribution)
        if example.answer is None and not any(example.distribution.values()):
            raise InputError(
                f"a distribution over labels is all zeros: {_few(example.distribution)}; give "
                "probabilities, or leave it out where nothing is known"
            )
        return answer_of_probabilities(example.distribution, task, parser, example.answer)
    return TeacherAnswer(example.answer) if example.answer is not None else None


def _check_sum(distribution: Mapping[str, float]) -> None:
    total = sum(distribution.values())
    if total > MOST_PROBABILITY:
        raise InputError(
            f"a distribution over labels sums to {total:.6g}, expected at most 1: "
            f"{_few(distribution)}; give probabilities, such as 0.6 for 60 percent"
        )


def _few(distribution: Mapping[str, float]) -> dict[str, float]:
    return dict(list(distribution.items())[:_SHOWN])
