"""A company's phones, and syncd beside them: its receiver, its store and its runs, on one clock."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

import syncd.activity.media.run
import syncd.activity.session
from syncd.activity.run import ActivityRun, run_activity
from syncd.activity.session import open_activity
from syncd.activity.store.store import ActivityStore
from syncd.config import load
from syncd.rest import Bounds, Client, Downloads
from syncd.sandbox.activity.faults import ALL_KINDS
from syncd.sandbox.activity.webhooks.sender import Sender
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.limits import DEFAULT_LIMITS, REPORTS, Windows
from syncd.state import State
from tests.convergence.activity.door import Door
from tests.convergence.activity.sinks import Sinks, memory_sinks
from tests.convergence.activity.sinks import written as written_sinks
from tests.convergence.activity.worlds import Opening
from tests.convergence.plant import PowerCut
from tests.worlds.phone_wire import TIMEOUT, Files, Wire
from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_in_memory import KEY

HOOK = "https://hooks.example.com/in"
BEGIN = 1_800_000_000.0
"""2027-01-15, 08:00 UTC: when each company begins."""


class Power:
    """Counts what a run does to the world, from 1; event ``cut`` kills the process."""

    def __init__(self, cut: int | None = None) -> None:
        self.cut, self.events = cut, 0

    def event(self) -> None:
        self.events += 1
        if self.cut is not None and self.events >= self.cut:
            raise PowerCut


class Patience(threading.Event):
    """An event whose wait returns at once and lets the clock go on."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    def wait(self, timeout: float | None = None) -> bool:
        self._house.world.clock.now += timeout or 0.0
        return self.is_set()


