"""Answers that are given again to whoever asks exactly the same again."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from locum.config import CacheSettings
    from locum.serving.active_call import ActiveCall

__all__ = ["AnswerCache", "KeptAnswer"]

# Headers that bear neither on what is answered nor on whose account: of framing, and those that
# SDKs, proxies and tracers give each request. An upstream may heed any other.
_PASSING = re.compile(
    rb"accept(?:-.*)?|cache-control|content-.*|date|expect|host|idempotency-key|pragma|priority"
    rb"|user-agent|sec-(?:fetch|ch)-.*|dnt|x-stainless-.*|x-locum-task"
    rb"|(?:x-)?(?:client-)?(?:request|correlation|trace)-id|traceparent|tracestate|baggage|b3|x-b3-.*"
    rb"|sentry-trace|x-datadog-.*|newrelic|uber-trace-id|x-amzn-trace-id|x-cloud-trace-context"
    rb"|via|forwarded|x-real-ip|x-forwarded-(?:for|host|port|prefix|proto|server)"
    rb"|x-envoy-(?:attempt-count|expected-rq-timeout-ms|external-address|original-path)"
)
_MOST_NAMES = 4_096
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

    An answer is given to the application that it was given to before, and to who sends the same
    keys and other headers that may tell who asks. Calls with a temperature above zero, or with
    none, want answers that may differ; they are left alone, but for embeddings.

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
        # The gateway's own key is the application's.
        headers = request.headers.end_to_end(request.caller.ends).where(_tells)
        parts = (
            (request.caller.application or "").encode(),
            call.upstream.name.encode(),
            request.target,
            *chain.from_iterable(headers),
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


@lru_cache(_MOST_NAMES)
def _tells(header: bytes) -> bool:
    """Tell whether a header may bear on what is answered, or on who asks."""
    return _PASSING.fullmatch(header) is None


def _size(answer: KeptAnswer) -> int:
    return len(answer.body) + _OWN_BYTES
