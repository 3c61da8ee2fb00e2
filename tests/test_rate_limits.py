"""What headers say of limits, and of when to come back."""

from __future__ import annotations

import email.utils
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from locum.teachers.rate_limits import RateLimits, read_rate_limits, retry_after


def test_the_headers_of_openai() -> None:
    headers = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-tokens": "159976",
        "x-ratelimit-reset-requests": "12ms",
    }
    assert read_rate_limits(headers) == RateLimits(5000, 4999, 160_000, 159_976)


def test_the_headers_of_anthropic() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-tokens-limit": "30000",
        "anthropic-ratelimit-tokens-remaining": "29000",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
    }
    assert read_rate_limits(headers) == RateLimits(50, 49, 30_000, 29_000)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-limit-requests": "60"}, RateLimits(60, None, None, None)),
        ({"x-ratelimit-limit-tokens": "60"}, RateLimits(None, None, 60, None)),
        ({"X-RateLimit-Limit-Requests": "60"}, RateLimits(60, None, None, None)),
        ({"x-ratelimit-limit-requests": "many"}, RateLimits(None, None, None, None)),
        ({}, None),
        ({"content-type": "application/json"}, None),
    ],
)
def test_what_is_missing_is_not_known(headers: dict[str, str], expected: RateLimits | None) -> None:
    assert read_rate_limits(CIMultiDict(headers)) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "\u00b2"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"retry-after": f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_moment_to_come_back_at_is_counted_from_now() -> None:
    said = email.utils.formatdate(time.time() + 30, usegmt=True)
    seconds = retry_after({"retry-after": said})
    assert seconds is not None
    assert 20 < seconds <= 30


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_there_is_a_wait_or_none(said: str, milliseconds: str) -> None:
    seconds = retry_after({"retry-after": said, "retry-after-ms": milliseconds})
    assert seconds is None or 0 <= seconds < math.inf
