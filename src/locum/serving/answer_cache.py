"""Answers that are given again to whoever asks exactly the same again."""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from locum.serving.routing import KEY_HEADERS
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from locum.config import CacheSettings
    from locum.serving.active_call import ActiveCall

__all__ = ["AnswerCache", "KeptAnswer"]

# Headers that bear on what is answered, or on whose account.
_TELLING = frozenset(
    {
        *(b"anthropic-version", b"anthropic-beta", b"openai-beta"),
        *(b"openai-organization", b"openai-project"),
    }
)
_LARGEST_SHARE = 16
_OWN_BYTES = 200


class KeptAnswer(NamedTuple):
    """An answer as its client got it.

    Args:
        body: What was said.
        content_type: Of that.
    """

    body: bytes
    content_type: bytes


class _Entry(NamedTuple):
    answer: KeptAnswer
    kept: float


class AnswerCache:
    """Keeps whole answers in memory for a while, the most recently used ones.

    An answer is given to the application, or the key, that it was given to before, and to nobody
    else. Calls with a temperature above zero, or with none, want answers that may differ; they are
    left alone, but for embeddings.

    Args:
        settings: How long, and how much.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._seconds = settings.seconds
        self._most_bytes = settings.bytes
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._size = 0

    def key(self, call: ActiveCall) -> bytes | None:
        """Return what is alike for calls with one answer; ``None`` for one with its own."""
        wants_one = call.endpoint == "embeddings" or call.body.get("temperature") == 0
        if self._seconds is None or not wants_one or call.endpoint == "other":
            return None
        request = call.request
        caller = request.caller.application
        asked_by = [caller.encode()] if caller else request.headers.all(KEY_HEADERS)
        parts = (
            b"application" if caller else b"key",
            *asked_by,
            call.upstream.name.encode(),
            request.target,
            *request.headers.all(_TELLING),
            canonical_json(call.body),
        )
        digest = sha256()
        for part in parts:
            digest.update(b"%d:%b" % (len(part), part))
        return digest.digest()

    def find(self, key: bytes) -> KeptAnswer | None:
        """Return the answer to a call, if it is kept."""
        entry = self._entries.get(key)
        if entry is None or self._seconds is None:
            return None
        if entry.kept < time.monotonic() - self._seconds:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Keep the answer to a call; one that would take much of the room is not."""
        if len(answer.body) > self._most_bytes // _LARGEST_SHARE:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = _Entry(answer, time.monotonic())
        self._size += _size(answer)
        while self._size > self._most_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        self._size -= _size(self._entries.pop(key).answer)


def _size(answer: KeptAnswer) -> int:
    return len(answer.body) + _OWN_BYTES
