"""From the bodies of each API to one shape; one file an API, pure functions on parsed JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from locum.traffic.apis.chat import assemble_choices, completions_to_chat
from locum.traffic.apis.converse import assemble_converse, converse_to_chat
from locum.traffic.apis.endpoints import (
    answers_by_itself,
    endpoint_of_path,
    find_endpoint,
    guess_endpoint,
)
from locum.traffic.apis.exchange import Assembled, Exchange
from locum.traffic.apis.lenient import as_text, objects
from locum.traffic.apis.messages import assemble_message, messages_to_chat
from locum.traffic.apis.responses import assemble_response, responses_to_chat
from locum.traffic.apis.server_sent_events import StreamEvents, stream_events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import Endpoint, JsonObject

__all__ = [
    "Assembled",
    "Exchange",
    "StreamEvents",
    "answers_by_itself",
    "assemble",
    "assemble_converse",
    "converse_to_chat",
    "endpoint_of_path",
    "find_endpoint",
    "guess_endpoint",
    "read_answer",
    "stream_events",
    "to_chat",
]

# A response of the responses API that is there: whole, or as long as it was allowed to be.
_ENDED = ("", "completed", "incomplete")


def to_chat(endpoint: Endpoint, request: JsonObject, response: JsonObject | None) -> Exchange:
    """Return a request and its response in the shape of OpenAI's chat completions.

    Bodies of embeddings and of other paths stay as they are. What is not known is kept under its
    own name, and odd or missing parts raise nothing. The given objects are not changed; the result
    may share parts with them.
    """
    match endpoint:
        case "completions":
            return completions_to_chat(request, response)
        case "responses":
            return responses_to_chat(request, response)
        case "messages":
            return messages_to_chat(request, response)
        case _:
            return Exchange(request, response)


def assemble(endpoint: Endpoint, events: Iterable[JsonObject], *, done: bool = False) -> Assembled:
    """Return the body that a plain call would have brought, in the API's own shape.

    Args:
        endpoint: Which API the stream stems from; those without streams count as chat.
        events: The data of the stream's events, in order.
        done: Whether ``[DONE]`` was seen; only chat completions and completions end so.
    """
    match endpoint:
        case "responses":
            return assemble_response(events)
        case "messages":
            return assemble_message(events)
        case _:
            return assemble_choices(events, done=done)


def read_answer(endpoint: Endpoint, body: bytes, *, streamed: bool) -> Assembled:
    """Return what a body with the status of a success holds, and whether that is an answer.

    Some servers send their errors so, and the responses API what is yet to be answered.

    Args:
        endpoint: Which API it stems from.
        body: Without its encoding.
        streamed: Whether it is a stream of events.
    """
    if streamed:
        stream = stream_events(body)
        return assemble(endpoint, stream.events, done=stream.done)
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        return Assembled(None, whole=False)
    return Assembled(read, whole=_is_answer(endpoint, read))


def _is_answer(endpoint: Endpoint, response: JsonObject) -> bool:
    choices = objects(response.get("choices"))
    if response.get("error") or any(choice.get("error") for choice in choices):
        return False
    match endpoint:
        case "chat" | "completions":
            return bool(choices)
        case "responses":
            return as_text(response.get("status")) in _ENDED
        case "messages":
            return isinstance(response.get("content"), list)
        case _:
            return True
