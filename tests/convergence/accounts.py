"""The accounts: what the reports say, beside what happened at the target."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.report.source_report import SourceReport
from tests.convergence.company import Layout, Match
from tests.convergence.plant import Plant
from tests.convergence.witness import Witness


@dataclass(slots=True)
class Accounts:
    """What reports have said of one company. ``named``: the ids of the contacts that reports named as left."""

    witness: Witness
    named: set[int] = field(default_factory=set)
    heard: int = 0

    def listen(self, plant: Plant) -> None:
        """Take in the reports since the last time."""
        for report in plant.reports[self.heard :]:
            self.named |= {each["id"] for each in report.left if each["id"]}
        self.heard = len(plant.reports)

    def counted(self, plant: Plant, *, exact: bool) -> list[SourceReport]:
        """Run, and assert that the reports count what happened.

        ``exact``: no call before this run was lost, and no person deleted or renamed a contact of ours.
        """
        rows, born = set(plant.store.rows), set(self.witness.born)
        reports = plant.run()
        self.listen(plant)
        if any(report.error or report.unknown for report in reports):
            return reports
        made, back, gone = self._happened(plant, rows, born)
        count = {
            kind: sum(report.counts[kind] for report in reports) for kind in ("create", "update", "move", "delete")
        }
        tidied = sum(report.tidied for report in reports)
        # A move makes a contact and deletes one, unless another contact of ours or of a person is in its way.
        spare = count["move"] + (0 if exact else count["update"])
        assert gone <= count["delete"] + tidied + spare or not exact, f"{gone} were deleted, and {count} is reported"
        # A target may give a deleted contact back, and call that an update of a contact that it has.
        assert made - back <= count["create"] + spare, f"{made} were created, and {count} is reported"
        if exact:
            assert made >= count["create"], f"{made} were created, and {count} is reported"
            assert gone >= count["delete"] + tidied, f"{gone} were deleted, and {count} is reported"
        return reports

    def _happened(self, plant: Plant, rows: set[int], born: set[int]) -> tuple[int, int, int]:
        """Return how many contacts came, how many of these came back with an old id, and how many went."""
        now = plant.store.rows.keys()
        made = {each for each in self.witness.born if each not in born} | (now - rows)
        return len(made), len(made & born), len((rows | made) - now)

    def balanced(self, plant: Plant, layout: Layout, spared: set[int], *, settled: bool) -> None:
        """Assert that each contact of ours at the target is in the ledger, or named by a report.

        ``spared``: contacts that nobody can account for. ``settled``: no call is open; else its contact may be there.
        """
        self.listen(plant)
        ours = (self.witness.created & plant.store.rows.keys()) - spared
        with plant.state() as state:
            known = set(state.holdings.ids())
            noted = set(state.column("SELECT remote_id FROM leftover"))
            calls = state.journal.open_calls(given_up=True)
        open_ids = {each.id for each in calls}
        matches = {layout.match_of(each.fields) for each in calls if each.id is None}
        for number in ours - known - self.named:
            may_be = number in noted or number in open_ids or self._match(plant, layout, number) in matches
            if settled or not may_be:
                raise AssertionError(f"contact {number} of ours is in no ledger, and no report names it")

    @staticmethod
    def _match(plant: Plant, layout: Layout, number: int) -> Match | None:
        return layout.match_of(plant.store.fields.filled(plant.store.rows[number]))
