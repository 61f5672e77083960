"""Addresses of servers: which are one server, so that what is secret to it may go there; pure."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names of this machine."""

_PORTS = {"http": 80, "https": 443}


def same_origin(url: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port, so that what is secret to one may go to the other."""
    with suppress(ValueError):
        return _origin(url) == _origin(other)
    return False


def _origin(url: str) -> tuple[str, str | None, int | None, bool]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), "@" in parts.netloc


def is_under(url: str, domains: Collection[str]) -> bool:
    """Whether a URL is ``https://`` and a host that is one of ``domains`` or below one, and nothing else."""
    with suppress(ValueError):
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        bare = parts.netloc.lower() == host and parts.path in {"", "/"} and not (parts.query or parts.fragment)
        known = any(host == domain or host.endswith(f".{domain}") for domain in domains)
        return parts.scheme == "https" and bare and known
    return False


def host_of(url: str) -> str:
    """The host that a URL names; empty if it is none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
