"""Real runs against the sandbox's backend, without sockets and waits, and with a power switch.

The power fails at a chosen event: before or after a commit of the state, before or after a call of the target. After
that nothing happens any more, as after a kill of the process. A new session then opens the state that is left.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

import syncd.push.deletes
import syncd.push.upserts
import syncd.run.session
import syncd.target.contacts
from syncd.accept import accept
from syncd.config import Settings
from syncd.core.settings.rules import OnEdit
from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled
from syncd.report.source_report import SourcePart, SourceReport
from syncd.rest import Bounds, Client
from syncd.run.session import Session, open_session
from syncd.sandbox.backend import Backend, Call
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Faults
from syncd.sandbox.limits import Windows
from syncd.sandbox.listing import Listing
from syncd.sandbox.replies import Reply
from syncd.sandbox.store import Store
from syncd.state import State
from syncd.sync import run_source
from syncd.undo import undo_source
from tests.convergence.witness import Witness

KEY = "test-key"
LATER = 3_600.0
"""Seconds until the next session; the leases of a killed session have run out by then."""

AT_ONCE = 1.0
"""Seconds until the next session if a person starts it right after a run that ended."""

TIMEOUT = 60.0
"""Seconds after which the client gives up waiting for an answer."""


class PowerCut(BaseException):
    """The process is killed. A BaseException, so that no handler of errors catches it."""


class Patience(threading.Event):
    """An event whose wait returns at once and counts the seconds as passed on the plant's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.passed += timeout or 0.0
        return self.is_set()


class Power:
    """Counts events from 1. Event ``cut`` kills the process; event ``stop`` asks the run to stop."""

    def __init__(self, cut: int | None = None, stop: int | None = None) -> None:
        self.cut = cut
        self.stop = stop
        self.events = 0
        self.stopping = Patience()

    def event(self) -> None:
        self.events += 1
        if self.stop is not None and self.events >= self.stop:
            self.stopping.set()
        if self.cut is not None and self.events >= self.cut:
            raise PowerCut


class Wire(httpx.BaseTransport):
    """Carries requests to the backend as a network would, and shows each call to the witness."""

    def __init__(self, backend: Backend, power: Power, witness: Witness) -> None:
        self._backend = backend
        self._power = power
        self._witness = witness
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._power.event()
        with self._lock:
            reply = self._answered(request)
        self._power.event()
        if reply.cut != "no":
            raise httpx.RemoteProtocolError("cut")
        headers = {"Date": formatdate(self._backend.clock(), usegmt=True), **reply.headers}
        if reply.text is not None:
            return httpx.Response(reply.status, text=reply.text, headers=headers)
        if reply.body is None:
            return httpx.Response(reply.status, headers=headers)
        return httpx.Response(reply.status, json=reply.body, headers=headers)

    def _answered(self, request: httpx.Request) -> Reply:
        path = request.url.path.removeprefix("/v1")
        call = Call(request.method, path, dict(request.url.params), request.read(), KEY)
        backend = self._backend
        refused = backend.gate(call)
        if refused:
            return refused
        fault, poisons = backend.faults.struck(call.method, call.path)
        before = dict(backend.store.rows)
        try:
            reply = backend.work(call, poisons) if fault is None else fault.strike(lambda: backend.work(call, poisons))
        finally:
            self._witness.saw(call.method, before)
        if call.method == "POST" and 400 <= reply.status < 500 and "contacts" not in (reply.body or {}):
            self._witness.denies(before.keys())
        if call.method == "DELETE" and reply.status < 300:
            body = json.loads(call.body)
            self._witness.heard(body["ids"] if "ids" in body else [body["id"]])
        if fault and fault.wait > TIMEOUT:
            self._power.stopping.wait(TIMEOUT)
            raise httpx.ReadTimeout("too slow")
        backend.note(call, reply, fault.kind if fault else None)
        return reply


