"""The convergence machine: whatever happened, one clean run makes the target equal to the sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from syncd.errors import SyncdError
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.phones import stored_phones
from tests.convergence.company import Company, Match
from tests.convergence.plant import AT_ONCE, LATER, Plant, Power, PowerCut
from tests.convergence.shelf import Row, Table
from tests.convergence.truths import Truths
from tests.convergence.worlds import FOREIGN, Edit, Opening, edits, faults, openings, rows

EDITS = st.integers(0, 40)
MOMENTS = st.none() | st.integers(1, 40)
TROUBLE = st.lists(faults(), max_size=2)


class Machine(Truths):
    """Edits of the sources, edits of people at the target, faults and crashes; then a clean run and a comparison."""

    # The world.

    @initialize(opening=openings())
    def begin(self, opening: Opening) -> None:
        self.opening = opening
        self.layout = replace(opening.layout, folds=opening.dialects.get("match_case") == "fold")
        tables = {name: Table(tells=opening.tells) for name in opening.sources}
        self.company = Company(self.layout, opening.policy, tables, opening.gates, opening.in_flight, opening.numbers)
        settings = self.company.settings(self.home / "syncd.db")
        assert Truths.folder is not None
        self.plant = Plant(
            Truths.folder,
            settings,
            self.layout.fields,
            opening.dialects,
            self.witness,
            batch=opening.batch,
            limits=opening.limits,
        )
        for place, table in enumerate(self.company.tables.values()):
            table.rows = list(opening.rows[place])
        for place, row in enumerate(opening.people):
            self._person_adds(place, row, own=False)

    def teardown(self) -> None:
        try:
            if self.plant:
                self._put_right()
                self._converge()
        finally:
            if self.plant:
                self.plant.close()
            shutil.rmtree(self.home, ignore_errors=True)

    # The sources.

    def _table(self, place: int) -> Table:
        return list(self.company.tables.values())[place % len(self.company.tables)]

    @rule(edits=st.lists(edits(), min_size=1, max_size=4))
    def edit(self, edits: list[Edit]) -> None:
        self._edit(edits)

    def _edit(self, edits: list[Edit]) -> None:
        for each in edits:
            here, there = self._table(each.source), self._table(each.other)
            if each.kind == "add":
                here.rows.append(each.row)
            elif each.kind == "merge" and here.rows:
                here.merge(each.place, each.second)
                self._inherit(here)
            elif here.rows and there.rows:
                self._touch(each, here.rows, there.rows)

    def _inherit(self, table: Table) -> None:
        """Let the key that a merge leaves take over the match values of the merged key, even if its row is unusable."""
        [name] = [name for name, each in self.company.tables.items() if each is table]
        for _, old, new in table.merges[-1:]:
            if (name, old) in self.ever:
                self.ever.setdefault((name, new), set()).update(self.ever[name, old])

    @staticmethod
    def _touch(each: Edit, here: list[Row], there: list[Row]) -> None:
        place, second = each.place % len(here), each.second % len(there)
        if each.kind == "remove":
            del here[place]
        elif each.kind == "spoil":
            here[place] = replace(here[place], one="")
        elif each.kind == "hand over":
            there.append(here.pop(place))
        elif each.kind == "swap":
            one, two = here[place], there[second]
            here[place], there[second] = replace(two, key=one.key), replace(one, key=two.key)
        else:
            here[place] = replace(here[place], **{each.kind: getattr(each.row, each.kind)})

    # The people at the company.

    @rule(place=EDITS, row=rows(), own=st.booleans())
    def people_add(self, place: int, row: Row, own: bool) -> None:
        """A person adds a contact, perhaps with the match value of a later row."""
        self._person_adds(place, row, own=own)

    def _person_adds(self, place: int, row: Row, *, own: bool) -> None:
        fields = self.layout.contact(row)
        if own or not self._may_meet():
            fields[self.layout.match[0]] = FOREIGN[place % len(FOREIGN)]
        fields.pop(self.layout.integration, None)  # no person writes a reference that is another system's
        match = self.layout.match_of(fields)
        there = {self.layout.match_of(each["fields"]) for each in self.world.store.contacts()}
        if match is None or match in there or match in self._doubted():
            return
        fields |= {
            name: stored_phones(fields[name], self.world.store.dialects) for name in self.layout.phones & fields.keys()
        }
        fields[self.layout.note] = f"by hand {place}"
        self.remade |= {match} & self.missed
        number = self.world.store.add({name: value for name, value in fields.items() if value})
        self.foreign[number] = self._fields(number)
        self._note(number, match, fields[self.layout.note])

    def _may_meet(self) -> bool:
        """Tell whether a contact that a person adds now can be told from ours, whatever is lost later."""
        kept = self.opening.dialects.get("update", "merge") == "merge"
        return self.runs == 0 or (self.calm and kept and self.opening.dialects.get("returned") != "sent")

    def _doubted(self) -> set[Match]:
        return set().union(*self.ever.values()) if self.ever and not self.calm else set()

    @precondition(lambda self: self.calm and self.opening.dialects.get("update", "merge") == "merge")
    @rule(place=EDITS)
    def people_note(self, place: int) -> None:
        """A person writes into the unmapped field."""
        number = self._somebody(place)
        if number is None:
            return
        self.world.store.edit(number, {self.layout.note: f"note {place}"})
        match = self.layout.match_of(self._fields(number))
        if match is not None:
            self._note(number, match, f"note {place}")
        if number in self.foreign:
            self.foreign[number] = self._fields(number)

    def _note(self, number: int, match: Match, note: str) -> None:
        self.notes[number] = match, note
        self.written.add(note)

    @precondition(lambda self: self.calm)
    @rule(place=EDITS)
    def people_delete(self, place: int) -> None:
        """A person deletes a contact, and nothing tells syncd."""
        number = self._somebody(place)
        if number is None:
            return
        self._missed(number)
        self.world.store.delete(number)
        self.foreign.pop(number, None)
        self.notes.pop(number, None)

    @precondition(lambda self: self.calm)
    @rule(place=EDITS, row=rows(), match=st.booleans())
    def people_edit(self, place: int, row: Row, match: bool) -> None:
        """A person changes a mapped field, or the match value of a contact of ours."""
        number, layout = self._somebody(place), self.layout
        if number is None:
            return
        name, spare = layout.match[0], sorted(layout.origins.keys() - {*layout.match, layout.integration})
        if match and number in self.witness.created - self.foreign.keys() and name not in layout.phones:
            self._missed(number)
            self.world.store.edit(number, {name: f"P{number}"})
            self.renamed.add(number)
        elif spare:
            name = spare[place % len(spare)]
            value = layout.contact(row)[name]
            value = stored_phones(value, self.world.store.dialects) if name in layout.phones else value
            self.world.store.edit(number, {name: value})
            self.edited.setdefault(number, {})[name] = value
        if number in self.foreign:
            self.foreign[number] = self._fields(number)

    def _missed(self, number: int) -> None:
        match = self.layout.match_of(self._fields(number))
        self.missed |= {match} if match else set()

    def _somebody(self, place: int) -> int | None:
        """Return the id of a contact that a person sees, or None."""
        ids = [each for each in self.world.store.ids() if each not in self.undead]
        return ids[place % len(ids)] if ids else None

    # The runs.

    @rule(
        changes=st.lists(edits(), max_size=3),
        armed=TROUBLE,
        cut=MOMENTS,
        stop=MOMENTS,
        proved=st.sampled_from([True, True, True, False]),
        at_once=st.booleans(),
        bodiless=st.sampled_from([False, False, False, True]),
    )
    def troubled_run(
        self,
        changes: list[Edit],
        armed: list[Mapping[str, Any]],
        cut: int | None,
        stop: int | None,
        proved: bool,
        at_once: bool = False,
        bodiless: bool = False,
    ) -> None:
        """Run amid faults, a power cut, a stop, a proxy that drops request bodies, or a read that proves nothing."""
        self._edit(changes)
        for table in self.company.tables.values():
            table.proved = proved
        self._sent()
        after = AT_ONCE if at_once and not self.crashed else LATER
        with self._dropping_bodies(bodiless):
            self._in_trouble(lambda power: self.world.run(power, after=after), armed, Power(cut, stop))
        for table in self.company.tables.values():
            table.proved = True
        self._look()

    def _in_trouble(self, command: Callable[[Power], object], armed: list[Mapping[str, Any]], power: Power) -> None:
        for fault in armed:
            self.world.faults.arm(parse_fault(fault))
        self.calm, self.crashed = False, True
        with suppress(SyncdError, PowerCut):
            command(power)
            self.crashed = False
        self.world.faults.disarm()

    @contextmanager
    def _dropping_bodies(self, bodiless: bool) -> Iterator[None]:
        """Let deletes have no effect for the time of the block, whatever the target answers."""
        dialects = self.world.backend.dialects
        # If an empty delete removes everything, no client behind such a proxy could be right.
        if bodiless and dialects["delete_empty"] != "everything":
            dialects.choose("delete_body", "lost")
        yield
        dialects.choose("delete_body", "read")

    @rule(changes=st.lists(edits(), max_size=3))
    def clean_run(self, changes: list[Edit]) -> None:
        self._edit(changes)
        self._converge()

    @precondition(lambda self: self.company.gates.deletes.count == 1)
    @rule(changes=st.lists(edits(), max_size=3), leaving=st.integers(0, 3), late=st.integers(0, 2))
    def approve_another_list(self, changes: list[Edit], leaving: int = 0, late: int = 0) -> None:
        """Rows leave, a person approves the held list, and the list changes before the next run uses the approval."""
        self._converge()
        self._leave(leaving)
        self._sent()
        self._approve(self.world.run())
        self._look()
        self._edit(changes)
        self._leave(late)
        gone = self._gone()
        self._sent()
        self.calm = False
        self.world.run()
        still = self._gone()
        for source, keys in gone.items():
            # Rows under new keys and rows that left are in lists of their own.
            if len(keys) > 1 and not keys <= frozenset().union(*self.approved.get(source, ())):
                assert keys <= still[source], "deletes were made that nobody has approved"
        self._look()

    def _leave(self, count: int) -> None:
        """Remove ``count`` rows from the source with the most rows."""
        table = max(self.company.tables.values(), key=lambda each: len(each.rows))
        del table.rows[:count]

    def _gone(self) -> dict[str, set[str]]:
        """Return the keys in each source's ledger that no row has and whose contacts we created."""
        with self.world.state() as state:
            known = state.rows("SELECT source, key FROM contact WHERE origin = 'created'")
        here = {(name, row.key) for name, table in self.company.tables.items() for row in table.rows}
        return {
            name: {key for source, key in known if source == name and (name, key) not in here}
            for name in self.company.tables
        }

    @rule()
    def put_right(self) -> None:
        """A person removes all rows that are held."""
        self._put_right()
        self._converge()
