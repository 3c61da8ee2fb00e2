"""What a call takes at worst counts what its bytes do not show."""

from __future__ import annotations

from typing import Any

import pytest

from locum.prices import Tokens
from locum.serving.worst_case import find_dearer, find_unseen, worst_tokens

IMAGE, CONTEXT = 50_000, 1_000_000
URL, DATA = "https://example.org/a", "data:application/pdf;base64,JVBERi0="
CHAT_IMAGE = {"type": "image_url", "image_url": {"url": URL}}
INPUT_IMAGE = {"type": "input_image", "file_id": "file-1"}
TEXT = {"type": "text", "text": "What is it?"}


def document(**source: object) -> dict[str, object]:
    return {"type": "document", "source": source}


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (TEXT, 0),
        (CHAT_IMAGE, IMAGE),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}, IMAGE),
        ({"type": "image", "source": {"type": "url", "url": URL}}, IMAGE),
        (INPUT_IMAGE, IMAGE),
        ({"type": "file", "file": {"file_id": "file-1"}}, CONTEXT),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": URL}}, CONTEXT),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}}, 0),
        ({"type": "input_file", "file_url": URL}, CONTEXT),
        ({"type": "input_file", "file_data": DATA}, 0),
        ({"type": "container_upload", "file_id": "file-1"}, CONTEXT),
        ({"type": "video_url", "video_url": {"url": "s3://bucket/a.mp4"}}, CONTEXT),
        ({"type": "audio_url", "audio_url": {"url": "data:audio/mp3;base64,SUQz"}}, 0),
        (document(type="file", file_id="file-1"), CONTEXT),
        (document(type="url", url=URL), CONTEXT),
        (document(type="base64", data="JVBERi0="), 0),
        (document(type="text", data=f"See {URL}"), 0),
        (document(type="content", content=[{"type": "image", "source": {}}, TEXT]), IMAGE),
        ({"type": "tool_result", "content": [{"type": "image", "source": {}}]}, IMAGE),
        # Whatever a tool is given or has found is text.
        ({"type": "tool_use", "input": {"type": "file", "url": URL}}, 0),
        ({"type": "web_search_result", "url": URL}, 0),
    ],
)
def test_images_and_files_that_lie_elsewhere_take_what_is_stated(
    part: dict[str, object], tokens: int
) -> None:
    body = {"messages": [{"role": "user", "content": [TEXT, part]}], "max_tokens": 7}
    assert worst_tokens(body, 100) == Tokens(100 + tokens, 7)


def test_items_of_responses_are_looked_into() -> None:
    said = {"role": "user", "content": [{"type": "input_text", "text": "?"}, INPUT_IMAGE]}
    shot = {"type": "computer_call_output", "output": {"type": "computer_screenshot"}}
    found = {"type": "function_call_output", "output": [INPUT_IMAGE]}
    assert worst_tokens({"input": [said, shot, found]}, 10).input == 10 + 3 * IMAGE
    assert worst_tokens({"input": "a text"}, 10).input == 10


def test_no_call_reads_more_than_a_context_besides_its_bytes() -> None:
    many: list[object] = [CHAT_IMAGE] * 50
    assert worst_tokens({"messages": [{"content": many}]}, 10).input == 10 + CONTEXT


def test_content_of_any_depth_is_looked_into() -> None:
    part: dict[str, Any] = CHAT_IMAGE
    for _ in range(5_000):
        part = {"type": "tool_result", "content": [part]}
    assert worst_tokens({"messages": [part]}, 0).input == IMAGE


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"max_tokens": 100_000.0}, 100_000),
        ({"max_tokens": "100000"}, 100_000),
        ({"max_tokens": " 1e5 "}, 100_000),
        ({"max_tokens": 2.5}, 3),
        ({"max_tokens": 10, "n": 128.0}, 1_280),
        ({"max_tokens": 10, "n": "128"}, 1_280),
        ({"max_tokens": float("nan")}, 16_384),
        ({"max_tokens": float("-inf")}, 16_384),
        ({"max_tokens": float("inf")}, 10_000_000),
        ({"max_tokens": "9" * 5_000}, 10_000_000),
        ({"max_tokens": "many"}, 16_384),
        ({"max_tokens": [5]}, 16_384),
    ],
)
def test_numbers_are_read_as_lenient_servers_read_them(body: dict[str, Any], tokens: int) -> None:
    assert worst_tokens(body, 0).output == tokens


@pytest.mark.parametrize(
    ("body", "unseen"),
    [
        ({"input": "a text", "prompt": "a prompt", "tools": []}, None),
        ({"previous_response_id": None, "conversation": "", "plugins": []}, None),
        ({"previous_response_id": "resp_1"}, "'previous_response_id'"),
        ({"conversation": {"id": "conv_1"}}, "'conversation'"),
        ({"prompt": {"id": "pmpt_1"}}, "a stored 'prompt'"),
        ({"web_search_options": {}}, "'web_search_options'"),
        ({"mcp_servers": [{"type": "url", "url": URL}]}, "'mcp_servers'"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "an 'item_reference'"),
        ({"tools": [{"name": "find", "input_schema": {}}, {"type": "function"}]}, None),
        ({"tools": [{"type": "custom"}, {"type": "bash_20250124"}, {"type": "bash"}]}, None),
        ({"tools": [{"type": "computer_use_preview"}, {"type": "text_editor_20250728"}]}, None),
        ({"tools": [{"type": "function"}, {"type": "file_search"}]}, "the tool 'file_search'"),
        ({"tools": [{"type": "web_search_20250305"}]}, "the tool 'web_search_20250305'"),
        ({"tools": [{"type": 3}]}, "the tool 3"),
    ],
)
def test_what_a_provider_adds_to_a_call_is_found(body: dict[str, Any], unseen: str | None) -> None:
    assert find_unseen(body) == unseen


@pytest.mark.parametrize(
    ("body", "dearer"),
    [
        ({}, None),
        ({"service_tier": None, "speed": "standard", "inference_geo": "global"}, None),
        ({"service_tier": "auto"}, None),
        ({"service_tier": "priority"}, "the service_tier 'priority'"),
        ({"service_tier": {}}, "the service_tier {}"),
        ({"speed": "fast"}, "the speed 'fast'"),
        ({"inference_geo": "us"}, "the inference_geo 'us'"),
    ],
)
def test_what_has_a_price_of_its_own_is_found(body: dict[str, Any], dearer: str | None) -> None:
    assert find_dearer(body) == dearer
