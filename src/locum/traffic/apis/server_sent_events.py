"""The reader of event streams (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.traffic.strict_json import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["StreamEvents", "stream_events"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DONE = b"[DONE]"


class StreamEvents(NamedTuple):
    """What a stream held.

    Args:
        events: The JSON object of each event.
        done: Whether ``[DONE]``, the end of OpenAI's streams, was seen.
        bad: Events that held something else than a JSON object.
    """

    events: list[JsonObject]
    done: bool
    bad: int


def stream_events(raw: bytes) -> StreamEvents:
    """Read the bytes of a stream, all of it or up to where it broke off.

    Names of events, ids and comments are passed over: each of the APIs repeats in its data what
    kind of event it is. An event counts even where the empty line after it is missing.
    """
    events: list[JsonObject] = []
    done = False
    bad = 0
    for data in _payloads(raw):
        if data == _DONE:
            done = True
            continue
        try:
            event = read_json(data)
        except ValueError:
            event = None
        if isinstance(event, dict):
            events.append(event)
        else:
            bad += 1
    return StreamEvents(events, done, bad)


def _payloads(raw: bytes) -> Iterator[bytes]:
    data: list[bytes] = []
    for line in [*raw.removeprefix(_BYTE_ORDER_MARK).splitlines(), b""]:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data).strip()
            data = []
