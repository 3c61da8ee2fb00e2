"""What the reader of a log format finds in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from locum.schema import MarkedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from locum.schema import Endpoint, JsonObject, Outcome

__all__ = ["BatchAnswer", "BatchRequest", "Item", "LogFormat", "LoggedCall", "Unusable"]


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call as its log tells it; what the log does not tell is ``None``.

    Args:
        endpoint: Which API the bodies belong to; ``None`` for one that neither answers nor embeds
            texts, whose calls are counted alone.
        request: The body that was sent.
        response: The body that came back.
        id: How the log names the call, and no other.
        shared_id: How the log names it, and perhaps others with it, such as the turns of a talk.
        time: When it was sent, in seconds since 1970.
        outcome: As in `CallFacts`, as all that follow.
        status: HTTP status of the answer.
        application: The application that called.
        upstream: Who answered.
        streamed: Whether the answer was streamed.
        latency_ms: Milliseconds to the end of the answer.
        first_byte_ms: Milliseconds to the first byte of the answer.
        cost_usd: What the call cost.
    """

    endpoint: Endpoint | None
    request: JsonObject
    response: JsonObject | None
    id: str | None = None
    shared_id: str | None = None
    time: float | None = None
    outcome: Outcome = "whole"
    status: int | None = None
    application: str | None = None
    upstream: str | None = None
    streamed: bool = False
    latency_ms: float | None = None
    first_byte_ms: float | None = None
    cost_usd: float | None = None


class BatchRequest(NamedTuple):
    """The half of a batch's call that stands in the file that was sent.

    Args:
        key: Its ``custom_id``.
        endpoint: Which API the body belongs to, as in `LoggedCall`.
        request: The body.
    """

    key: str
    endpoint: Endpoint | None
    request: JsonObject


class BatchAnswer(NamedTuple):
    """The half of a batch's call that stands in the file of results.

    Args:
        key: Its ``custom_id``.
        response: The body; ``None`` where there is none.
        outcome: As in `CallFacts`.
        status: HTTP status, where it is said.
        id: How the batch names the answer.
    """

    key: str
    response: JsonObject | None
    outcome: Outcome
    status: int | None
    id: str | None


class Unusable(NamedTuple):
    """One of several calls in a record that cannot be used, and why."""

    reason: str


Item = LoggedCall | BatchRequest | BatchAnswer | Unusable | MarkedCall


class LogFormat(NamedTuple):
    """A format of log files.

    Args:
        name: How the command line and a call's ``source`` name it.
        title: What it is, in a few words.
        matches: Whether a record looks like one of this format.
        read: The calls of a record, none where it tells of something else; raises `BadRowError`
            where it cannot be used.
    """

    name: str
    title: str
    matches: Callable[[JsonObject], bool]
    read: Callable[[JsonObject], Iterable[Item]]
