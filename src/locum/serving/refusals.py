"""Errors of the gateway, in the shape that the client's SDK expects."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

__all__ = ["Refusal", "body_too_large", "error_body", "too_many_values"]

_TOO_LARGE = 413
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - an answer to a client, no failure of the program
    """A request that the gateway answers itself.

    Args:
        status: HTTP status.
        code: Short name of the reason.
        message: What is wrong, and how to cure it.
        retry_after: Seconds after which asking again may help.
        challenge: How a browser may ask its user for a key; ``None`` where it is not to.
    """

    status: int
    code: str
    message: str
    retry_after: int | None = None
    challenge: bytes | None = None


def body_too_large(limit: int) -> Refusal:
    """Refuse a body."""
    message = f"the body is larger than {limit:,} bytes: raise gateway.limits.body_bytes"
    return Refusal(_TOO_LARGE, "body_too_large", message)


def too_many_values(limit: int) -> Refusal:
    """Refuse a body of many small values."""
    message = f"the body holds more than {limit:,} values: raise gateway.limits.body_values"
    return Refusal(_TOO_LARGE, "too_many_values", message)


def error_body(refusal: Refusal, *, anthropic: bool) -> bytes:
    """Return the body of an error, as OpenAI or as Anthropic spells it."""
    kind = _kind(refusal.status, anthropic=anthropic)
    if anthropic:
        error = {"type": kind, "message": refusal.message}
        return orjson.dumps({"type": "error", "error": error})
    said = {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}
    return orjson.dumps({"error": said})


def _kind(status: int, *, anthropic: bool) -> str:
    if anthropic and status == _TOO_LARGE:
        return "request_too_large"
    return _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
