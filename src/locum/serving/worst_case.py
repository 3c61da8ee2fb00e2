"""What a call may take at worst, told before it is sent."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from locum.prices import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.schema import JsonObject

__all__ = ["find_dearer", "find_unseen", "worst_tokens"]

# An answer has no more tokens than this where its request does not say how many.
_LONGEST_ANSWER = 16_384
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_SEVERAL = ("n", "best_of")
_MOST_TOKENS, _MOST_ANSWERS = 10_000_000, 1_000
# An image is billed by its area, which its bytes do not tell: gpt-4o-mini's take 48,169 at most.
_IMAGE_TOKENS = 50_000
# A file that lies elsewhere may fill the context, and no call reads more than that.
_CONTEXT_TOKENS = 1_000_000
_IMAGES = frozenset(
    {"image", "image_url", "input_image", "computer_screenshot", "image_generation_call"}
)
_FILES = frozenset(
    {"file", "input_file", "document", "container_upload", "video_url", "audio_url", "input_video"}
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Parameters by which a provider adds to a call what it holds or finds by itself.
_ADDING = (
    *("previous_response_id", "conversation", "web_search_options", "search_parameters"),
    *("mcp_servers", "plugins"),
)
_NOTHING: tuple[object, ...] = (None, "", [])
# Parameters by which a provider sells a call at another price, and what they say of no dearer one.
_PRICED_APART: dict[str, tuple[object, ...]] = {
    "service_tier": ("auto", "default", "standard", "standard_only", "on_demand", "flex"),
    "speed": ("standard",),
    "inference_geo": ("global",),
}
# Tools that the caller runs; all others the provider does, on what nobody here sees.
_OWN_TOOLS = re.compile(
    r"(function|custom|local_shell|apply_patch)$|(bash|computer|memory|text_editor)(_|$)"
)


def worst_tokens(body: JsonObject, size: int) -> Tokens:
    """Return the tokens that a call takes at worst.

    It asks a token for each byte, and for images and files what is stated above; it is answered as
    long and as often as it allows.

    Args:
        body: What is asked.
        size: Bytes of the request, unpacked.
    """
    longest = _largest(body, _LIMITS, _MOST_TOKENS) or _LONGEST_ANSWER
    answers = _prompts(body) * (_largest(body, _SEVERAL, _MOST_ANSWERS) or 1)
    return Tokens(size + _hidden_tokens(body), longest * answers)


def find_unseen(body: JsonObject) -> str | None:
    """Return what of a call lets its provider add to it what nobody here sees; ``None`` if nothing.

    Args:
        body: What is asked.
    """
    for name in _ADDING:
        if body.get(name) not in _NOTHING:
            return repr(name)
    if isinstance(body.get("prompt"), dict):
        return "a stored 'prompt'"
    for item in _objects(body.get("input")):
        if item.get("type") == "item_reference":
            return "an 'item_reference'"
    for tool in _objects(body.get("tools")):
        kind = tool.get("type") or "function"
        if not (isinstance(kind, str) and _OWN_TOOLS.match(kind)):
            return f"the tool {kind!r}"
    return None


def find_dearer(body: JsonObject) -> str | None:
    """Return what of a call may bring it a price above its model's; ``None`` if nothing does.

    Args:
        body: What is asked.
    """
    for name, usual in _PRICED_APART.items():
        value = body.get(name)
        if value not in (*_NOTHING, *usual):
            return f"the {name} {value!r:.40}"
    return None


def _hidden_tokens(body: JsonObject) -> int:
    """Return how many tokens images take, and files of which the call has no more than the name."""
    tokens = 0
    for part in _parts(body):
        kind = part.get("type")
        if kind in _IMAGES:
            tokens += _IMAGE_TOKENS
        elif kind in _FILES and not _is_here(part, kind):
            tokens += _CONTEXT_TOKENS
    return min(tokens, _CONTEXT_TOKENS)


def _parts(body: JsonObject) -> Iterator[JsonObject]:
    """Yield messages and what they consist of, results of tools among them."""
    waiting = [body.get("messages"), body.get("input"), body.get("system")]
    while waiting:
        for part in _objects(waiting.pop()):
            yield part
            source = part.get("source")
            held = source.get("content") if isinstance(source, dict) else None
            waiting += [part.get("content"), part.get("output"), held]


def _is_here(part: JsonObject, kind: str) -> bool:
    """Tell whether a file's bytes are in the call."""
    held = next(
        (part[name] for name in ("source", "file", kind) if isinstance(part.get(name), dict)), part
    )
    if held.get("file_id"):
        return False
    if held.get("data") or held.get("content"):
        return True
    given = [held.get(name) for name in ("file_data", "file_url", "url")]
    texts = [text for text in given if isinstance(text, str) and text]
    return bool(texts) and not any(map(_ADDRESS.match, texts))


def _objects(value: object) -> Iterator[JsonObject]:
    """Yield the objects of a list, or the one that stands in its place."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _largest(body: JsonObject, names: Sequence[str], most: int) -> int | None:
    """Return the largest number that a body gives under some names, ``most`` at the most."""
    given = [_number(body.get(name)) for name in names]
    return max((math.ceil(min(n, most)) for n in given if n > 0), default=None)


def _number(value: object) -> float:
    """Read a number as lenient servers do, which take floats and texts of digits; 0 for others."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        return float(value)
    except OverflowError:
        return math.inf if isinstance(value, int) and value > 0 else 0.0
    except ValueError:
        return 0.0


def _prompts(body: JsonObject) -> int:
    """Return how many prompts are answered: one, but for a list of texts or of lists of tokens."""
    prompt = body.get("prompt")
    if not isinstance(prompt, list) or all(type(token) is int for token in prompt):
        return 1
    return len(prompt)
