"""A promoted student in a process of its own: it may hang or die, and no call is lost by it.

Lines of JSON come through a socket, and go back through it. A line that comes in is a list of
``[number, text, wants chances]``; a line that goes out is a list of ``[number, answer]``, where the
answer is ``null`` for a text on which the student failed. The first line out is
``{"loaded": true}``, or ``{"refused": reason}``.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import orjson

from locum.errors import LocumError
from locum.export import CertifiedStudent, load_artefact
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.export import CertifiedExtractor

    Question = tuple[int, str, bool]

__all__ = ["main"]

_READ_BYTES = 1024 * 1024
_MOST_CHANCES = 21


def main() -> None:
    """Answer what comes through the socket that the command line names, to its end."""
    number, folder = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(number)) as end:
        try:
            student = load_artefact(folder)
            answer_all = _answers_of(student)
            answer_all([(0, "a text", False)])
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
    except Exception:  # noqa: BLE001 - one text on which a student fails must not take others along
        if len(questions) == 1:
            return [[questions[0][0], None]]
    return [answer for one in questions for answer in _answer_each(answer_all, [one])]


def _answers_of(
    student: CertifiedStudent | CertifiedExtractor,
) -> Callable[[list[Question]], list[Any]]:
    if isinstance(student, CertifiedStudent):
        return lambda questions: _label_answers(student, questions)
    return lambda questions: _object_answers(student, questions)


def _label_answers(student: CertifiedStudent, questions: list[Question]) -> list[Any]:
    """Each is answered, label, confidence, and the chances of labels where they are wanted."""
    predictions = student.predict([text for _, text, _ in questions])
    return [
        [
            number,
            [
                prediction.answered,
                prediction.label,
                prediction.confidence,
                _chances(student, text) if wanted else [],
            ],
        ]
        for (number, text, wanted), prediction in zip(questions, predictions, strict=True)
    ]


def _chances(student: CertifiedStudent, text: str) -> list[tuple[str, float]]:
    [proba] = student.predict_proba([text])
    best = (-proba).argsort(kind="stable")[:_MOST_CHANCES]
    return [(student.classes_[index], float(proba[index])) for index in best]


def _object_answers(student: CertifiedExtractor, questions: list[Question]) -> list[Any]:
    """Each is answered, the object as text, confidence, and that as its chance."""
    found = []
    for number, text, wanted in questions:
        prediction = student.predict([text])[0]
        said = "" if prediction.answer is None else write_json(prediction.answer).decode()
        chances = [(said, prediction.confidence)] if wanted else []
        found.append([number, [prediction.answered, said, prediction.confidence, chances]])
    return found


if __name__ == "__main__":
    main()
