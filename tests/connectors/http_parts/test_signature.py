"""Each request is signed with a secret that is never sent."""

from __future__ import annotations

import base64
from typing import Any

import httpx

from connectors.http_parts.signature import Signature
from tests.worlds.rest_api_world import World

KNOWN = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
"""HMAC-SHA256 of "The quick brown fox jumps over the lazy dog" with the key "key"."""
TEXT = "The quick brown fox jumps over the lazy dog"


def test_it_is_hmac_sha256_in_base64() -> None:
    raw = Signature("X-Sign", "key", over=TEXT, before="me:").headers("GET", "/x")
    assert base64.b64decode(raw["X-Sign"]) == b"me:" + bytes.fromhex(KNOWN)
    digits = Signature("X-Sign", "key", over=TEXT, digest="hex").headers("GET", "/x")
    assert base64.b64decode(digits["X-Sign"]) == KNOWN.encode()


def test_each_request_is_signed_by_its_method_and_path_without_the_query() -> None:
    one = Signature("X-Sign", "key")
    assert one.headers("GET", "/a") == Signature("X-Sign", "key", over="GET /a").headers("POST", "/b")
    assert one.headers("GET", "/a") != one.headers("GET", "/b") != one.headers("POST", "/b")


def test_the_pages_of_a_list_are_signed_and_the_secret_stays_here() -> None:
    def answer(request: httpx.Request) -> Any:
        following = None if "page" in request.url.params else "https://crm.example.com/v1/people?page=2"
        return {"data": [{"id": 2 if following else 3}], "next": following}

    world = World(
        answer,
        secrets={"key": "hush-hush", "me": "public"},
        auth={"hmac": {"header": "X-Sign", "secret": "{key}", "before": "{me}:"}},
        records={"path": "data"},
        page={"by": "next_url", "from": "next"},
    )
    world.read()
    expected = Signature("X-Sign", "hush-hush", before="public:").headers("GET", "/people")["X-Sign"]
    assert {request.headers["x-sign"] for request in world.requests} == {expected}
    assert len({str(request.url) for request in world.requests}) == 2
    assert "hush" not in str([(request.url, request.headers) for request in world.requests])
    assert "hush" not in repr(Signature("X", "hush", before="hush"))
