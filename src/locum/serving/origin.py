"""Where an upstream listens."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from locum.errors import UsageError

__all__ = ["Origin", "is_metadata_address"]

# Addresses from which clouds hand out credentials, besides the link-local ones.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))


class Origin:
    """Scheme, host and port of an upstream, and the path that its API begins with.

    Args:
        url: ``http://...`` or ``https://...``, without credentials, query or fragment.

    Raises:
        UsageError: It is something else, or an address from which clouds hand out credentials.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UsageError(
                "the URL of an upstream cannot be read: mend its port or host"
            ) from None
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or not host or not plain or not url.isascii():
            raise UsageError(
                f"the URL of the upstream at {host!r} cannot be used: expected http:// or https:// "
                "with an ASCII host, and no user, password, query or fragment"
            )
        if is_metadata_address(host):
            raise UsageError(
                f"the upstream {host} is an address that gives out a cloud's credentials: no model "
                "answers there"
            )
        self.host = host
        self.tls = parts.scheme == "https"
        self.port = port or (443 if self.tls else 80)
        self.path = parts.path.rstrip("/").encode()
        self.authority = parts.netloc.encode()


def is_metadata_address(host: str) -> bool:
    """Return whether a host is the address of a cloud's metadata service, or link-local."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_link_local or address in _METADATA
