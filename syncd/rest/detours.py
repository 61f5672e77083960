"""Answers that do not come from the API: a page of a gateway in front of it, and a redirect to another address. Pure.

A gateway is whatever stands between: a firewall or a bot check (Cloudflare, AWS WAF, Akamai), a company's proxy, the
sign-in page of a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from syncd.rest.addresses import LOOPBACK
from syncd.rest.answers import Answer
from syncd.rest.bodies import PAGE

_CHALLENGES = ("cf-mitigated", "x-amzn-waf-action")
_BY_GATEWAYS = frozenset({401, 403, 407, 429})
_LONGEST = 200

WHAT_TO_DO = (
    "try again later; if it stays so, let whoever runs the gateway (a firewall, a proxy, a network's sign-in page) "
    "let syncd through"
)


def is_challenge(headers: Mapping[str, str]) -> bool:
    """Return whether a gateway says in the headers (lower-case names) that it answers in place of the API."""
    return any(name in headers for name in _CHALLENGES)


def is_gateways(answer: Answer) -> bool:
    """Return whether an answer is a gateway's and says nothing of the request, whatever its status seems to say.

    An API that speaks JSON refuses a key in JSON, or without a body. Pages with other statuses are left to the caller:
    a page with 404 mostly comes from a server at a wrong address.
    """
    if is_challenge(answer.headers):
        return True
    page = not answer.is_json and ("html" in answer.headers.get("content-type", "").lower() or answer.problem == PAGE)
    return page and answer.status in _BY_GATEWAYS


def moved(location: str, url: str, base: str, setting: str) -> str:
    """Return what a person does about a redirect of the request for ``url`` to ``location``.

    ``setting`` holds the ``base`` below which the request was; if that is "", it holds the whole address.
    """
    found, below = "", ""
    # A link without a host leads to another path of the same server.
    with suppress(ValueError):
        found = _address(urljoin(url, location)) if location else ""
        below = urlsplit(url).path.removeprefix(urlsplit(base).path) if base else ""
    written = found.removesuffix(below.rstrip("/"))
    if not found or written in {base, _address(url)}:
        return f"it points elsewhere, which is not followed: check {setting}, its path too"
    if found.startswith("http://") and urlsplit(found).hostname not in LOOPBACK:
        return (
            f"it points to {found}, where the key would travel in clear, so this is not followed: check {setting}, "
            "and whether a network's sign-in page answers in its place"
        )
    if below and written == found:
        return f"it points to {found}, which is not followed: check {setting}, its path too"
    return f"it points to {found}, which is not followed: if that is right, write {written} in {setting}"


def _address(url: str) -> str:
    """Return an address as it may be shown: without user and query, which may hold a key; "" if it has no host."""
    with suppress(ValueError):
        parts = urlsplit(url)
        found = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        return found if usable and found.isascii() and found.isprintable() and len(found) <= _LONGEST else ""
    return ""
