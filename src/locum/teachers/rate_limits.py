"""What a provider's headers say of its limits."""

from __future__ import annotations

import email.utils
import re
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RateLimits", "read_rate_limits", "retry_after"]


class RateLimits(NamedTuple):
    """Limits of an API, by the headers of OpenAI or Anthropic; ``None`` where nothing is said.

    Args:
        requests_a_minute: How many requests are allowed.
        requests_left: How many of them are left.
        tokens_a_minute: How many tokens are allowed.
        tokens_left: How many of them are left.
    """

    requests_a_minute: float | None
    requests_left: float | None
    tokens_a_minute: float | None
    tokens_left: float | None


def read_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Return what headers say; ``None`` where they say nothing."""
    if "x-ratelimit-limit-requests" in headers or "x-ratelimit-limit-tokens" in headers:
        names = ("limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens")
        return RateLimits(*(_number(headers.get(f"x-ratelimit-{name}")) for name in names))
    if "anthropic-ratelimit-requests-limit" in headers:
        names = ("requests-limit", "requests-remaining", "tokens-limit", "tokens-remaining")
        return RateLimits(*(_number(headers.get(f"anthropic-ratelimit-{name}")) for name in names))
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds for which the server wants no call; ``None`` if not said.

    Both forms of RFC 9110, section 10.2.3, are read, and OpenAI's ``retry-after-ms``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is None and said:
        seconds = _seconds_until(said)
    return seconds


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _seconds_until(text: str) -> float | None:
    """Seconds until a moment as HTTP writes it; ``None`` where it is none, or out of all range."""
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - time.time())
