"""The sink ``http``: posts each call and message to one address, signed as Standard Webhooks says.

A message is posted at least once. Its id is the same each time it is posted, so the receiver can tell.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from connectors.http_out.options import HttpOptions
from connectors.http_out.signing import headers, key_of, message_id
from connectors.http_parts.limits import Pacer
from connectors.http_parts.rules import server_words
from connectors.http_parts.surroundings import Surroundings
from syncd.errors import SinkInvalid, SinkUnavailable, SyncdError
from syncd.rest import Answer, Bounds, Client, Failures, Judge, Verdict, encoded, sink_failures
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, SinkRules, Wants, address_of

ATTEMPTS = 3
"""How often a message is posted before its outcome is unknown."""

PATIENCE = 60.0
"""The seconds that a message waits because of 429s. With all attempts, its time stays within a receiver's 5 minutes."""

MOST_FAILURES = 4
"""After so many failures in a row the rest of a batch is left for later: the receiver is down."""

MAX_ANSWER = 1_000_000
"""The longest answer (bytes) that is read."""

WRONG_PLACE = {
    404: "there is nothing at the address of options.url: correct it",
    405: "the address of options.url takes no POST: correct it",
    407: "a proxy asks for a password: check the proxy",
    410: "the receiver is gone for good: take the sink out of the configuration, or correct options.url",
}
"""The statuses that say nothing of the message, but of the address."""

BEING_WORKED_ON = 409
"""The status by which a receiver says that it is still working on a message with this id."""

KNOWS_NO_OPTIONS = frozenset({405, 501})
"""The statuses by which a server says that it knows no such method: it is there all the same (RFC 9110, 15.5.6)."""

REFUSED = frozenset(range(400, 500)) - {401, 403, 408, 425, 429, *WRONG_PLACE}
"""The statuses by which a receiver refuses one message."""


