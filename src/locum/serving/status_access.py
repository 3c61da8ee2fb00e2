"""Who may look at the status page: a browser shows no header of its own, so it sends a password."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from locum.serving.refusals import Refusal
from locum.serving.routing import Caller, names_this_computer
from locum.serving.wire import Headers

if TYPE_CHECKING:
    from locum.serving.routing import Keys

__all__ = ["admit_reader"]

_CHALLENGE = b'Basic realm="locum", charset="UTF-8"'
_OWN_SITES = frozenset({b"none", b"same-origin"})


def admit_reader(keys: Keys, headers: Headers) -> Caller:
    """Tell who asks for a route of the status page, by the headers.

    These routes alone take a key as the password of HTTP Basic too. A browser sends that one again
    by itself, also for other sites, so that what costs money must not take it.

    Args:
        keys: The gateway's.
        headers: Of the request.

    Raises:
        Refusal: It has no key where one is needed, or comes from another web page.
    """
    if not _is_own_page(headers):
        raise Refusal(403, "web_page", "other web pages may not read the status of this gateway")
    if not keys.required:
        if not names_this_computer(headers):
            message = "the status page goes by the name localhost alone: add applications"
            raise Refusal(403, "web_page", message)
        return Caller(None, ())
    try:
        return keys.check(_with_password(headers))
    except Refusal as refusal:
        message = "the key is missing or wrong: send one of the gateway's, as the password"
        raise Refusal(refusal.status, refusal.code, message, challenge=_CHALLENGE) from None


def _is_own_page(headers: Headers) -> bool:
    """Whether a browser says that no other site asks; a link from elsewhere may lead here."""
    origin, host = headers.get(b"origin"), headers.get(b"host")
    if origin is not None and origin.partition(b"://")[2] != host:
        return False
    if (headers.get(b"sec-fetch-site") or b"none") in _OWN_SITES:
        return True
    wanted = headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")
    return wanted == (b"navigate", b"document")


def _with_password(headers: Headers) -> Headers:
    """The headers, with the password of HTTP Basic as a key."""
    scheme, _, rest = (headers.get(b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return headers
    try:
        pair = binascii.a2b_base64(rest.strip(), strict_mode=True)
    except binascii.Error:
        return headers
    return Headers([(b"authorization", b"Bearer " + pair.partition(b":")[2])])
