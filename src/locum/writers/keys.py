"""The key of a running server, which goes to the servers that its owner names alone.

A student's folder says where its server is, and may come from anywhere.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from locum.errors import UsageError
from locum.teachers.urls import check_url

__all__ = ["key_for", "why_no_key"]

_KEY_VARIABLE = "LOCUM_WRITER_KEY"
_SERVERS_VARIABLE = "LOCUM_WRITER_KEY_SERVERS"
_PORTS = {"http": 80, "https": 443}


def key_for(url: str) -> str | None:
    """Return the key that a server is sent, ``None`` where it is not to have it.

    Args:
        url: Base of its API.

    Raises:
        UsageError: What the environment names as servers are no URLs.
    """
    key = os.environ.get(_KEY_VARIABLE, "").strip()
    return key if key and _origin(url) in _trusted() else None


def why_no_key(url: str) -> str:
    """Return what to tell of a server that was sent no key, and asks for one."""
    scheme, place = urlsplit(url)[:2]
    return (
        f"; no key was sent: set {_KEY_VARIABLE}, and name {scheme}://{place} in "
        f"{_SERVERS_VARIABLE} if that may have it"
    )


def _trusted() -> frozenset[tuple[str, str | None, int | None]]:
    named = os.environ.get(_SERVERS_VARIABLE, "").replace(",", " ").split()
    for one in named:
        check_url(one, f"{_SERVERS_VARIABLE} server")
        if _origin(one) is None:
            raise UsageError(f"{_SERVERS_VARIABLE} holds {one!r}: expected a port up to 65535")
    return frozenset(filter(None, map(_origin, named)))


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port; ``None`` where there can be no such port."""
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
