"""Reconciles, repairs and undos between the runs of the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from syncd.core.settings.rules import OnEdit
from syncd.report.drift_report import Reconciled
from syncd.state.glance import repairs_of
from tests.convergence.company import Match
from tests.convergence.exchange import Exchange
from tests.convergence.keys import Keys
from tests.convergence.machine import EDITS, MOMENTS, TROUBLE
from tests.convergence.plant import Power
from tests.convergence.shelf import Row
from tests.convergence.worlds import Edit, edits, rows

POLICIES: list[OnEdit] = ["report", "keep", "overwrite"]

Done = TypeVar("Done")

Picture = dict[Match, Match]
"""The target's contacts: each match value with the mapped fields."""


class Convergence(Exchange, Keys):
    """The machine with reconciles, repairs and undos, some of them amid faults and crashes."""

    # Reconcile.

    @rule()
    def compare(self) -> None:
        """A reconcile without a repair changes nothing and reports the edits of people."""
        before, writes = dict(self.world.store.rows), self.world.writes()
        found = self.world.reconcile()
        assert (self.world.store.rows, self.world.writes()) == (before, writes), "a comparison changed something"
        self._explained(found)

    def _explained(self, found: Reconciled) -> None:
        with self.world.state() as state:
            claimed = set(state.holdings.ids())
        there, lost = self.world.store.rows.keys(), self.undead | self.lenient
        extra = {each["id"] for drift in found.sources for each in drift.extra}
        assert not set(found.foreign) & claimed, "a contact that the ledger claims is called foreign"
        assert not extra & claimed, "a contact that the ledger claims is called an extra"
        assert not extra - self.witness.created, "a contact that was never ours is called ours"
        if self.calm:
            assert set(found.foreign) | extra == there - claimed, "a contact was overlooked"
            assert extra <= lost, "a contact is called an extra though no delete of it failed"
        for drift in found.sources:
            assert drift.error is None, f"a comparison of {drift.source} failed: {drift.error}"
            for each in drift.missing:
                assert each["id"] not in there, f"contact {each['id']} is there, and called missing"
            for each in drift.edited if self.calm else ():
                known = each["id"] in self.edited or each["id"] in self.renamed or each["now"] is not None
                assert known, f"contact {each['id']} is called edited, and nobody did"

    @rule(on_edit=st.sampled_from(POLICIES), theirs=st.lists(st.tuples(EDITS, rows()), max_size=2))
    def repair(self, on_edit: OnEdit, theirs: Sequence[tuple[int, Row]] = ()) -> None:
        """After a repair, all is there again; what people changed is overwritten where that is wanted, else as it was.

        Nothing is missing then but what the repair says that a person must mend. ``theirs``: what people change first.
        """
        self._converge()
        for place, row in theirs if self.calm else ():
            self.people_edit(place, row, match=False)
        made = {number: self._fields(number) for number in self.edited}
        found = self._repaired(on_edit)
        self._look()
        left = {(drift.source, each["key"]) for drift in found.sources for each in drift.missing + drift.edited}
        if on_edit == "keep":
            self.kept |= self.edited.keys() | self.renamed
        elif on_edit == "overwrite":
            self.edited = {
                number: values
                for number, values in self.edited.items()
                if number in self.kept or self._owners(number) & left
            }
        for number, fields in made.items() if on_edit != "overwrite" else ():
            assert self._fields(number) == fields, f"what people made of contact {number} was changed"
        there = self._there()
        left |= {owner for number in self.kept & self.renamed for owner in self._owners(number)}
        for match, (owner, _) in self.company.says(self.ever).wanted.items():
            assert match in there or owner in left, f"{owner} was not repaired"
        self.missed -= there.keys()
        assert not self.undead, "a contact that was deleted without an effect was not deleted again"
        self._converge()

    def _owners(self, number: int) -> set[tuple[str, str]]:
        with self.world.state() as state:
            return set(state.rows("SELECT source, key FROM contact WHERE remote_id = :id", id=number))

    def _repaired(self, on_edit: OnEdit) -> Reconciled:
        """Repair until no gate holds anything; return the result of one more repair."""
        for _ in range(6):
            found = self.world.reconcile(on_edit)
            for drift in found.sources:
                assert drift.error is None, f"a repair of {drift.source} failed: {drift.error}"
                assert not drift.unknown, f"a repair of {drift.source} left {drift.unknown} changes unknown"
            held = [(drift.source, each.digest) for drift in found.sources for each in drift.held]
            with self.world.state() as state:
                for source, digest in held:
                    state.holds.approve(repairs_of(source), digest)
            if not held:
                break
        writes = self.world.writes()
        found = self.world.reconcile(on_edit)
        assert self.world.writes() == writes, "a further repair wrote something"
        return found

    @rule(on_edit=st.sampled_from(POLICIES), armed=TROUBLE, cut=MOMENTS, stop=MOMENTS)
    def troubled_repair(
        self, on_edit: OnEdit, armed: list[Mapping[str, Any]], cut: int | None, stop: int | None
    ) -> None:
        self._in_trouble(lambda power: self.world.reconcile(on_edit, power), armed, Power(cut, stop))
        if on_edit == "keep":  # it may have come to that
            self.kept |= self.edited.keys() | self.renamed
        self._look()

    # Undo.

    @rule(place=EDITS, armed=TROUBLE, cut=MOMENTS, stop=MOMENTS)
    def troubled_undo(self, place: int, armed: list[Mapping[str, Any]], cut: int | None, stop: int | None) -> None:
        """A person undoes one of the last runs, perhaps amid faults."""
        runs = self._runs()[:8]
        if runs:
            run = runs[place % len(runs)]
            self._undoing(
                lambda: self._in_trouble(lambda power: self.world.undo(run, (), power), armed, Power(cut, stop))
            )

    @precondition(lambda self: self.runs > 0)
    @rule(rounds=st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=2))
    def undo_what_was_done(self, rounds: list[list[Edit]]) -> None:
        """The runs since a moment are taken back, the last one first: the target is as it was, and is left so."""
        self._put_right()
        self._converge()
        if self.missed or self.edited or self.undead or self.lenient or self.remade or self.renamed:
            return
        before, known = self._picture(), set(self._runs())
        for changes in rounds:
            self._edit(changes)
            self._converge()
        whole = True
        for run in [each for each in self._runs() if each not in known]:
            whole &= self._undone(run)
        if not whole:
            return
        assert self._picture() == before, "what was undone is not as it was"
        if not self._waits() and not self.layout.folds and not self.company.says(self.ever).held:
            writes = self.world.writes()
            self.world.run()
            assert self.world.writes() == writes, "what was undone was done again"

    def _undone(self, run: str) -> bool:
        """Undo a run with all gates open; return whether all of it could be undone."""
        digests: set[str] = set()
        for _ in range(6):
            reports = self._undoing(partial(self.world.undo, run, frozenset(digests)))
            for report in reports:
                assert report.error is None, f"an undo of {report.source} failed: {report.error}"
            held = {each.digest for report in reports for each in report.held}
            if not held:
                break
            digests |= held
        return not any(report.kept or report.altered or report.rejected or report.unknown for report in reports)

    def _undoing(self, command: Callable[[], Done]) -> Done:
        """Carry an undo out: what people have is left alone, and what keys had before they may have again."""
        known = set(self._runs())
        self.calm = False
        done = command()
        self._look()
        with self.world.state() as state:
            for run in set(self._runs()) - known:
                for change in state.history.changes(run=run):
                    owner = change["source"], change["key"]
                    match = self.layout.match_of(change["after"] or {})
                    self.ever.setdefault(owner, set()).update({match} if match else ())
                    self.anchors.pop(owner, None)
        return done

    def _runs(self) -> list[str]:
        """Return the runs in the state, the newest first."""
        with self.world.state() as state:
            return list(dict.fromkeys(each["run"] for each in state.history.runs()))

    def _picture(self) -> Picture:
        names = sorted(self.layout.origins)
        if not self._clears():
            names = list(self.layout.match)
        return {match: self.layout.plain(self._fields(number), names) for match, number in self._there().items()}
