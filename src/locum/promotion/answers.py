"""What a student says, in the shapes in which APIs give answers."""

from __future__ import annotations

import math
import random
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.promotion.frame import Ask
    from locum.schema import JsonObject

__all__ = [
    "StudentAnswer",
    "chat_body",
    "chat_stream",
    "message_body",
    "message_stream",
    "random_digits",
    "random_name",
    "server_sent_events",
    "token_scores",
]

_CHAT_DIGITS, _MESSAGE_DIGITS = 29, 22
_LEAST_LOGPROB = -9999.0
# Ids need to differ, and are no secrets.
_chance = random.Random()  # noqa: S311
_DONE = b"data: [DONE]\n\n"


class StudentAnswer(NamedTuple):
    """An answer that is ready to be delivered.

    Args:
        text: What is said.
        model: The model that answers, as the teacher's answers name it.
        prompt_tokens: About how many tokens the teacher would have read.
        completion_tokens: About how many it would have written.
        chances: Texts that might have been said with their probabilities, that which was said
            first; empty where they were not asked for.
        created: When, in seconds since 1970.
        artefact: SHA-256 of the student's manifest.
        name: 29 letters and digits at least that nothing else is named by; ids begin with them.
    """

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    chances: Sequence[tuple[str, float]]
    created: int
    artefact: str
    name: str


def chat_body(answer: StudentAnswer, ask: Ask) -> bytes:
    """Return the answer as a chat completion of OpenAI's.

    A label is one token to a student: where log-probabilities are asked for, the whole text is.
    """
    message: JsonObject = {
        "role": "assistant",
        "content": answer.text,
        "refusal": None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(answer, ask),
        "finish_reason": "stop",
    }
    return orjson.dumps(
        {**_chat_head(answer, "chat.completion"), "choices": [choice], "usage": _chat_usage(answer)}
    )


def chat_stream(answer: StudentAnswer, ask: Ask) -> bytes:
    """Return the answer as the server-sent events of a streamed chat completion."""
    head = _chat_head(answer, "chat.completion.chunk")
    said: JsonObject = {"role": "assistant", "content": "", "refusal": None}
    parts: list[tuple[JsonObject, JsonObject | None, str | None]] = [
        (said, None, None),
        ({"content": answer.text}, _logprobs(answer, ask), None),
        ({}, None, "stop"),
    ]
    # Where usage is asked for, all chunks but the last say that they have none.
    usage = {"usage": None} if ask.include_usage else {}
    events = [
        {
            **head,
            "choices": [{"index": 0, "delta": d, "logprobs": chances, "finish_reason": reason}],
            **usage,
        }
        for d, chances, reason in parts
    ]
    if ask.include_usage:
        events.append({**head, "choices": [], "usage": _chat_usage(answer)})
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events) + _DONE


def message_body(answer: StudentAnswer) -> bytes:
    """Return the answer as a message of Anthropic's."""
    content = [{"type": "text", "text": answer.text}]
    return orjson.dumps(_message(answer, content, "end_turn", answer.completion_tokens))


def message_stream(answer: StudentAnswer) -> bytes:
    """Return the answer as the server-sent events of a streamed message of Anthropic's."""
    delta = {"type": "text_delta", "text": answer.text}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    empty = {"type": "text", "text": ""}
    return server_sent_events(
        [
            {"type": "message_start", "message": _message(answer, [], None, 1)},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": ended,
                "usage": {"output_tokens": answer.completion_tokens},
            },
            {"type": "message_stop"},
        ]
    )


def _chat_head(answer: StudentAnswer, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{answer.name[:_CHAT_DIGITS]}",
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": f"locum_{answer.artefact[:12]}",
    }


def _chat_usage(answer: StudentAnswer) -> JsonObject:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _logprobs(answer: StudentAnswer, ask: Ask) -> JsonObject | None:
    if ask.top_logprobs is None:
        return None
    return {"content": token_scores(answer, ask), "refusal": None}


def token_scores(answer: StudentAnswer, ask: Ask) -> list[JsonObject]:
    """Return an answer's only token with log-probabilities; none where they are not asked for."""
    if ask.top_logprobs is None:
        return []
    listed = [_scored(text, chance) for text, chance in answer.chances]
    scored = _scored(answer.text, answer.chances[0][1])
    return [{**scored, "top_logprobs": listed[: ask.top_logprobs]}]


def _scored(text: str, chance: float) -> JsonObject:
    logprob = math.log(chance) if chance > 0 else _LEAST_LOGPROB
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def _message(
    answer: StudentAnswer, content: list[JsonObject], reason: str | None, tokens: int
) -> JsonObject:
    return {
        "id": f"msg_01{answer.name[:_MESSAGE_DIGITS]}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
            "service_tier": "standard",
        },
    }


def server_sent_events(events: Iterable[JsonObject]) -> bytes:
    """Return events under the name of their ``type``, as a stream carries them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), write_json(event)) for event in events
    )


def random_name(digits: int) -> str:
    """Return letters and digits that make a name which nothing else has."""
    drawn = _chance.getrandbits(8 * digits).to_bytes(digits, "big")
    return b64encode(drawn, b"aZ")[:digits].decode()


def random_digits(digits: int) -> str:
    """Return hexadecimal digits that make a name which nothing else has."""
    return f"{_chance.getrandbits(4 * digits):0{digits}x}"
