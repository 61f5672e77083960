"""``POST /oauth/…/token``, and the check of tokens."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from syncd.sandbox.replies import Reply

KEY = "pat-na1-sandbox"
"""The service key, if no other key is given."""

CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
REFRESH = "sandbox-refresh"
LIFE = 1800
"""Seconds for which an access token is valid."""

_FORM = re.compile(r"[A-Za-z0-9._~-]{8,}")


class Tokens:
    """The key, and the access tokens that were issued. ``clock``: seconds since 1970."""

    def __init__(self, *, key: str, dialects: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.key = key
        self.refresh = REFRESH
        self._dialects = dialects
        self._clock = clock
        self._given: dict[str, float] = {}

    def refusal(self, token: str | None) -> int:
        """Return 0, or the status that refuses ``token``: 530 for a text without the form of a token."""
        if token is not None and not _FORM.fullmatch(token):
            return 530
        # A service key never expires; an access token does, and a reader must renew it.
        good = token == self.key or self._given.get(token or "", 0.0) > self._clock()
        return 0 if good else 401

    def is_oauth(self, token: str | None) -> bool:
        return token in self._given

    def exchange(self, raw: bytes) -> Reply:
        """Return a new access token for the refresh token in the form."""
        # The vendor reads a form here, not JSON.
        form = {name: values[-1] for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "refresh_token":
            return _refused("unsupported_grant_type", "BAD_GRANT_TYPE", "grant_type is not known")
        if any(form.get(name) != value for name, value in CLIENT.items()):
            return _refused("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id or secret")
        if form.get("refresh_token") != self.refresh:
            return _refused("invalid_grant", "BAD_REFRESH_TOKEN", "missing or unknown refresh token")
        token = secrets.token_hex(16)
        self._given[token] = self._clock() + LIFE
        if self._dialects["refresh_token"] == "rotated":  # noqa: S105  a dialect's value
            self.refresh = secrets.token_hex(16)
        body = {"token_type": "bearer", "access_token": token, "refresh_token": self.refresh, "expires_in": LIFE}
        return Reply(200, body)


def _refused(error: str, status: str, message: str) -> Reply:
    return Reply(400, {"error": error, "error_description": message, "status": status, "message": message})
