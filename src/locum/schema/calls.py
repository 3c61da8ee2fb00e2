"""Calls to models, as they are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema.kept_labels import KeptSoftLabel
    from locum.schema.tasks import JsonObject

__all__ = [
    "Call",
    "CallFacts",
    "CallMarks",
    "Endpoint",
    "MarkedCall",
    "Outcome",
    "OwnPrice",
    "TokenPosition",
    "Usage",
]

Endpoint = Literal["chat", "completions", "responses", "messages", "embeddings", "other"]
Outcome = Literal["whole", "incomplete", "failed"]


class TokenPosition(NamedTuple):
    """One token of an answer.

    Args:
        token: The text that was written; bytes that are no whole character stand in it as
            surrogate escapes (PEP 383).
        alternatives: Log-probability of each text that might have been written here, of the
            written one too.
    """

    token: str
    alternatives: Mapping[str, float]


class Usage(NamedTuple):
    """Tokens that one or several calls used.

    Args:
        input_tokens: Tokens of the requests, those read from the provider's cache among them.
        output_tokens: Tokens of the answers.
        cached_tokens: Tokens of the requests that were read from the provider's cache.
        written_tokens: Tokens of the requests that were written to it, where that has a price.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0


class OwnPrice(NamedTuple):
    """What a model costs its user, in US dollars for a million tokens.

    Args:
        input: Tokens of requests.
        output: Tokens of answers.
        cached_input: Tokens of requests that the provider had in its cache; by default as others.
    """

    input: float
    output: float
    cached_input: float | None = None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one call besides what was said in it; every text is redacted.

    Args:
        id: Names the call for good: the same call, recorded or imported again, has the same one.
        time: When it was sent, in seconds since 1970.
        source: ``gateway``, or the format that it was imported from.
        endpoint: Which API was called.
        outcome: ``whole`` where the answer arrived to its end, ``incomplete`` where it broke off,
            ``failed`` where there was none.
        model: The model that was asked for; empty where none was named.
        fingerprint: Twelve hexadecimal digits, alike for calls that share instruction and kind of
            output.
        task: The task that the application or the importing user named; ``None`` where none was.
        application: The application whose key was used, where the gateway knows applications.
        upstream: Who answered, as the gateway's settings call it.
        status: HTTP status of the answer.
        streamed: Whether the answer was streamed.
        latency_ms: From sending the request to the end of its answer.
        first_byte_ms: From sending the request to the first byte of its answer.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        cost_usd: What the call cost, by its record, else by its model's list price.
        preview: The beginning of the input, for lists.
    """

    id: str
    time: float
    source: str
    endpoint: Endpoint
    outcome: Outcome
    model: str
    fingerprint: str
    task: str | None = None
    application: str | None = None
    upstream: str | None = None
    status: int | None = None
    streamed: bool = False
    latency_ms: float | None = None
    first_byte_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    preview: str = ""


class Call(NamedTuple):
    """One recorded request to a model with its answer.

    Args:
        facts: What lists and filters look at.
        request: The body, in the shape of OpenAI's chat completions whatever API was called; as it
            was sent for embeddings and other paths.
        response: Likewise; ``None`` where there is none.
    """

    facts: CallFacts
    request: JsonObject
    response: JsonObject | None


class CallMarks(NamedTuple):
    """What a store knows of a call that is not written in it.

    Args:
        deferred: The task whose student left it to its teacher, where it was not drawn by chance:
            such a call is learned from, and is no fair sample.
        untimed: Whether its time was made up, as nothing tells when it was sent.
        soft_label: What a teacher was paid to say of its input, where that has probabilities.
    """

    deferred: str | None = None
    untimed: bool = False
    soft_label: KeptSoftLabel | None = None

    def as_object(self) -> JsonObject:
        """Return them as an export writes them."""
        soft_label = None if self.soft_label is None else self.soft_label.as_object()
        return {**self._asdict(), "soft_label": soft_label}


class MarkedCall(NamedTuple):
    """A call with what its store knows of it besides."""

    call: Call
    marks: CallMarks
