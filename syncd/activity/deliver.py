"""Delivers calls and messages to the sinks, one after the other: one that is down stops only itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from syncd.activity.delivering.one_sink import deliver_to
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import DeliverySession
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering.settled import FIRST_PAUSE, pause_after
from syncd.core.activity.facts import DELIVERY, DUE
from syncd.errors import ConfigError, SinkError, SourceBusy, StateError, SyncdError

Deliver = Callable[[DeliverySession, SinkSettings, SinkReport], None]


def deliver(
    session: DeliverySession, sinks: Sequence[SinkSettings], into: list[SinkReport], work: Deliver = deliver_to
) -> list[SinkReport]:
    """Deliver to each sink what is due; fill in and return ``into``, a report for each sink from its beginning.

    Raises:
        StateError, Stopped: nothing more can be delivered.
    """
    for settings in sinks:
        session.halt_if_asked()
        report = SinkReport(settings.name, dry_run=session.dry_run)
        into.append(report)
        try:
            work(session, settings, report)
        except (SinkError, SourceBusy, ConfigError) as error:
            report.error = error
        except SyncdError as error:
            report.error = error
            raise
        finally:
            with suppress(StateError):
                _note(session, report)
    return into


def _note_due(session: DeliverySession, report: SinkReport, before: Mapping[str, Any]) -> None:
    """Note when the sink is to be delivered to next: never in the past, or a process would be started without end."""
    due, now = report.next_due, session.clock()
    if report.error is not None:
        again = now + pause_after((before.get("failure") or {}).get("times") or 0)
        due = max(due or again, again)
    elif due is not None and due <= now:
        due = now + FIRST_PAUSE
    facts, name, noted = session.store.facts, DUE + report.sink, None if due is None else str(due)
    if facts.get(name) != noted:
        facts.set(name, noted)


def _note(session: DeliverySession, report: SinkReport) -> None:
    """Note how the deliveries to a sink went, for ``status``, the alarms and the metrics."""
    if session.dry_run or isinstance(report.error, SourceBusy):
        return
    facts, now, name = session.store.facts, session.clock(), DELIVERY + report.sink
    _note_due(session, report, json.loads(facts.get(name) or "{}"))
    before = json.loads(facts.get(name) or "{}")
    found = {"first": before.get("first", now), "good": before.get("good"), "failure": None}
    if report.error is None:
        # A run that found nothing to do is no news worth a commit, unless the last one failed.
        if not report.did and before and not before["failure"] and now - (before["good"] or 0) < 60:
            return
        found["good"] = now
    else:
        times = ((before.get("failure") or {}).get("times") or 0) + 1
        since = (before.get("failure") or {}).get("since") or now
        kind, message = type(report.error).__name__, str(report.error)
        found["failure"] = {"kind": kind, "message": message, "times": times, "since": since, "at": now}
    facts.set(name, json.dumps(found))
