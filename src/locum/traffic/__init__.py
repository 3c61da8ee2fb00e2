"""From API bodies and log files to calls."""

from locum.traffic.apis import (
    Assembled,
    Exchange,
    StreamEvents,
    assemble,
    endpoint_of_path,
    stream_events,
    to_chat,
)
from locum.traffic.conversation import (
    answer_text,
    fingerprint,
    input_text,
    instruction,
    token_logprobs,
)
from locum.traffic.make_call import make_call
from locum.traffic.split_request import (
    SETTINGS,
    SplitRequest,
    is_stored,
    split_request,
)
from locum.traffic.token_positions import token_position, token_text

__all__ = [
    "SETTINGS",
    "Assembled",
    "Exchange",
    "SplitRequest",
    "StreamEvents",
    "answer_text",
    "assemble",
    "endpoint_of_path",
    "fingerprint",
    "input_text",
    "instruction",
    "is_stored",
    "make_call",
    "split_request",
    "stream_events",
    "to_chat",
    "token_logprobs",
    "token_position",
    "token_text",
]
