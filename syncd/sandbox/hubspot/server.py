"""The fake as a context manager (a server in a thread of its own) and as a foreground command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from syncd.run.signals import handled, set_by_signal
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Fault, Faults, parse_fault
from syncd.sandbox.hubspot.app import build_app
from syncd.sandbox.hubspot.backend import Backend, Logged
from syncd.sandbox.hubspot.dialects import DIALECTS
from syncd.sandbox.hubspot.faults import KINDS
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.rates import LIMITS, Rates
from syncd.sandbox.hubspot.tokens import KEY, Tokens
from syncd.sandbox.serving import HOST, Served, listen, print_line


class HubSpot:
    """A HubSpot account on loopback while the context is open; its records are in memory.

    ``portal`` and ``backend`` exist from the beginning, so that a test can also ask without a connection. ``limits``
    are (requests, seconds); None is no limit. ``seed`` is the number of invented contacts. ``clock`` returns seconds
    since 1970, for all times.

    Raises:
        ConfigError: a dialect is unknown, or the port is taken.

    """

    def __init__(
        self,
        port: int = 0,
        *,
        key: str = KEY,
        limits: Sequence[tuple[int, float]] | None = LIMITS,
        dialects: Mapping[str, str] | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.port = port
        self.key = key
        chosen = Dialects(dialects, table=DIALECTS)
        self.portal = Portal(dialects=chosen, clock=clock)
        # Before the first request: a reader would take contacts that come one by one for changes.
        self.portal.seed(seed)
        self.backend = Backend(
            portal=self.portal,
            tokens=Tokens(key=key, dialects=chosen, clock=clock),
            rates=Rates(limits, dialects=chosen),
            faults=Faults(),
            clock=clock,
        )
        self._served: Served

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:8124``."""
        return f"http://{HOST}:{self.port}"

    @property
    def requests(self) -> list[Logged]:
        """The requests so far, oldest first, without those to control paths."""
        return list(self.backend.log)

    def arm(self, fault: Fault | Mapping[str, Any]) -> None:
        """Arm a fault, or one given as ``{"kind": …}``."""
        self.backend.faults.arm(fault if isinstance(fault, Fault) else parse_fault(fault, KINDS))

    def dialect(self, name: str, value: str) -> None:
        """Change a dialect.

        Raises:
            ConfigError: there is no such dialect or value.

        """
        self.portal.dialects.choose(name, value)

    def __enter__(self) -> Self:
        # The socket knows which port was free.
        listener = listen(self.port)
        self.port = listener.getsockname()[1]
        self._served = Served(build_app(self.backend), listener, dated=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._served.stop()


def serve(
    *,
    port: int = 8089,
    limits: Sequence[tuple[int, float]] | None = LIMITS,
    dialects: Mapping[str, str] | None = None,
    seed: int = 0,
    key: str = KEY,
    say: Callable[[str], object] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Run the fake in the foreground until SIGINT or SIGTERM (or ``until`` is set), then return.

    ``say`` is called with each line (default: it is printed). The other arguments are those of :class:`HubSpot`.
    """
    # A test ends the command by setting `until`; a person ends it by Ctrl-C.
    leave = until or threading.Event()
    fake = HubSpot(port, key=key, limits=limits, dialects=dialects, seed=seed)
    with fake, handled(lambda *_: set_by_signal(leave)):
        for line in _hints(fake):
            (say or print_line)(line)
        leave.wait()


def _hints(fake: HubSpot) -> list[str]:
    # Lines that a person can copy into a shell.
    counts, contacts = fake.portal.counts(), f"{fake.url}/crm/objects/2026-09/contacts?limit=1"
    return [
        f"A HubSpot account of {counts['contacts']} contacts answers at {fake.url} with the key {fake.key}.",
        f"In source or sink:  options: {{base_url: {fake.url}, service_key: {fake.key}}}",
        f"Look at a contact:  curl -H 'Authorization: Bearer {fake.key}' '{contacts}'",
        f"Archive one:        curl -X DELETE {fake.url}/_sandbox/contacts/1",
        f'Merge two:          curl -d \'{{"primary": "2", "secondary": "3"}}\' {fake.url}/_sandbox/merge',
        f'Make it fail once:  curl -d \'{{"kind": "limited"}}\' {fake.url}/_sandbox/faults   (log: /_sandbox/requests)',
        "Ctrl-C ends it.",
    ]
