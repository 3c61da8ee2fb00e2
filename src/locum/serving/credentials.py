"""Where the credentials of a request stand."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KEY_HEADERS", "header_secrets", "is_credential", "query_secrets"]

KEY_HEADERS = frozenset({b"authorization", b"x-api-key", b"api-key"})
"""Headers in which clients send their keys."""

_COOKIE = b"cookie"
# Names as providers and the proxies before them have: x-goog-api-key, cf-access-client-secret.
_NAMED = re.compile(
    r"(?:.*[^a-z])?(?:api|access|auth|subscription)?"
    r"(?:key|token|secret|jwt|assertion|auth|authorization|credentials?|password|signature|sig|code)",
    re.IGNORECASE,
)
# What names a try of a call is new with each.
_OTHERS = frozenset({b"idempotency-key", b"x-idempotency-key"})
# A shorter value of a cookie, or one without a digit, may well be a word that texts hold too.
_SESSION = re.compile(r"(?=[^0-9]*[0-9]).{16,}")
# Each is searched for in several forms, through all of a call.
_MOST_SECRETS = 32
_MOST_NAMES, _MOST_TARGETS = 4_096, 1_024


@lru_cache(_MOST_NAMES)
def is_credential(header: bytes) -> bool:
    """Tell whether a header, named in lower case, holds what lets its sender in somewhere."""
    named = _NAMED.fullmatch(header.decode("latin-1")) is not None
    return header == _COOKIE or (named and header not in _OTHERS)


def header_secrets(credentials: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return what must not reach the disk of the credentials that a request came with, keys first.

    Args:
        credentials: Its headers for which `is_credential` holds, in lower case, with their values.
    """
    keys, sessions = [], []
    for header, value in credentials:
        text = value.decode("latin-1")
        if header == _COOKIE:
            values = [pair.partition("=")[2].strip() for pair in text.split(";")]
            sessions += [value for value in values if _SESSION.fullmatch(value)]
        else:
            keys += [text, text.partition(" ")[2].strip()]
    return _distinct([*keys, *sessions])


@lru_cache(_MOST_TARGETS)
def query_secrets(target: bytes) -> tuple[str, ...]:
    """Return what must not reach the disk of a target: its parameters that are named as keys."""
    query = target.decode("latin-1").partition("?")[2]
    pairs = [part.partition("=")[::2] for part in re.split("[&;]", query)]
    values = [value for name, value in pairs if _NAMED.fullmatch(unquote_plus(name))]
    return _distinct([form for value in values for form in (value, unquote_plus(value))])


def _distinct(found: Iterable[str]) -> tuple[str, ...]:
    """Return the first secrets of some, once each: more than any client needs are not searched."""
    return tuple(dict.fromkeys(secret for secret in found if secret))[:_MOST_SECRETS]
