"""The sandbox as a context manager (a server in a thread of its own) and as a foreground command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncd.run.signals import handled, set_by_signal
from syncd.sandbox.app import build_app
from syncd.sandbox.backend import Backend, Logged
from syncd.sandbox.company import people
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Fault, Faults, parse_fault
from syncd.sandbox.limits import DEFAULT_LIMITS, Windows
from syncd.sandbox.serving import HOST, Served, listen, print_line
from syncd.sandbox.store import Store

KEY = "sandbox-key"
"""The key of a sandbox, if no other key is given."""


class Sandbox:
    """A Vocatech contacts API on loopback while the context is open.

    ``data`` is its file (None: in memory). ``port`` 0 takes a free port. ``limits`` are (requests, seconds); None is no
    limit. With ``key`` None any Bearer token may ask. ``seed`` is the number of invented contacts of a new company.
    ``fields`` replaces the company's fields (None: the file's fields, else the default ones). ``clock`` returns
    seconds since 1970 for the windows, ``read_lag`` and the log. ``store`` and ``url`` exist inside the context;
    ``store`` may be used from any thread.

    Raises:
        ConfigError: a dialect is unknown, the port is taken, or the file is not usable.

    """

    def __init__(
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
        self._dialects = Dialects(dialects)
        self._faults = Faults()
        self.store: Store
        self._backend: Backend
        self._served: Served

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:8123/v1``."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def requests(self) -> list[Logged]:
        """The API requests so far, oldest first, without those to control paths."""
        return list(self._backend.log)

    def arm(self, fault: Fault | Mapping[str, Any]) -> None:
        """Arm a fault, or one given as ``{"kind": …}``."""
        self._faults.arm(fault if isinstance(fault, Fault) else parse_fault(fault))

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
            clock=self._clock,
        )
        try:
            self._served = Served(build_app(self._backend), listener)
        except RuntimeError:
            self.store.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The server first: a request under way still writes to the store.
        self._served.stop()
        self.store.close()

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
    port: int = 8088,
    data: Path | None = None,
    limits: Sequence[tuple[int, float]] | None = DEFAULT_LIMITS,
    dialects: Mapping[str, str] | None = None,
    seed: int = 0,
    key: str | None = KEY,
    say: Callable[[str], object] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Run the sandbox in the foreground until SIGINT or SIGTERM (or ``until`` is set), then return.

    ``say`` is called with each line (default: it is printed). The other arguments are those of :class:`Sandbox`.
    """
    # Event.wait() is woken by a signal handler that sets it, also in the main thread.
    leave = until or threading.Event()
    with (
        Sandbox(data, port, limits=limits, dialects=dialects, key=key, seed=seed) as sandbox,
        handled(lambda *_: set_by_signal(leave)),
    ):
        for line in _hints(sandbox):
            (say or print_line)(line)
        leave.wait()


def _hints(sandbox: Sandbox) -> list[str]:
    control = sandbox.url.removesuffix("/v1") + "/_sandbox"
    return [
        f"The sandbox answers at {sandbox.url} with the key {sandbox.key} and {len(sandbox.store.ids())} contacts.",
        f"In the configuration:  target: {{base_url: {sandbox.url}, api_key: {sandbox.key}}}",
        f"Look at a contact:     curl -H 'Authorization: Bearer {sandbox.key}' '{sandbox.url}/contacts?limit=1'",
        f'Make it fail once:     curl -d \'{{"kind": "drop"}}\' {control}/faults   (log: {control}/requests)',
        "Ctrl-C ends it.",
    ]
