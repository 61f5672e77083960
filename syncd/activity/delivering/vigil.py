"""Looks again and again whether something is to be delivered now, and delivers it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from syncd.activity.deliver import deliver
from syncd.activity.delivering.mark import read_mark
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import DeliverySession
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering.settled import pause_after
from syncd.core.activity.facts import DELIVERY
from syncd.errors import SourceBusy

BUSY_PAUSE = 1.0
"""Seconds until a sink is tried again that another process delivers to."""


@dataclass(slots=True)
class Vigil:
    """``seen``: up to which revision each sink was delivered to.

    ``again``: when it failed, and when it is tried again, in Unix seconds.
    """

    session: DeliverySession
    sinks: Sequence[SinkSettings]
    seen: dict[str, int] = field(default_factory=dict)
    again: dict[str, tuple[float, float]] = field(default_factory=dict)

    def look(self, done: dict[str, SinkReport]) -> bool:
        """Deliver to each sink for which something has changed or is due; return whether there was one.

        ``done``: takes the newest report of each sink.
        """
        newest = self.session.store.changes.newest()
        ready = [each for each in self.sinks if self._is_ready(each.name, newest)]
        for each in ready:
            reports: list[SinkReport] = []
            deliver(self.session, [each], reports)
            self._take(each.name, newest, reports[0])
            done[each.name] = reports[0]
        return bool(ready)

    def next_due(self) -> float | None:
        """Return when the next delivery of all sinks is due, in Unix seconds; None if none is."""
        found = [due for each in self.sinks if (due := self._due(each.name)) is not None]
        return min(found, default=None)

    def _due(self, name: str) -> float | None:
        due = self.session.store.deliveries.next_due(name)
        return due if due is None else max(due, self._paused_until(name))

    def _is_ready(self, name: str, newest: int) -> bool:
        now = self.session.clock()
        if now < self._paused_until(name):
            return False
        if name not in self.seen:
            # The first delivery is made by a run: it sees in one plan what a first pull has brought.
            mark = read_mark(self.session.store, name)
            if mark.is_new:
                return False
            self.seen[name] = mark.revision
            self.session.store.deliveries.set_back(name)
            if (failed := self._failed(name)) is not None:
                self.again[name] = failed
                if now < self._paused_until(name):
                    return False
        due = self.session.store.deliveries.next_due(name)
        return newest > self.seen[name] or (due is not None and due <= now)

    def _take(self, name: str, newest: int, report: SinkReport) -> None:
        now = self.session.clock()
        self.session.run = _next(self.session.run)
        if isinstance(report.error, SourceBusy):
            self.again[name] = now, now + BUSY_PAUSE
        elif (failed := self._failed(name)) is not None:
            self.again[name] = failed
        else:
            self.seen[name] = newest

    def _paused_until(self, name: str) -> float:
        """Return until when a sink that failed is left alone; 0 if it is not."""
        failed, until = self.again.get(name, (0.0, 0.0))
        # What failed at a time that is still to come failed before the clock was set back: nobody knows when.
        return until if failed <= self.session.clock() else 0.0

    def _failed(self, name: str) -> tuple[float, float] | None:
        """Return when a delivery failed last, also one of another process, and until when the sink is left alone."""
        failure = json.loads(self.session.store.facts.get(DELIVERY + name) or "{}").get("failure")
        return (failure["at"], failure["at"] + pause_after(failure["times"] - 1)) if failure else None


def _next(run: str) -> str:
    """Return the name of the next delivery of this process: each that sent something is a run of its own."""
    name, _, number = run.partition(".")
    return f"{name}.{int(number or 1) + 1}"
