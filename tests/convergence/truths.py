"""The assertions about a company: at any moment, and after a clean run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from hypothesis.stateful import RuleBasedStateMachine

from syncd.core.settings.rules import DECIDING
from syncd.report.source_report import SourceReport
from syncd.state.entries import DONE
from tests.convergence.accounts import Accounts
from tests.convergence.company import Company, Layout, Match, Owner, Sayings
from tests.convergence.plant import Plant
from tests.convergence.witness import Witness
from tests.convergence.worlds import Opening
from tests.worlds.holding import held, indexed

SHARED_MEMORY = Path("/dev/shm")


class Truths(RuleBasedStateMachine):
    """A company with its past, and the assertions about it.

    ``ever``: the match values that each key may have at the target. ``anchors``: the last match value of each held key.
    ``foreign``: the contacts of people, with their values. ``notes``: the texts that people wrote into the unmapped
    field, by contact; ``written``: all texts that people ever wrote there. ``approved``: the approved lists.
    ``restored``: the contacts that have another id since a restore of the company.

    Contacts of ours that people changed, until a repair: ``missed`` (match values whose contact people deleted or
    renamed), ``renamed`` (ids with a match value of people), ``remade`` (match values that people added again),
    ``edited`` (mapped values that people wrote), ``kept`` (edited contacts that stay until their row changes),
    ``undead`` (contacts that a delete did not remove), ``lenient`` (undead contacts whose match value a row claims).
    """

    folder: ClassVar[Path | None] = None
    companies: ClassVar[int] = 0
    steps: ClassVar[int] = 0
    """Companies and steps of all machines so far."""

    def __init__(self) -> None:
        super().__init__()
        Truths.companies += 1
        shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        if Truths.folder is None:
            Truths.folder = Path(tempfile.mkdtemp(prefix="syncd-convergence-", dir=shared))
        self.home = Path(tempfile.mkdtemp(dir=Truths.folder))
        self.witness = Witness()
        self.accounts = Accounts(self.witness)
        self.plant: Plant | None = None
        self.company: Company
        self.opening: Opening
        self.layout: Layout
        self.ever: dict[Owner, set[Match]] = {}
        self.anchors: dict[Owner, Match] = {}
        self.foreign: dict[int, dict[str, str]] = {}
        self.notes: dict[int, tuple[Match, str]] = {}
        self.written: set[str] = set()
        self.missed: set[Match] = set()
        self.remade: set[Match] = set()
        self.renamed: set[int] = set()
        self.edited: dict[int, dict[str, str]] = {}
        self.kept: set[int] = set()
        self.undead: set[int] = set()
        self.lenient: set[int] = set()
        self.restored: set[int] = set()
        self.calm = True
        self.crashed = False
        self.approved: dict[str, list[frozenset[str]]] = {}
        self.runs = 0

    def check_invariants(self, *arguments: Any) -> None:
        """Count the step. An invariant of our own would add a line to every printed history."""
        Truths.steps += 1
        super().check_invariants(*arguments)

    @property
    def world(self) -> Plant:
        assert self.plant is not None
        return self.plant

    # What must be true.

    def _sent(self) -> Sayings:
        """Record and return what the next run may send."""
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
        """Remove every held row and every row without a key from the tables."""
        while True:
            said = self.company.says(self.ever)
            if not said.held and not said.keyless:
                return
            for name, table in self.company.tables.items():
                table.rows = [row for row in table.rows if row.key and (name, row.key) not in said.held]

    def _converge(self) -> None:
        """Run cleanly, compare the target with the sources, and require that one more run writes nothing."""
        with self.world.state() as state:
            for name in self.company.tables:
                state.ledger.retry_rejected(name)
        said = self._sent()
        for _ in range(self._runs_needed()):
            reports = self._counted_run()
            for _ in range(6):
                if not self._approve(reports):
                    break
                reports = self._counted_run()
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

    def _counted_run(self) -> list[SourceReport]:
        exact = self.calm and not (self.missed or self.renamed or self.undead or self.lenient)
        return self.accounts.counted(self.world, exact=exact)

    def _runs_needed(self) -> int:
        """Return how many runs are needed: more if a source waits for another one, or only an answer shows twins."""
        return 3 if self._waits() or self.layout.folds or self.company.numbers in DECIDING else 1

    def _waits(self) -> bool:
        """Tell whether the order of runs decides which of two sources gets a shared match value."""
        return self.company.policy == "hold" and len(self.company.tables) > 1

    def _approve(self, reports: list[SourceReport]) -> bool:
        """Approve the held lists that a person may approve; return whether there were any."""
        approved = False
        for report in reports:
            keyless = {each.digest for each in report.held if each.gate == "deletes.keyless"}
            for each in report.held:
                if each.digest not in keyless and not (each.kind == "delete" and keyless):
                    self.approved.setdefault(report.source, []).append(frozenset(each.keys))
                    with self.world.state() as state:
                        approved |= state.holds.approve(report.source, each.digest) > 0
        return approved

    def _look(self) -> None:
        """Assert that no foreign contact was deleted, and that none was changed unless a row claims its match value."""
        assert not self.witness.offences, self.witness.offences
        self._callers()
        self.accounts.balanced(self.world, self.layout, self._unaccountable(), settled=False)
        self.notes = {number: note for number, note in self.notes.items() if number in self.world.store.rows}
        self._left_adopted()
        spoken = set().union(*self.ever.values()) if self.ever else set()
        self._forget_who_is_gone(spoken)
        for number, fields in list(self.foreign.items()):
            if number not in self.world.store.rows:
                del self.foreign[number]  # it was adopted, and has moved
            elif self.layout.match_of(fields) in spoken or self._referred(fields):
                self.foreign[number] = self._fields(number)
            else:
                assert self._fields(number) == fields, "a contact that no row speaks of was changed"

    def _callers(self) -> None:
        """Assert that the index of numbers says what the ledger says."""
        phones = self.layout.phones
        with self.world.state() as state:
            known = held(state, phones)
            numbers = pl.Series([number for number, _, _ in known | indexed(state)], dtype=pl.String)
            assert set(state.holders.of(numbers, phones).rows()) == known, "the index of numbers is wrong"
            if not self.crashed and state.history.phone_fields():
                assert indexed(state) == known, "the index of numbers is late"

    def _unaccountable(self) -> set[int]:
        """Return contacts of which the target lied, or whose match value a person changed."""
        return self.renamed | self.undead | self.lenient | self.witness.denied

    def _referred(self, fields: Mapping[str, str]) -> bool:
        """Tell whether the target finds the contact by its integration reference instead of its match value."""
        keys = {key for _, key in self.ever}
        return self.opening.dialects.get("rekey") == "integration" and fields.get(self.layout.integration) in keys

    def _forget_who_is_gone(self, spoken: set[Match]) -> None:
        rows = self.world.store.rows
        self.edited = {number: values for number, values in self.edited.items() if number in rows}
        self.renamed &= rows.keys()
        self.kept &= rows.keys()
        self.undead = (self.undead | self.witness.undead) & rows.keys()
        self.witness.undead.clear()
        self.lenient |= {each for each in self.undead if self.layout.match_of(self._fields(each)) in spoken}
        self.undead -= self.lenient

    def _left_adopted(self) -> None:
        """Assert that an adopted contact was deleted only where that is wanted, and if a row had claimed it."""
        here = self.ever.keys() if self.company.gates.deletes.adopted else set()
        for row in self.witness.removed:
            match = self.layout.match_of(self.world.store.fields.filled(row))
            movers = [owner for owner, matches in self.ever.items() if match in matches and owner in here]
            assert movers, "a contact was deleted that is not ours, or that was adopted and is to stay"
        self.witness.removed.clear()

    def _compare(self, said: Sayings) -> None:
        there = self._there()
        for match, (owner, fields) in self.company.shared(said).items():
            assert match in there or match in self.missed, f"{owner} is not at the target"
            if match in there and match not in self.remade:
                self._equal(owner, there[match], fields)
        self._no_orphans(said, there)
        self._held_are_there(said, there)
        self._noted(said, there)
        self._ledger(said, there)

    def _there(self) -> dict[Match, int]:
        """Return the target's contacts by match value, and assert that there are no twins."""
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
        own = {
            name: value
            for name, value in self.edited.get(number, {}).items()
            if self.layout.plain(there, [name]) == self.layout.plain({name: value}, [name])
        }
        fields = {**fields, **own}
        assert self.layout.plain(there, sent) == self.layout.plain(fields, sent), f"{owner} differs at the target"

    def _clears(self) -> bool:
        """Tell whether an empty value clears a field at the target."""
        return self.opening.dialects.get("clear", "empty") in ("empty", "both")

    def _no_orphans(self, said: Sayings, there: Mapping[Match, int]) -> None:
        """Assert that every contact of ours is wanted, or may belong to a held key."""
        spared = self._unaccountable() | self.accounts.named
        kept = said.doubtful | {match for owner in said.held for match in self.ever.get(owner, ())}
        for match, number in there.items():
            ours = number in self.witness.created and number not in spared
            if ours and match not in said.wanted and match not in kept and not said.keyless:
                raise AssertionError(f"contact {number} of ours was left behind")

    def _held_are_there(self, said: Sayings, there: Mapping[Match, int]) -> None:
        for owner, match in self.anchors.items():
            # A contact is held from the run on that knows of the other row. If two sources come to share a match value
            # at once, the source that runs first cannot know of it, and its contact has moved there already.
            moved = said.claims.get(owner) in there
            assert match in there or match in self.missed or moved, f"{owner} is held, and its contact is gone"

    def _noted(self, said: Sayings, there: Mapping[Match, int]) -> None:
        """Assert that each note is at its contact, unless another key took over the contact's match value.

        The note then moved with the former key, was deleted with it, or waits for it in the ledger.
        """
        now = {number: self._fields(number).get(self.layout.note) for number in there.values()}
        here = {owner for owner, _ in said.wanted.values()}
        for number, (match, note) in self.notes.items():
            if there.get(match) == number and now[number] != note:
                owner = said.wanted[match][0] if match in said.wanted else None
                before = {each for each, matches in self.ever.items() if match in matches} - {owner}
                # Of two notes for one contact, the note that moved there with its key stays.
                contended = now[number] in self.written
                ours = number in self.witness.created
                gone = not before & here and (ours or contended or before & said.held)
                assert gone or note in now.values(), f"the note of contact {number} is lost"

    def _ledger(self, said: Sayings, there: Mapping[Match, int]) -> None:
        with self.world.state() as state:
            rows_ = state.rows("SELECT source, key, remote_id, status FROM contact")
            open_ = state.scalar("SELECT count(*) FROM change WHERE outcome IN ('pending', 'moved')")
            query = f"SELECT source, key, new_id FROM change WHERE kind <> 'delete' AND {DONE} ORDER BY id"
            history = {(source, key): number for source, key, number in state.rows(query)}
        known = {(source, key): (number, status) for source, key, number, status in rows_}
        for match, (owner, _) in said.wanted.items():
            number, status = known.get(owner, (None, "not"))
            assert status == "accepted", f"{owner} is at the target, and {status} in the ledger"
            assert number == there.get(match, number) or match in self.remade, (
                f"{owner} has another id at the target than in the ledger"
            )
            heirs = {(owner[0], old) for _, old, new in self.company.tables[owner[0]].merges if new == owner[1]}
            # A key with a history of its own took the contact over from a key that the ledger has no more.
            former = (
                {each for each in history if each[0] == owner[0] and each not in known} if owner in history else set()
            )
            told = {history.get(each) for each in {owner, *heirs, *former}}
            assert number in told | self.restored, f"the history does not tell how {owner} came to be there"
        if not said.held and not said.keyless:
            assert not open_, "the journal has open entries after a clean run"
            self.accounts.balanced(self.world, self.layout, self._unaccountable(), settled=True)

    def _settle(self, said: Sayings) -> None:
        there = self._there()
        now = {number: self._fields(number).get(self.layout.note, "") for number in there.values()}
        # A note that moved with its key belongs to the new contact now, and is deleted with it.
        self.notes = {
            number: (match, note)
            for number, (match, note) in self.notes.items()
            if now.get(number) == note or note not in now.values()
        }
        for match, number in there.items():
            if now[number] in self.written:
                self.notes[number] = match, now[number]
        self.missed -= there.keys()
        self.remade -= self.missed
        self.anchors = {
            **{owner: match for owner, match in self.anchors.items() if owner in said.held},
            **{owner: match for match, (owner, _) in said.wanted.items() if match in there},
        }
        self.ever = {owner: matches for owner, matches in self.ever.items() if owner in said.held | said.lingering}
        for match, (owner, _) in said.wanted.items():
            self.ever[owner] = {match}
        if not said.held:
            self.company.kin = self.company.groups() if self.company.policy == "merge_phones" else {}
        self.calm = not said.held and not said.keyless

    def _fields(self, number: int) -> dict[str, str]:
        return self.world.store.fields.filled(self.world.store.rows[number])
