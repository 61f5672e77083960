"""Answers requests: reads a delivery, proves its signature, has it stored, and only then answers (a plain ASGI app)."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog

from syncd.activity.receiving import rows
from syncd.activity.receiving.body import Bodies, Slow, TooLong, TooMany
from syncd.activity.receiving.refusals import Refusals
from syncd.activity.receiving.rows import Arrival
from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.receiving.writer import Unwritable, Writer
from syncd.core.activity.envelopes import malformed, opened
from syncd.core.activity.signature import HEADER, fingerprint, verify

log = structlog.get_logger()

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LARGE = 64 * 1024
"""Bytes from which a body is looked at beside the loop, so that nobody waits for a long transcript."""
RETRY_AFTER = 60
"""Seconds after which a delivery may be sent again that could not be stored."""
FRESH = 1.0
"""Seconds for which the answer of ``/healthz`` is reused."""

_SIGNATURE = HEADER.lower().encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a short text; ``headers`` beside those of every answer."""

    status: int
    text: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


STORED = Answer(204)
ANSWERS = {
    rows.NEW: STORED,
    rows.KNOWN: STORED,
    rows.IGNORED: STORED,
    rows.STALE: Answer(409, "the signature is too old; the event is noted"),
    rows.MALFORMED: Answer(400, "this is no event"),
}
"""The answer to a genuine delivery by its outcome."""

CLOSE = ((b"connection", b"close"),)
ELSEWHERE = Answer(404, "nothing is delivered here", CLOSE)
NO_POST = Answer(405, "only POST delivers", ((b"allow", b"POST"), *CLOSE))
UNSIGNED = Answer(401, "the signature is missing or wrong")
NOT_STORED = Answer(503, "it cannot be stored now", ((b"retry-after", str(RETRY_AFTER).encode()),))


@dataclass(slots=True)
class App:
    """The application. ``path``: where deliveries come ("": everywhere). ``tolerance``: seconds of a signature's age.

    The three settings may be replaced while it serves.
    """

    writer: Writer
    secrets: Secrets
    path: str
    tolerance: float
    refusals: Refusals
    clock: Callable[[], float] = time.time
    _bodies: Bodies = field(default_factory=Bodies)
    _aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "large"))
    _health: tuple[float, Answer] = (float("-inf"), STORED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Exception:
            # Whoever delivers must hear of it, so that it comes again.
            log.exception("a delivery could not be handled")
            answer = NOT_STORED
        if answer is None:
            return
        body = f"{answer.text}\n".encode() if answer.text and scope["method"] != "HEAD" else b""
        headers = list(answer.headers)
        if answer.status != 204:
            headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def close(self) -> None:
        """End the thread for large bodies."""
        self._aside.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the answer; None if whoever asked has gone."""
        if scope["path"] == "/healthz" and scope["method"] in {"GET", "HEAD"}:
            return await self._healthy()
        if self.path and scope["path"] != self.path:
            return self._refused("path", ELSEWHERE)
        if scope["method"] != "POST":
            return self._refused("method", NO_POST)
        return await self._received(scope, receive)

    async def _received(self, scope: Scope, receive: Receive) -> Answer | None:
        try:
            with self._bodies.reading() as reading:
                body = await reading.whole(scope, receive)
                return None if body is None else await self._delivered(scope, body)
        except TooLong:
            return self._refused("too long", Answer(413, "the body is longer than 4 MiB", CLOSE))
        except Slow:
            return self._refused("slow", Answer(408, "the request took longer than 10 s", CLOSE))
        except (TooMany, Unwritable):
            return self._refused("not stored", NOT_STORED)

    async def _delivered(self, scope: Scope, body: bytes) -> Answer:
        header = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == _SIGNATURE)
        if len(body) < LARGE:
            arrival = self._arrival(header, body)
        else:
            loop = asyncio.get_running_loop()
            arrival = await loop.run_in_executor(self._aside, self._arrival, header, body)
        if arrival is None:
            none = "unreadable secret" if self.secrets.unreadable else "no secret"
            return self._refused("signature" if self.secrets.now() else none, UNSIGNED)
        outcome = await asyncio.wrap_future(self.writer.store(arrival))
        if outcome in {rows.STALE, rows.MALFORMED}:
            self.refusals.note(outcome)
        elif outcome == rows.IGNORED:
            self.refusals.note("other company")
        return ANSWERS[outcome]

    def _arrival(self, header: str, body: bytes) -> Arrival | None:
        """Return the delivery as a row; None if it is not genuine."""
        now, secrets = self.clock(), self.secrets.now()
        verdict = verify(header, body, secrets, now, self.tolerance)
        if verdict.signed_at is None or verdict.secret is None:
            return None
        # Not before its signature is proved: what a stranger sends is never parsed.
        event = opened(body)
        outcome = rows.MALFORMED if event is None else rows.STALE if verdict.kind == "stale" else rows.NEW
        return Arrival(
            id=event.id if event else malformed(body),
            type=event.type if event else "",
            at=event.at if event else None,
            signed_at=verdict.signed_at,
            received=now,
            raw=zlib.compress(body),
            content=event.content if event else malformed(body),
            subject=event.subject if event else None,
            company=event.company if event else "",
            outcome=outcome,
            secret=fingerprint(secrets[verdict.secret]),
        )

    def _refused(self, kind: str, answer: Answer) -> Answer:
        self.refusals.note(kind)
        return answer

    async def _healthy(self) -> Answer:
        at, answer = self._health
        if not 0 <= self.clock() - at < FRESH:
            answer = await self._looked()
            self._health = self.clock(), answer
        return answer

    async def _looked(self) -> Answer:
        found: Future[str] = self.writer.look()
        try:
            await asyncio.wrap_future(found)
        except Unwritable:
            return NOT_STORED
        return Answer(200, "it can store")
