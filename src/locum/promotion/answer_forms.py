"""In which form each API gives a student's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.promotion.answers import chat_body, chat_stream, message_body, message_stream
from locum.promotion.response_answers import (
    repeated_in_response,
    response_body,
    response_stream,
    takes_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locum.promotion.answers import StudentAnswer
    from locum.promotion.frame import Ask
    from locum.schema import Endpoint, JsonObject

    _Write = Callable[[StudentAnswer, Ask, JsonObject], bytes]

__all__ = ["ANSWER_FORMS", "AnswerForm"]


class AnswerForm(NamedTuple):
    """The form in which an API gives answers.

    Args:
        body: Writes an answer as a whole, by how it is to be delivered and what it repeats.
        stream: Writes it as server-sent events.
        request_id: The header that names a call.
        takes: Tells of the body of a request whether a student may answer it, beyond what its
            shape as a chat completion tells; any, by default.
        repeated: Returns what an answer repeats of the body of its request, which is never the
            input; nothing, by default.
    """

    body: _Write
    stream: _Write
    request_id: bytes
    takes: Callable[[JsonObject], bool] = lambda _: True
    repeated: Callable[[JsonObject], JsonObject] = lambda _: {}


ANSWER_FORMS: Mapping[Endpoint, AnswerForm] = {
    "chat": AnswerForm(
        body=lambda answer, ask, _: chat_body(answer, ask),
        stream=lambda answer, ask, _: chat_stream(answer, ask),
        request_id=b"x-request-id",
    ),
    "messages": AnswerForm(
        body=lambda answer, _ask, _repeated: message_body(answer),
        stream=lambda answer, _ask, _repeated: message_stream(answer),
        request_id=b"request-id",
    ),
    "responses": AnswerForm(
        body=response_body,
        stream=response_stream,
        request_id=b"x-request-id",
        takes=takes_response,
        repeated=repeated_in_response,
    ),
}
"""The APIs whose calls students answer."""
