"""Addresses of mail and of the web."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.shapes.shape import JsonScalar

__all__ = ["ADDRESSES"]

_HOST = r"(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,62})\.){1,8}[A-Za-z]{2,24}"
_MAIL = re.compile(rf"(?:[Mm]ailto:)?(?P<mail>[0-9A-Za-z._%+-]{{1,64}}@{_HOST})(?![\w@])")
_WWW = re.compile(r"^www\.(?=[^.]+\.)")
# A sign at the end belongs to the sentence around it.
_URL = re.compile(
    rf"(?<![\w@.-])(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?://)?(?P<host>{_HOST})(?![\w@])"
    r"(?P<port>:[0-9]{1,5})?(?P<rest>[/?#](?:[^\s<>\"']{0,500}[^\s<>\"'.,;:!?)\]])?)?"
)


def _mail(text: str) -> JsonScalar:
    match = _MAIL.fullmatch(text.strip().strip("<>"))
    return match["mail"].lower() if match else None


def _url(text: str) -> JsonScalar:
    """Return the address with its scheme, https where it has none, and its host in lower case."""
    match = _URL.fullmatch(text.strip().strip("<>"))
    if match is None:
        return None
    scheme = (match["scheme"] or "https://").lower()
    return f"{scheme}{match['host'].lower()}{match['port'] or ''}{match['rest'] or ''}"


def _domain(text: str) -> JsonScalar:
    """Return the host alone, in lower case and without ``www.``."""
    match = _URL.fullmatch(text.strip().strip("<>"))
    return _WWW.sub("", match["host"].lower()) if match else None


def _mail_mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span("mail") for match in _MAIL.finditer(text))


def _url_mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _URL.finditer(text))


def _is_mail(value: JsonScalar) -> bool:
    return isinstance(value, str) and "@" in value


def _is_url(value: JsonScalar) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _is_domain(value: JsonScalar) -> bool:
    return isinstance(value, str) and re.fullmatch(_HOST, value) is not None


ADDRESSES = (
    Normaliser("email", _mail, _is_mail, _mail_mentions),
    Normaliser("url", _url, _is_url, _url_mentions),
    Normaliser("domain", _domain, _is_domain, _url_mentions),
)
