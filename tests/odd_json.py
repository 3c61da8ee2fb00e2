"""JSON as no API sends it, under names that APIs use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from locum.schema import Endpoint

__all__ = ["OBJECTS", "STREAMED"]

STREAMED: tuple[Endpoint, ...] = ("chat", "completions", "responses", "messages")
NAMES = re.findall(
    r"[\w.]+",
    "messages prompt input instructions text format system role content type tool_use tool_result "
    "tool_calls function_call function_call_output name arguments call_id id source image output "
    "output_text refusal choices index message delta logprobs tokens token_logprobs top_logprobs "
    "usage input_tokens stop_reason finish_reason tools input_schema tool_choice output_config "
    "response item output_index content_index part event content_block partial_json error object "
    "message_start content_block_start content_block_delta message_delta message_stop text_delta "
    "response.completed response.output_text.delta response.output_item.added input_json_delta "
    "contentBlockDelta toolUse messageStop stopReason metadata inferenceConfig toolConfig",
)
WORDS = st.sampled_from(NAMES) | st.text(max_size=3)
NUMBERS = st.integers(-3, 2**63) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(WORDS, below, max_size=5),
    max_leaves=25,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=6)
