"""Fetches large files from addresses that an API has named, such as signed addresses of a storage.

The file goes to the caller's file in pieces, so its size costs no memory. No key is sent: the address is the right to
the file, and its host is another company's. No message and no log line holds more of an address than its host.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO, Self, cast
from urllib.parse import urlsplit

import httpx

from syncd.errors import Stopped, SyncdError
from syncd.rest.addresses import LOOPBACK, host_of
from syncd.rest.bounds import Bounds
from syncd.rest.connection_errors import reason
from syncd.rest.failures import Failures
from syncd.rest.network import Network
from syncd.rest.surroundings import way_to
from syncd.rest.waits import Cut, Exchange

SLOWEST = 125_000.0
"""The bytes a second that a server sends at least: a file may take ``Bounds.deadline``, and its size at this speed."""

GONE = frozenset({403, 404, 410})
"""The statuses that say something of the file: expired, or not there any more. They are returned."""

PACKED = "packed its answer, which was not asked for"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was fetched: ``status`` 200, or one of :data:`GONE`, and then nothing was written.

    ``size``: bytes; ``sha256``: of the bytes, hex; ``content_type``: as the server says, in lower case, without
    parameters.
    """

    status: int
    size: int = 0
    content_type: str = ""
    sha256: str = ""


class Downloads:
    """Fetches files; used by several threads at once. As a context manager it closes its connections.

    Args:
        failures: which errors are raised.
        bounds: ``timeout``: the longest silence (seconds); ``deadline``: see :data:`SLOWEST`; ``max_answer``: the most
            bytes of a file.
        stopping: once it is set, fetching raises Stopped.
        transport: replaces the network.

    """

    def __init__(
        self,
        *,
        failures: Failures,
        bounds: Bounds,
        stopping: threading.Event | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._failures = failures
        self._bounds = bounds
        self._stopping = stopping or threading.Event()
        self._transport = transport
        self._network = Network()
        self._lock = threading.Lock()
        self._clients: dict[str, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def fetch(self, url: str, into: IO[bytes], *, at_most: int | None = None) -> Downloaded:
        """Write a file ``into`` an open one, with one attempt; after an error, what was written is no whole file.

        ``at_most``: the most bytes, if fewer than the bounds allow.

        Raises:
            SyncdError: an error of ``failures``: the address is not https (http on this machine), the server
                redirects or refuses (refused, moved), it failed or broke off, or the file is too long (unavailable).
            Stopped: ``stopping`` was set.
            OSError: from ``into``.

        """
        host = self._host(url)
        # No retry here: an address is signed for minutes, so the caller asks the API for another one.
        exchange = Exchange(time.monotonic() + self._bounds.deadline, self._stopping)
        try:
            with self._network.during(exchange):
                return self._fetch(url, host, into, exchange, at_most)
        except httpx.InvalidURL:
            raise self._not_safe() from None
        except httpx.HTTPError as error:
            raise self._unavailable(host, reason(error)) from None
        except Cut as cut:
            if cut.stopped:
                raise Stopped("stopped while a file was fetched; the next run fetches it") from None
            raise self._unavailable(host, "had not sent the whole file when its time was up (deadline)") from None

    def _fetch(self, url: str, host: str, into: IO[bytes], exchange: Exchange, at_most: int | None) -> Downloaded:
        client = self._client(url)
        with client.stream("GET", url) as response:
            if response.status_code in GONE:
                return Downloaded(response.status_code)
            self._require_file(response, host)
            most = min(self._bounds.max_answer, at_most or self._bounds.max_answer)
            length = _length(response.headers)
            # A body without a length may be as long as is allowed.
            exchange.ends += (most if length is None else min(length, most)) / SLOWEST
            if length is not None and length > most:
                raise self._unavailable(host, f"has a file of {length:,} bytes, and {most:,} are allowed")
            size, digest = 0, hashlib.sha256()
            for piece in _pieces(response):
                size += len(piece)
                if size > most:
                    raise self._unavailable(host, f"sends more than the {most:,} bytes that are allowed")
                digest.update(piece)
                into.write(piece)
            if length not in (None, size):
                raise self._unavailable(host, "broke the connection off")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Downloaded(200, size, kind, digest.hexdigest())

    def _require_file(self, response: httpx.Response, host: str) -> None:
        status = response.status_code
        if 300 <= status < 400:
            # Only the API may say where a file is: a redirect could lead anywhere, also into this machine's network.
            remedy = "syncd fetches files from where the API says only"
            raise self._failures.moved(f"{host} redirects to another address (status {status}): {remedy}", status)
        if status != 200:
            what = f"answered with status {status} in place of a file"
            if status >= 500 or status in {408, 425, 429}:
                raise self._unavailable(host, what)
            raise self._failures.refused(f"{host} {what}", status)
        if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            raise self._unavailable(host, PACKED)

    def _host(self, url: str) -> str:
        """Return the host of an address that may be asked."""
        host = host_of(url)
        parts = urlsplit(url) if host else None
        # A user in an address would become a header, and makes an address look like another host's.
        if parts is None or "@" in parts.netloc:
            raise self._not_safe()
        if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
            raise self._not_safe()
        return host

    def _not_safe(self) -> SyncdError:
        return self._failures.refused(f"{self._failures.who} names a file at an address that is not https://HOST/…", 0)

    def _client(self, url: str) -> httpx.Client:
        # One for each way out of this machine: another host may have another proxy.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        with self._lock:
            if origin not in self._clients:
                way = way_to(url) if self._transport is None else {"trust_env": False}
                self._clients[origin] = httpx.Client(
                    headers={"Accept-Encoding": "identity"},
                    timeout=self._bounds.timeout,
                    transport=self._transport,
                    # What a storage wants to be told again is no part of the address.
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                    follow_redirects=False,
                    **way,
                )
                self._network.serve(self._clients[origin])
            return self._clients[origin]

    def _unavailable(self, host: str, what: str) -> SyncdError:
        return self._failures.unavailable(f"{host} {what}: try again later", True)  # noqa: FBT003 (a parameter without a name)


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    # Not ``iter_bytes``: httpx would unpack the pieces, however long they become.
    return iter(cast(httpx.SyncByteStream, response.stream))


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None
