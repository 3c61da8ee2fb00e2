"""From API bodies and log files to calls."""

from locum.traffic.apis import (
    Assembled,
    Exchange,
    StreamEvents,
    answers_by_itself,
    assemble,
    endpoint_of_path,
    read_answer,
    stream_events,
    to_chat,
)
from locum.traffic.conversation import (
    answer_text,
    broke_off,
    fingerprint,
    first_choice,
    has_thought,
    input_text,
    instruction,
    said_text,
    thought_frame,
    token_logprobs,
)
from locum.traffic.make_call import make_call, redact_call
from locum.traffic.split_request import (
    SETTINGS,
    SplitRequest,
    is_stored,
    plain_rest,
    split_request,
)
from locum.traffic.thoughts import split_thought
from locum.traffic.token_counts import answer_tokens
from locum.traffic.token_positions import (
    answer_positions,
    is_end_token,
    token_bytes,
    token_position,
    token_text,
)

__all__ = [
    "SETTINGS",
    "Assembled",
    "Exchange",
    "SplitRequest",
    "StreamEvents",
    "answer_positions",
    "answer_text",
    "answer_tokens",
    "answers_by_itself",
    "assemble",
    "broke_off",
    "endpoint_of_path",
    "fingerprint",
    "first_choice",
    "has_thought",
    "input_text",
    "instruction",
    "is_end_token",
    "is_stored",
    "make_call",
    "plain_rest",
    "read_answer",
    "redact_call",
    "said_text",
    "split_request",
    "split_thought",
    "stream_events",
    "thought_frame",
    "to_chat",
    "token_bytes",
    "token_logprobs",
    "token_position",
    "token_text",
]
