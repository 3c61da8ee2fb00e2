"""What of a request is alike in all calls of a task, and what varies: the input."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic import SETTINGS, fingerprint, plain_rest
from locum.traffic.strict_json import canonical_json, write_json

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = [
    "ANY_TURNS",
    "DELIVERING",
    "Ask",
    "Frame",
    "ask_of",
    "frame_of",
    "settings_of",
    "spelled_frame_of",
]

ANY_TURNS = "*"
"""Stands in a frame for whatever turns come before the input."""
DELIVERING = frozenset(
    {
        *("stream", "stream_options", "logprobs", "top_logprobs", "seed"),
        *("max_tokens", "max_completion_tokens", "stop"),
    }
)
"""What `ask_of` reads of a request."""

_DIGITS = 16
_PLACEHOLDER = re.compile(rb"\[([A-Z][A-Z0-9_]*)_[0-9]{1,9}\]")
_MOST_TOP_LOGPROBS = 20


class Frame(NamedTuple):
    """What of a request is alike in all calls of a task.

    Args:
        fingerprint: Twelve hexadecimal digits of instruction and kind of output.
        model: Who is asked.
        settings: Digest of the settings that bear on what is answered.
        turns: Digest of the messages but the input; where a task's calls show the same examples
            as earlier turns, these are part of its prompt.
    """

    fingerprint: str
    model: str
    settings: str
    turns: str


class Ask(NamedTuple):
    """How an answer is to be delivered.

    Args:
        stream: Whether in pieces.
        include_usage: Whether a stream ends with what was used.
        top_logprobs: How many alternatives are wanted with their log-probabilities; ``None`` where
            none are asked for at all.
        most_tokens: How long the answer may be.
        stops: Texts that end it.
    """

    stream: bool
    include_usage: bool
    top_logprobs: int | None
    most_tokens: float
    stops: tuple[str, ...]


def frame_of(rest: JsonObject) -> Frame:
    """Return the frame of a request without its input, however its client spells it.

    Args:
        rest: That of `split_request`, without any of what redaction knows; see `Framer`.
    """
    return _frame(plain_rest(_unnumbered(rest)))


def spelled_frame_of(rest: JsonObject) -> Frame:
    """Return the frame that hangs on how a client spells a request, as earlier versions made it.

    Args:
        rest: That of `split_request`, redacted as recorded calls are.
    """
    return _frame(_unnumbered(rest))


def _frame(rest: JsonObject) -> Frame:
    model = rest.get("model")
    return Frame(
        fingerprint("chat", rest),
        model if isinstance(model, str) else "",
        _settings_of(rest),
        _digest(rest["messages"]),
    )


def settings_of(rest: JsonObject) -> str:
    """Return the settings of a frame alone, of a request without its input."""
    return _settings_of(plain_rest(rest))


def _settings_of(rest: JsonObject) -> str:
    return _digest({name: rest[name] for name in rest.keys() & SETTINGS})


def _unnumbered(rest: JsonObject) -> JsonObject:
    """Take the numbers out of placeholders: they hang on what else was taken out of a call."""
    written = write_json(rest)
    plain = _PLACEHOLDER.sub(rb"[\1]", written)
    if plain == written:
        return rest
    read: JsonObject = json.loads(plain)
    return read


def ask_of(chat: JsonObject) -> Ask | None:
    """Return how a request wants its answer; ``None`` where that is not understood."""
    logprobs, top = chat.get("logprobs") or False, chat.get("top_logprobs") or 0
    options = chat.get("stream_options") or {}
    limits = [chat.get("max_tokens"), chat.get("max_completion_tokens")]
    given = [limit for limit in limits if limit is not None]
    stops = chat.get("stop") or []
    stops = [stops] if isinstance(stops, str) else stops
    understood = (
        isinstance(logprobs, bool)
        and type(top) is int
        and 0 <= top <= _MOST_TOP_LOGPROBS
        and (logprobs or not top)
        and type(chat.get("stream")) in {bool, NoneType}
        and type(chat.get("seed")) in {int, NoneType}
        and isinstance(options, dict)
        and all(type(limit) is int and limit > 0 for limit in given)
        and isinstance(stops, list)
        and all(isinstance(stop, str) for stop in stops)
    )
    if not understood:
        return None
    return Ask(
        chat.get("stream") is True,
        options.get("include_usage") is True,
        top if logprobs else None,
        min(given, default=float("inf")),
        tuple(stops),
    )


def _digest(value: object) -> str:
    return sha256(canonical_json(value)).hexdigest()[:_DIGITS]
