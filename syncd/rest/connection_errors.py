"""Why a connection to a server failed, in words for a person."""

from __future__ import annotations

import httpx

NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
"""The errors after which the server cannot have seen the request."""

_UNRESOLVED = ("Name or service not known", "name resolution", "No address associated", "getaddrinfo", "nodename nor")
"""What operating systems say if DNS does not know a host."""


def reason(error: httpx.HTTPError) -> str:
    """Return what went wrong, as a text that follows the server's name."""
    # httpx's own message is never shown: it may quote the address with its query.
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time" if not isinstance(error, NOT_SENT) else "could not be reached in time"
    # httpx has one class for all of these, so only the text of the message tells them apart.
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "has a certificate that this machine does not trust"
    if "[SSL" in str(error):
        return "does not speak TLS, which https requires"
    if any(words in str(error) for words in _UNRESOLVED):
        return "has a host name that DNS does not know"
    return "could not be reached" if isinstance(error, NOT_SENT) else "broke the connection off"
