"""The options of a HubSpot source, and of a HubSpot sink."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from syncd.rest import LOOPBACK
from syncd.source import Duration, LocalPath, Options, Size

VERSION = r"^(v3|20\d\d-(0[1-9]|1[0-2]))$"


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    # A key that was copied with a line end is refused here, with its option's name, and not by the first request.
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("is empty, or holds a character that no key has: check it for spaces and line ends")
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.query or "@" in parts.netloc:
        raise ValueError("expected an address such as https://api.hubapi.com")
    # Plain http is for this machine only, where the sandbox plays HubSpot.
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise ValueError("expected https, since the key is sent to it")
    return value.rstrip("/")


def _version(value: str) -> str:
    if not re.fullmatch(VERSION, value):
        raise ValueError("expected a version such as 2026-09, or v3")
    return value


Version = Annotated[str, AfterValidator(_version), WithJsonSchema({"type": "string", "pattern": VERSION})]
Secret = Annotated[SecretStr, AfterValidator(_secret)]


class OAuthOptions(Options):
    """A refresh token of the company's own app, in place of a service key."""

    client_id: str = Field(min_length=1, description="The app's client id.")
    client_secret: Secret = Field(description="The app's client secret.")
    refresh_token: Secret = Field(description="The refresh token that the account's owner was given.")
    tokens: LocalPath = Field(
        default=Path("hubspot-tokens.json"),
        # Without this, pydantic leaves a default as it is, and it would not be beside the configuration file.
        validate_default=True,
        description="The file that keeps the newest tokens, readable to its owner only.",
    )


class AccountOptions(Options):
    """How an account is asked: a ``service_key``, or ``oauth``."""

    service_key: Secret | None = Field(
        default=None, description="A service key, or the token of an older private app; it needs the contacts' scopes."
    )
    oauth: OAuthOptions | None = Field(default=None, description="A refresh token in place of a service key.")
    api_version: Version = Field(
        default="2026-09", description="The version of the API: a date such as 2026-03, or v3."
    )
    base_url: Annotated[str, AfterValidator(_address)] = Field(
        default="https://api.hubapi.com", description="The address of the API."
    )
    deadline: Annotated[Duration, Field(gt=0)] = Field(
        default=300.0, description="How long one request may take in all, its answer and failed attempts included."
    )
    max_answer: Size = Field(default=64_000_000, description="The longest answer, after unpacking.")

    @model_validator(mode="after")
    def _one_way_in(self) -> AccountOptions:
        if (self.service_key is None) == (self.oauth is None):
            raise ValueError("give either service_key or oauth")
        return self


class HubSpotSinkOptions(AccountOptions):
    """The ``options`` of a HubSpot sink."""


class HubSpotOptions(AccountOptions):
    """The ``options`` of a HubSpot source."""

    overlap: Duration = Field(
        default=900.0, description="How much of the time before the last read is read again: HubSpot's search lags."
    )
    sweep: Duration = Field(
        default=86_400.0, description="How often the ids of all contacts are read, to find purged contacts."
    )
    bin: Duration = Field(
        default=3_600.0, description="How often a recycle bin of more than 100 contacts is read, to find archived ones."
    )
    full: Duration = Field(default=7 * 86_400.0, description="How often all contacts are read again.")
