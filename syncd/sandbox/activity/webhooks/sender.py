"""Sends what happens on the phones to the endpoints, with the guide's retries, while there are any."""

from __future__ import annotations

import gzip
import heapq
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from syncd.sandbox.activity.faults import (
    EventDelay,
    EventDouble,
    EventDrop,
    EventFault,
    EventForge,
    EventGzip,
    EventReorder,
    EventTruncate,
    Skew,
)
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.webhooks.announcer import Announcer
from syncd.sandbox.activity.webhooks.delivery import Attempt, Courier, Delivery, Outcome, body_of, signature
from syncd.sandbox.activity.webhooks.endpoints import Endpoint, Webhooks
from syncd.sandbox.faults import Faults

RETRIES = (60.0, 300.0, 1_800.0, 7_200.0)
"""Seconds between an attempt and the next (guide: Retry policy)."""

KEPT = 100_000
"""The most attempts that are remembered; the oldest are dropped."""

# Seconds between two looks at a clock that a test may move.
_POLL = 0.01


class Sender:
    """Sends deliveries. Every public method may be called from any thread."""

    def __init__(
        self,
        phones: Phones,
        webhooks: Webhooks,
        dialects: Mapping[str, str],
        faults: Faults,
        courier: Courier | None = None,
    ) -> None:
        self.webhooks = webhooks
        self.dialects = dialects
        self.faults = faults
        self.clock = phones.clock
        self.announcer = Announcer(phones, webhooks, dialects)
        self.attempts: deque[Attempt] = deque(maxlen=KEPT)
        self.failed: list[tuple[Attempt, Delivery]] = []
        self._courier = courier or Courier()
        self._lock = threading.RLock()
        self._queue: list[tuple[float, int, Delivery]] = []
        # Deliveries that wait for the next one, each until a moment: a fault changes their order.
        self._behind: list[tuple[float, Delivery]] = []
        self._count = 0
        self._busy = 0
        self._leave = threading.Event()
        self._thread: threading.Thread | None = None
        webhooks.before_create = self.start

    # The thread. It runs only while there are endpoints, since every test of contacts has a sandbox.

    def start(self) -> None:
        """Begin to send. What has happened before is not announced to an endpoint that is made now."""
        self.gather()
        with self._lock:
            if self._thread is None:
                self._leave.clear()
                self._thread = threading.Thread(target=self._run, name="sandbox-sender", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End, without waiting for endpoints that do not answer."""
        if self._thread is not None:
            self._leave.set()
            self._courier.hang_up()
            self._thread.join()
            self._thread = None

    def drain(self, timeout: float = 10.0) -> None:
        """Wait until everything that is due by now was sent.

        Raises:
            TimeoutError: that took longer than ``timeout`` seconds.

        """
        until = time.monotonic() + timeout
        while self._is_due():
            if self._thread is None:
                self.gather()
            if time.monotonic() > until:
                raise TimeoutError("the sandbox still has deliveries to send")
            time.sleep(_POLL / 2)

    def send_due(self) -> None:
        """Send everything that is due by now, one after the other, before returning."""
        self.gather()
        while (delivery := self._take(1)) is not None:
            self._work(delivery)

    def gather(self) -> None:
        """Take in what has happened by now."""
        with self._lock:
            for delivery in self.announcer.deliveries():
                self._push(self.clock.clock(), delivery)

    def _is_due(self) -> bool:
        # The announcer first: what it gives away is counted as busy or stands in the queue under the same lock.
        with self._lock:
            waits = self._thread is not None and bool(self._queue) and self._queue[0][0] <= self.clock.clock()
            return self.announcer.is_behind() or waits or self._busy > 0

    def _run(self) -> None:
        with ThreadPoolExecutor(16, "sandbox-delivery") as pool:
            while not self._leave.is_set():
                self.gather()
                at_once = int(self.dialects["deliveries_at_once"])
                delivery = self._take(at_once)
                if delivery is None:
                    self._leave.wait(_POLL)
                elif at_once == 1:
                    self._work(delivery)
                else:
                    pool.submit(self._work, delivery)

    def _take(self, at_once: int) -> Delivery | None:
        with self._lock:
            now = self.clock.clock()
            for moment, delivery in [each for each in self._behind if each[0] <= now]:
                self._behind.remove((moment, delivery))
                self._push(now, delivery)
            if self._busy >= at_once or not self._queue or self._queue[0][0] > now:
                return None
            self._busy += 1
            return heapq.heappop(self._queue)[2]

    def _push(self, due: float, delivery: Delivery) -> None:
        self._count += 1
        heapq.heappush(self._queue, (due, self._count, delivery))

    # One attempt.

    def _work(self, delivery: Delivery) -> None:
        try:
            endpoint = self.webhooks.endpoints.get(delivery.webhook)
            # What is on its way to an endpoint that was deleted goes nowhere.
            if endpoint is not None and endpoint.status == "active" and not self._is_kept_back(delivery, endpoint):
                self._release()
        finally:
            with self._lock:
                self._busy -= 1

    def _is_kept_back(self, delivery: Delivery, endpoint: Endpoint) -> bool:
        """Send a delivery as a fault wants it; return whether it was put off instead."""
        fits = lambda fault: fault.fits_event(delivery.type)  # noqa: E731
        fault = None if delivery.struck else self.faults.aside(EventFault, fits)
        now = self.clock.clock()
        with self._lock:
            if isinstance(fault, EventDelay):
                self._push(now + self.clock.seconds(fault.seconds), replace(delivery, struck=True))
                return True
            if isinstance(fault, EventReorder):
                self._behind.append((now + self.clock.seconds(60), replace(delivery, struck=True)))
                return True
        if isinstance(fault, EventDrop):
            self._note(delivery, now, 0, (0, None), "lost")
            return False
        if isinstance(fault, EventForge):
            self._forge(delivery, endpoint)
        attempt = self.send(delivery, endpoint, fault)
        if isinstance(fault, EventDouble):
            self.send(delivery, endpoint)
        if attempt.outcome in ("repeated", "failed"):
            self._again(delivery, attempt, endpoint)
        return False

    def _release(self) -> None:
        with self._lock:
            for _, delivery in self._behind:
                self._push(self.clock.clock(), delivery)
            self._behind.clear()

    def send(self, delivery: Delivery, endpoint: Endpoint, fault: EventFault | None = None) -> Attempt:
        """Send a delivery once and return the attempt."""
        now = self.clock.clock()
        skew = sum(each.seconds for each in self.faults.standing(Skew) if each.of != "dates")
        is_first = delivery.signed_at is None or self.dialects["retry_signature"] == "fresh"
        signed_at = int(now + skew) if is_first else int(delivery.signed_at or 0)
        body = body_of(delivery.event)
        headers = _headers(signature(endpoint.secret, signed_at, body))
        if isinstance(fault, EventTruncate):
            body = body[: len(body) // 2]
        elif isinstance(fault, EventGzip):
            body, headers = gzip.compress(body, mtime=0), {**headers, "Content-Encoding": "gzip"}
        answer = self._courier.post(endpoint.url, body, headers, float(self.dialects["delivery_timeout"]))
        outcome: Outcome = "delivered" if answer[1] is None else "repeated"
        if delivery.test:
            outcome = "test"
        elif answer[1] is not None and delivery.number > len(RETRIES):
            outcome = "failed"
        return self._note(delivery, now, signed_at, answer, outcome, (body, headers))

    def _forge(self, delivery: Delivery, endpoint: Endpoint) -> None:
        forged = {**delivery.event, "id": f"{delivery.event['id']}f"}
        body, now = body_of(forged), self.clock.clock()
        headers = _headers(signature("whsec_somebody_else", int(now), body))
        answer = self._courier.post(endpoint.url, body, headers, float(self.dialects["delivery_timeout"]))
        self._note(replace(delivery, event=forged), now, int(now), answer, "forged", (body, headers))

    def _note(
        self,
        delivery: Delivery,
        at: float,
        signed_at: int,
        answer: tuple[int, str | None],
        outcome: Outcome,
        sent: tuple[bytes, Mapping[str, str]] = (b"", {}),
    ) -> Attempt:
        status, error = answer
        numbers = (delivery.number, at, signed_at, status)
        made = Attempt(delivery.webhook, str(delivery.event["id"]), delivery.type, *numbers, outcome, error, *sent)
        self.attempts.append(made)
        return made

    def _again(self, delivery: Delivery, attempt: Attempt, endpoint: Endpoint) -> None:
        with self._lock:
            if attempt.outcome == "repeated":
                due = attempt.at + self.clock.seconds(RETRIES[attempt.number - 1])
                signed_at = attempt.signed_at if delivery.signed_at is None else delivery.signed_at
                self._push(due, delivery.again(signed_at, self.announcer.retry_id(attempt.event_id)))
                return
            self.failed.append((attempt, delivery))
        rule = self.dialects["failing_endpoint"]
        if rule == "disabled":
            endpoint.status = "disabled"
        elif rule == "deleted":
            self.webhooks.delete(endpoint.id)


def _headers(signed: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "User-Agent": "Vocatech-Webhooks/1.0", "X-Vocatech-Signature": signed}
