"""Which API a call went to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.traffic.apis.lenient import as_object, as_text, objects

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject

__all__ = ["answers_by_itself", "endpoint_of_path", "find_endpoint", "guess_endpoint"]

_PATHS: dict[str, Endpoint] = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/responses": "responses",
    "/messages": "messages",
    "/embeddings": "embeddings",
}
_OTHER_PATHS = (
    *("/count_tokens", "/input_tokens", "/moderations", "/rerank"),
    *("/images/generations", "/images/edits", "/images/variations"),
    *("/audio/speech", "/audio/transcriptions", "/audio/translations"),
)
_BLOCKS = ("tool_use", "tool_result", "image", "thinking")


def endpoint_of_path(path: str) -> Endpoint:
    """Return the API that a path or URL belongs to; ``other`` where it is none of the known."""
    plain = _plain(path)
    # OpenAI's threads have messages too, which are no calls.
    if "/threads/" in plain:
        return "other"
    return next((api for end, api in _PATHS.items() if plain.endswith(end)), "other")


def answers_by_itself(path: str) -> bool:
    """Tell whether a path is of an API that answers a call by what the call says."""
    return endpoint_of_path(path) != "other" or _plain(path).endswith(_OTHER_PATHS)


def find_endpoint(path: str, request: JsonObject, response: JsonObject | None) -> Endpoint | None:
    """Return the API that a call went to, by its path, or by its bodies where that says nothing.

    ``None`` where the path is known to be of an API that neither answers nor embeds texts.
    """
    if _plain(path).endswith(_OTHER_PATHS):
        return None
    named = endpoint_of_path(path)
    return guess_endpoint(request, response) if named == "other" else named


def _plain(path: str) -> str:
    return path.partition("?")[0].rstrip("/")


def guess_endpoint(request: JsonObject, response: JsonObject | None) -> Endpoint:
    """Return the API that two bodies belong to, by the names in them."""
    answer = response or {}
    signs: tuple[tuple[Endpoint, bool], ...] = (
        ("responses", answer.get("object") == "response" or _is_list(answer.get("output"))),
        ("messages", answer.get("type") == "message" or _is_anthropic(request)),
        ("completions", any("text" in choice for choice in objects(answer.get("choices")))),
        ("chat", "messages" in request),
        ("completions", "prompt" in request),
        ("embeddings", answer.get("object") == "list" or "encoding_format" in request),
        ("responses", "input" in request),
    )
    return next((endpoint for endpoint, shown in signs if shown), "other")


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_anthropic(request: JsonObject) -> bool:
    if "messages" not in request:
        return False
    if "system" in request or "anthropic_version" in request or "stop_sequences" in request:
        return True
    return any(
        as_text(as_object(block).get("type")) in _BLOCKS
        for message in objects(request["messages"])
        for block in objects(message.get("content"))
    )
