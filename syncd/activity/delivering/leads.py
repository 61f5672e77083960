"""Makes contacts of unknown callers at one sink, each once: mark, call, record."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from syncd.activity.attributing.position import position_of
from syncd.activity.attributing.work import policy_of
from syncd.activity.delivering.gathering import pages
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import DeliverySession
from syncd.activity.delivering.subjects import Subjects
from syncd.activity.store.callers.leads import Called
from syncd.config.digest import digest_of
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering.gates import LEADS
from syncd.core.activity.delivering.leads import (
    LOST,
    REFUSED,
    Caller,
    Leads,
    LeadWorld,
    name_of,
    plan_leads,
)
from syncd.core.activity.delivering.plan import LEAD, lead_name
from syncd.core.activity.facts import LEADS_SEEN
from syncd.core.settings.sinks import DAY, LeadRules
from syncd.errors import ConfigError, SinkError, SinkUnavailable
from syncd.sink import Sink, Wants, as_sink_errors


def refuse_leads(settings: SinkSettings, wants: Wants) -> None:
    """Refuse a configuration that asks a sink for contacts which it cannot make.

    Raises:
        ConfigError: it does.
    """
    if settings.rules.leads is not None and not wants.makes_contacts:
        where = settings.where_is("leads")
        raise ConfigError(f"{where}: the sink {settings.sink!r} makes no contacts as it is configured: say never")


@dataclass(slots=True)
class LeadMaking:
    """The contacts of one delivery. ``odd``: so many numbers are unknown that none is made now.

    ``measured``: enough numbers were looked at to say so. ``passing``: gates whose lists a person approved.
    """

    session: DeliverySession
    settings: SinkSettings
    sink: Sink
    subjects: Subjects
    report: SinkReport
    odd: bool
    measured: bool
    passing: Mapping[str, str]
    leads: Leads = field(default_factory=Leads)
    looked_at: set[str] = field(default_factory=set)
    touched: bool = False

    @property
    def held(self) -> dict[str, set[str]]:
        """What gates hold, as lists name it."""
        return {gate: {lead_name(each) for each in those} for gate, those in self.leads.held.items()}

    def plan(self) -> None:
        """Decide who becomes a contact, and note it, unless this is a dry run."""
        rules, name, store = self.settings.rules.leads, self.settings.name, self.session.store
        noted = store.leads.open(name)
        if rules is None:
            # Nothing may wait for what is not asked for any more.
            self.leads = Leads(dropped=tuple(noted))
        else:
            seen, now = self._seen(), self._now(rules)
            reopens = seen[1] != now[1]
            numbers = {*store.leads.changed(-1 if reopens else seen[0]), *noted}
            own = self._own() if numbers else set()
            callers = [each for page in pages(sorted(numbers)) for each in self._callers(page, own)]
            self.looked_at = {lead_name(each.number) for each in callers if each.number}
            self.leads = plan_leads(callers, rules, self._world(reopens=reopens))
        if self.session.dry_run:
            self._foresee()
            return
        self._note(noted)
        if rules is not None and seen != now:
            store.facts.set(LEADS_SEEN + name, json.dumps(now))

    def make(self) -> int:
        """Make the contacts; return how many.

        An error of the sink ends it, is reported, and leaves the rest for the next run: calls are delivered all the
        same.

        Raises:
            Stopped: the process was asked to stop.
        """
        store, name, run = self.session.store, self.settings.name, self.session.run
        for number in self.leads.todo:
            self.session.halt_if_asked()
            # Another process may have taken the sink over while this one stood still.
            self.session.leases.check()
            store.leads.begin(name, number, run, self.session.clock() + LOST)
            try:
                with as_sink_errors():
                    remote_id = self.sink.create_contact(number, self._name(number))
            except SinkError as error:
                pause = LOST if isinstance(error, SinkUnavailable) else REFUSED
                again = self.session.clock() + (pause if error.in_doubt else 0.0)
                store.leads.failed(name, number, again, in_doubt=error.in_doubt)
                self.report.error = error
                break
            store.leads.made(name, number, remote_id, run)
            self.report.leads += 1
            self.session.book.take_lead(name, number, self._name(number), "accepted", contact=remote_id)
        return self.report.leads

    def _name(self, number: str) -> str | None:
        return name_of(self.session.store.leads.network_name(number), number)

    def _seen(self) -> tuple[int, str]:
        stored = self.session.store.facts.get(LEADS_SEEN + self.settings.name)
        return tuple(json.loads(stored)) if stored else (-1, "")

    def _now(self, rules: LeadRules) -> tuple[int, str]:
        """Return up to where unknown callers are looked at by this run, and by which rules."""
        limits = self.settings.rules.limits
        return self.session.store.changes.newest(), digest_of([rules, self.settings.rules.where, limits.older])

    def _world(self, *, reopens: bool) -> LeadWorld:
        now = self.session.clock()
        return LeadWorld(
            now=now,
            older=self.settings.rules.limits.older,
            made=self.session.store.leads.made_since(self.settings.name, now - DAY),
            odd=self.odd,
            measured=self.measured,
            reopens=reopens,
            passing=frozenset(self.passing),
        )

    def _callers(self, numbers: Sequence[str], own: Collection[str]) -> Iterator[Caller]:
        store = self.session.store
        noted = store.leads.of(self.settings.name, numbers)
        of = {number: list(those) for number, those in groupby(self._calls(numbers), key=lambda each: each.number)}
        for number in numbers:
            calls = of.get(number, [])
            yield Caller(
                number=number,
                calls=len(calls),
                talk=sum(each.talk for each in calls),
                newest=max((each.at for each in calls), default=0.0),
                is_own=number in own,
                is_forgotten=store.is_forgotten(number),
                is_out=store.opt_outs.is_out(number),
                before=noted.get(number),
            )

    def _calls(self, numbers: Sequence[str]) -> list[Called]:
        """Return the calls of these numbers that the sink has or is to get, sorted by number."""
        found = sorted(self.session.store.leads.calls_of(numbers))
        if self.subjects.where.sql is None:
            return found
        wanted: set[str] = set()
        for page in pages([each.call for each in found]):
            wanted |= self.subjects.rows(self.subjects.these("call", page)).keys()
        return [each for each in found if f"call:{each.call}" in wanted]

    def _own(self) -> set[str]:
        """Return the company's own numbers: those of the configuration, and those that calls and messages came to."""
        settings, store = self.session.settings, self.session.store
        position, newest = position_of(store), store.changes.newest()
        configured = policy_of(settings, settings.activity).own if settings.activity else frozenset()
        return {*configured, *position.own, *store.attributions.own_numbers(position.revision, newest)}

    def _note(self, noted: Mapping[str, object]) -> None:
        deliveries, leads, name = self.session.store.deliveries, self.session.store.leads, self.settings.name
        before = leads.of(name, [*self.leads.todo])
        # What may have been made stays marked so.
        new = [
            (LEAD, number, 0.0, reason, None)
            for number, reason in self.leads.todo.items()
            if number not in before or before[number].status == "held"
        ]
        deliveries.note(name, "waiting", new)
        held = [(LEAD, number, 0.0, gate, None) for gate, those in self.leads.held.items() for number in those]
        known = leads.of(name, [number for _, number, *_ in held])
        fresh = [row for row in held if row[1] not in known or known[row[1]].reason != row[3]]
        deliveries.note(name, "held", fresh)
        for page in pages(self.leads.dropped):
            leads.drop(name, page)
        self.touched = bool(fresh or self.leads.dropped or any(each[1] in noted for each in new))

    def _foresee(self) -> None:
        name, book = self.settings.name, self.session.book
        self.report.leads = len(self.leads.todo)
        for number in self.leads.todo:
            book.take_lead(name, number, self._name(number) if book.wants(name) else None, "planned")
        for number in self.leads.held.get(LEADS, ()):
            book.take_lead(name, number, self._name(number) if book.wants(name) else None, "held", held=True)
