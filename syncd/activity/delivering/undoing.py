"""Takes a delivery back: the records that a run made are removed at the sink, where it can."""

from __future__ import annotations

from itertools import islice

from syncd.activity.delivering.mark import wanted_mark
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import DeliverySession
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering.gates import Circumstances, list_of
from syncd.errors import SyncdError
from syncd.sink import Sink, Wants, as_sink_errors

CANNOT = "this sink cannot remove records: remove them there"


def undo_delivery(session: DeliverySession, settings: SinkSettings, report: SinkReport, *, run: str) -> None:
    """Remove at one sink what ``run`` made; fill in ``report``.

    Raises:
        SourceBusy: another process delivers to it.
        SinkError: it cannot be written to.
        StateError, Stopped: nothing more can be undone.
    """
    report.kind = "undo"
    with session.leased(settings.name), settings.connect() as sink, session.cancelling(sink):
        with as_sink_errors():
            wants = sink.wants()
        if session.dry_run or not wants.erases:
            _count(session, report, run, can=wants.erases)
            return
        session.state.runs.begin(session.run, settings.name, settings.digest, kind="undo", undoes=run)
        try:
            _remove(session, sink, wants, report, run)
        except SyncdError as error:
            report.error = error
            raise
        finally:
            report.requests = sink.sent
            _end(session, settings, report)


def _count(session: DeliverySession, report: SinkReport, run: str, *, can: bool) -> None:
    number = sum(len(page) for page in session.store.deliveries.made_by(report.sink, run))
    if can:
        report.counts["erase"] = number
    elif number:
        report.left = number
        report.why_left = CANNOT


def _remove(session: DeliverySession, sink: Sink, wants: Wants, report: SinkReport, run: str) -> None:
    deliveries = session.store.deliveries
    for page in deliveries.made_by(sink.name, run):
        records = iter(page)
        while batch := list(islice(records, wants.batch)):
            session.halt_if_asked()
            session.leases.check()
            deliveries.begin_undo(sink.name, [(kind, key) for kind, key, _ in batch])
            with as_sink_errors():
                named = [remote_id for _, _, remote_id in batch if remote_id is not None]
                gone = {*sink.erase(named)}
            done = [(kind, key) for kind, key, remote_id in batch if remote_id in gone]
            left = [(kind, key) for kind, key, remote_id in batch if remote_id not in gone]
            deliveries.end_undo(sink.name, done, left)
            report.counts["erase"] += len(done)
            report.left += len(left)
            report.why_left = "the sink did not remove them" if report.left else ""


def _end(session: DeliverySession, settings: SinkSettings, report: SinkReport) -> None:
    """Record the run, and what waits now: what was undone is not made again without an approval."""
    store, state = session.store, session.state
    limits = settings.rules.limits
    world = Circumstances(session.clock(), limits, store.deliveries.records(settings.name))
    wording = wanted_mark(settings, 0).wording
    held = store.deliveries.held(settings.name)
    state.holds.keep(settings.name, [list_of(name, those, world, wording) for name, those in sorted(held.items())])
    outcome = "failed" if report.error else "done"
    shown = report.to_json()
    run, code, requests = session.run, report.exit_code, report.requests
    state.runs.end(run, settings.name, outcome=outcome, exit_code=code, requests=requests, report=shown)
