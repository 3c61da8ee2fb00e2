"""The lines of a batch's files: what is asked, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

from locum.teachers.protocol import Failure
from locum.teachers.transport import AttemptError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Task, TeacherAnswer
    from locum.teachers.chat import ChatTeacher
    from locum.teachers.protocol import FailureKind, Question

__all__ = [
    "LABELS",
    "Outcome",
    "ResultLine",
    "read_outcome",
    "read_results",
    "request_line",
    "without_distribution",
]

LABELS = "locum_labels"

_URL = "/v1/chat/completions"
_NEVER_ASKED = frozenset({"batch_expired", "batch_cancelled"})
_TIMED_OUT = "request_timeout"
_STATUS_KINDS: dict[int, FailureKind] = {408: "timed out", 429: "rate limited", 504: "timed out"}


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Error(BaseModel):
    code: str | None = None
    message: str | None = None


class ResultLine(BaseModel):
    """What the provider says of one request."""

    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


class Outcome(NamedTuple):
    """What came of one question.

    Args:
        result: Its answer, or how it failed.
        charged: Whether the provider may have charged for it.
    """

    result: TeacherAnswer | Failure
    charged: bool


def request_line(chat: ChatTeacher, task: Task, question: Question) -> bytes:
    """Return the line that asks a question."""
    body = chat.request(task, question.text)
    line = {"custom_id": question.key, "method": "POST", "url": _URL, "body": body}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def read_results(file: IO[bytes]) -> Iterator[ResultLine]:
    """Yield the lines of an output or error file, in their order, without those that are none."""
    for line in file:
        try:
            yield ResultLine.model_validate_json(line)
        except ValidationError:
            continue


def read_outcome(chat: ChatTeacher, task: Task, line: ResultLine) -> Outcome | None:
    """Return what came of a question; ``None`` where the provider did not get to ask it."""
    error, response = line.error, line.response
    if error is not None and error.code in _NEVER_ASKED:
        return None
    if error is not None or response is None:
        timed_out = error is not None and error.code == _TIMED_OUT
        kind: FailureKind = "timed out" if timed_out else "unavailable"
        said = (error.message or error.code) if error is not None else None
        return Outcome(Failure(kind, _shown(chat, said)), charged=timed_out)
    if response.status_code != 200:
        kind = _kind_of(response.status_code)
        reason = f"HTTP {response.status_code}: {_shown(chat, response.body)}"
        return Outcome(Failure(kind, reason), charged=False)
    try:
        # A batch's answers take hours, which says nothing of the model's latency.
        answer = chat.read(task, orjson.dumps(response.body), None)
    except AttemptError as unread:
        return Outcome(Failure(unread.kind, str(unread)), unread.charged)
    return Outcome(answer, charged=True)


def without_distribution(outcome: Outcome) -> Outcome:
    """Return an outcome whose answer is its text alone, as under another task's labels."""
    if isinstance(outcome.result, Failure):
        return outcome
    return outcome._replace(result=replace(outcome.result, distribution=None))


def _kind_of(status: int) -> FailureKind:
    by_default: FailureKind = "unavailable" if status >= 500 else "refused"
    return _STATUS_KINDS.get(status, by_default)


def _shown(chat: ChatTeacher, said: object) -> str:
    whole = said if isinstance(said, str) else orjson.dumps(said).decode()
    return chat.transport.shown(whole.encode())
