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

from syncd.core.rules import Column
from syncd.errors import SchemaError, SyncdError
from syncd.report import SourceReport
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.phones import stored_phones
from syncd.state.ledger import DONE
from tests.convergence.company import Company, Layout, Match, Owner, Sayings
from tests.convergence.plant import AT_ONCE, LATER, Plant, Power, PowerCut
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
        self.company: Company
        self.ever: dict[Owner, set[Match]] = {}
        self.anchors: dict[Owner, Match] = {}
        self.foreign: dict[int, dict[str, str]] = {}
        self.notes: dict[int, tuple[Match, str]] = {}
        self.missed: set[Match] = set()
        self.calm = True
        self.crashed = False
        self.approved: dict[str, list[frozenset[str]]] = {}
        self.runs = 0

    # The world.

    @initialize(opening=openings())
    def begin(self, opening: Opening) -> None:
        self.opening = opening
        self.layout = replace(opening.layout, folds=opening.dialects.get("match_case") == "fold")
        tables = {name: Table(tells=opening.tells) for name in opening.sources}
        self.company = Company(self.layout, opening.policy, tables, opening.gates, opening.in_flight)
        settings = self.company.settings(self.home / "syncd.db")
        assert Convergence.folder is not None
        self.plant = Plant(
            Convergence.folder,
            settings,
            self.layout.fields,
            opening.dialects,
            self.witness.saw,
            batch=opening.batch,
            limits=opening.limits,
        )
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
            elif each.kind == "merge" and here.rows:
                here.merge(each.place, each.second)
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
        fields |= {
            name: stored_phones(fields[name], self.world.store.dialects) for name in self.layout.phones & fields.keys()
        }
        fields[self.layout.note] = f"by hand {place}"
        number = self.world.store.add({name: value for name, value in fields.items() if value})
        self.foreign[number] = self._fields(number)
        self.notes[number] = match, fields[self.layout.note]

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
        self.world.store.edit(number, {self.layout.note: f"note {place}"})
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
        at_once=st.booleans(),
    )
    def troubled_run(
        self,
        changes: list[Edit],
        armed: list[Mapping[str, Any]],
        cut: int | None,
        stop: int | None,
        proved: bool,
        at_once: bool = False,
    ) -> None:
        """A run that may meet faults, a power cut, a stop, and a read that proves nothing."""
        self._edit(changes)
        for fault in armed:
            self.world.faults.arm(parse_fault(fault))
        for table in self.company.tables.values():
            table.proved = proved
        self._sent()
        self.calm = False
        self._run_in_trouble(Power(cut, stop), AT_ONCE if at_once and not self.crashed else LATER)
        self.world.faults.disarm()
        for table in self.company.tables.values():
            table.proved = True
        self._look()

    def _run_in_trouble(self, power: Power, after: float) -> None:
        self.crashed = True
        with suppress(SyncdError, PowerCut):
            self.world.run(power, after=after)
            self.crashed = False

    @rule(changes=st.lists(edits(), max_size=3))
    def clean_run(self, changes: list[Edit]) -> None:
        self._edit(changes)
        self._converge()

    @precondition(lambda self: self.company.gates.deletes.count == 1)
    @rule(changes=st.lists(edits(), max_size=3))
    def approve_another_list(self, changes: list[Edit]) -> None:
        """A person approves what is held, and before it is used the list becomes another one."""
        self._sent()
        self._approve(self.world.run())
        self._edit(changes)
        gone = self._gone()
        self._sent()
        self.calm = False
        self.world.run()
        still = self._gone()
        for source, keys in gone.items():
            if len(keys) > 1 and not any(keys <= approved for approved in self.approved.get(source, ())):
                assert keys <= still[source], "deletes were made that nobody has approved"
        self._look()

    def _gone(self) -> dict[str, set[str]]:
        """The keys of each source's ledger that no row has, and whose contacts are ours."""
        with self.world.state() as state, state.read() as connection:
            known = connection.execute(text("SELECT source, key FROM contact WHERE origin = 'created'")).all()
        here = {(name, row.key) for name, table in self.company.tables.items() for row in table.rows}
        return {
            name: {key for source, key in known if source == name and (name, key) not in here}
            for name in self.company.tables
        }

    @rule()
    def put_right(self) -> None:
        """All rows that wait for a person are mended."""
        self._put_right()
        self._converge()

    # The state file.

    @rule()
    def lose_state(self) -> None:
        """The state file is gone: all that is at the target is somebody's, as far as anybody knows."""
        self.world.lose_state()
        self.world.forget_backup()
        self._forget()
        for number in self.witness.created & self.world.store.rows.keys():
            self.foreign[number] = self._fields(number)
        self.witness.disown()

    def _forget(self) -> None:
        self.ever.clear()
        self.anchors.clear()
        self.company.kin.clear()
        self.calm, self.crashed = True, False

    @rule()
    def copy_state(self) -> None:
        self.world.copy_state()

    @rule(changes=st.lists(edits(), max_size=3))
    def restore_state(self, changes: list[Edit]) -> None:
        """An old backup takes the state file's place and is used; when that is noticed, the file is moved away."""
        if not self.world.restore_state():
            return
        self._edit(changes)
        there = self._people()
        for _ in range(2):
            self._sent()
            self.world.run()
            self._approve(self.world.run())
        assert self._people() == there, "with a restored state file, a person's contact was changed or deleted"
        self._there()
        self.lose_state()
        self._converge()

    def _people(self) -> dict[int, dict[str, str]]:
        """The contacts that people added and that no row speaks of, now or before."""
        spoken = set().union(*self.ever.values(), self._sent().wanted) if self.ever else set(self._sent().wanted)
        alone = {each for each, fields in self.foreign.items() if self.layout.match_of(fields) not in spoken}
        return {number: self._fields(number) if number in self.world.store.rows else {} for number in sorted(alone)}

    # The mapping and the target's fields.

    @rule(place=EDITS)
    def edit_mapping(self, place: int) -> None:
        """A field gets its values from another column, is mapped no more, or again."""
        spare = [name for name in self.opening.layout.origins if name not in (*self.layout.match, "Portal")]
        if self.layout.names != self.opening.layout.names or not spare:
            return
        name = spare[place % len(spare)]
        if name in self.layout.phones:
            choices = [self.opening.layout.origins[name], None]
        else:
            choices = [Column("name"), Column("two"), None]
        self._changed(self.layout.mapped(name, choices[place % len(choices)]))

    @rule(place=EDITS)
    def rename_field(self, place: int) -> None:
        """Somebody renames a field at the target; until the mapping follows, a run sends nothing."""
        number = list(self.layout.names)[place % len(self.layout.names)]
        self.layout, before = self.layout.renamed(number, f"{self.layout.names[number]}'"), self.layout
        self.world.store.set_fields(self.layout.fields)
        if before.names[number] in before.origins:
            writes = self.world.writes()
            assert all(isinstance(report.error, SchemaError) for report in self.world.run())
            assert self.world.writes() == writes, "something was sent though a mapped field was gone"
        self._changed(self.layout)
        self.foreign = {each: self._fields(each) for each in self.foreign if each in self.world.store.rows}

    def _changed(self, layout: Layout) -> None:
        self.layout = self.company.layout = layout
        self.world.settings = self.company.settings(self.world.settings.state)

    @rule()
    def change_match(self) -> None:
        """A field becomes a match field at the target, or is one no more, where that tells contacts apart as before."""
        spare = [name for name in self.layout.origins if name not in (*self.layout.match, *self.layout.phones)]
        if len(self.layout.match) > len(self.opening.layout.match):
            match = self.layout.match[: len(self.opening.layout.match)]
        elif spare:
            match = (*self.layout.match, spare[0])
        else:
            return
        self._put_right()
        self._converge()
        layout = replace(self.layout, match=match)
        there = [layout.match_of(each["fields"]) for each in self.world.store.contacts()]
        if self.missed or None in there or len(set(there)) < len(there):
            return
        self.world.store.set_fields(layout.fields)
        self._changed(layout)
        self.notes = {number: (self._match(number), note) for number, (_, note) in self.notes.items()}
        with self.world.state() as state, state.read() as connection:
            ledger = connection.execute(text("SELECT source, key, remote_id FROM contact")).all()
        self.ever = {(source, key): {self._match(number)} for source, key, number in ledger}
        self.anchors = {owner: match for owner, [match] in self.ever.items()}
        self.company.kin = {}

    def _match(self, number: int) -> Match:
        match = self.layout.match_of(self._fields(number))
        assert match is not None
        return match

    # What must be true.

    def _sent(self) -> Sayings:
        """Note what the run that begins now may send."""
        said = self.company.says(self.ever)
        for match, (owner, _) in said.wanted.items():
            self.ever.setdefault(owner, set()).add(match)
        for owner, match in said.claims.items() if self._waits() else ():
            self.ever.setdefault(owner, set()).add(match)
        for owner in list(self.anchors):
            if owner not in said.held:
                del self.anchors[owner]
        for group, keys in self.company.groups().items() if self.company.policy == "merge_phones" else ():
            self.company.kin.setdefault(group, set()).update(keys)
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
        """A clean run, and another that must write nothing; then the target is compared with the sources."""
        with self.world.state() as state:
            for name in self.company.tables:
                state.retry_rejected(name)
        said = self._sent()
        for _ in range(self._runs_needed()):
            reports = self.world.run()
            for _ in range(4):
                if not self._approve(reports):
                    break
                reports = self.world.run()
        self.crashed = False
        for report in reports:
            assert report.error is None, f"a clean run of {report.source} failed: {report.error}"
            assert not report.unknown, f"a clean run of {report.source} left {report.unknown} changes unknown"
        self._look()
        self._compare(said)
        before = self.world.writes()
        self.world.run()
        assert self.world.writes() == before, "a further run wrote something"
        self._look()
        self._compare(said)
        self._settle(said)

    def _runs_needed(self) -> int:
        """How many runs it takes, where a source waits for what the next one says, or twins show only when sent."""
        return 3 if self._waits() or self.layout.folds else 1

    def _waits(self) -> bool:
        """Whether a source leaves to the other one what that has sent: it depends on who came first."""
        return self.company.policy == "hold" and len(self.company.tables) > 1

    def _approve(self, reports: list[SourceReport]) -> bool:
        """Approve what gates hold that a person may let go; whether there was something."""
        approved = False
        for report in reports:
            gates = {each.gate for each in report.held}
            for each in report.held:
                if each.kind != "delete" or "deletes.keyless" not in gates:
                    self.approved.setdefault(report.source, []).append(frozenset(each.keys))
                    with self.world.state() as state:
                        approved |= state.approve(report.source, each.digest) > 0
        return approved

    def _look(self) -> None:
        """What is true at any moment: nothing that is not ours was deleted or, if no row speaks of it, changed."""
        assert not self.witness.offences, self.witness.offences
        self.notes = {number: note for number, note in self.notes.items() if number in self.world.store.rows}
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
        if self.company.gates.deletes.adopted:
            here |= self.ever.keys()
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
        sent = [name for name, value in fields.items() if value or self._clears()]
        assert self.layout.plain(there, sent) == self.layout.plain(fields, sent), f"{owner} differs at the target"

    def _clears(self) -> bool:
        """Whether the target lets a value be cleared by an empty one."""
        return self.opening.dialects.get("clear", "empty") in ("empty", "both")

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
                assert self._fields(number).get(self.layout.note) == note, f"the note of contact {number} is lost"

    def _ledger(self, said: Sayings, there: Mapping[Match, int]) -> None:
        with self.world.state() as state, state.read() as connection:
            rows_ = connection.execute(text("SELECT source, key, remote_id, status FROM contact")).all()
            open_ = connection.execute(
                text("SELECT count(*) FROM change WHERE outcome IN ('pending', 'moved')")
            ).scalar()
            query = f"SELECT source, key, new_id FROM change WHERE kind <> 'delete' AND {DONE} ORDER BY id"
            told = connection.execute(text(query)).all()
        history = {(source, key): number for source, key, number in told}
        known = {(source, key): (number, status) for source, key, number, status in rows_}
        for match, (owner, _) in said.wanted.items():
            number, status = known.get(owner, (None, "not"))
            assert status == "accepted", f"{owner} is at the target, and {status} in the ledger"
            assert number == there.get(match, number), f"{owner} has another id at the target than in the ledger"
            assert history.get(owner) == number, f"the history does not tell how {owner} came to be there"
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
        if not said.held:
            self.company.kin = self.company.groups() if self.company.policy == "merge_phones" else {}
        self.calm = not said.held and not said.keyless

    def _fields(self, number: int) -> dict[str, str]:
        return self.world.store.fields.filled(self.world.store.rows[number])
