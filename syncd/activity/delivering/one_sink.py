"""The story of one sink: what has changed, what of it waits for a person, and the rest delivered and recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import polars as pl

from syncd.activity.delivering.carrying import Carrying
from syncd.activity.delivering.gathering import KINDS, WEEK, Gathered, Gathering, pages
from syncd.activity.delivering.items import Items
from syncd.activity.delivering.leads import LeadMaking, refuse_leads
from syncd.activity.delivering.looking import canaries_found, look
from syncd.activity.delivering.mark import Mark, Marks, marks_of, save_mark
from syncd.activity.delivering.report import SinkReport, held_json
from syncd.activity.delivering.session import DeliverySession
from syncd.activity.delivering.subjects import Subjects
from syncd.activity.store.filter import Only
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering import gates
from syncd.core.activity.delivering.gates import Circumstances, Gated, gate, list_of
from syncd.core.activity.delivering.plan import PASSED, SOUGHT, Can
from syncd.core.activity.delivering.settled import DOUBT
from syncd.core.plan import Held
from syncd.errors import SyncdError
from syncd.sink import Sink, Wants, as_sink_errors

Span = tuple[float, float]

_RECONSIDERED = (gates.OLD, gates.FLOOD, gates.MAPPING)
"""The gates whose lists are looked at again once the limits have changed."""


@dataclass(slots=True)
class _Delivery:
    """One delivery to one sink.

    ``marks``: up to where it was delivered to; ``mark``: what this run saves of that. ``within``: only what is of this
    span of Unix seconds is looked at, and sent again although it is as it was. ``passing``: gates whose lists a person
    approved.
    """

    session: DeliverySession
    settings: SinkSettings
    sink: Sink
    wants: Wants
    where: Only
    report: SinkReport
    marks: Marks
    mark: Mark
    within: Span | None = None
    passing: Mapping[str, str] = field(default_factory=dict)
    touched: bool = False
    kept: bool = False
    begun: bool = False
    is_sent: bool = False

    @property
    def name(self) -> str:
        return self.settings.name

    def run(self) -> None:
        can = Can(self.wants.updates, self.wants.idempotent, self.wants.finds, self.wants.associates)
        others = {*self.marks.before.groups} - {*self.mark.groups}
        subjects = Subjects(self.session.store, self.name, self.settings.rules, can, self.where, frozenset(others))
        self.passing = self._approved()
        if not self.session.dry_run:
            self.session.store.deliveries.set_back(self.name)
            if self.marks.has_lost and not can.idempotent:
                # It may have been sent since.
                self.session.store.deliveries.doubt_passed(self.name, SOUGHT if can.finds else None)
            self._release()
            if not can.idempotent:
                self.touched |= look(self.session, self.sink, subjects, self.wants.batch)
        gathering = self._gathering(subjects)
        gathered = gathering.gather()
        world = self._circumstances(gathered, subjects)
        leads = self._leads(subjects, world)
        if not self.session.dry_run and self._makes(leads, world):
            # What the sink has of these numbers is associated in this run too.
            gathering.gather_more(gathered, self.mark.revision)
        gated = gate(gathered.frame(), world)
        if self.session.dry_run:
            self._foresee(gated, gathered, world, leads)
            carrying = self._carrying(gated, subjects)
            carrying.foresee(gated.todo, "planned")
            carrying.foresee(gated.waiting, "held")
            return
        self._note(gated, gathered)
        self._keep(world)
        self._carry_out(gated, subjects, world)
        self._conclude()

    def _leads(self, subjects: Subjects, world: Circumstances) -> LeadMaking:
        odd = gates.is_unusual(world.shares)
        leads = LeadMaking(
            self.session, self.settings, self.sink, subjects, self.report, odd, world.measured, self.passing
        )
        # A replay is of calls and messages only.
        if self.within is None:
            leads.plan()
        self.touched |= leads.touched
        return leads

    def _makes(self, leads: LeadMaking, world: Circumstances) -> int:
        if not leads.leads.todo:
            return 0
        self._begin()
        try:
            return leads.make()
        except SyncdError as error:
            self.report.error = error
            self._end(world)
            raise

    def _gathering(self, subjects: Subjects) -> Gathering:
        again = (gates.UNKNOWN, *(_RECONSIDERED if self.marks.reopens or self.marks.rewords else ()))
        passing = self.passing if self.session.dry_run else {}
        return Gathering(self.session, self.sink, subjects, self.marks.since, again, passing, self.within)

    def _approved(self) -> dict[str, str]:
        """Return the gates whose lists a person approved, with the reason that lets them pass."""
        approved = self.session.state.holds.approved(self.name)
        # What was approved was worded in another way.
        if not approved or self.marks.rewords:
            return {}
        held = self.session.store.deliveries.held(self.name)
        lists = [list_of(name, those, self._known(), self.mark.wording) for name, those in held.items()]
        return {
            each.gate: SOUGHT if self._is_sought(each.gate) else PASSED
            for each in lists
            if (each.gate, each.digest) in approved
        }

    def _is_sought(self, name: str) -> bool:
        """Return whether what a person let pass is looked for before it is made."""
        if self.wants.idempotent or not self.wants.finds:
            return False
        return name == gates.LOST_STATE or (self.mark.lost > 0 and name != DOUBT)

    def _known(self) -> Circumstances:
        rules, deliveries = self.settings.rules, self.session.store.deliveries
        # Only another wording is measured by all records, of which there may be a million.
        records = deliveries.records(self.name) if self.marks.rewords or self.marks.reopens else 0
        leads = rules.leads.count if rules.leads else 0
        return Circumstances(self.session.clock(), rules.limits, records, leads=leads, can_tell=self.wants.finds)

    def _release(self) -> None:
        for name, reason in self.passing.items():
            self.session.store.deliveries.release(self.name, name, reason)
            self.touched = True

    def _circumstances(self, gathered: Gathered, subjects: Subjects) -> Circumstances:
        can = subjects.can
        world = replace(self._known(), rewords=self.marks.rewords, reopens=self.marks.reopens)
        if not can.idempotent and not can.finds:
            world = replace(world, lost=self.mark.lost)
        elif self.marks.fresh and not can.idempotent and not self.session.dry_run:
            with as_sink_errors():
                world = replace(world, found=canaries_found(self.sink, subjects, gathered.frame()))
        if gathered.share.of >= gates.LEAST:
            unknown, number = self.session.store.changes.unknown(world.now - WEEK, world.now)
            week = gates.Share(unknown - gathered.recent.unknown, number - gathered.recent.of)
            world = replace(world, shares=(gathered.share, week))
        return world

    def _note(self, gated: Gated, gathered: Gathered) -> None:
        """Note what is not sent now, so that the mark may pass it."""
        deliveries = self.session.store.deliveries
        deliveries.note(self.name, "waiting", gathered.waiting)
        for kind in KINDS:
            for keys in pages(gathered.forgotten[kind]):
                self.touched = True
                deliveries.forget(self.name, kind, keys)
            for keys in pages(gathered.restored[kind]):
                self.touched = True
                deliveries.restore(self.name, kind, keys)
            for keys in pages(gathered.resting[kind]):
                deliveries.rest(self.name, kind, keys)
        known = (pl.col("status") == "held") & (pl.col("reason") == pl.col("gate"))
        new = gated.waiting.filter(~known).select("kind", "key", pl.lit(0.0), "gate", "day")
        self.touched |= not new.is_empty()
        deliveries.note(self.name, "held", list(new.iter_rows()))

    def _carrying(self, gated: Gated, subjects: Subjects) -> Carrying:
        deliveries = self.session.store.deliveries
        items = Items(self.sink, self.wants, subjects, deliveries, without_contacts=gated.without_contacts)
        return Carrying(
            self.session, self.sink, self.wants, subjects, self.report, items, self._mark_sent, self.mark.lost
        )

    def _carry_out(self, gated: Gated, subjects: Subjects, world: Circumstances) -> None:
        if gated.todo.is_empty():
            if self.begun:
                self._end(world)
            return
        self._begin()
        carrying = self._carrying(gated, subjects)
        if self.session.book.write is not None:
            carrying.foresee(gated.waiting, "held")
        try:
            carrying.carry_out(gated.todo)
        except SyncdError as error:
            self.report.error = error
            raise
        finally:
            self.touched |= carrying.touched
            # A run that nothing ends is one that was broken off.
            if self.report.error or carrying.is_done:
                self._end(world)

    def _begin(self) -> None:
        if not self.begun:
            # Before the state file knows the run: what it knows and the store does not is a note that was lost.
            save_mark(self.session.store, self.name, self._begun(), self.mark.groups)
            self.session.state.runs.begin(self.session.run, self.name, self.settings.digest, kind="deliver")
            self.begun = True

    def _mark_sent(self) -> None:
        """Note that what is sent now may be there, whatever becomes of this run."""
        if not self.is_sent:
            save_mark(self.session.store, self.name, replace(self._begun(), records=True), self.mark.groups)
            self.is_sent = True

    def _begun(self) -> Mark:
        return self.marks.begun(self.session.run)

    def _save(self, mark: Mark) -> None:
        """Save a mark with what is known of the sink now."""
        deliveries = self.session.store.deliveries
        records, noted = not deliveries.is_untried(self.name), not deliveries.is_blank(self.name)
        save_mark(self.session.store, self.name, replace(mark, records=records, noted=noted), self.marks.before.groups)

    def _end(self, world: Circumstances) -> None:
        self._keep(world)
        report, run = self.report, self.session.run
        report.requests = self.sink.sent
        outcome = "failed" if report.error else "done"
        shown = report.to_json()
        self.session.state.runs.end(
            run, self.name, outcome=outcome, exit_code=report.exit_code, requests=report.requests, report=shown
        )
        self.mark = replace(self.mark, run=run)
        self._save(replace(self._begun(), groups=self.mark.groups))

    def _keep(self, world: Circumstances) -> None:
        """Keep what gates hold, if that has changed: of a hundred thousand it takes a while."""
        is_other = not self.kept and (self.marks.fresh or self.marks.rewords or self.marks.reopens)
        if not (self.touched or is_other or self._is_stale()):
            return
        held = self.session.store.deliveries.held(self.name)
        lists = [list_of(name, those, world, self.mark.wording) for name, those in sorted(held.items())]
        self.session.state.holds.keep(self.name, lists)
        self.touched, self.kept = False, True

    def _is_stale(self) -> bool:
        """Return whether a number was forgotten whose calls waited: nobody could approve the list that is kept."""
        kept = sum(each["count"] for each in self.session.state.holds.lists(self.name))
        return bool(kept != self.session.store.deliveries.held_count(self.name))

    def _conclude(self) -> None:
        # A replay has not seen what has changed elsewhere.
        if self.within is not None:
            return
        self._save(self.mark)

    def _foresee(self, gated: Gated, gathered: Gathered, world: Circumstances, leads: LeadMaking) -> None:
        """Report what a run would do."""
        counts: Counter[str] = self.report.counts
        counts.update(dict(gated.todo.group_by("change").len().iter_rows()))
        held = {name: set(those) for name, those in self.session.store.deliveries.held(self.name).items()}
        looked_at = {*gathered.frame().get_column("identity"), *leads.looked_at}
        rest = {name: those - looked_at for name, those in held.items() if name not in self.passing}
        for identity, name in gated.waiting.select("identity", "gate").iter_rows():
            rest.setdefault(name, set()).add(identity)
        for name, those in leads.held.items():
            rest.setdefault(name, set()).update(those)
        lists: list[Held] = [
            list_of(name, those, world, self.mark.wording) for name, those in sorted(rest.items()) if those
        ]
        self.report.held = [held_json(each) for each in lists]
        counts["held"] = sum(each.count for each in lists if each.gate != gates.LEADS)
        begun = Counter(pl.concat([gated.todo, gated.waiting], how="diagonal").get_column("status"))
        counts["waiting"] = gathered.new_waiting - begun["waiting"]
        counts["unchanged"] = -begun["accepted"]


def deliver_to(
    session: DeliverySession, settings: SinkSettings, report: SinkReport, *, within: Span | None = None
) -> None:
    """Deliver to one sink what is due; fill in ``report``.

    ``within``: deliver again what is of this span of Unix seconds, also what is as it was.

    Raises:
        SourceBusy: another process delivers to it.
        SinkError: it cannot be written to.
        ConfigError: its ``where`` is no condition.
        StateError, Stopped: nothing more can be done.
    """
    name = settings.name
    where = Only(settings.rules.where, settings.where_is("where"))
    with session.leased(name), closing(where), settings.connect() as sink, session.cancelling(sink):
        with as_sink_errors():
            wants = sink.wants()
        refuse_leads(settings, wants)
        marks = marks_of(session, settings)
        try:
            _Delivery(session, settings, sink, wants, where, report, marks, marks.wanted, within).run()
        finally:
            report.requests = sink.sent
            _report(session, name, report)


def _report(session: DeliverySession, name: str, report: SinkReport) -> None:
    """Report what stands."""
    store = session.store
    # A process that delivers call by call does not count what was delivered before.
    standing = store.deliveries.counts(name, is_open=not session.eager)
    report.next_due = store.deliveries.next_due(name)
    if session.dry_run:
        for count, status in (("waiting", "waiting"), ("rejected", "rejected"), ("unchanged", "accepted")):
            report.counts[count] += standing.get(status, 0)
        return
    done = sum(report.counts[each] for each in ("create", "update", "associate"))
    report.counts["unchanged"] = max(0, standing.get("accepted", 0) - done)
    for status in ("held", "rejected", "waiting"):
        report.counts[status] = standing.get(status, 0)
    report.counts["held"] += standing.get("undone", 0)
    report.held = [
        {each: hold[each] for each in ("gate", "count", "digest", "kind", "detail")} | {"approvable": True}
        for hold in session.state.holds.lists(name)
    ]
