"""The sandbox as a context manager (a server in a thread of its own) and as a foreground command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from syncd.run.signals import handled, set_by_signal
from syncd.sandbox.activity.clock import PhoneClock
from syncd.sandbox.activity.desk import Desk
from syncd.sandbox.activity.dialects import ALL
from syncd.sandbox.activity.faults import ALL_KINDS
from syncd.sandbox.activity.files import build_files
from syncd.sandbox.activity.media import Medium
from syncd.sandbox.activity.webhooks.delivery import Attempt
from syncd.sandbox.activity.webhooks.endpoints import Endpoint
from syncd.sandbox.app import build_app
from syncd.sandbox.backend import Backend, Logged
from syncd.sandbox.company import people
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Fault, Faults, parse_fault
from syncd.sandbox.limits import DEFAULT_LIMITS, MESSAGING, REPORTS, Windows
from syncd.sandbox.serving import HOST, ByPort, Served, listen, print_line
from syncd.sandbox.store import Store

KEY = "sandbox-key"
"""The key of a sandbox, if no other key is given."""

DAY = 86_400.0


class Sandbox:
    """A Vocatech API on loopback while the context is open.

    ``data`` is the file of its contacts (None: in memory). ``port`` 0 takes a free port. ``limits``, ``reports`` and
    ``messaging`` are the (requests, seconds) of the tiers; None is no limit. Without limits of their own the other
    tiers have the guide's, or none if ``limits`` is None. With ``key`` None any Bearer token may ask. ``seed`` is the
    number of invented contacts of a new company. ``fields`` replaces the company's fields (None: the file's fields,
    else the default ones). ``clock`` returns seconds since 1970, of everything. ``phones`` has the calls and messages,
    in memory; their time is the clock's, or runs ``speed`` times as fast from ``since`` on until it has caught up.
    ``store`` and ``url`` exist inside the context. ``store`` and ``phones`` may be used from any thread.

    Raises:
        ConfigError: a dialect is unknown, the port is taken, or the file is not usable.

    """

    def __init__(  # noqa: PLR0913 (a test sets what matters to it)
        self,
        data: Path | None = None,
        port: int = 0,
        *,
        limits: Sequence[tuple[int, float]] | None = DEFAULT_LIMITS,
        dialects: Mapping[str, str] | None = None,
        key: str | None = KEY,
        seed: int = 0,
        fields: Sequence[Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.time,
        reports: Sequence[tuple[int, float]] | None = REPORTS,
        messaging: Sequence[tuple[int, float]] | None = MESSAGING,
        speed: float = 1.0,
        since: float | None = None,
    ) -> None:
        # Also without a key of its own it shows one, for the hints and a client's configuration.
        self.key = key or KEY
        self.port = port
        self._data = data
        self._any_key = key is None
        self._seed = seed
        self._fields = fields
        self._clock = clock
        self._windows = Windows(limits)
        # A sandbox without limits has none at all, unless somebody sets some.
        self._tiers = {
            "reports": Windows(None if limits is None and reports is REPORTS else reports),
            "messaging": Windows(None if limits is None and messaging is MESSAGING else messaging),
        }
        self._dialects = Dialects(dialects, table=ALL)
        self._faults = Faults()
        phone_clock = PhoneClock(clock, speed=speed, since=since)
        self._desk = Desk(self._dialects, self._faults, phone_clock, contacts=self._contact)
        self.phones = self._desk.phones
        self.store: Store
        self._backend: Backend
        self._served: Served

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:8123/v1``."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def deliveries(self) -> list[Attempt]:
        """The attempts to deliver an event so far, oldest first."""
        return list(self._desk.sender.attempts)

    @property
    def endpoints(self) -> list[Endpoint]:
        """The webhook endpoints of the company, with their secrets."""
        return list(self._desk.webhooks.endpoints.values())

    def drain(self, timeout: float = 10.0) -> None:
        """Wait until everything is sent to the endpoints that is due by now; later retries are not.

        Raises:
            TimeoutError: that took longer than ``timeout`` seconds.

        """
        self._desk.sender.drain(timeout)

    def medium(self, name: str) -> Medium:
        """Return a recording or an attachment, such as ``rec_84729``, with its size, its content and its digest.

        Raises:
            KeyError: there is none now.

        """
        found = self._desk.media.find(name)
        if found is None:
            raise KeyError(name)
        return found

    @property
    def requests(self) -> list[Logged]:
        """The API requests so far, oldest first, without those to control paths."""
        return list(self._backend.log)

    def arm(self, fault: Fault | Mapping[str, Any]) -> None:
        """Arm a fault, or one given as ``{"kind": …}``."""
        self._faults.arm(fault if isinstance(fault, Fault) else parse_fault(fault, ALL_KINDS))

    def disarm(self) -> None:
        """Forget all faults."""
        self._faults.disarm()

    @property
    def holding(self) -> int:
        """How many requests wait under a fault ``hold``."""
        return self._faults.holding

    def dialect(self, name: str, value: str) -> None:
        """Change a dialect.

        Raises:
            ConfigError: there is no such dialect or value.

        """
        self._dialects.choose(name, value)

    def __enter__(self) -> Self:
        # The port first: a file must not be locked by a sandbox that cannot listen.
        listener = listen(self.port)
        try:
            self.store = self._opened()
        # The socket is open already, also if Ctrl-C interrupts the reading of a large file.
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._backend = Backend(
            store=self.store,
            dialects=self._dialects,
            faults=self._faults,
            windows=self._windows,
            key=None if self._any_key else self.key,
            desk=self._desk,
            tiers=self._tiers,
            clock=self._clock,
        )
        # The files have a port of their own, as they have a host of their own: their addresses need no key.
        files = listen(0)
        ports = {self.port: build_app(self._backend), files.getsockname()[1]: build_files(self._desk.media)}
        try:
            self._served = Served(ByPort(ports), listener, files, dated=False)
        except RuntimeError:
            self.store.close()
            raise
        self._desk.open(self.url, f"http://{HOST}:{files.getsockname()[1]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.close()
        # The server first: a request under way still writes to the store.
        self._served.stop()
        self.store.close()

    def _contact(self, random: Random) -> tuple[str, str] | None:
        """Draw the name and the number of a contact, for invented traffic."""
        with self.store.lock:
            ids, fields = self.store.ids(), self.store.fields
            if not ids:
                return None
            row = self.store.rows[random.choice(ids)]
            numbers = [number for at in sorted(fields.phones) for number in row[at].split(";") if number]
            names = [row[at] for name, at in fields.positions.items() if name.casefold() in ("contact", "name")]
        return ((names or [""])[0], random.choice(numbers)) if numbers else None

    def _opened(self) -> Store:
        store = Store(self._data, fields=self._fields, dialects=self._dialects, clock=self._clock)
        # Only a new company: a file that is opened again must not grow.
        if self._seed and store.next_id == 1:
            names = store.fields.positions
            store.add_all(
                {name: value for name, value in person.items() if name in names} for person in people(self._seed)
            )
        return store


def serve(
    *,
    traffic: int = 0,
    past: float = DAY,
    speed: float = 1.0,
    say: Callable[[str], object] | None = None,
    until: threading.Event | None = None,
    port: int = 8088,
    **options: Any,
) -> None:
    """Run the sandbox in the foreground until SIGINT or SIGTERM (or ``until`` is set), then return.

    ``traffic`` invented calls a day begin ``past`` seconds ago. With a ``speed`` over 1 they happen one after another,
    so many times as fast as in life, until now is reached; else those of the past have happened already. ``say`` is
    called with each line (default: it is printed). The other arguments are those of :class:`Sandbox`.
    """
    # Event.wait() is woken by a signal handler that sets it, also in the main thread.
    leave = until or threading.Event()
    begin = time.time() - past
    sandbox = Sandbox(port=port, speed=speed, since=begin if speed > 1 else None, **options)
    with sandbox, handled(lambda *_: set_by_signal(leave)):
        if traffic:
            sandbox.phones.traffic(traffic, since=begin)
        for line in _hints(sandbox):
            (say or print_line)(line)
        leave.wait()


def _hints(sandbox: Sandbox) -> list[str]:
    control = sandbox.url.removesuffix("/v1") + "/_sandbox"
    return [
        f"The sandbox answers at {sandbox.url} with the key {sandbox.key} and {len(sandbox.store.ids())} contacts.",
        f"In the configuration:  target: {{base_url: {sandbox.url}, api_key: {sandbox.key}}}",
        f"Look at a contact:     curl -H 'Authorization: Bearer {sandbox.key}' '{sandbox.url}/contacts?limit=1'",
        f"Let a call happen:     curl -d '{{}}' {control}/calls   (deliveries: {control}/deliveries)",
        f'Make it fail once:     curl -d \'{{"kind": "drop"}}\' {control}/faults   (log: {control}/requests)',
        "Ctrl-C ends it.",
    ]
