"""Log-probabilities that the gateway asks for, and takes out of the answer again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject

__all__ = [
    "REFUSING",
    "JsonFilter",
    "SoftLabelMemory",
    "StreamFilter",
    "Style",
    "ask",
    "may_ask",
    "plain_style",
    "remove",
]

Style = Literal["null", "absent"]
"""How an upstream's answer looks where no log-probabilities were asked for."""

REFUSING = frozenset({400, 403, 422})
"""Statuses with which models refuse a parameter."""

_MOST_MODELS = 10_000
_ASKED = b'"logprobs":true,"top_logprobs":20}'
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_COLON = re.compile(r"\s*:\s*")
_COMMA_AFTER = re.compile(r"\s*,\s*")
_CHOICE = re.compile(rb'"choices"\s*:\s*\[\s*\{')
_KEY = '"logprobs"'
_DECODER = json.JSONDecoder()
_LONGEST_END = len(b"\r\n\r\n") - 1
_EVENT_END = re.compile(rb"\r?\n\r?\n|\r\r")


class _Learnt(NamedTuple):
    upstream: str
    model: str
    streamed: bool


class SoftLabelMemory:
    """What is known of each model: whether it refuses, and how its plain answers look."""

    def __init__(self) -> None:
        self._refusing: set[tuple[str, str]] = set()
        self._styles: dict[_Learnt, Style] = {}

    def wants(self, upstream: str, model: str, *, streamed: bool) -> bool:
        """Return whether it is still open how plain answers of a model look."""
        known = _Learnt(upstream, model, streamed) in self._styles
        return not known and (upstream, model) not in self._refusing

    def style(self, upstream: str, model: str, *, streamed: bool) -> Style | None:
        """Return how an answer is to look; ``None`` where the model must not be asked.

        The first answer of a model is left as it is, to learn this.
        """
        if (upstream, model) in self._refusing:
            return None
        return self._styles.get(_Learnt(upstream, model, streamed))

    def learn(self, upstream: str, model: str, style: Style, *, streamed: bool) -> None:
        """Note how an answer looks that was not asked for log-probabilities."""
        if len(self._styles) < _MOST_MODELS:
            self._styles.setdefault(_Learnt(upstream, model, streamed), style)

    def refuse(self, upstream: str, model: str) -> None:
        """Note that a model refuses the parameter."""
        if len(self._refusing) < _MOST_MODELS:
            self._refusing.add((upstream, model))


def may_ask(endpoint: Endpoint, body: JsonObject) -> bool:
    """Return whether a request leaves room for asking."""
    taken = body.keys() & {"logprobs", "top_logprobs", "tools"}
    return endpoint == "chat" and "messages" in body and not taken


def ask(body: bytes) -> bytes:
    """Return a JSON object that `may_ask` allows with log-probabilities asked for in it."""
    return body.rstrip()[:-1] + b"," + _ASKED


def plain_style(text: bytes) -> Style | None:
    """Return how an answer without log-probabilities spells that; ``None`` if it has no choice."""
    spans = _spans(text.decode("latin-1"))
    if spans:
        return "null"
    return "absent" if _CHOICE.search(text) else None


def remove(text: bytes, style: Style) -> bytes:
    """Return a JSON text without the log-probabilities of its choices, else byte for byte alike."""
    if _KEY.encode() not in text:
        return text
    # Latin-1 maps each byte to one character, so positions stay those of the bytes.
    decoded = text.decode("latin-1")
    kept, position = [], 0
    for span in _spans(decoded):
        start, end = (span.value, span.end) if style == "null" else _with_comma(decoded, span)
        kept += [decoded[position:start], "null" if style == "null" else ""]
        position = end
    return "".join((*kept, decoded[position:])).encode("latin-1")


class _Span(NamedTuple):
    """Where a key begins, where its value begins, and where that ends."""

    key: int
    value: int
    end: int


def _spans(text: str) -> list[_Span]:
    """Find the key in the objects of the list ``choices`` of the outermost object."""
    spans, depth, position, outer = [], 0, 0, ""
    while token := _TOKEN.search(text, position):
        position = token.end()
        match token.group():
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
            case string if depth in {1, 3} and (colon := _COLON.match(text, position)):
                position = colon.end()
                if depth == 1:
                    outer = string
                elif string == _KEY and outer == '"choices"':
                    position = _value_end(text, position)
                    spans.append(_Span(token.start(), colon.end(), position))
            case _:
                pass
    return spans


def _value_end(text: str, start: int) -> int:
    _, end = _DECODER.raw_decode(text, start)
    return end


def _with_comma(text: str, span: _Span) -> tuple[int, int]:
    """Widen a span by the comma that parts it from what is before, else from what is after."""
    before = text[: span.key].rstrip()
    if before.endswith(","):
        return len(before) - 1, span.end
    after = _COMMA_AFTER.match(text, span.end)
    return span.key, after.end() if after else span.end


class JsonFilter:
    """Holds an answer back until it is whole, then removes the log-probabilities.

    Args:
        style: How the answer is to look.
    """

    holds_head = True

    def __init__(self, style: Style) -> None:
        self._style = style
        self._held: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Take a piece; nothing of it goes on yet."""
        self._held.append(data)
        return b""

    def end(self) -> bytes:
        """Return the answer."""
        return _removed(b"".join(self._held), self._style)


class StreamFilter:
    """Removes the log-probabilities from the events of a stream, one by one.

    Args:
        style: How the answer is to look.
    """

    holds_head = False

    def __init__(self, style: Style) -> None:
        self._style = style
        self._rest = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return the events that it completes."""
        seen = max(len(self._rest) - _LONGEST_END, 0)
        self._rest += data
        end = 0
        for match in _EVENT_END.finditer(self._rest, seen):
            end = match.end()
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        return self._filtered(whole)

    def end(self) -> bytes:
        """Return what followed the last whole event."""
        return self._filtered(bytes(self._rest))

    def _filtered(self, events: bytes) -> bytes:
        if _KEY.encode() not in events:
            return events
        lines = events.split(b"\n")
        return b"\n".join(map(self._filtered_line, lines))

    def _filtered_line(self, line: bytes) -> bytes:
        if not line.startswith(b"data:"):
            return line
        return b"data:" + _removed(line[5:], self._style)


def _removed(text: bytes, style: Style) -> bytes:
    """An answer that is no valid JSON goes on as it came."""
    try:
        return remove(text, style)
    except (ValueError, RecursionError):
        return text
