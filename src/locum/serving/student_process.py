"""A promoted student in a process of its own: it may hang or die, and no call is lost by it.

Lines of JSON come through a socket, and go back through it. A line that comes in is a list of
``[number, text, wants chances, wants novelty]``; a line that goes out is a list of
``[number, answer]``, where the answer is ``null`` for a text on which the student failed. The first
line out is ``{"loaded": true, "quick": ...}``, or ``{"refused": reason}``; a quick student may
also answer in the gateway's own process. ``{"down": reason}`` is the last one, where a server that
writes for the student is away: who starts this again may find it.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from typing import TYPE_CHECKING

import orjson

from locum.errors import LocumError, UsageError, WriterError
from locum.export import CertifiedWriter, load_artefact
from locum.serving.student_answers import answer_each, answers_of, is_quick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.serving.student_answers import Question

__all__ = ["main"]

# Each read makes room for as much: more would be kept by the allocator.
_READ_BYTES = 64 * 1024


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
        answer_all = answers_of(student)
        answer_all([(0, "a text", False, False)])
        if isinstance(student, CertifiedWriter):
            _try_rule(student)
    except WriterError:
        raise
    except LocumError as error:
        _say(end, {"refused": str(error)})
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the gateway has to know
        _say(end, {"refused": f"{type(error).__name__}: {error}"})
        return
    gc.freeze()
    _say(end, {"loaded": True, "quick": is_quick(student)})
    for questions in _questions(end):
        _say(end, answer_each(answer_all, questions))


def _try_rule(student: CertifiedWriter) -> None:
    """See that a student's answers can be compared with its teacher's here.

    Else nobody would see that it breaks its promise. What compares labels and objects is a part of
    every Locum, and takes longer to import than such a student takes to load.

    Raises:
        UsageError: Its rule needs what is not installed, or asks a judge or an encoder.
    """
    from locum.promotion import Judge

    try:
        Judge.of(student)("a text", "a text")
    except UsageError as error:
        raise UsageError(f"its answers cannot be compared with its teacher's: {error}") from None


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
        end.sendall(orjson.dumps(said, default=tuple) + b"\n")
    except ConnectionError:
        sys.exit(0)


if __name__ == "__main__":
    main()
