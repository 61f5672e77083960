"""What must be true of a company: at any moment, and after a clean run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import text

from syncd.report.source_report import SourceReport
from syncd.state.entries import DONE
from tests.convergence.company import Company, Layout, Match, Owner, Sayings
from tests.convergence.plant import Plant
from tests.convergence.witness import Witness
from tests.convergence.worlds import Opening

SHARED_MEMORY = Path("/dev/shm")


class Truths(RuleBasedStateMachine):
    """A company, what is known of its past, and what must be true of it.

    ``ever``: the match values that each key may have at the target. ``anchors``: what a held key had. ``foreign``: the
    people's contacts, as they are. ``notes``: what people wrote into a field that is not mapped; ``written``: all that
    they ever did. Of ours, and until they are repaired: ``missed`` (deleted by people, or given other match values:
    ``renamed``), ``remade`` (and added again), ``edited`` (the mapped values that people wrote; of ``kept`` ones they
    stay until the row changes), ``undead`` (deleted without an effect), ``lenient`` (the same, and a row has spoken of
    them since). ``approved``: the lists that were.
    """

    folder: ClassVar[Path | None] = None
    companies: ClassVar[int] = 0
    steps: ClassVar[int] = 0
    """How many there have been so far, of all."""

    def __init__(self) -> None:
        super().__init__()
        Truths.companies += 1
        shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        if Truths.folder is None:
            Truths.folder = Path(tempfile.mkdtemp(prefix="syncd-convergence-", dir=shared))
        self.home = Path(tempfile.mkdtemp(dir=Truths.folder))
        self.witness = Witness()
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
        self.calm = True
        self.crashed = False
        self.approved: dict[str, list[frozenset[str]]] = {}
        self.runs = 0

    def check_invariants(self, *arguments: Any) -> None:
        """Hypothesis calls this after each step; an invariant of our own would be a line of every history."""
        Truths.steps += 1
        super().check_invariants(*arguments)

    @property
    def world(self) -> Plant:
        assert self.plant is not None
        return self.plant

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
                state.ledger.retry_rejected(name)
        said = self._sent()
        for _ in range(self._runs_needed()):
            reports = self.world.run()
            for _ in range(6):
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
            keyless = {each.digest for each in report.held if each.gate == "deletes.keyless"}
            for each in report.held:
                if each.digest not in keyless and not (each.kind == "delete" and keyless):
                    self.approved.setdefault(report.source, []).append(frozenset(each.keys))
                    with self.world.state() as state:
                        approved |= state.holds.approve(report.source, each.digest) > 0
        return approved

    def _look(self) -> None:
        """What is true at any moment: nothing that is not ours was deleted or, if no row speaks of it, changed."""
        assert not self.witness.offences, self.witness.offences
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

    def _referred(self, fields: Mapping[str, str]) -> bool:
        """Whether the target takes the contact for that of a key, whatever it matches."""
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
            if match in there and match not in self.remade:
                self._equal(owner, there[match], fields)
        self._no_orphans(said, there)
        self._held_are_there(said, there)
        self._noted(said, there)
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
        own = {
            name: value
            for name, value in self.edited.get(number, {}).items()
            if self.layout.plain(there, [name]) == self.layout.plain({name: value}, [name])
        }
        fields = {**fields, **own}
        assert self.layout.plain(there, sent) == self.layout.plain(fields, sent), f"{owner} differs at the target"

    def _clears(self) -> bool:
        """Whether the target lets a value be cleared by an empty one."""
        return self.opening.dialects.get("clear", "empty") in ("empty", "both")

    def _no_orphans(self, said: Sayings, there: Mapping[Match, int]) -> None:
        """Every contact of ours that is there is wanted, or one that a held key may have left."""
        spared = self.renamed | self.undead | self.lenient | self.witness.denied
        kept = said.doubtful | {match for owner in said.held for match in self.ever.get(owner, ())}
        for match, number in there.items():
            ours = number in self.witness.created and number not in spared
            if ours and match not in said.wanted and match not in kept and not said.keyless:
                raise AssertionError(f"contact {number} of ours was left behind")

    def _held_are_there(self, said: Sayings, there: Mapping[Match, int]) -> None:
        for owner, match in self.anchors.items():
            assert match in there or match in self.missed, f"{owner} is held, and its contact is gone"

    def _noted(self, said: Sayings, there: Mapping[Match, int]) -> None:
        """A note is at its contact, unless another key has come there: then it went with the one before.

        It may be gone with that key, or wait for it in the ledger.
        """
        now = {number: self._fields(number).get(self.layout.note) for number in there.values()}
        here = {owner for owner, _ in said.wanted.values()}
        for number, (match, note) in self.notes.items():
            if there.get(match) == number and now[number] != note:
                owner = said.wanted[match][0] if match in said.wanted else None
                before = {each for each, matches in self.ever.items() if match in matches} - {owner}
                gone = not before & here and (number in self.witness.created or before & said.held)
                assert gone or note in now.values(), f"the note of contact {number} is lost"

    def _ledger(self, said: Sayings, there: Mapping[Match, int]) -> None:
        with self.world.state() as state, state.read() as connection:
            rows_ = connection.execute(text("SELECT source, key, remote_id, status FROM contact")).all()
            open_ = connection.execute(
                text("SELECT count(*) FROM change WHERE outcome IN ('pending', 'moved')")
            ).scalar()
            query = f"SELECT source, key, new_id FROM change WHERE kind <> 'delete' AND {DONE} ORDER BY id"
            history = {(source, key): number for source, key, number in connection.execute(text(query))}
        known = {(source, key): (number, status) for source, key, number, status in rows_}
        for match, (owner, _) in said.wanted.items():
            number, status = known.get(owner, (None, "not"))
            assert status == "accepted", f"{owner} is at the target, and {status} in the ledger"
            assert number == there.get(match, number) or match in self.remade, (
                f"{owner} has another id at the target than in the ledger"
            )
            heirs = {(owner[0], old) for _, old, new in self.company.tables[owner[0]].merges if new == owner[1]}
            told = {history.get(each) for each in {owner, *heirs}}
            assert number in told, f"the history does not tell how {owner} came to be there"
        if not said.held and not said.keyless:
            assert not open_, "the journal has open entries after a clean run"

    def _settle(self, said: Sayings) -> None:
        there = self._there()
        for match, number in there.items():
            note = self._fields(number).get(self.layout.note, "")
            if note in self.written:
                self.notes[number] = match, note
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
