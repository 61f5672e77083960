"""The convergence machine: whatever happened, one clean run makes the target equal to what the sources say."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import text

from syncd.errors import SyncdError
from syncd.report import SourceReport
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.phones import stored_phones
from tests.convergence.company import Company, Match, Owner, Sayings
from tests.convergence.plant import Plant, Power, PowerCut
from tests.convergence.shelf import Row, Table
from tests.convergence.witness import Witness
from tests.convergence.worlds import FOREIGN, Edit, Opening, edits, faults, openings, rows

SHARED_MEMORY = Path("/dev/shm")
EDITS = st.integers(0, 40)


class Convergence(RuleBasedStateMachine):
    """Sources are edited, people edit the target, runs meet faults and crashes; then all is put right and compared."""

    folder: ClassVar[Path | None] = None

    def __init__(self) -> None:
        super().__init__()
        shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        if Convergence.folder is None:
            Convergence.folder = Path(tempfile.mkdtemp(prefix="syncd-convergence-", dir=shared))
        self.home = Path(tempfile.mkdtemp(dir=Convergence.folder))
        self.witness = Witness()
        self.plant: Plant | None = None
        self.ever: dict[Owner, set[Match]] = {}
        self.anchors: dict[Owner, Match] = {}
        self.foreign: dict[int, dict[str, str]] = {}
        self.notes: dict[int, tuple[Match, str]] = {}
        self.missed: set[Match] = set()
        self.calm = True
        self.runs = 0

    # The world.

    @initialize(opening=openings())
    def begin(self, opening: Opening) -> None:
        self.opening = opening
        self.layout = opening.layout
        self.company = Company(opening.layout, opening.policy, {name: Table() for name in opening.sources})
        settings = self.company.settings(self.home / "syncd.db")
        assert Convergence.folder is not None
        self.plant = Plant(Convergence.folder, settings, self.layout.fields, opening.dialects, self.witness.saw)
        self.witness.store = self.plant.store
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

    @property
    def world(self) -> Plant:
        assert self.plant is not None
        return self.plant

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
            elif here.rows and there.rows:
                self._touch(each, here.rows, there.rows)

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
        """Somebody adds a contact by hand; it may be one that a source will speak of."""
        self._person_adds(place, row, own=own)

    def _person_adds(self, place: int, row: Row, *, own: bool) -> None:
        fields = self.layout.contact(row)
        if own or not self._may_meet():
            fields[self.layout.match[0]] = FOREIGN[place % len(FOREIGN)]
        match = self.layout.match_of(fields)
        there = {self.layout.match_of(each["fields"]) for each in self.world.store.contacts()}
        if match is None or match in there or match in self._doubted():
            return
        fields |= {name: stored_phones(fields[name], self.world.store.dialects) for name in self.layout.phones}
        fields["Note"] = f"by hand {place}"
        number = self.world.store.add({name: value for name, value in fields.items() if value})
        self.foreign[number] = self._fields(number)
        self.notes[number] = match, fields["Note"]

    def _may_meet(self) -> bool:
        """Whether a contact that is added now can be told from one of ours, whatever gets lost later."""
        kept = self.opening.dialects.get("update", "merge") == "merge"
        return self.runs == 0 or (self.calm and kept and self.opening.dialects.get("returned") != "sent")

    def _doubted(self) -> set[Match]:
        return set().union(*self.ever.values()) if self.ever and not self.calm else set()

    @precondition(lambda self: self.calm and self.opening.dialects.get("update", "merge") == "merge")
    @rule(place=EDITS)
    def people_note(self, place: int) -> None:
        """Somebody writes into a field that no source maps."""
        ids = list(self.world.store.ids())
        if not ids:
            return
        number = ids[place % len(ids)]
        self.world.store.edit(number, {"Note": f"note {place}"})
        match = self.layout.match_of(self._fields(number))
        if match is not None:
            self.notes[number] = (match, f"note {place}")
        if number in self.foreign:
            self.foreign[number] = self._fields(number)

    @precondition(lambda self: self.calm)
    @rule(place=EDITS)
    def people_delete(self, place: int) -> None:
        """Somebody deletes a contact; nobody tells syncd."""
        ids = list(self.world.store.ids())
        if not ids:
            return
        number = ids[place % len(ids)]
        match = self.layout.match_of(self._fields(number))
        self.missed |= {match} if match else set()
        self.world.store.delete(number)
        self.foreign.pop(number, None)
        self.notes.pop(number, None)

    # The runs.

    @rule(
        changes=st.lists(edits(), max_size=3),
        armed=st.lists(faults(), max_size=2),
        cut=st.none() | st.integers(1, 40),
        stop=st.none() | st.integers(1, 40),
        proved=st.sampled_from([True, True, True, False]),
    )
    def troubled_run(
        self, changes: list[Edit], armed: list[Mapping[str, Any]], cut: int | None, stop: int | None, proved: bool
    ) -> None:
        """A run that may meet faults, a power cut, a stop, and a read that proves nothing."""
        self._edit(changes)
        for fault in armed:
            self.world.faults.arm(parse_fault(fault))
        for table in self.company.tables.values():
            table.proved = proved
        self._sent()
        self.calm = False
        with suppress(PowerCut, SyncdError):
            self.world.run(Power(cut, stop))
        self.world.faults.disarm()
        for table in self.company.tables.values():
            table.proved = True
        self._look()

    @rule(changes=st.lists(edits(), max_size=3))
    def clean_run(self, changes: list[Edit]) -> None:
        self._edit(changes)
        self._converge()

    @rule()
    def put_right(self) -> None:
        """All rows that wait for a person are mended."""
        self._put_right()
        self._converge()

    # What must be true.

    def _sent(self) -> Sayings:
        """Note what the run that begins now may send."""
        said = self.company.says(self.ever)
        for match, (owner, _) in said.wanted.items():
            self.ever.setdefault(owner, set()).add(match)
        for owner in list(self.anchors):
            if owner not in said.held:
                del self.anchors[owner]
        self.runs += 1
        return said

    def _put_right(self) -> None:
        """Take out every row that is held, or cannot be told from a vanished one."""
        while True:
            said = self.company.says(self.ever)
            if not said.held and not said.keyless:
                return
            for name, table in self.company.tables.items():
                table.rows = [row for row in table.rows if row.key and (name, row.key) not in said.held]

    def _converge(self) -> None:
        """One clean run, and another that must write nothing; then the target is compared with the sources."""
        with self.world.state() as state:
            state.retry_rejected()
        said = self._sent()
        reports = self.world.run()
        if self._approve(reports):
            reports = self.world.run()
        for report in reports:
            assert report.error is None, f"a clean run of {report.source} failed: {report.error}"
            assert not report.unknown, f"a clean run of {report.source} left {report.unknown} changes unknown"
        self._look()
        self._compare(said)
        before = self.world.writes()
        self.world.run()
        assert self.world.writes() == before, "a second run wrote something"
        self._look()
        self._compare(said)
        self._settle(said)

    def _approve(self, reports: list[SourceReport]) -> bool:
        """Approve what the gates for emptied sources hold; whether there was something."""
        held = [
            (report.source, each.digest) for report in reports for each in report.held if each.gate == "deletes.empty"
        ]
        for source, digest in held:
            with self.world.state() as state:
                assert state.approve(source, digest)
        return bool(held)

    def _look(self) -> None:
        """What is true at any moment: nothing that is not ours was deleted or, if no row speaks of it, changed."""
        assert not self.witness.offences, self.witness.offences
        self._left_adopted()
        spoken = set().union(*self.ever.values()) if self.ever else set()
        for number, fields in list(self.foreign.items()):
            if number not in self.world.store.rows:
                del self.foreign[number]  # it was adopted, and has moved
            elif self.layout.match_of(fields) in spoken:
                self.foreign[number] = self._fields(number)
            else:
                assert self._fields(number) == fields, "a contact that no row speaks of was changed"

    def _left_adopted(self) -> None:
        """An adopted contact is deleted when its row moves to other match values, not when its row leaves."""
        said = self.company.says(self.ever)
        here = {owner for owner, _ in said.wanted.values()} | said.held
        for row in self.witness.removed:
            match = self.layout.match_of(self.world.store.fields.filled(row))
            movers = [owner for owner, matches in self.ever.items() if match in matches and owner in here]
            assert movers, "a contact was deleted that is not ours, or that was adopted and whose row only left"
        self.witness.removed.clear()

    def _compare(self, said: Sayings) -> None:
        there = self._there()
        for match, (owner, fields) in said.wanted.items():
            assert match in there or match in self.missed, f"{owner} is not at the target"
            if match in there and self.foreign.get(there[match]) is None:
                self._equal(owner, there[match], fields)
        self._no_orphans(said, there)
        self._held_are_there(said, there)
        self._noted(there)
        self._ledger(said, there)

    def _there(self) -> dict[Match, int]:
        """The target's contacts by match value; none has a twin."""
        found: dict[Match, int] = {}
        for each in self.world.store.contacts():
            match = self.layout.match_of(each["fields"])
            assert match is not None, "a contact at the target has no match value"
            assert match not in found, f"{found[match]} and {each['id']} are twins"
            found[match] = each["id"]
        return found

    def _equal(self, owner: Owner, number: int, fields: Mapping[str, str]) -> None:
        there = self._fields(number)
        assert self.layout.plain(there, fields) == self.layout.plain(fields, fields), f"{owner} differs at the target"

    def _no_orphans(self, said: Sayings, there: Mapping[Match, int]) -> None:
        """Every contact of ours that is there is wanted, or one that a held key may have left."""
        kept = said.doubtful | {match for owner in said.held for match in self.ever.get(owner, ())}
        for match, number in there.items():
            if number in self.witness.created and match not in said.wanted and match not in kept and not said.keyless:
                raise AssertionError(f"contact {number} of ours was left behind")

    def _held_are_there(self, said: Sayings, there: Mapping[Match, int]) -> None:
        for owner, match in self.anchors.items():
            assert match in there or match in self.missed, f"{owner} is held, and its contact is gone"

    def _noted(self, there: Mapping[Match, int]) -> None:
        for number, (match, note) in self.notes.items():
            if there.get(match) == number:
                assert self._fields(number).get("Note") == note, f"the note of contact {number} is lost"

    def _ledger(self, said: Sayings, there: Mapping[Match, int]) -> None:
        with self.world.state() as state, state.read() as connection:
            rows_ = connection.execute(text("SELECT source, key, remote_id, status FROM contact")).all()
            open_ = connection.execute(
                text("SELECT count(*) FROM change WHERE outcome IN ('pending', 'moved')")
            ).scalar()
        known = {(source, key): (number, status) for source, key, number, status in rows_}
        for match, (owner, _) in said.wanted.items():
            number, status = known.get(owner, (None, "not"))
            assert status == "accepted", f"{owner} is at the target, and {status} in the ledger"
            assert number == there.get(match, number), f"{owner} has another id at the target than in the ledger"
        if not said.held and not said.keyless:
            assert not open_, "the journal has open entries after a clean run"

    def _settle(self, said: Sayings) -> None:
        there = self._there()
        self.missed -= there.keys()
        self.anchors = {
            **{owner: match for owner, match in self.anchors.items() if owner in said.held},
            **{owner: match for match, (owner, _) in said.wanted.items() if match in there},
        }
        self.ever = {owner: matches for owner, matches in self.ever.items() if owner in said.held}
        for match, (owner, _) in said.wanted.items():
            self.ever[owner] = {match}
        self.calm = not said.held and not said.keyless

    def _fields(self, number: int) -> dict[str, str]:
        return self.world.store.fields.filled(self.world.store.rows[number])
