"""How requests are signed: headers that stay, or OAuth 2 tokens that are renewed and kept.

A code connector composes them::

    credentials = OAuth2(grant, TokenFile(path), lambda: Client(token_host, …), clock=time.time)
    client = Client(base_url, headers={}, credentials=credentials, failures=source_failures(…))

The client asks for headers before every attempt, and has them renewed once when the server answers 401.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote_plus, urlsplit

from connectors.http_parts.paths import find
from connectors.http_parts.rules import clean, said
from connectors.http_parts.tokens import TokenFile, Tokens
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Client, Verdict, host_of, is_under

LIFE = 300.0
"""Seconds that an access token is used for if the server does not say how long it lives."""


@dataclass(frozen=True, slots=True)
class Static:
    """The same headers for every request."""

    fixed: Mapping[str, str] = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        return self.fixed

    def renew(self, _refused: Mapping[str, str], /) -> bool:
        return False


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Grant:
    """What is exchanged for an access token (RFC 6749, 4.3, 4.4 and 6).

    ``fields`` go into the form as they are, with those of the grant and the client. ``header`` is the template of the
    Authorization header, with ``{access_token}``. ``early``: renew so many seconds before the token ends.
    ``api``: where the answer says at which address the API is (a JMESPath); it must be ``under`` one of these domains.
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
        """Tells this grant from others; another configured refresh token makes it another grant."""
        parts = (self.token_url, self.client_id, self.kind, self.refresh_token, *sorted(self.fields.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class OAuth2:
    """Keeps an access token that is good, and the newest refresh token.

    ``client`` makes the client of the token server; ``clock`` gives Unix seconds.
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
        """Where the API is; what is signed from now on is for that address alone.

        Raises:
            SourceInvalid: it is said to be where the grant does not allow it.

        """
        with self._lock:
            self._tokens = self._current()
            self._api = self._tokens.api
            return self._api

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            self._tokens = self._current()
            return self._signed(self._tokens)

    def renew(self, refused: Mapping[str, str], /) -> bool:
        with self._lock:
            if self._signed(self._tokens) == refused:
                self._tokens = self._kept_or_new(self._tokens.access)
            return self._signed(self._tokens) != refused

    def _current(self) -> Tokens:
        return self._tokens if self._good(self._tokens) else self._kept_or_new("")

    def _signed(self, tokens: Tokens) -> Mapping[str, str]:
        if self._api and tokens.api != self._api:
            raise SourceUnavailable(f"{self._host} gave a token for another address of the API: try again later")
        return {"Authorization": self._grant.header.replace("{access_token}", tokens.access)}

    def _good(self, tokens: Tokens) -> bool:
        return bool(tokens.access) and self._clock() < tokens.expires and self._is_allowed(tokens.api)

    def _is_allowed(self, api: str) -> bool:
        return not self._grant.api or is_under(api, self._grant.under)

    def _kept_or_new(self, refused: str) -> Tokens:
        """Another process's token, if it is good and not the one that was refused; else a new one."""
        with self._file.locked():
            kept = self._file.read(self._grant.name)
            if self._good(kept) and kept.access != refused:
                return kept
            return self._exchange(kept)

    def _exchange(self, kept: Tokens) -> Tokens:
        """Get new tokens and keep them; the note that this is under way proves that they can be kept."""
        grant = self._grant
        refresh = kept.refresh or grant.refresh_token
        self._file.write(grant.name, replace(kept, access="", exchanging=True))
        body = self._ask(refresh, kept)
        access = body.get("access_token")
        if not isinstance(access, str) or not access:
            raise SourceUnavailable(f"{self._host} answered without an access token: try again later")
        api = _text(find(grant.api, body)).rstrip("/") if grant.api else ""
        ends = self._ends(body.get("expires_in"))
        tokens = Tokens(access, ends, _text(body.get("refresh_token")) or refresh, api=api)
        self._file.write(grant.name, tokens)
        if not self._is_allowed(api):
            raise SourceInvalid(self._elsewhere(api))
        return tokens

    def _elsewhere(self, api: str) -> str:
        where = f"that the API is at {clean(host_of(api))}" if host_of(api) else "nothing of where the API is"
        allowed = ", ".join(self._grant.under)
        return f"{self._host} says {where}, and keys go to hosts under {allowed} only: correct auth.oauth2.api"

    def _ends(self, life: Any) -> float:
        """When to get the next token: ahead of its end, but not before half of its life."""
        try:
            seconds = max(0.0, float(life))
        except (TypeError, ValueError):
            seconds = LIFE
        return self._clock() + max(seconds - self._grant.early, seconds / 2)

    def _ask(self, refresh: str, kept: Tokens) -> Mapping[str, Any]:
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
            answer = client.request("POST", grant.token_url, form=form, headers=headers)
        if answer.verdict == REFUSED or not isinstance(answer.body, dict) or answer.body.get("error"):
            self._file.write(grant.name, kept)  # it was answered, so nothing is lost that was not before
            raise SourceDenied(self._refusal(answer, lost=kept.exchanging))
        return answer.body

    def _refusal(self, answer: Answer, *, lost: bool) -> str:
        kind = self._grant.kind
        remedy = "get a new refresh token, or check the client's id and secret"
        if kind == "client_credentials":
            remedy = "check the client's id, its secret and what it may see"
        text = f"{self._host} gave no token for the {kind.replace('_', ' ')} (status {answer.status}{said(answer)})"
        if lost and kind == "refresh_token":
            text += "; an earlier exchange was broken off, so its answer, with the token that counts now, may be lost"
        return f"{text}: {remedy}"

    @property
    def _host(self) -> str:
        return clean(urlsplit(self._grant.token_url).hostname or "the token server")


REFUSED = "refused"


def judge_tokens(answer: Answer) -> Verdict | None:
    """The judge for a token server's client: it refuses by a 4xx (or 530), which is read and not tried again."""
    refused = (400 <= answer.status < 500 and answer.status not in {408, 425, 429}) or answer.status == 530
    return Verdict("accept", REFUSED) if refused else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
