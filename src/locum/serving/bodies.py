"""Bodies of requests: read as strictly as needed to route them."""

from __future__ import annotations

import json
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from locum.serving.forms import read_field
from locum.serving.refusals import Refusal, body_too_large, too_many_values
from locum.traffic.strict_json import read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.config import LimitSettings
    from locum.schema import JsonObject
    from locum.serving.wire import Request

__all__ = ["read_body", "read_model", "unpack"]

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# About what a value takes once it is read: an empty object 72 bytes, in a body three.
_VALUE_BYTES = 100
# To count exactly takes about as long as to read: the bodies of most calls are spared that.
_FEW_VALUES = 5_000
_BEFORE_VALUES = (b"{", b"[", b",")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def read_body(request: Request, limits: LimitSettings, hold: Callable[[int], None]) -> JsonObject:
    """Return the JSON object that a request holds, read as strictly as `read_json` does.

    Args:
        request: What the client sent.
        limits: What a body may take.
        hold: Is told how many bytes it takes besides those that came, before it does.

    Raises:
        Refusal: It holds something else, is too large once unpacked, or there is no room for it.
    """
    packed = request.headers.get(b"content-encoding")
    body = request.body if packed is None else unpack(request.body, packed, limits.body_bytes)
    values = _count_values(body, limits.body_values)
    hold(_VALUE_BYTES * values + (0 if packed is None else len(body)))
    try:
        read = read_json(body)
    except ValueError as error:
        raise Refusal(400, "invalid_json", f"the body cannot be read: {error}") from None
    if not isinstance(read, dict):
        raise Refusal(400, "invalid_json", "the body is valid JSON, but no object")
    return read


def _count_values(body: bytes, most: int) -> int:
    """Return about how many values a body of JSON has; 0 where these are few.

    Raises:
        Refusal: They are more than `most`.
    """
    if sum(map(body.count, _BEFORE_VALUES)) <= _FEW_VALUES:
        return 0
    rest, strings = _STRING.subn(b"", body, most + 1)
    values = strings + sum(map(rest.count, _BEFORE_VALUES))
    if values > most:
        raise too_many_values(most)
    return values


def read_model(request: Request, limits: LimitSettings) -> str:
    """Return the model that a request of any path names, in its JSON or its form; else nothing.

    It is nobody's task here to refuse what cannot be read: the upstream knows what it takes.

    Args:
        request: What the client sent.
        limits: What its body may take, else it is not read.
    """
    packed = request.headers.get(b"content-encoding")
    with suppress(Refusal, ValueError, RecursionError):
        body = request.body if packed is None else unpack(request.body, packed, limits.body_bytes)
        if body.lstrip()[:1] != b"{":
            return read_field(body, request.headers.get(b"content-type") or b"", "model")
        _count_values(body, limits.body_values)
        model = json.loads(body).get("model")
        return model if isinstance(model, str) else ""
    return ""


def unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return a body without its gzip or deflate encoding.

    Raises:
        Refusal: The encoding is another, the body is damaged, or it is larger than `limit`.
    """
    name = encoding.strip().lower()
    if name == b"identity":
        return body
    if name not in {b"gzip", b"x-gzip", b"deflate"}:
        shown = name.decode("latin-1")[:40]
        raise Refusal(415, "unknown_encoding", f"content-encoding {shown!r}: expected gzip")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(400, "damaged_body", "the body is not what its encoding says") from None
    if len(unpacked) > limit:
        raise body_too_large(limit)
    if not unpacker.eof:
        raise Refusal(400, "damaged_body", "the compressed body breaks off")
    return unpacked
