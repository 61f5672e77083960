"""The keys of a source change their form, and rows come twice: nobody is at the target twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.convergence.machine import EDITS
from tests.convergence.shelf import Table
from tests.convergence.upheaval import Upheaval


class Keys(Upheaval):
    """The machine with keys that change their form, and with repeated rows."""

    @rule(place=EDITS, form=st.sampled_from(["0{}", "{}.0", "T-{}"]), most=st.integers(1, 9), proved=st.booleans())
    def change_keys(self, place: int, form: str, most: int = 9, proved: bool = True) -> None:
        """All keys of a source, or some, change their form; a run whose read proves nothing may come first."""
        self._put_right()
        self._converge()
        table = self._table(place)
        keys = list(dict.fromkeys(row.key for row in table.rows if row.status != "former"))
        new = {key: form.format(key) for key in keys[:most]}
        # The keys of one form must not meet keys that are there.
        if not new or not {row.key for row in table.rows}.isdisjoint(new.values()):
            return
        # What people changed or deleted unseen is found by whatever is sent next, and then has another id.
        unseen = bool(self.missed or self.edited or self.remade or self.renamed)
        there = self._there()
        table.rows = [replace(row, key=new.get(row.key, row.key)) for row in table.rows]
        self._known_as(table, new)
        if not proved:
            self._run_unproved(table)
            assert self._there() == there, "a read that proved nothing made a contact of a key that has changed"
        self._converge()
        if "Portal" not in self.layout.origins and not unseen:
            assert self._there() == there, "a contact has another id since its key has changed"

    def _run_unproved(self, table: Table) -> None:
        table.proved = False
        self.world.run()
        table.proved = True

    def _known_as(self, table: Table, new: dict[str, str]) -> None:
        """Let what is known of keys be known of the keys that they are now."""
        [name] = [name for name, each in self.company.tables.items() if each is table]
        renamed = {(name, old): (name, key) for old, key in new.items()}
        self.ever = {renamed.get(owner, owner): matches for owner, matches in self.ever.items()}
        self.anchors = {renamed.get(owner, owner): match for owner, match in self.anchors.items()}
        self.company.kin = {
            (source, match): {new.get(key, key) if source == name else key for key in keys}
            for (source, match), keys in self.company.kin.items()
        }

    @rule(place=EDITS, most=st.integers(1, 9))
    def repeat_rows(self, place: int, most: int = 9) -> None:
        """An export holds rows twice; then it holds them once again."""
        self._put_right()
        self._converge()
        table, writes = self._table(place), self.world.writes()
        rows = list(table.rows)
        table.rows = [*rows, *rows[:most]]
        self._converge()
        table.rows = rows
        self._converge()
        assert self.world.writes() == writes, "rows that came twice changed something"
