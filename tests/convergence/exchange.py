"""Another key, another address, another company behind them: what a state file must not be used for, and may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncd.errors import OtherCompany
from syncd.sandbox.store import Store
from tests.convergence.machine import EDITS, MOMENTS, TROUBLE
from tests.convergence.plant import Power
from tests.convergence.shelf import Row
from tests.convergence.upheaval import Upheaval
from tests.convergence.worlds import Edit, edits

PARTS = st.sampled_from([("key",), ("address",), ("key", "address")])

_numbers = count(1)


class Exchange(Upheaval):
    """The machine with keys and addresses that change, and companies behind them that do."""

    def _renew(self, parts: tuple[str, ...]) -> None:
        """Give the configuration a key or an address that it never had."""
        if "key" in parts:
            self.company.key = f"key-{next(_numbers)}"
        if "address" in parts:
            self.company.address = f"https://target-{next(_numbers)}.example.com/v1"
        self.world.settings = self.company.settings(self.world.settings.state)

    # The same company.

    @precondition(lambda self: self._is_as_it_was_left() and self._can_be_found())
    @rule(parts=PARTS, changes=st.lists(edits(), max_size=3))
    def rotate(self, parts: tuple[str, ...], changes: list[Edit]) -> None:
        """The same company has a new key or address: the runs go on by themselves."""
        self._put_right()
        self._converge()
        if self._knows_contacts():
            self._renew(parts)
        self._edit(changes)
        self._converge()

    def _is_as_it_was_left(self) -> bool:
        """Tell whether no person has changed or deleted a contact of ours."""
        changed = (self.missed, self.remade, self.renamed, self.edited, self.kept, self.undead, self.lenient)
        return self.calm and not any(changed)

    def _can_be_found(self) -> bool:
        """Tell whether one page shows all contacts: if a page has two, a search shows two of all that have a letter."""
        return self.opening.batch == 500

    def _knows_contacts(self) -> bool:
        with self.world.state() as state:
            return state.holdings.any_with_id()

    # Another company.

    @precondition(lambda self: self._knows_contacts())
    @rule(parts=PARTS, changes=st.lists(edits(), max_size=3), armed=TROUBLE, cut=MOMENTS, stop=MOMENTS, place=EDITS)
    def use_the_key_of_another_company(
        self,
        parts: tuple[str, ...],
        changes: list[Edit],
        armed: list[Mapping[str, Any]],
        cut: int | None = None,
        stop: int | None = None,
        place: int = 0,
    ) -> None:
        """Another company stands behind the key for a while: neither it nor the ledger is changed by any command."""
        self._edit(changes)
        key, address, calm = self.company.key, self.company.address, self.calm
        known, ours, runs = self._ledger_now(), dict(self.world.store.rows), self._known_runs()
        with self._behind_another_company() as there:
            before = dict(there.rows)
            self._renew(parts)
            self._in_trouble(self.world.run, armed, Power(cut, stop))
            refused = [self._is_refused(command) for command in ("run", "compare", "repair")]
            if runs:
                refused.append(self._is_refused("undo", runs[place % len(runs)]))
            assert there.rows == before, "a contact of another company was changed, deleted or added"
            assert self._ledger_now() == known, "the ledger was changed for another company"
            assert all(refused), "a command did not notice that the company is another one"
        self.company.key, self.company.address, self.calm = key, address, calm
        self._renew(())
        assert self.world.store.rows == ours

    def _is_refused(self, command: str, run: str = "") -> bool:
        try:
            if command == "run":
                self.world.run()
            elif command == "undo":
                self.world.undo(run)
            else:
                self.world.reconcile("overwrite" if command == "repair" else None)
        except OtherCompany:
            return True
        return False

    @contextmanager
    def _behind_another_company(self) -> Iterator[Store]:
        here = self.world.store
        there = self._another_company(len(here.ids()) + 2)
        self.world.move_to(there)
        try:
            yield there
        finally:
            self.world.move_to(here)
            there.close()

    def _another_company(self, size: int) -> Store:
        """Return a company with as many contacts, whose ids are those of ours and whose match values no row has."""
        here, layout = self.world.store, self.layout
        there = Store(fields=layout.fields, dialects=here.dialects, clock=lambda: self.world.now)
        for number in range(1, max([size, *here.ids()]) + 1):
            fields = layout.contact(Row(f"other {number}", f"Y{number}", "z", "Zed", "7185550999"))
            there.add({**fields, layout.note: f"another company's {number}"})
        return there

    def _ledger_now(self) -> list[Any]:
        with self.world.state() as state:
            tables = "SELECT * FROM contact", "SELECT id, outcome, new_id FROM change", "SELECT * FROM hold"
            return [row for query in tables for row in state.rows(query)]

    def _known_runs(self) -> list[str]:
        """Return the runs that changed something."""
        with self.world.state() as state:
            return state.column("SELECT DISTINCT run FROM change WHERE key <> ''")

    @rule(parts=PARTS, changes=st.lists(edits(), max_size=2))
    def accept_another_company(self, parts: tuple[str, ...], changes: list[Edit] = ()) -> None:  # type: ignore[assignment]
        """A person gives the state to another company: its contacts stay, and it gets those of the sources."""
        self._put_right()
        self._converge()
        had = self.world.store
        self.world.move_to(self._another_company(3))
        had.close()
        self._renew(parts)
        self._accept({})
        self._edit(list(changes))
        self._converge()

    # The same company, emptied or restored.

    @precondition(lambda self: self._is_as_it_was_left())
    @rule(parts=PARTS, kept=st.lists(st.booleans(), min_size=1, max_size=6), changes=st.lists(edits(), max_size=2))
    def restore_the_company(self, parts: tuple[str, ...], kept: list[bool], changes: list[Edit] = ()) -> None:  # type: ignore[assignment]
        """The company is restored from a backup that lacks some contacts, and all contacts have other ids."""
        self._put_right()
        self._converge()
        if not self._is_as_it_was_left() or not self._knows_contacts():
            return
        had = self.world.store
        there = Store(fields=self.layout.fields, dialects=had.dialects, clock=lambda: self.world.now)
        # So that no contact has the id of before.
        there.next_id = had.next_id + 3
        ids = [number for place, number in enumerate(had.ids()) if kept[place % len(kept)]]
        new = dict(zip(ids, there.add_all([self._fields(number) for number in ids]), strict=True))
        self.world.move_to(there)
        self._renew(parts)
        assert self._is_refused("run"), "a run did not notice that the company has other contacts"
        had.close()
        self._accept(new)
        self._edit(list(changes))
        self._converge()

    def _accept(self, new: Mapping[int, int]) -> None:
        """Accept the company; ``new``: the ids of contacts that were restored, by their ids of before."""
        created = {new[number] for number in self.witness.created if number in new}
        notes = {new[number]: note for number, note in self.notes.items() if number in new}
        self.world.accept()
        self.world.forget_backup()
        self._forget()
        with self.world.state() as state:
            known = state.rows("SELECT source, key, remote_id, origin FROM contact WHERE remote_id IS NOT NULL")
        ours = {number for *_, number, origin in known if origin == "created"}
        # What the state still knows, a key may keep, even if its row becomes unusable now.
        self.ever = {(source, key): {self._match(number)} for source, key, number, _ in known}
        self.anchors = {owner: match for owner, [match] in self.ever.items()}
        assert ours <= created, "a contact of somebody else counts as ours"
        self.witness.created, self.restored = ours, set(new.values())
        self.witness.removed.clear()
        self.foreign = {number: self._fields(number) for number in self.world.store.rows if number not in ours}
        self.notes = {number: note for number, note in notes.items() if number in self.world.store.rows}
