"""Sends signed events to the public address as Vocatech would, and says what stands in the way.

The stages in their order: ``dns``, ``connection``, ``tls`` (of an address with https), ``path``, ``proxy``,
``signature``, ``store``, ``size``.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

from syncd.core.activity.envelopes import TEST
from syncd.core.activity.signature import HEADER, signed
from syncd.surroundings.certificates import named_authorities

LARGE = 2**20
"""Bytes of the large event: more than the transcript of a day."""
TIMEOUT = 15.0
"""Seconds of each step; a sender waits about as long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One stage. ``problem``: what is wrong and what to do; "" if it is fine."""

    stage: str
    problem: str = ""


def probe(url: str, secret: bytes, company: str | None, arrived: Callable[[str], bool]) -> list[Finding]:
    """Return the stages that were reached, the last with its problem if there is one.

    ``company``: whose events are received. ``arrived`` says whether an event is in the store.
    """
    way = _Way(url)
    steps = {"dns": way.resolve, "connection": way.connect, "tls": way.shake_hands}
    if way.url.scheme != "https":
        # Only a sandbox on this machine delivers so.
        del steps["tls"]
    for stage, step in steps.items():
        if problem := step():
            return [*way.passed, Finding(stage, problem)]
        way.passed.append(Finding(stage))
    for stage, size in (("store", 0), ("size", LARGE)):
        found = _delivered(way, secret, _event(company, size), arrived, stage)
        if found:
            return [*way.passed, found]
        way.passed.append(Finding(stage))
    return way.passed


class _Way:
    """The way to a server, one step at a time. Each step returns its problem, or ""."""

    def __init__(self, url: str) -> None:
        self.url = urlsplit(url)
        self.host = self.url.hostname or ""
        self.port = self.url.port or (443 if self.url.scheme == "https" else 80)
        # As every sender writes it: only ASCII goes through.
        self.path = quote(self.url.path or "/", safe="/%:@!$&'()*+,;=~-._")
        self.passed: list[Finding] = []
        self._found: Sequence[str] = ()

    def resolve(self) -> str:
        try:
            self._found = [
                str(each[4][0]) for each in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            ]
        except (OSError, UnicodeError):
            return f"{self.host} has no address: add a record for it to the DNS"
        return ""

    def connect(self) -> str:
        try:
            socket.create_connection((self.host, self.port), TIMEOUT).close()
        except OSError as error:
            why = error.strerror or "no answer in time"
            return f"port {self.port} of {self._found[0]} cannot be reached ({why}): start the proxy, open the port"
        return ""

    def shake_hands(self) -> str:
        try:
            line = socket.create_connection((self.host, self.port), TIMEOUT)
            with line, _trust().wrap_socket(line, server_hostname=self.host):
                return ""
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message
            return f"the certificate is not accepted ({why}): Vocatech needs one of a public authority, for {self.host}"
        except (OSError, ValueError) as error:
            return f"there is no TLS ({getattr(error, 'reason', None) or type(error).__name__}): set up https there"

    def post(self, body: bytes, signature: str) -> tuple[int, str]:
        """Return the status and the beginning of the answer.

        Raises:
            OSError, HTTPException: there is none.
        """
        https = self.url.scheme == "https"
        line = (
            HTTPSConnection(self.host, self.port, timeout=TIMEOUT, context=_trust())
            if https
            else HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        )
        try:
            line.request("POST", self.path, body, {"Content-Type": "application/json", HEADER: signature})
            answer = line.getresponse()
            return answer.status, answer.read(200).decode(errors="replace")
        finally:
            line.close()


def _trust() -> ssl.SSLContext:
    return named_authorities() or ssl.create_default_context()


def _event(company: str | None, size: int) -> tuple[str, bytes]:
    """Return the id and the body of an event that is about nothing."""
    identity = f"evt_syncd_check_{secrets.token_hex(8)}"
    event = {
        "id": identity,
        "event_type": TEST,
        "timestamp": datetime.now(UTC).isoformat(),
        # A number, as the API writes it.
        "company_id": int(company) if company and company.isdecimal() else company,
        "data": {"check": identity, "padding": "." * size},
    }
    return identity, json.dumps(event).encode()


def _delivered(
    way: _Way, secret: bytes, event: tuple[str, bytes], arrived: Callable[[str], bool], stage: str
) -> Finding | None:
    """Deliver an event; return what stands in the way, or None if it is stored."""
    identity, body = event
    try:
        status, text = way.post(body, signed(body, secret, int(time.time())))
    except (OSError, HTTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        if stage == "size":
            return Finding("size", f"an event of 1 MiB is cut off ({why}): allow bodies of 4 MiB in the proxy")
        return Finding("proxy", f"there is no answer ({why}): let the proxy lead to receive.listen")
    if 200 <= status < 300:
        here = arrived(identity)
        elsewhere = f"status {status}, but nothing is stored here: another program answers, or another receiver"
        return None if here else Finding("path" if stage == "store" else "size", elsewhere)
    return _refusal(status, text, stage)


def _refusal(status: int, text: str, stage: str) -> Finding:
    if status == 413:
        return Finding("size", "the body is too long for the proxy: allow bodies of 4 MiB in it")
    if status == 401 and "signature" in text and stage == "size":
        return Finding("size", "a small event is accepted and one of 1 MiB is not: the proxy cuts or changes bodies")
    if status == 503 and "stored" in text:
        return Finding("store", "the receiver cannot store: make room, and let syncd's user write to activity.store")
    if status == 401 and "signature" in text:
        return Finding("signature", "the receiver has another secret, or the proxy changes bodies: turn that off in it")
    if status == 409:
        return Finding("clock", "the signature is taken for stale: set the clock of the receiver's machine")
    kind, remedy = _of_proxy(status)
    return Finding("size" if stage == "size" else kind, f"status {status}: {remedy}")


def _of_proxy(status: int) -> tuple[str, str]:
    if status in {404, 405} or 300 <= status < 400:
        return "path", "nothing is there at the path of receive.url: let the proxy lead it to the receiver, unchanged"
    return "proxy", "start syncd receive, and let the proxy lead to receive.listen" if status >= 500 else "look at it"
