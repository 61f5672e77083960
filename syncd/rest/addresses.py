"""Compare addresses of servers, to decide whether a key may be sent to them. Pure."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The host names of this machine."""

_PORTS = {"http": 80, "https": 443}


def same_origin(url: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port, so that one may get the key of the other."""
    with suppress(ValueError):
        return _origin(url) == _origin(other)
    return False


def _origin(url: str) -> tuple[str, str | None, int | None, bool]:
    parts = urlsplit(url)
    # A user name in front of the host ("https://known.host@evil.host") makes a URL look like another server's.
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), "@" in parts.netloc


def is_under(url: str, domains: Collection[str]) -> bool:
    """Return whether ``url`` is ``https://`` and a host in one of ``domains``, with no port, path, query or user."""
    with suppress(ValueError):
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        # The whole network location must be the host: a port or a user name makes it another string.
        only_host = parts.netloc.lower() == host and parts.path in {"", "/"} and not (parts.query or parts.fragment)
        known = any(host == domain or host.endswith(f".{domain}") for domain in domains)
        return parts.scheme == "https" and only_host and known
    return False


def host_of(url: str) -> str:
    """Return the host of a URL, or an empty text if it has none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
