"""The options of the sink ``http``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from connectors.http_out.signing import key_of
from connectors.http_parts.access import Secret
from syncd.rest import LOOPBACK
from syncd.sink import Duration, Options

OWN = frozenset(
    [
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"),
        *("idempotency-key", "webhook-id", "webhook-signature", "webhook-timestamp"),
    ]
)
"""The headers that the sink, or HTTP itself, sets."""


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        usable = usable and not parts.fragment and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("is no address: write https://host/path, without a user and a fragment")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("is plain http, in which calls and messages travel in clear: write https")
    return url


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _secrets(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    for secret in secrets:
        key_of(secret.get_secret_value())
    return secrets


def _headers(given: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in given.items():
        text = value.get_secret_value()
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError("has a name that is none of a header")
        if name.lower() in OWN:
            raise ValueError(f"has {name}, which the sink sets itself")
        if not (text.isascii() and text.isprintable()) or text != text.strip():
            raise ValueError(f"{name} holds a character that HTTP cannot carry: check it for spaces and line ends")
    return given


class HttpOptions(Options):
    """The ``options`` of an ``http`` sink."""

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="Where calls and messages are posted.", repr=False
    )
    secrets: Annotated[
        tuple[Secret, ...],
        BeforeValidator(_several),
        AfterValidator(_secrets),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(min_length=1, description="whsec_ and base64; several while they are rotated: each signs.")
    headers: Annotated[Mapping[str, Secret], AfterValidator(_headers)] = Field(
        default={}, description="More headers, such as Authorization; shown nowhere."
    )
    timeout: Annotated[Duration, Field(gt=0, le=30)] = Field(
        default=15.0, description="How long one attempt may take; there are up to three."
    )
    concurrency: int = Field(default=4, ge=1, le=16, description="Requests at once.")
    erase: bool = Field(
        default=False,
        description="The receiver erases what call.erased and message.erased name; its 2xx says so.",
    )