class Plant:
    """A target, a state file and sessions over them. ``now`` is the clock."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        fields: Sequence[Mapping[str, Any]],
        dialects: Mapping[str, str],
        witness: Witness,
        *,
        batch: int = 500,
        limits: Sequence[tuple[int, float]] = (),
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.batch = batch
        self._now = 1_700_000_000.0
        self._power = Power()
        self.faults = Faults()
        self.reports: list[SourcePart] = []
        chosen = Dialects(dialects)
        self.store = Store(fields=fields, dialects=chosen, clock=lambda: self.now)
        self.backend = Backend(
            store=self.store,
            dialects=chosen,
            faults=self.faults,
            windows=Windows(limits),
            key=KEY,
            clock=lambda: self.now,
        )
        self.witness = witness
        witness.store = self.store
        _fresh(folder, settings.state)

    @property
    def now(self) -> float:
        """The time, including the waits of the current run."""
        return self._now + self._power.stopping.passed

    def close(self) -> None:
        self.store.close()
        self.forget_state()

    def move_to(self, store: Store) -> None:
        """Let another company answer, or another content of the same company."""
        self.store = self.witness.store = self.backend.store = store
        self.backend.listing = Listing(store)
        store.dialects.on_change = store.reindex
        store.reindex()

    def accept(self) -> None:
        """Give the state to the company that answers."""
        with self._session(Power(), LATER) as session:
            accept(session)

    def forget_state(self) -> None:
        """Lose the state file."""
        for path in self.settings.state.parent.glob(self.settings.state.name + "*"):
            path.unlink()

    def lose_state(self) -> None:
        """Lose the state file; the next run begins with an empty one."""
        self.forget_state()
        _fresh(self.folder, self.settings.state)

    def copy_state(self) -> None:
        """Back up the state file."""
        with closing(sqlite3.connect(self.settings.state)) as file, closing(sqlite3.connect(self._backup)) as copy:
            file.backup(copy)

    def restore_state(self) -> bool:
        """Replace the state file by the backup; return whether there is a backup."""
        if not self._backup.exists():
            return False
        self.forget_state()
        shutil.copyfile(self._backup, self.settings.state)
        return True

    def forget_backup(self) -> None:
        self._backup.unlink(missing_ok=True)

    @property
    def _backup(self) -> Path:
        return self.settings.state.with_name("backup.db")

    def writes(self) -> int:
        """Return how many requests so far could have changed the target."""
        return sum(entry.method != "GET" for entry in self.backend.log)

    def run(self, power: Power | None = None, *, after: float = LATER) -> list[SourceReport]:
        """Run every source once, ``after`` seconds later; an error that ends the command is raised.

        Raises:
            PowerCut: the process was killed.
        """
        reports = []
        with self._session(power or Power(), after) as session:
            for source in self.settings.sources.values():
                reports.append(SourceReport(source.name))
                self.reports.append(reports[-1])
                run_source(session, source, reports[-1])
        return reports

    def reconcile(self, on_edit: OnEdit | None = None, power: Power | None = None) -> Reconciled:
        """Compare every source with the target and, with a policy for edits, repair."""
        sources = [replace(each, on_edit=on_edit or "report") for each in self.settings.sources.values()]
        found = Reconciled(repair=on_edit is not None)
        try:
            with self._session(power or Power(), LATER) as session:
                reconcile(session, sources, found)
        finally:
            self.reports += found.sources
        return found

    def undo(self, run: str, approved: Collection[str] = (), power: Power | None = None) -> list[SourceReport]:
        """Take back what a run did, the last source first; ``approved``: digests of held lists that may go on."""
        reports = []
        with self._session(power or Power(), LATER) as session:
            ran = {each["source"] for each in session.state.history.runs(run=run)}
            for source in reversed(list(self.settings.sources.values())):
                if source.name in ran:
                    reports.append(SourceReport(source.name, undoes=run))
                    self.reports.append(reports[-1])
                    undo_source(session, source, reports[-1], approved)
        return reports

    @contextmanager
    def _session(self, power: Power, after: float) -> Iterator[Session]:
        self._now, self._power = self.now + after, power
        with (
            self._powered(power),
            open_session(
                self.settings, stopping=power.stopping, clock=lambda: self.now, sleep=power.stopping.wait
            ) as session,
        ):
            yield session

    @contextmanager
    def state(self) -> Iterator[State]:
        with State(self.settings.state, clock=lambda: self.now) as state:
            yield state

    @contextmanager
    def _powered(self, power: Power) -> Iterator[None]:
        class Powered(State):
            @contextmanager
            def write(self) -> Iterator[None]:
                power.event()
                with super().write():
                    yield
                power.event()

        wire = Wire(self.backend, power, self.witness)

        def client_of(target: Any, budget: Any, stopping: Any, sleep: Any) -> Client:
            return Client(
                target.base_url,
                headers={"Authorization": f"Bearer {KEY}"},
                budget=budget,
                stopping=stopping,
                sleep=sleep,
                bounds=Bounds(timeout=TIMEOUT),
                transport=wire,
                attempts=3,
            )

        with (
            patch.object(syncd.push.upserts, "BATCH", self.batch),
            patch.object(syncd.push.deletes, "BATCH", self.batch),
            patch.object(syncd.target.contacts, "BATCH", self.batch),
            patch.object(syncd.run.session, "State", Powered),
            patch.object(syncd.run.session, "client_of", client_of),
        ):
            yield


def _fresh(folder: Path, path: Path) -> None:
    """Put an empty state file at ``path``, a copy of a file whose tables are created once."""
    template = folder / "template.db"
    if not template.exists():
        State(template).close()
    shutil.copyfile(template, path)
