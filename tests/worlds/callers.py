"""A company's contacts and its calls: contacts come, change and go in a state file, calls come into a store.

Contacts are journalled as a push journals them. The clock is the test's: each step moves it to its own time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from syncd.activity.attributing.again import Again
from syncd.activity.attributing.index import Regions
from syncd.activity.attributing.work import Attributed, Attributing, Policy
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.attribution.decision import Decision
from syncd.core.activity.instants import begin_of, iso
from syncd.core.activity.observations import Kind
from syncd.core.change import CallOutcome, Change, Fields
from syncd.core.schema import Field, Schema
from syncd.state import State
from syncd.state.journal import Settled
from tests.worlds.phone_calls import call, listed, message

NOON = begin_of("2026-03-10") + 12 * 3600
HOUR, DAY = 3600.0, 86_400.0
ANN, BO = "2125550101", "2125550102"
OWN = "2125550100"
SCHEMA = Schema((Field(1, "External ID", is_match=True), Field(2, "Phone", is_phone=True)))


class Callers:
    """One company. ``now``: its time, in Unix seconds."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.now = NOON
        self.folder = folder
        self.policy = Policy(Regions({"tenants": "US", "crm": "US"}), frozenset({OWN}), **policy)
        self._ids: dict[tuple[str, str], int] = {}
        self._fields: dict[tuple[str, str], Fields] = {}
        self.state = self._state()
        self.store = ActivityStore(folder / "activity.db", clock=lambda: self.now)

    def _state(self) -> State:
        state = State(self.folder / "syncd.db", clock=lambda: self.now)
        for source in self.policy.regions.sources:
            state.facts.fields(source).set(SCHEMA.described())
        return state

    @classmethod
    @contextmanager
    def open(cls, folder: Path, **policy: Any) -> Iterator[Callers]:
        """Open a company, whose state has been kept for months."""
        found = cls(folder, **policy)
        try:
            found.contact("of old", "2125550199", at=NOON - 200 * DAY)
            yield found
        finally:
            found.state.close()
            found.store.close()

    def contact(
        self, key: str, phone: str, *, at: float | None = None, source: str = "tenants", match: str | None = None
    ) -> None:
        """Create a contact, or give it another number."""
        self.now, who = self.now if at is None else at, (source, key)
        after, before = {"External ID": match or key, "Phone": phone}, self._fields.get(who, {})
        kind, id_ = ("update" if before else "create"), self._ids.setdefault(who, len(self._ids) + 1)
        old = id_ if before else None
        change = Change(kind, key, old, match or key, 7, None, None, None, None, None, before, after)  # type: ignore[arg-type]
        [entry] = self.state.journal.mark("run", source, [change])
        self.state.journal.record([Settled(entry, CallOutcome.ACCEPTED, id_)])
        self._fields[who] = after

    def renamed(self, key: str, *, at: float) -> None:
        """Change a contact by a row that leaves its number as it is at the target."""
        self.now, before = at, self._fields["tenants", key]
        after, id_ = {"External ID": key, "Name": "Ann"}, self._ids["tenants", key]
        change = Change("update", key, id_, key, 8, None, None, None, None, None, before, after)
        [entry] = self.state.journal.mark("run", "tenants", [change])
        there = {**before, **after}
        self.state.journal.record([Settled(entry, CallOutcome.ACCEPTED, id_, there)])
        self._fields["tenants", key] = there

    def marked(self, key: str, phone: str) -> Any:
        """Begin to create a contact, whose answer is not there yet."""
        after = {"External ID": key, "Phone": phone}
        change = Change("create", key, None, key, 7, None, None, None, None, None, {}, after)
        [entry] = self.state.journal.mark("run", "tenants", [change])
        return entry

    def accepted(self, entry: Any) -> None:
        """Get the answer."""
        self.state.journal.record([Settled(entry, CallOutcome.ACCEPTED, 900)])

    def by_hand(self, key: str, contact: tuple[str, str]) -> None:
        """Let a person say whose a call is."""
        self.store.attributions.by_hand(Decision("call", key, "person", ANN, (contact,)))

    def gone(self, key: str, *, at: float | None = None, source: str = "tenants") -> None:
        """Delete a contact."""
        self.now, who = self.now if at is None else at, (source, key)
        id_, before = self._ids.pop(who), self._fields.pop(who)
        change = Change("delete", key, id_, before["External ID"], None, None, None, None, None, None, before, None)
        begun = self.state.deletions.begin("run", source, [change], {key: id_})
        self.state.deletions.record(source, [id_], begun.entries)

    def merged(self, key: str, into: str, *, at: float) -> None:
        """Let one key take over the contact of another one that was merged into it."""
        self.now = at
        self.state.ledger.take_over("tenants", {key: into})
        self._ids["tenants", into] = self._ids.pop(("tenants", key))
        self._fields["tenants", into] = self._fields.pop(("tenants", key))

    def state_lost(self) -> None:
        """Remove the state file; what comes next begins with an empty one."""
        self.state.close()
        for path in self.folder.glob("syncd.db*"):
            path.unlink()
        self._ids, self._fields = {}, {}
        self.state = self._state()

    def rings(self, number: str | None, *, at: float | None = None, key: str = "c1", **fields: Any) -> str:
        """Let a call come in and be listed; return its key."""
        self.now = self.now if at is None else at
        row = call(call_id=key, remote_number=number, start_time=iso(self.now), journey=None, **fields)
        row |= {"end_time": iso(self.now + 60), "group_number": fields.get("group_number", OWN)}
        self.store.activities.take([listed(row, self.now)], by="list", arrived=self.now)
        return key

    def writes(self, number: str, *, at: float, key: str = "m1", **fields: Any) -> str:
        """Let a message come in and be listed; return its key."""
        self.now = at
        row = message(message_id=key, remote_number=number, sent_time=iso(at), group_number=OWN, **fields)
        self.store.activities.take([listed(row, at)], by="list", arrived=at)
        return f"text:{key}"

    def attributed(self, *, at: float | None = None, dry_run: bool = False, **policy: Any) -> Attributed:
        """Decide what can be decided."""
        self.now = self.now if at is None else at
        return Attributing(replace(self.policy, **policy), self.store, self.state, dry_run=dry_run).run()

    def again(self, *, dry_run: bool = False, **policy: Any) -> Again:
        """Decide everything of these days anew."""
        work = Attributing(replace(self.policy, **policy), self.store, self.state, dry_run=dry_run)
        return Again(work).run(NOON - DAY, NOON + DAY)

    def of(self, key: str = "c1") -> Decision | None:
        """Return what was decided of an activity."""
        kind: Kind = "message" if ":" in key else "call"
        return self.store.attributions.get(kind, key)

    def whose(self, key: str = "c1") -> tuple[str, list[str], str | None]:
        """Return outcome, keys of the contacts, and as of when it was decided."""
        found = self.of(key)
        assert found
        return found.outcome, [name for _, name in found.contacts], found.as_of

    def shown(self) -> dict[str, tuple[str | None, list[dict[str, str]]]]:
        """Return attribution and contacts of each activity, as ``--json`` shows them, by id."""
        return {row["id"]: (row["attribution"], row["contacts"]) for row in self.store.activities.select()}
