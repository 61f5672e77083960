"""Upheavals below a company's runs: the state file, the mapping and the target's fields change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from syncd.core.settings.rules import Column
from syncd.errors import SchemaError
from tests.convergence.company import Layout, Match
from tests.convergence.machine import EDITS, Machine
from tests.convergence.worlds import Edit, edits


class Upheaval(Machine):
    """The machine with lost and restored state files, other mappings and other fields."""

    # The state file.

    @rule()
    def lose_state(self) -> None:
        """The state file is lost, so nothing at the target is known as ours any more."""
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
        for known in (self.missed, self.remade, self.renamed, self.edited, self.kept, self.undead, self.lenient):
            known.clear()
        at = {number: self._fields(number).get(self.layout.note) for number in self.world.store.rows}
        self.notes = {number: note for number, note in self.notes.items() if at.get(number) == note[1]}
        self.calm, self.crashed = True, False

    @rule()
    def copy_state(self) -> None:
        self.world.copy_state()

    @rule(changes=st.lists(edits(), max_size=3))
    def restore_state(self, changes: list[Edit]) -> None:
        """An old backup replaces the state file, runs use it, and then the person who notices moves it away.

        Such a run may delete a contact whose match value a row ever claimed. The backup cannot know later departures.
        """
        if not self.world.restore_state():
            return
        self._edit(changes)
        there = self._people()
        for _ in range(2):
            self._sent()
            self.world.run()
            self._approve(self.world.run())
        assert self._people() == there, "with a restored state file, a person's contact was changed or deleted"
        self.witness.removed.clear()
        self._there()
        self.lose_state()
        self._converge()

    def _people(self) -> dict[int, dict[str, str]]:
        """Return the contacts that people added and whose match value no row ever claimed."""
        wanted = self._sent().wanted
        spoken = set(wanted).union(*self.ever.values())
        alone = {
            each
            for each, fields in self.foreign.items()
            if self.layout.match_of(fields) not in spoken and not self._referred(fields)
        }
        return {number: self._fields(number) if number in self.world.store.rows else {} for number in sorted(alone)}

    # The mapping and the target's fields.

    @rule(place=EDITS)
    def edit_mapping(self, place: int) -> None:
        """A field is mapped to another column, loses its rule, or gets a rule again."""
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
        """A person renames a field at the target; a run sends nothing until the mapping follows."""
        number = list(self.layout.names)[place % len(self.layout.names)]
        self.layout, before = self.layout.renamed(number, f"{self.layout.names[number]}'"), self.layout
        self.world.store.set_fields(self.layout.fields)
        if before.names[number] in before.origins:
            writes = self.world.writes()
            assert all(isinstance(report.error, SchemaError) for report in self.world.run())
            assert self.world.writes() == writes, "something was sent though a mapped field was gone"
        self._changed(self.layout)
        self.foreign = {each: self._fields(each) for each in self.foreign if each in self.world.store.rows}
        new = {name: self.layout.names[place] for place, name in before.names.items()}
        self.edited = {each: {new[name]: value for name, value in of.items()} for each, of in self.edited.items()}

    def _changed(self, layout: Layout) -> None:
        self.layout = self.company.layout = layout
        self.world.settings = self.company.settings(self.world.settings.state)

    @rule()
    def change_match(self) -> None:
        """A field becomes a match field or stops being one, if the match fields still tell the contacts apart."""
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
        theirs = any(name in match for values in self.edited.values() for name in values)
        if self.missed or self.undead or theirs or None in there or len(set(there)) < len(there):
            return
        self.world.store.set_fields(layout.fields)
        self._changed(layout)
        self.notes = {number: (self._match(number), note) for number, (_, note) in self.notes.items()}
        with self.world.state() as state:
            ledger = state.rows("SELECT source, key, remote_id FROM contact")
        self.ever = {(source, key): {self._match(number)} for source, key, number in ledger}
        self.anchors = {owner: match for owner, [match] in self.ever.items()}
        self.company.kin = {
            (source, match): keys
            for (source, _), keys in self.company.kin.items()
            for match in set().union(*(self.ever.get((source, key), ()) for key in keys))
        }

    def _match(self, number: int) -> Match:
        match = self.layout.match_of(self._fields(number))
        assert match is not None
        return match
