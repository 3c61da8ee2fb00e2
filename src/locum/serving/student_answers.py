"""What a student says of texts, as the gateway is told it."""

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import WriterError
from locum.export import CertifiedStudent, CertifiedWriter
from locum.students.linear import LinearStudent
from locum.students.static import StaticStudent
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.export import AnyStudent, CertifiedExtractor

__all__ = ["Answer", "Question", "Said", "answer_each", "answers_of", "is_quick", "read_said"]

_MOST_CHANCES = 21

Question = tuple[int, str, bool, bool]
"""Number, text, whether chances are wanted, and whether novelty is."""


class Said(NamedTuple):
    """What a student says of a text.

    Args:
        answered: Whether its certificate covers that.
        text: The label, or the object as JSON.
        confidence: What it thinks of it.
        chances: Labels with their probabilities, the said one first, where they were asked for.
        novelty: How unlike its training inputs the text is, where that was asked for.
    """

    answered: bool
    text: str
    confidence: float
    chances: list[tuple[str, float]]
    novelty: float | None


Answer = tuple[int, Said | None]
"""The number of a question, and what is said; ``None`` where the student failed on it."""


def read_said(answer: Sequence[Any] | None) -> Said | None:
    """Read what a student says of a text.

    Args:
        answer: The parts of `Said`, as JSON has them; ``None`` where it failed.

    Returns:
        ``None`` too where a probability is no number, as where a network overflows on the text.
    """
    if answer is None:
        return None
    said = answer if isinstance(answer, Said) else Said(*answer)
    numbers = [said.confidence, *(chance for _, chance in said.chances)]
    return None if None in numbers or not all(map(isfinite, numbers)) else said


def is_quick(student: AnyStudent) -> bool:
    """Tell whether a student answers each short text so soon that other calls can wait for it.

    Only families of Locum's own are known to, and only where no pattern of one's own, which may
    take any time, is searched for in the text.
    """
    own_patterns = student.redaction is not None and student.redaction.patterns
    return isinstance(student, CertifiedStudent) and not own_patterns and _is_bounded(student.model)


def _is_bounded(model: object) -> bool:
    # By the very class: one that is derived from it may do anything.
    if type(model) is StaticStudent:
        return model.splits_at_spaces
    return type(model) is LinearStudent


def answer_each(
    answer_all: Callable[[list[Question]], list[Answer]], questions: list[Question]
) -> list[Answer]:
    """Answer all questions at once, and where that fails, one by one.

    Raises:
        WriterError: The server that writes for the student is gone.
    """
    try:
        return answer_all(questions)
    except Exception as error:
        # One text on which a student fails must not take others along.
        if isinstance(error, WriterError) and error.gone:
            raise
        if len(questions) == 1:
            return [(questions[0][0], None)]
    return [answer for one in questions for answer in answer_each(answer_all, [one])]


def answers_of(student: AnyStudent) -> Callable[[list[Question]], list[Answer]]:
    """Return what answers questions, in their order."""
    if isinstance(student, CertifiedStudent):
        return partial(_label_answers, student)
    if isinstance(student, CertifiedWriter):
        return partial(_text_answers, student)
    return partial(_object_answers, student)


def _label_answers(student: CertifiedStudent, questions: list[Question]) -> list[Answer]:
    predictions = student.predict([text for _, text, _, _ in questions])
    found: list[Answer] = []
    for question, (label, confidence, answered) in zip(questions, predictions, strict=True):
        number, text, wants_chances, wants_novelty = question
        chances = _chances(student, text, label) if wants_chances else []
        novelty = float(student.novelty([text])[0]) if wants_novelty else None
        found.append((number, Said(answered, label, confidence, chances, novelty)))
    return found


def _chances(student: CertifiedStudent, text: str, said: str) -> list[tuple[str, float]]:
    """Labels with their probabilities: that which was said, then the most probable others."""
    [proba] = student.predict_proba([text])
    chances = dict(zip(student.classes_, proba.tolist(), strict=True))
    others = sorted(chances, key=lambda label: (label != said, -chances[label]))
    return [(label, chances[label]) for label in others[:_MOST_CHANCES]]


def _object_answers(student: CertifiedExtractor, questions: list[Question]) -> list[Answer]:
    """The only chance of an object is its confidence, and what it lacks makes the text novel."""
    found: list[Answer] = []
    for number, text, wants_chances, wants_novelty in questions:
        [prediction] = student.predict([text], fields=False)
        sure = prediction.confidence
        said = "" if prediction.answer is None else write_json(prediction.answer).decode()
        chances = [(said, sure)] if wants_chances else []
        novelty = 1 - sure if wants_novelty else None
        answered = prediction.answered and prediction.answer is not None
        found.append((number, Said(answered, said, sure, chances, novelty)))
    return found


def _text_answers(student: CertifiedWriter, questions: list[Question]) -> list[Answer]:
    """The only chance of a text is its confidence."""
    said = student.predict_with_novelty([text for _, text, _, _ in questions])
    found: list[Answer] = []
    for (number, _, wants_chances, wants_novelty), (prediction, novelty) in zip(
        questions, said, strict=True
    ):
        text, sure = prediction.answer or "", prediction.confidence
        chances = [(text, sure)] if wants_chances else []
        strange = novelty if wants_novelty else None
        found.append((number, Said(prediction.answered, text, sure, chances, strange)))
    return found