class House:
    """``world``: the phones. ``door``: the receiver. ``logged``: what was logged, as JSON.

    ``meanwhile``: what happens after each of the next requests of a run.
    """

    def __init__(self, home: Path, opening: Opening) -> None:
        self.home, self.opening = home, opening
        self.world = PhoneWorld(**opening.dialects)
        self.world.clock.now = BEGIN
        self.phones = self.world.phones
        self.wire = Wire(self.world, limit=opening.limit, signed=opening.signed)
        self.wire.after = lambda _call: self._go_on()
        self.files = Files(self.world)
        self.logged: list[str] = []
        self.meanwhile: list[Callable[[], object]] = []
        self.settings = _settings(home, limited=opening.limited)
        self.sinks = Sinks(home)
        if opening.limited:
            self.world.backend.windows = Windows(DEFAULT_LIMITS)
            self.world.backend.reports = Windows(REPORTS)
        self.door = Door(home / "activity.db", home / "secrets", lambda: self.now)
        desk = self.world.desk
        self.sender = Sender(self.phones, desk.webhooks, self.world.dialects, self.world.faults, self.door)
        desk.sender, desk.webhooks.before_create = self.sender, self.sender.gather
        for _ in range(opening.webhooks):
            self.subscribe()

    @property
    def now(self) -> float:
        return self.world.clock.now

    def close(self) -> None:
        self.door.close()
        self.world.close()
        self.sinks.close()

    def subscribe(self) -> None:
        """Make an endpoint that leads to the receiver."""
        self.door.knows(self.world.endpoint(url=HOOK)["secret_key"])

    def arm(self, faults: Sequence[dict[str, Any]]) -> None:
        for each in faults:
            self.world.faults.arm(parse_fault(each, ALL_KINDS))

    # Time.

    def deliver(self) -> None:
        """Send what is due."""
        with self._logging():
            self.sender.send_due()

    def knock(self, body: bytes, header: str) -> int:
        """Send a body of somebody to the receiver; return the status of the answer, 0 if there is none."""
        with self._logging():
            return self.door.post(HOOK, body, {"X-Vocatech-Signature": header}, 10.0)[0]

    def wait(self, seconds: float) -> None:
        """Let the time pass; what is to be sent meanwhile is sent when it is due."""
        end = self.now + seconds
        self.deliver()
        while (due := self._next_due()) <= end:
            self.world.clock.now = max(self.now, due)
            self.deliver()
        self.world.clock.now = end

    def _next_due(self) -> float:
        """Return when something happens on the phones, or is sent."""
        moments = [each[0] for each in self.phones._agenda[:1]] + [each[0] for each in self.sender._queue[:1]]
        return min([*moments, *(each[0] for each in self.sender._behind)], default=float("inf"))

    def _go_on(self) -> None:
        """Let a second pass after a request, and what else happens meanwhile."""
        self.world.clock.now += 1.0
        if self.meanwhile:
            self.meanwhile.pop(0)()
            self.sender.send_due()

    # Runs.

    def run(self, power: Power | None = None) -> ActivityRun:
        """Run once.

        Raises:
            PowerCut: the process was killed.
            SyncdError: the run ended with an error.
        """
        power, done = power or Power(), ActivityRun()
        patience = Patience(self)
        opened = partial(open_activity, self.settings, stopping=patience, clock=lambda: self.now, sleep=patience.wait)
        with self._logging(), self._powered(power), memory_sinks(), opened() as session:
            run_activity(session, done)
        return done

    @contextmanager
    def store(self) -> Iterator[ActivityStore]:
        with ActivityStore(self.home / "activity.db", clock=lambda: self.now) as store:
            yield store

    @contextmanager
    def _logging(self) -> Iterator[None]:
        with capture_logs() as lines:
            yield
        self.logged += [json.dumps(line, default=repr) for line in lines]

    @contextmanager
    def _powered(self, power: Power) -> Iterator[None]:
        class PoweredStore(ActivityStore):
            @contextmanager
            def write(self) -> Iterator[None]:
                power.event()
                with super().write():
                    yield
                power.event()

        class PoweredState(State):
            @contextmanager
            def write(self) -> Iterator[None]:
                power.event()
                with super().write():
                    yield
                power.event()

        def client_of(target: Any, budget: Any, stopping: Any, sleep: Any, *, judge: Any = None) -> Client:
            return Client(
                target.base_url,
                headers={"Authorization": f"Bearer {KEY}"},
                budget=budget,
                stopping=stopping,
                sleep=sleep,
                bounds=Bounds(timeout=TIMEOUT),
                transport=self.wire,
                attempts=3,
                judge=judge,
            )

        self.wire.before, self.wire.waited = power.event, self._waited
        with (
            patch.object(syncd.activity.session, "State", PoweredState),
            patch("syncd.activity.opening.ActivityStore", PoweredStore),
            patch.object(syncd.activity.session, "client_of", client_of),
            patch.object(syncd.activity.media.run, "Downloads", partial(Downloads, transport=self.files)),
        ):
            yield

    def _waited(self, seconds: float) -> None:
        self.world.clock.now += seconds


def _settings(home: Path, *, limited: bool) -> Any:
    """Put an empty store and an empty state into ``home``, copies of files whose tables are made once."""
    template = home.parent / "template-activity"
    if not template.exists():
        template.mkdir()
        State(template / "syncd.db").close()
        ActivityStore(template / "activity.db").close()
    for name in ("syncd.db", "activity.db"):
        shutil.copyfile(template / name, home / name)
    source = {"connector": "csv", "options": {"path": "tenants.csv"}, "key": "id", "mapping": {"Name": "name"}}
    target: dict[str, Any] = {"api_key": KEY, "base_url": "https://api.example.com/v1"}
    activity = {"store": "activity.db", "since": "11d", "recordings": {}, "attachments": {}}
    receive = {"listen": "127.0.0.1:9188", "url": HOOK, "secret_file": "secrets"}
    written = {
        "target": target if limited else {**target, "limits": []},
        "state": "syncd.db",
        "sources": {"tenants": source},
        "activity": {**activity, "receive": receive},
        "sinks": written_sinks(home),
    }
    (home / "syncd.yaml").write_text(json.dumps(written))
    with memory_sinks():
        return load(home / "syncd.yaml")
