"""Where an upstream listens."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from locum.errors import UsageError

__all__ = ["Origin", "is_metadata_address"]

# Where clouds hand out credentials, besides the link-local addresses: Alibaba's, Azure's and
# Oracle's services, Amazon's (instances and containers) and Google's.
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
            *("fd00:ec2::/32", "fd20:ce::254/128"),
        ),
    )
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


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
    if isinstance(address, ipaddress.IPv6Address):
        address = _inner(address)
    return address.is_link_local or any(address in network for network in _METADATA)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address of version 4 that one of version 6 stands for (NAT64: RFC 6052)."""
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address
