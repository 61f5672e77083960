"""Sign requests: with fixed headers, or with OAuth 2 tokens that are renewed and kept in a file.

A code connector composes them::

    credentials = OAuth2(grant, TokenFile(path), lambda: Client(token_host, …), clock=time.time)
    client = Client(base_url, headers={}, credentials=credentials, failures=source_failures(…))

The client asks for headers before every attempt, and has them renewed once if the server answers 401.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote_plus

from connectors.http_parts.paths import find
from connectors.http_parts.rules import clean, server_words
from connectors.http_parts.tokens import TokenFile, Tokens
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Client, Verdict, host_of, is_gateways, is_refusal, is_under

DEFAULT_LIFE = 300.0
"""Seconds that an access token lives if the server does not say how long."""


@dataclass(frozen=True, slots=True)
class Static:
    """The same headers for every request."""

    fixed: Mapping[str, str] = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        return self.fixed

    def renew(self, _refused: Mapping[str, str], /) -> bool:
        return False


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to get access tokens (RFC 6749, 4.4 and 6).

    ``fields`` are added to the form of the token request. ``header`` is the template of the Authorization header, with
    ``{access_token}``. A token is renewed ``early`` seconds before it ends. ``api`` is a JMESPath of the API's address
    in the token's answer; that address must be ``under`` one of these domains.
    """

    token_url: str
    client_id: str
    kind: Literal["refresh_token", "client_credentials"] = "refresh_token"
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    client_auth: Literal["body", "basic"] = "body"
    header: str = "Bearer {access_token}"
    early: float = 120.0
    api: str = ""
    under: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of this grant in the token file; it tells nothing of the grant."""
        # The configured refresh token is part of it: a person who configures a new one must not get the old tokens.
        parts = (self.token_url, self.client_id, self.kind, self.refresh_token, *sorted(self.fields.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class OAuth2:
    """Credentials that hold a valid access token and the newest refresh token.

    ``client`` makes the client of the token server. ``clock`` gives Unix seconds.
    """

    def __init__(
        self, grant: Grant, file: TokenFile, client: Callable[[], Client], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._grant = grant
        self._file = file
        self._client = client
        self._clock = clock
        self._tokens = Tokens()
        self._lock = threading.Lock()
        self._api = ""

    def api(self) -> str:
        """Return the API's address; from now on, headers are made for this address only.

        Raises:
            SourceInvalid: the token server names an address that the grant does not allow.

        """
        with self._lock:
            self._tokens = self._current()
            self._api = self._tokens.api
            return self._api

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            self._tokens = self._current()
            return self._headers_of(self._tokens)

    def renew(self, refused: Mapping[str, str], /) -> bool:
        with self._lock:
            # Another thread may have renewed the token while this one's request was refused.
            if self._headers_of(self._tokens) == refused:
                self._tokens = self._stored_or_new(self._tokens.access)
            return self._headers_of(self._tokens) != refused

    def _current(self) -> Tokens:
        return self._tokens if self._is_valid(self._tokens) else self._stored_or_new("")

    def _headers_of(self, tokens: Tokens) -> Mapping[str, str]:
        # The client is bound to the first address, so a token for another one would go to the wrong host.
        if self._api and tokens.api != self._api:
            raise SourceUnavailable(f"{self._host} gave a token for another address of the API: try again later")
        return {"Authorization": self._grant.header.replace("{access_token}", tokens.access)}

    def _is_valid(self, tokens: Tokens) -> bool:
        return bool(tokens.access) and self._clock() < tokens.expires and self._is_allowed(tokens.api)

    def _is_allowed(self, api: str) -> bool:
        return not self._grant.api or is_under(api, self._grant.under)

    def _stored_or_new(self, refused: str) -> Tokens:
        """Return the tokens of the file if they are valid and not the ``refused`` ones, else new tokens."""
        # Look into the file under its lock: another process may have exchanged the refresh token already.
        with self._file.locked():
            stored = self._file.read(self._grant.name)
            if self._is_valid(stored) and stored.access != refused:
                return stored
            return self._exchange(stored)

    def _exchange(self, stored: Tokens) -> Tokens:
        grant = self._grant
        refresh = stored.refresh or grant.refresh_token
        # Write before asking: this proves that the answer can be kept, and marks an exchange that a crash cuts off.
        self._file.write(grant.name, replace(stored, access="", exchanging=True))
        body = self._request_tokens(refresh, stored)
        access = body.get("access_token")
        if not isinstance(access, str) or not access:
            raise SourceUnavailable(f"{self._host} answered without an access token: try again later")
        api = _text(find(grant.api, body)).rstrip("/") if grant.api else ""
        renew_at = self._renew_at(body.get("expires_in"))
        tokens = Tokens(access, renew_at, _text(body.get("refresh_token")) or refresh, api=api)
        # Keep the tokens even if the address is refused below: the old refresh token may be void by now.
        self._file.write(grant.name, tokens)
        if not self._is_allowed(api):
            raise SourceInvalid(self._wrong_api(api))
        return tokens

    def _wrong_api(self, api: str) -> str:
        where = f"that the API is at {clean(host_of(api))}" if host_of(api) else "nothing of where the API is"
        allowed = ", ".join(self._grant.under)
        return f"{self._host} says {where}, and keys go to hosts under {allowed} only: correct auth.oauth2.api"

    def _renew_at(self, life: Any) -> float:
        """Return when to get the next token, as Unix seconds; ``life``: the server's ``expires_in``."""
        try:
            seconds = max(0.0, float(life))
        except (TypeError, ValueError):
            seconds = DEFAULT_LIFE
        # A token that lives for less than ``early`` is used for half of its life.
        return self._clock() + max(seconds - self._grant.early, seconds / 2)

    def _request_tokens(self, refresh: str, stored: Tokens) -> Mapping[str, Any]:
        grant = self._grant
        form = {"grant_type": grant.kind, **grant.fields}
        if grant.kind == "refresh_token":
            form["refresh_token"] = refresh
        headers = {}
        if grant.client_auth == "basic":
            headers["Authorization"] = basic(quote_plus(grant.client_id), quote_plus(grant.client_secret))
        else:
            form |= {"client_id": grant.client_id}
            form |= {"client_secret": grant.client_secret} if grant.client_secret else {}
        with self._client() as client:
            # A server may take the refresh token back when it gives a new one, so the answer must not be lost.
            finish = grant.kind == "refresh_token"
            answer = client.request("POST", grant.token_url, form=form, headers=headers, finish=finish)
        if not answer.is_json and answer.status < 300:
            raise SourceUnavailable(f"{self._host} gave no token: {answer.problem}; try again later")
        if answer.verdict == REFUSED or not isinstance(answer.body, dict) or answer.body.get("error"):
            # Take the mark of the exchange back: there was an answer, so no token is lost on the way.
            self._file.write(grant.name, stored)
            raise SourceDenied(self._refusal(answer, lost=stored.exchanging))
        return answer.body

    def _refusal(self, answer: Answer, *, lost: bool) -> str:
        kind = self._grant.kind
        remedy = "get a new refresh token, or check the client's id and secret"
        if kind == "client_credentials":
            remedy = "check the client's id, its secret and what it may see"
        words = server_words(answer)
        text = f"{self._host} gave no token for the {kind.replace('_', ' ')} (status {answer.status}{words})"
        if lost and kind == "refresh_token":
            text += "; an earlier exchange was broken off, so its answer, with the newest refresh token, may be lost"
        return f"{text}: {remedy}"

    @property
    def _host(self) -> str:
        return clean(host_of(self._grant.token_url) or "the token server")


REFUSED = "refused"
"""The verdict on an answer by which a token server refuses a grant."""


def judge_tokens(answer: Answer) -> Verdict | None:
    """Judge the answers of a token server: a final 4xx (or 530) is returned, so that its body can be read."""
    if is_gateways(answer):
        return None
    # HubSpot answers 530 to a malformed key; as a 5xx it would be tried again.
    return Verdict("accept", REFUSED) if is_refusal(answer.status) or answer.status == 530 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
