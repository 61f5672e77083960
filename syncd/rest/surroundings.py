"""How the client gets to a server from this machine: through a proxy or not, and whose certificates it believes."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx

from syncd.rest.addresses import LOOPBACK, host_of
from syncd.surroundings.certificates import named_authorities
from syncd.surroundings.circumstances import trouble
from syncd.surroundings.proxies import proxy_for


def way_to(base: str) -> dict[str, Any]:
    """Return the arguments of :class:`httpx.Client` that depend on the environment, for the server at ``base``.

    Raises:
        ConfigError: a variable names a proxy or certificates that cannot be used, whether they lead to ``base`` or not.
    """
    for scheme in ("http", "https"):
        _proxy(f"{scheme}://syncd.invalid")
    # No proxy could reach a server on this machine.
    proxy = None if host_of(base) in LOOPBACK else _proxy(base)
    return {"trust_env": False, "verify": authorities(), "proxy": proxy}


def _proxy(base: str) -> httpx.Proxy | None:
    try:
        proxy = proxy_for(base)
    except ValueError:
        # The base URL is none: whoever sends a request says so.
        return None
    if proxy is None:
        return None
    try:
        return httpx.Proxy(proxy.url, auth=proxy.auth)
    except (httpx.InvalidURL, ValueError):
        raise trouble("proxy", f"${proxy.variable}") from None


@cache
def authorities() -> ssl.SSLContext:
    """Return the certificates that the environment names, or else those that come with the HTTP library."""
    # One for all clients of this process: to read the certificates takes longer than many a run.
    return named_authorities() or httpx.create_ssl_context(trust_env=False)