class HttpOut(Sink):
    """Posts calls and messages to one address. Tests replace ``around``."""

    OPTIONS = HttpOptions

    def __init__(self, name: str, options: Options, rules: SinkRules, *, around: Surroundings | None = None) -> None:
        super().__init__(name, options, rules)
        self._options = cast(HttpOptions, options)
        self._around = around or Surroundings()
        self._keys = [key_of(secret.get_secret_value()) for secret in self._options.secrets]
        # There is no limit that is known beforehand, but after a 429 all threads wait.
        self._pacer = Pacer([], clock=self._around.timer, sleep=self._around.wait, longest=PATIENCE)
        self._client: Client | None = None
        self._sent = 0

    @property
    def sent(self) -> int:
        return self._sent + (self._client.sent if self._client else 0)

    def wants(self) -> Wants:
        return Wants(erases=self._options.erase, compares=False)

    def check(self) -> list[Note]:
        # OPTIONS changes nothing, while some receivers take even a GET for a message.
        with self._connect(judge=_is_there) as client:
            answer = self._request("OPTIONS", client, returned=range(400, 500))
        if answer.status == 410:
            raise self._refused("", answer.status)
        knows_it = answer.status not in KNOWS_NO_OPTIONS
        said = f"status {answer.status}" + ("" if knows_it else ", it does not know OPTIONS, and was sent nothing else")
        return [Note(f"the receiver answers ({said}); only a delivery proves address and secret", good=knows_it)]

    def render(self, row: Row) -> Mapping[str, Any]:
        fields = dict(row)
        if row["kind"] == "call" and (rules := self.rules.calls):
            fields["outcome"] = self.rules.outcomes.get(row["status"], row.get("outcome"))
            if not rules.summary:
                fields["summary"] = None
            if rules.transcript == "none":
                fields["transcription"] = None
            if rules.recording:
                fields["recording"] = address_of(row, rules.recording) or None
        if self.rules.owners:
            fields["owner"] = self.rules.owners.get(row.get("extension") or "")
        return fields

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        batch = _Batch()
        # Opened before there are threads, which would open several.
        self._open()
        with ThreadPoolExecutor(self._options.concurrency) as pool:
            outcomes = [each for each in pool.map(lambda item: self._deliver(item, batch), items) if each]
        if batch.error:
            raise batch.error
        return outcomes

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        moment = datetime.fromtimestamp(self._around.clock(), UTC).isoformat(timespec="seconds")
        gone = []
        for identity in remote_ids:
            kind, _, id_ = identity.partition(":")
            if kind not in {"call", "message"}:
                continue
            data = {"kind": kind, "id": id_}
            if kind == "message":
                data["channel"], _, data["id"] = id_.partition(":")
            body = {"type": f"{kind}.erased", "timestamp": moment.replace("+00:00", "Z"), "data": data}
            if self._post(message_id(identity, "erased"), body).status < 300:
                gone.append(identity)
        return gone

    def close(self) -> None:
        if self._client:
            self._client.close()
            self._sent += self._client.sent
        self._client = None

    def cancel(self) -> None:
        self._around.stopping.set()

    def _deliver(self, item: Item, batch: _Batch) -> Outcome | None:
        if batch.is_over:
            return None
        row = item.fields
        body = {"type": item.kind, "timestamp": row.get("start_time") or row.get("sent_at"), "data": row}
        try:
            # The digest is signed; as 16 digits it has no minus.
            answer = self._post(message_id(item.identity, f"{item.digest & (1 << 64) - 1:016x}"), body)
        except SinkUnavailable as error:
            batch.failed(error)
            return Outcome(item.identity, "unknown")
        except SyncdError as error:
            batch.stopped_by = error
            return None
        batch.answered()
        if answer.status < 300:
            return Outcome(item.identity, "accepted", remote_id=item.identity)
        if answer.status == BEING_WORKED_ON:
            return Outcome(item.identity, "unknown")
        reason = f"the receiver refused it with status {answer.status}{server_words(answer)}"
        return Outcome(item.identity, "rejected", reason=reason)

    def _post(self, id_: str, body: Mapping[str, Any]) -> Answer:
        content = encoded(body)
        signed = headers(id_, int(self._around.clock()), content, self._keys)
        return self._request("POST", self._open(), returned=REFUSED, json=content, headers=signed, finish=True)

    def _request(self, method: str, client: Client, **parts: Any) -> Answer:
        # An address that others give out for such a receiver often has the receiver's secret in its path.
        place = self._pacer.places(method, "")
        return client.request(method, self._options.url, name=method, budget=place, **parts)

    def _open(self) -> Client:
        self._client = self._client or self._connect()
        return self._client

    def _connect(self, judge: Judge | None = None) -> Client:
        parts = urlsplit(self._options.url)
        own = self._options.headers.items()
        return Client(
            f"{parts.scheme}://{parts.netloc}",
            headers={"User-Agent": "syncd", **{name: value.get_secret_value() for name, value in own}},
            bounds=Bounds(self._options.timeout, self._options.timeout * ATTEMPTS, MAX_ANSWER),
            transport=self._around.transport,
            stopping=self._around.stopping,
            sleep=self._around.sleep,
            attempts=ATTEMPTS,
            patience=PATIENCE,
            failures=self._failures(),
            judge=judge,
        )

    def _failures(self) -> Failures:
        key = "check options.secrets and options.headers, and that the receiver has the same"
        return replace(sink_failures(self.name, key=key), refused=self._refused, moved=self._moved)

    def _refused(self, _message: str, status: int) -> SinkInvalid:
        remedy = WRONG_PLACE.get(status, "check options.url")
        return SinkInvalid(f"{self.name} answered with status {status}: {remedy}")

    def _moved(self, _message: str, status: int) -> SinkInvalid:
        # The client's own message shows where the redirect leads, and an address may hold the receiver's secret.
        return SinkInvalid(
            f"{self.name} answered with status {status}, a redirect, which is not followed: correct options.url"
        )


def _is_there(answer: Answer) -> Verdict | None:
    return Verdict("accept") if answer.status in KNOWS_NO_OPTIONS else None


@dataclass(slots=True)
class _Batch:
    """What the threads of one batch know of each other.

    ``stopped_by``: an error that ends the batch. ``failures``: failures in a row; ``last``: the last one. ``in_doubt``:
    something may have been taken.
    """

    stopped_by: SyncdError | None = None
    failures: int = 0
    answers: int = 0
    last: SyncdError | None = None
    in_doubt: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        return self.stopped_by is not None or self.failures >= MOST_FAILURES

    @property
    def error(self) -> SyncdError | None:
        """The error of the batch; None if there are outcomes."""
        error = self.stopped_by or (None if self.answers else self.last)
        if error:
            error.in_doubt = self.in_doubt
        return error

    def failed(self, error: SyncdError) -> None:
        with self.lock:
            self.failures += 1
            self.last = error
            self.in_doubt |= error.in_doubt

    def answered(self) -> None:
        with self.lock:
            self.failures = 0
            self.answers += 1
            self.in_doubt = True
