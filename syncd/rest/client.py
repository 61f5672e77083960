"""The one HTTP client: what is sent where, places in the budget, and what a status means to the caller.

Whatever a server answers ends as an :class:`Answer` or as one of the caller's errors, and no message or log line holds
a URL's query, a body or a header. Redirects are not followed: a key goes to the host that it was given for.
"""

from __future__ import annotations

import json as jsonlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlencode, urlsplit

import httpx
import orjson

from syncd.errors import ConfigError, Stopped, SyncdError
from syncd.rest.addresses import LOOPBACK, host_of, same_origin
from syncd.rest.answers import (
    TARGET,
    Answer,
    Failures,
    Judge,
    Verdict,
    error_type,
    parse,
    retry_after,
)
from syncd.rest.retries import RETRIED, Failed, GivenUp, Places, Renewed, Retries, Tries

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs every URL with its query

_NAMELESS = ("Name or service not known", "name resolution", "No address associated", "getaddrinfo", "nodename nor")
"""What systems say of a host whose name cannot be resolved."""

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class Credentials(Protocol):
    """What makes a request the caller's own; used by several threads at once."""

    def headers(self) -> Mapping[str, str]:
        """The headers of an attempt; it may take a request to another server to get them."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Whether there are other headers now than those that were ``refused``."""


