"""The one HTTP client: places in the budget, retries, and what a status means to the caller.

Whatever a server answers ends as an :class:`Answer` or as one of the caller's errors, and no message or log line holds
a URL's query, a body or a header. Redirects are not followed: a key goes to the host that it was given for.
"""

from __future__ import annotations

import json as jsonlib
import logging
import re
import threading
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import httpx
import structlog
import tenacity

from syncd.errors import AccessDenied, ConfigError, Stopped, SyncdError, TargetRefused, TargetUnavailable

log = structlog.get_logger()
logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs every URL with its query

RETRIED = frozenset({408, 425, 429})
"""The 4xx statuses that say "not now"; every 5xx is tried again too."""

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_JITTERED = tenacity.wait_random_exponential(multiplier=0.5, max=60.0, min=0.1)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


class Places(Protocol):
    """What the client needs of :class:`syncd.budget.Budget`."""

    def take(self) -> float: ...

    def answered(self, place: float) -> None: ...

    def pause(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Failures:
    """How failures are raised, so that a source's are told from the target's.

    ``who`` is the server's name in messages; ``key`` is what a person does about a refused key. ``refused`` gets a
    message and the status; ``unavailable`` a message and whether an attempt may have been carried out.
    """

    who: str
    key: str
    refused: Callable[[str, int], SyncdError]
    unavailable: Callable[[str, bool], SyncdError]
    denied: Callable[[str], SyncdError] = AccessDenied


TARGET = Failures(
    who="Vocatech",
    key="check target.api_key; a new key comes from the portal's integrations area or from support@vocatech.com",
    refused=lambda message, status: TargetRefused(message, status=status),
    unavailable=lambda message, in_doubt: TargetUnavailable(message, in_doubt=in_doubt),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    ``body`` is the parsed JSON if ``is_json``, else None and ``problem`` says what came instead. ``attempts`` counts
    the sends that may have reached the server. ``headers`` holds ``content-type`` and ``date``.
    """

    status: int
    body: Any = None
    is_json: bool = False
    problem: str = ""
    attempts: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)


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
    ) -> None:
        self._budget = budget
        self._stopping = stopping or threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._attempts = attempts
        self._max_wait = max_wait
        self._max_bytes = max_bytes
        self._failures = failures
        self.sent = 0
        self._counting = threading.Lock()
        self._base = base_url.rstrip("/")
        self._http = httpx.Client(
            headers=_sendable(headers),
            timeout=timeout,
            transport=transport,
            trust_env=_host(self._base) not in _LOOPBACK,  # a company's proxy does not know this machine
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

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        returned: Container[int] = (),
    ) -> Answer:
        """Send a request until it is answered.

        Args:
            method: GET, POST, DELETE, ...
            path: what follows the base URL, with its slash.
            params: the query.
            json: the body; None sends none.
            returned: the 4xx statuses whose answers are returned like those of 2xx.

        Raises:
            SyncdError: what ``failures`` makes of it: the key is refused (401, 403), the request is refused (any
                other status that is not in ``returned``), or no attempt was answered.
            Stopped: ``stopping`` was set.

        The error's ``in_doubt`` is False when no attempt reached the server.

        """
        call = _Call(self._build(method, path, params, json), f"{method} {path}", returned)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_Failed, _Limited)),
            stop=lambda _state: call.failures >= self._attempts or call.lost >= self._max_wait,
            wait=lambda state: self._wait(call, state),
            sleep=self._rest,
            reraise=True,
        )
        try:
            return retrying(self._attempt, call)
        except _Failed as failed:
            times = "once" if call.failures == 1 else f"{call.failures} times"
            where = f"{self._failures.who} ({call.request.url.host})"
            message = f"{where} {failed.why}, {times}, on {call.name}: try again later"
            raise self._failures.unavailable(message, call.sends > 0) from None
        except SyncdError as error:
            error.in_doubt = call.sends > 0
            raise

    def _build(self, method: str, path: str, params: Mapping[str, str | int] | None, json: Any) -> httpx.Request:
        headers = {"Accept": "application/json"}
        content = None
        if json is not None:
            headers["Content-Type"] = "application/json"
            content = jsonlib.dumps(json, separators=(",", ":")).encode("ascii")
        try:
            return self._http.build_request(method, self._base + path, params=params, content=content, headers=headers)
        except httpx.InvalidURL:
            raise ConfigError(f"the base URL of {self._failures.who} is not a URL") from None

    def _attempt(self, call: _Call) -> Answer:
        if self._stopping.is_set():
            raise Stopped(f"stopped before {call.name} was answered")
        place = self._budget.take() if self._budget else 0.0  # the body is ready: this is the time of sending
        with self._counting:
            self.sent += 1
        begun = time.monotonic()
        try:
            response, content = self._exchange(call.request, place)
        except httpx.HTTPError as error:
            call.failed(time.monotonic() - begun, sent=not isinstance(error, _NOT_SENT))
            raise _Failed(_cause(error)) from None
        return self._judge(call, response, content, time.monotonic() - begun)

    def _exchange(self, request: httpx.Request, place: float) -> tuple[httpx.Response, bytes | None]:
        try:
            response = self._http.send(request, stream=True)
        finally:
            if self._budget:
                self._budget.answered(place)
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
        status = response.status_code
        if status == 429:
            raise _Limited(retry_after(response))
        if status in RETRIED or status >= 500:
            call.failed(seconds, sent=status >= 500)
            raise _Failed(f"answered with status {status}", retry_after(response))
        call.sends += 1
        body, problem = _parse(content)
        kept = {name: response.headers[name] for name in ("content-type", "date") if name in response.headers}
        answer = Answer(status, body, not problem, problem, call.sends, kept)
        if status in {401, 403}:
            raise self._failures.denied(
                f"{self._failures.who} refused the key (status {status}{error_type(answer)}): {self._failures.key}"
            )
        if status < 300 or status in call.returned:
            return answer
        raise self._failures.refused(self._refusal(call, answer), status)

    def _refusal(self, call: _Call, answer: Answer) -> str:
        said = f"{call.name} was refused by {self._failures.who} with status {answer.status}{error_type(answer)}"
        if answer.status < 400:
            return f"{said}: it points to another address, which is not followed; check the base URL"
        return said if answer.is_json else f"{said}: {answer.problem}; check the base URL"

    def _wait(self, call: _Call, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt. After a 429 it is the budget that waits, if there is one."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Limited):
            wait = error.after or max(1.0, _JITTERED(state))
            log.info("request_limited", request=call.name, seconds=round(wait, 1))
            if not self._budget:
                return wait
            self._budget.pause(wait)
            return 0.0
        asked = error.after if isinstance(error, _Failed) else 0.0
        wait = max(_JITTERED(state), min(asked, self._max_wait))
        call.lost += wait
        log.warning("request_failed", request=call.name, why=str(error), seconds=round(wait, 1))
        return wait

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)


class _Failed(Exception):
    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.after = after


class _Limited(Exception):
    def __init__(self, after: float) -> None:
        super().__init__("answered with status 429")
        self.after = after


@dataclass(slots=True)
class _Call:
    """A request on its way: ``sends`` may have reached the server; ``lost`` is the time that failures took."""

    request: httpx.Request
    name: str
    returned: Container[int]
    failures: int = 0
    sends: int = 0
    lost: float = 0.0

    def failed(self, seconds: float, *, sent: bool) -> None:
        self.failures += 1
        self.sends += sent
        self.lost += seconds


def retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number, or a date on its own clock); 0 if it does not.

    A fraction of a second is added to a date, which has none.
    """
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    moment = _date(text)
    if moment is None:
        return 0.0
    now = _date(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds() + 0.5)


def _date(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def error_type(answer: Answer) -> str:
    """``, VALIDATION_ERROR``: the type in the envelope of an error (guide: Errors), or nothing.

    Never its message, which may quote what was sent.
    """
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return f", {kind}" if isinstance(kind, str) and _TOKEN.fullmatch(kind) else ""


def _parse(content: bytes | None) -> tuple[Any, str]:
    """The parsed JSON and "", or None and what came instead."""
    if content is None:
        return None, "the answer was longer than allowed"
    if not content.strip():
        return None, "the answer was empty"
    try:
        return jsonlib.loads(content), ""
    except (ValueError, RecursionError):
        page = content.lstrip()[:1] == b"<"
        return None, "a gateway answered with a page" if page else "the answer was cut off or is not JSON"


def _cause(error: httpx.HTTPError) -> str:
    """What went wrong, without the address: httpx's own messages may quote it."""
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time" if not isinstance(error, _NOT_SENT) else "could not be reached in time"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "has a certificate that this machine does not trust"
    return "could not be reached" if isinstance(error, _NOT_SENT) else "broke the connection off"


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, if HTTP can carry them; the HTTP library's own message would quote the value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ConfigError(
                f"the header {name} holds a character that HTTP cannot carry: check the key for spaces and line ends"
            )
    return dict(headers)


def _host(url: str) -> str:
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
