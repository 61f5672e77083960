"""The one HTTP client: send a request until it is answered, within the budget, and raise the caller's errors.

Every exchange ends as an :class:`Answer` or as one of the caller's errors. No message and no log line holds a URL's
query, a body or a header.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Protocol, Self
from urllib.parse import urlsplit

import httpx

from syncd.errors import ConfigError, Stopped, SyncdError
from syncd.rest import bodies, listed, unpacking
from syncd.rest.addresses import same_origin
from syncd.rest.answers import Answer, Judge, Verdict, error_type, is_refusal, retry_after
from syncd.rest.bounds import Bounds
from syncd.rest.connection_errors import NOT_SENT, reason
from syncd.rest.detours import WHAT_TO_DO, is_gateways, moved
from syncd.rest.failures import TARGET, Failures
from syncd.rest.network import Network
from syncd.rest.received import Received
from syncd.rest.retries import Failed, GivenUp, Places, Renewed, Retries, Tries
from syncd.rest.surroundings import way_to
from syncd.rest.waits import Cut, Exchange

# At INFO, httpx logs every URL with its query, which may hold a phone number or a key.
logging.getLogger("httpx").setLevel(logging.WARNING)


DEFAULT = Bounds()


class Credentials(Protocol):
    """Signs requests; used by several threads at once."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers for one attempt; this may ask another server for a token."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Renew the headers if they are still the ``refused`` ones; return whether they differ now."""


class Client:
    """Talks to one server; used by several threads at once. As a context manager it closes its connections.

    ``sent`` counts the requests that were sent, every attempt included.

    Args:
        base_url: where the paths begin.
        headers: sent with every request (``Authorization``).
        bounds: the seconds and the bytes that a request may take.
        budget: where every attempt takes a place first.
        stopping: once it is set, waits end and requests raise Stopped; see ``finish`` in :meth:`request`.
        sleep: waits for so many seconds; by default until ``stopping`` is set.
        attempts: how often a request may fail; a 429 is no failure.
        transport: replaces the network.
        failures: which errors are raised.
        credentials: adds headers to every attempt, and may renew them once after a 401.
        judge: judges every answer first; the status decides if the judge returns None.
        keep_headers: lower-case names of the headers that answers keep.
        exact: parse fractions in JSON as Decimals, with the digits that the server wrote.
        patience: seconds that a request may wait in all because of 429s.

    """

    def __init__(  # noqa: PLR0913 (each is a setting with a default)
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        bounds: Bounds = DEFAULT,
        budget: Places | None = None,
        stopping: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        attempts: int = 6,
        transport: httpx.BaseTransport | None = None,
        failures: Failures = TARGET,
        credentials: Credentials | None = None,
        judge: Judge | None = None,
        keep_headers: Collection[str] = ("content-type", "date"),
        exact: bool = False,
        patience: float = float("inf"),
    ) -> None:
        self.sent = 0
        self._sent_lock = threading.Lock()
        self._base = base_url.rstrip("/")
        self._budget = budget
        self._stopping = stopping or threading.Event()
        self._retries = Retries(attempts, bounds.deadline, patience, sleep or self._stopping.wait)
        self._bounds = bounds
        self._network = Network()
        self._failures = failures
        self._credentials = credentials
        self._judge = judge or (lambda _answer: None)
        self._keep_headers = frozenset(keep_headers)
        self._exact = exact
        self._http = _connections(self._base, _sendable(headers), bounds.timeout, transport)
        self._network.serve(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
        finish: bool = False,
        within: Sequence[str] | None = None,
        name: str = "",
    ) -> Answer:
        """Send a request until it is answered.

        ``path`` follows the base URL, or is a whole URL of the same origin (a server's link to the next page).
        ``params`` are added to the path's query. The body is ``form`` or else ``json`` (a value, or JSON as bytes);
        None sends none. ``budget`` replaces the client's. Answers with a 4xx status in ``returned`` are returned, not
        raised. ``again`` is called before an attempt that follows one which may have been carried out; an error of it
        ends the request. ``finish``: the request changes something, so once it was sent, its answer is awaited for a
        while after a stop too. ``within``: the keys that lead to a list which may be long; then a
        :class:`~syncd.rest.listed.Listed` is there. ``name``: the request in messages and logs, if its path may not
        stand there.

        Raises:
            SyncdError: an error of ``failures``: the key is refused (401, 403), the request is refused (any other
                status), no attempt was answered, or the URL is of another origin. Its ``in_doubt`` is False if no
                attempt reached the server.
            Stopped: ``stopping`` was set.

        """
        request = self._build(method, path, params, bodies.encode(json, form), headers or {})
        name = name or f"{method} {urlsplit(path).path}"
        places = budget or self._budget
        call = _Call(name, places, request=request, returned=returned, again=again, finish=finish, within=within)
        try:
            return self._retries(lambda: self._attempt(call), call)
        except GivenUp as why:
            message = f"{self._failures.who} ({call.request.url.host}) {why}: {why.remedy}"
            failure = self._failures.unavailable(message, call.sends > 0)
            # Some failures, such as a source's, are made without it.
            failure.in_doubt = call.sends > 0
            raise failure from None
        except SyncdError as error:
            error.in_doubt = call.sends > 0
            raise

    def _build(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: tuple[str, bytes] | None,
        headers: Mapping[str, str],
    ) -> httpx.Request:
        url = path if path.startswith(("http://", "https://")) else self._base + path
        # A whole URL comes from an answer: without this check, a server could have the key sent to any host.
        if not same_origin(url, self._base):
            raise self._failures.refused(
                f"{self._failures.who} names an address on another host, to which the key is not sent", 0
            )
        content_type, body = content or (None, None)
        own = {"Accept": "application/json", **({"Content-Type": content_type} if content_type else {})}
        try:
            parsed = httpx.URL(url)
            # Leave a server's own link as it was written: to merge parameters encodes its query anew.
            parsed = parsed.copy_merge_params(params) if params else parsed
            return self._http.build_request(method, parsed, content=body, headers={**own, **_sendable(headers)})
        except httpx.InvalidURL:
            raise ConfigError(f"the base URL of {self._failures.who} is not a URL") from None

    def _attempt(self, call: _Call) -> Answer:
        if self._stopping.is_set():
            raise Stopped(f"stopped before {call.name} was answered")
        if call.again and call.sends:
            call.again()
        if self._credentials:
            call.signed = _sendable(self._credentials.headers())
            call.request.headers.update(call.signed)
        # Take the place last: its time is the time of sending, and to sign may have taken a while.
        place = call.budget.take() if call.budget else 0.0
        with self._sent_lock:
            self.sent += 1
        begun = time.monotonic()
        try:
            response, content, problem = self._exchange(call, place)
        except httpx.HTTPError as error:
            call.failed(time.monotonic() - begun, sent=not isinstance(error, NOT_SENT))
            raise Failed(reason(error)) from None
        except Cut as cut:
            call.failed(time.monotonic() - begun, sent=cut.sent)
            if cut.stopped:
                raise Stopped(f"stopped before {call.name} was answered") from None
            raise Failed("had not answered in full when its time was up (deadline)") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        body, problem = (None, problem) if problem else self._parsed(content, call)
        answer = Answer(response.status_code, body, not problem, problem, call.sends + 1, headers)
        return self._accept(call, answer, time.monotonic() - begun)

    def _parsed(self, content: bytearray | Received, call: _Call) -> tuple[Any, str]:
        if isinstance(content, Received):
            return listed.parse(content, call.within or (), exact=self._exact)
        return bodies.parse(content, exact=self._exact)

    def _exchange(self, call: _Call, place: float) -> tuple[httpx.Response, bytearray | Received, str]:
        """Return the response, its body, and why its body was not read, or an empty text."""
        ends = time.monotonic() + self._bounds.deadline - call.lost
        with self._network.during(Exchange(ends, self._stopping, call.finish)):
            try:
                response = self._http.send(call.request, stream=True)
            finally:
                # A place counts from the first word of the answer: the server has counted the request by then.
                if call.budget:
                    call.budget.answered(place)
            try:
                piecemeal = call.within is not None and response.is_success
                return response, *unpacking.read(response, self._bounds, piecemeal=piecemeal)
            finally:
                response.close()

    def _accept(self, call: _Call, answer: Answer, seconds: float) -> Answer:
        """Return the answer if it is to be returned, else raise; ``seconds``: how long the exchange took."""
        headers = answer.headers
        verdict = self._judge(answer)
        if verdict and verdict.do != "accept":
            self._carry_out(verdict, call, seconds)
        elif not verdict and is_gateways(answer):
            self._pass_gateway(call, answer, seconds)
        elif not verdict and answer.status == 429:
            raise call.limited(retry_after(headers))
        elif not verdict and answer.status >= 400 and not is_refusal(answer.status):
            # A 408 or 425 says that the server did nothing; a 5xx may come after it did.
            call.failed(seconds, sent=answer.status >= 500)
            raise Failed(f"answered with status {answer.status}", retry_after(headers))
        call.sends += 1
        kept = {name: value for name, value in headers.items() if name in self._keep_headers}
        answer = replace(answer, headers=kept, verdict=verdict.name if verdict else "")
        if verdict or answer.status < 300 or answer.status in call.returned:
            return answer
        if answer.status == 401:
            self._renew(call)
        if answer.status in {401, 403}:
            refusal = f"{self._failures.who} refused the key (status {answer.status}{error_type(answer)})"
            raise self._failures.denied(f"{refusal}: {self._failures.key}")
        if answer.status < 400:
            what = f"{call.name} got status {answer.status} from {self._failures.who}"
            base = self._base if self._failures.is_base else ""
            remedy = moved(headers.get("location", ""), str(call.request.url), base, self._failures.address)
            raise self._failures.moved(f"{what}: {remedy}", answer.status)
        raise self._failures.refused(self._refusal(call, answer), answer.status)

    def _pass_gateway(self, call: _Call, answer: Answer, seconds: float) -> NoReturn:
        """Raise, since a gateway answered in place of the server."""
        what = f"answered with a gateway's page, not the API's answer (status {answer.status})"
        # Some servers refuse an old token by a page.
        if answer.status == 401:
            self._renew(call)
        # A refusal by a gateway never reached the API; what else it says proves nothing.
        call.failed(seconds, sent=not 400 <= answer.status < 500)
        if answer.status == 429 or answer.status >= 500:
            raise Failed(what, retry_after(answer.headers))
        raise GivenUp(f"{what} to {call.name}", WHAT_TO_DO)

    def _carry_out(self, verdict: Verdict, call: _Call, seconds: float) -> NoReturn:
        """Raise as the verdict on an answer says."""
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
        """Raise Renewed if there are new credentials; return if there are none."""
        # Once for each request: a server that refuses every key must not be asked without end.
        if self._credentials and not call.renewed and self._credentials.renew(call.signed):
            call.renewed = True
            raise Renewed("refused the key")

    def _refusal(self, call: _Call, answer: Answer) -> str:
        refusal = f"{call.name} was refused by {self._failures.who} with status {answer.status}{error_type(answer)}"
        return refusal if answer.is_json else f"{refusal}: {answer.problem}; check the base URL"


@dataclass(slots=True, kw_only=True)
class _Call(Tries):
    """A request and its attempts. ``signed``: the headers of the credentials in the last attempt."""

    request: httpx.Request
    returned: Container[int]
    again: Callable[[], None] | None = None
    finish: bool = False
    within: Sequence[str] | None = None
    signed: Mapping[str, str] = field(default_factory=dict)


def _connections(
    base: str, headers: Mapping[str, str], timeout: float, transport: httpx.BaseTransport | None
) -> httpx.Client:
    # What replaces the network has no way to a server.
    way = way_to(base) if transport is None else {"trust_env": False}
    return httpx.Client(
        # Only what is unpacked within the bounds is asked for.
        headers={"Accept-Encoding": unpacking.ACCEPTED, **headers},
        timeout=timeout,
        transport=transport,
        limits=httpx.Limits(max_connections=72, max_keepalive_connections=16, keepalive_expiry=30.0),
        # A redirect may lead to another host, and the key is for this one only.
        follow_redirects=False,
        **way,
    )


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers; raise ConfigError if HTTP cannot carry them."""
    # Check here and not in the HTTP library: its message would quote the value, which may be a key.
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ConfigError(
                f"the header {name} holds a character that HTTP cannot carry: check the key for spaces and line ends"
            )
    return dict(headers)