class Client:
    """Talks to one server; used by several threads at once. A context manager, which closes the connections.

    ``sent`` counts the requests that were sent, every attempt.

    Args:
        base_url: where the paths begin, without a slash at its end.
        headers: sent with every request (``Authorization``).
        timeout: seconds for connecting, for sending and for each wait for a piece of the answer.
        budget: where every attempt takes a place first.
        stopping: when it is set, waits end and requests raise Stopped.
        sleep: waits for so many seconds; by default until ``stopping`` is set.
        attempts: how often a request is sent that fails; a 429 is no failure.
        max_wait: seconds that failing attempts and the waits between them may take in all.
        transport: replaces the network.
        max_bytes: the longest answer that is read.
        failures: how failures are raised.
        credentials: adds headers to every attempt, and may renew them once when an answer is a 401.
        judge: judges every answer first; what it leaves alone is judged by its status.
        kept: lower-case names of the headers that an answer keeps.
        exact: fractions in JSON are Decimals, as they were written.
        patience: seconds that a request waits in all because of 429s before it is given up.

    """

    def __init__(  # noqa: PLR0913 (each is a setting with a default)
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeout: float = 60.0,
        budget: Places | None = None,
        stopping: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        attempts: int = 6,
        max_wait: float = 300.0,
        transport: httpx.BaseTransport | None = None,
        max_bytes: int = 64 << 20,
        failures: Failures = TARGET,
        credentials: Credentials | None = None,
        judge: Judge | None = None,
        kept: Collection[str] = ("content-type", "date"),
        exact: bool = False,
        patience: float = float("inf"),
    ) -> None:
        self._credentials = credentials
        self._judging = judge or (lambda _answer: None)
        self._kept = frozenset(kept)
        self._exact = exact
        self._budget = budget
        self._stopping = stopping or threading.Event()
        self._retries = Retries(attempts, max_wait, patience, sleep or self._stopping.wait)
        self._max_bytes = max_bytes
        self._failures = failures
        self.sent = 0
        self._counting = threading.Lock()
        self._base = base_url.rstrip("/")
        trust_env = host_of(self._base) not in LOOPBACK  # a company's proxy does not know this machine
        self._http = httpx.Client(
            headers=_sendable(headers),
            timeout=timeout,
            transport=transport,
            verify=_authorities(trust_env=trust_env) if transport is None else True,
            trust_env=trust_env,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=30.0),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(  # noqa: PLR0913 (each is a part of the request)
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        budget: Places | None = None,
        returned: Container[int] = (),
        again: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request until it is answered.

        Args:
            method: GET, POST, DELETE, ...
            path: what follows the base URL, with its slash; or a whole URL of the same origin, as a server gives for
                the next page.
            params: the query, added to what the path has.
            json: the body; None sends none.
            form: the body as a form (``application/x-www-form-urlencoded``), in place of ``json``.
            headers: sent with this request beside the client's own.
            budget: where this request takes its places, in place of the client's budget.
            returned: the 4xx statuses whose answers are returned like those of 2xx.
            again: called before each attempt that follows one which may have been carried out; what it raises ends
                the request.

        Raises:
            SyncdError: what ``failures`` makes of it: the key is refused (401, 403), the request is refused (any
                other status that is not in ``returned``), no attempt was answered, or the URL is of another origin.
            Stopped: ``stopping`` was set.

        The error's ``in_doubt`` is False when no attempt reached the server.

        """
        request = self._build(method, path, params, _content(json, form), headers or {})
        call = _Call(
            f"{method} {urlsplit(path).path}", budget or self._budget, request=request, returned=returned, again=again
        )
        try:
            return self._retries(lambda: self._attempt(call), call)
        except GivenUp as why:
            message = f"{self._failures.who} ({call.request.url.host}) {why}: try again later"
            raise self._failures.unavailable(message, call.sends > 0) from None
        except SyncdError as error:
            error.in_doubt = call.sends > 0
            raise

    def _build(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: tuple[str, bytes] | None,
        own: Mapping[str, str],
    ) -> httpx.Request:
        url = path if path.startswith(("http://", "https://")) else self._base + path
        if not same_origin(url, self._base):
            raise self._failures.refused(
                f"{self._failures.who} names an address on another host, to which the key is not sent", 0
            )
        headers = {"Accept": "application/json", **({"Content-Type": content[0]} if content else {}), **_sendable(own)}
        try:
            parsed = httpx.URL(url)
            parsed = parsed.copy_merge_params(params) if params else parsed
            return self._http.build_request(method, parsed, content=content[1] if content else None, headers=headers)
        except httpx.InvalidURL:
            raise ConfigError(f"the base URL of {self._failures.who} is not a URL") from None

    def _attempt(self, call: _Call) -> Answer:
        if self._stopping.is_set():
            raise Stopped(f"stopped before {call.name} was answered")
        if call.again and call.sends:
            call.again()
        if self._credentials:
            call.sign(_sendable(self._credentials.headers()))
        place = call.budget.take() if call.budget else 0.0  # the body is ready: this is the time of sending
        with self._counting:
            self.sent += 1
        begun = time.monotonic()
        try:
            response, content = self._exchange(call, place)
        except httpx.HTTPError as error:
            call.failed(time.monotonic() - begun, sent=not isinstance(error, _NOT_SENT))
            raise Failed(_cause(error)) from None
        return self._judge(call, response, content, time.monotonic() - begun)

    def _exchange(self, call: _Call, place: float) -> tuple[httpx.Response, bytes | None]:
        try:
            response = self._http.send(call.request, stream=True)
        finally:
            if call.budget:
                call.budget.answered(place)
        try:
            return response, self._read(response)
        finally:
            response.close()

    def _read(self, response: httpx.Response) -> bytes | None:
        """The body, or None when it is longer than allowed."""
        pieces, size = [], 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > self._max_bytes:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _judge(self, call: _Call, response: httpx.Response, content: bytes | None, seconds: float) -> Answer:
        body, problem = parse(content, exact=self._exact)
        told = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, body, not problem, problem, call.sends + 1, told)
        verdict = self._judging(answer)
        if verdict and verdict.do != "accept":
            self._carry_out(verdict, call, seconds)
        elif not verdict and answer.status == 429:
            raise call.limited(retry_after(told))
        elif not verdict and (answer.status in RETRIED or answer.status >= 500):
            call.failed(seconds, sent=answer.status >= 500)
            raise Failed(f"answered with status {answer.status}", retry_after(told))
        call.sends += 1
        kept = {name: value for name, value in told.items() if name in self._kept}
        answer = replace(answer, headers=kept, verdict=verdict.name if verdict else "")
        if verdict or answer.status < 300 or answer.status in call.returned:
            return answer
        if answer.status == 401:
            self._renew(call)
        if answer.status in {401, 403}:
            said = f"{self._failures.who} refused the key (status {answer.status}{error_type(answer)})"
            raise self._failures.denied(f"{said}: {self._failures.key}")
        raise self._failures.refused(self._refusal(call, answer), answer.status)

    def _carry_out(self, verdict: Verdict, call: _Call, seconds: float) -> None:
        """Raise what a rule of the caller says of an answer that is not to be returned."""
        if verdict.do == "wait":
            raise call.limited(verdict.seconds)
        if verdict.do == "renew":
            self._renew(call)
        if verdict.error:
            call.sends += 1
            raise verdict.error
        call.failed(seconds, sent=True)
        raise Failed(verdict.name or "did not do it", verdict.seconds)

    def _renew(self, call: _Call) -> None:
        """Send it once more if there are other credentials than those that were refused."""
        if self._credentials and not call.renewed and self._credentials.renew(call.signed):
            call.renewed = True
            raise Renewed("refused the key")

    def _refusal(self, call: _Call, answer: Answer) -> str:
        said = f"{call.name} was refused by {self._failures.who} with status {answer.status}{error_type(answer)}"
        if answer.status < 400:
            return f"{said}: it points to another address, which is not followed; check the base URL"
        return said if answer.is_json else f"{said}: {answer.problem}; check the base URL"


@dataclass(slots=True, kw_only=True)
class _Call(Tries):
    """A request on its way. ``signed``: the credentials of the last attempt."""

    request: httpx.Request
    returned: Container[int]
    again: Callable[[], None] | None = None
    signed: Mapping[str, str] = field(default_factory=dict)

    def sign(self, headers: Mapping[str, str]) -> None:
        self.signed = headers
        self.request.headers.update(headers)


def _cause(error: httpx.HTTPError) -> str:
    """What went wrong, without the address: httpx's own messages may quote it."""
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time" if not isinstance(error, _NOT_SENT) else "could not be reached in time"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "has a certificate that this machine does not trust"
    if "[SSL" in str(error):
        return "does not answer in TLS, as https wants it"
    if any(words in str(error) for words in _NAMELESS):
        return "has a name that leads nowhere"
    return "could not be reached" if isinstance(error, _NOT_SENT) else "broke the connection off"


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, if HTTP can carry them; the HTTP library's own message would quote the value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ConfigError(
                f"the header {name} holds a character that HTTP cannot carry: check the key for spaces and line ends"
            )
    return dict(headers)


@cache
def _authorities(*, trust_env: bool) -> ssl.SSLContext:
    """Whose certificates are trusted, for all clients of this process: to read them takes longer than many a run."""
    return httpx.create_ssl_context(trust_env=trust_env)


def _content(json: Any, form: Mapping[str, str] | None) -> tuple[str, bytes] | None:
    """The type and the bytes of a body, if there is one."""
    if form is not None:
        return "application/x-www-form-urlencoded", urlencode(form).encode("ascii")
    if json is not None:
        return "application/json", _dumps(json)
    return None


def _dumps(json: Any) -> bytes:
    try:
        return orjson.dumps(json)
    except orjson.JSONEncodeError:  # a number beyond 64 bits, half of a surrogate pair
        return jsonlib.dumps(json, separators=(",", ":")).encode("ascii")
