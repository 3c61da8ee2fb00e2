"""A promoted student in a process of its own: it may hang or die, and no call is lost by it.

Lines of JSON come through a socket, and go back through it. A line that comes in is a list of
``[number, text, wants chances, wants novelty]``; a line that goes out is a list of
``[number, answer]``, where the answer is ``null`` for a text on which the student failed. The first
line out is ``{"loaded": true}``, or ``{"refused": reason}``. ``{"down": reason}`` is the last one,
where a server that writes for the student is away: who starts this again may find it.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import orjson

from locum.errors import LocumError, WriterError
from locum.export import CertifiedStudent, CertifiedWriter, load_artefact
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.export import AnyStudent, CertifiedExtractor

    Question = tuple[int, str, bool, bool]

__all__ = ["main"]

# Each read makes room for as much: more would be kept by the allocator.
_READ_BYTES = 64 * 1024
_MOST_CHANCES = 21


def main() -> None:
    """Answer what comes through the socket that the command line names, to its end."""
    number, folder = sys.argv[1:]
    # The gateway ends its students, also where a signal is meant for all of its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=int(number)) as end:
        try:
            _serve(end, folder)
        except WriterError as error:
            _say(end, {"down": str(error)})


def _serve(end: socket.socket, folder: str) -> None:
    try:
        student = load_artefact(folder)
        answer_all = _answers_of(student)
        answer_all([(0, "a text", False, False)])
    except WriterError:
        raise
    except LocumError as error:
        _say(end, {"refused": str(error)})
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the gateway has to know
        _say(end, {"refused": f"{type(error).__name__}: {error}"})
        return
    gc.freeze()
    _say(end, {"loaded": True})
    for questions in _questions(end):
        _say(end, _answer_each(answer_all, questions))


def _questions(end: socket.socket) -> Iterator[list[Question]]:
    """Yield all that has come since the last time."""
    rest = b""
    while data := _receive(end):
        *lines, rest = (rest + data).split(b"\n")
        questions = [question for line in lines for question in orjson.loads(line)]
        if questions:
            yield questions


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(_READ_BYTES)
    except ConnectionError:
        return b""


def _say(end: socket.socket, said: object) -> None:
    try:
        end.sendall(orjson.dumps(said) + b"\n")
    except ConnectionError:
        sys.exit(0)


def _answer_each(
    answer_all: Callable[[list[Question]], list[Any]], questions: list[Question]
) -> list[Any]:
    """Answer all questions at once, and where that fails, one by one."""
    try:
        return answer_all(questions)
    except Exception as error:
        # One text on which a student fails must not take others along.
        if isinstance(error, WriterError) and error.gone:
            raise
        if len(questions) == 1:
            return [[questions[0][0], None]]
    return [answer for one in questions for answer in _answer_each(answer_all, [one])]


def _answers_of(student: AnyStudent) -> Callable[[list[Question]], list[Any]]:
    """Each answer is: answered or not, what is said, confidence, chances, and novelty."""
    if isinstance(student, CertifiedStudent):
        return lambda questions: _label_answers(student, questions)
    if isinstance(student, CertifiedWriter):
        return lambda questions: _text_answers(student, questions)
    return lambda questions: _object_answers(student, questions)


def _label_answers(student: CertifiedStudent, questions: list[Question]) -> list[Any]:
    predictions = student.predict([text for _, text, _, _ in questions])
    return [
        [
            number,
            [
                prediction.answered,
                prediction.label,
                prediction.confidence,
                _chances(student, text, prediction.label) if wants_chances else [],
                float(student.novelty([text])[0]) if wants_novelty else None,
            ],
        ]
        for (number, text, wants_chances, wants_novelty), prediction in zip(
            questions, predictions, strict=True
        )
    ]


def _chances(student: CertifiedStudent, text: str, said: str) -> list[tuple[str, float]]:
    """Labels with their probabilities: that which was said, then the most probable others."""
    [proba] = student.predict_proba([text])
    chances = dict(zip(student.classes_, proba.tolist(), strict=True))
    others = sorted(chances, key=lambda label: (label != said, -chances[label]))
    return [(label, chances[label]) for label in others[:_MOST_CHANCES]]


def _object_answers(student: CertifiedExtractor, questions: list[Question]) -> list[Any]:
    """The only chance of an object is its confidence, and what it lacks makes the text novel."""
    found = []
    for number, text, wants_chances, wants_novelty in questions:
        [prediction] = student.predict([text], fields=False)
        sure = prediction.confidence
        said = "" if prediction.answer is None else write_json(prediction.answer).decode()
        chances = [(said, sure)] if wants_chances else []
        novelty = 1 - sure if wants_novelty else None
        answered = prediction.answered and prediction.answer is not None
        found.append([number, [answered, said, sure, chances, novelty]])
    return found


def _text_answers(student: CertifiedWriter, questions: list[Question]) -> list[Any]:
    """The only chance of a text is its confidence."""
    said = student.predict_with_novelty([text for _, text, _, _ in questions])
    found = []
    for (number, _, wants_chances, wants_novelty), (prediction, novelty) in zip(
        questions, said, strict=True
    ):
        text, sure = prediction.answer or "", prediction.confidence
        chances = [(text, sure)] if wants_chances else []
        strange = novelty if wants_novelty else None
        found.append([number, [prediction.answered, text, sure, chances, strange]])
    return found


if __name__ == "__main__":
    main()
