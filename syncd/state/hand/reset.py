"""Forgets a part of what the state knows of a source, and says before what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from syncd.errors import SourceBusy
from syncd.processes import is_dead
from syncd.state.database import Part
from syncd.state.glance import repairs_of
from syncd.state.hand.unfinished import require_finished
from syncd.state.numbers.shared import SHARES
from syncd.state.numbers.unsent import forget_rows
from syncd.state.runs import forget_history

Kind = Literal["ledger", "cursor", "history"]

KINDS: tuple[Kind, ...] = ("ledger", "cursor", "history")

# Of the tables that are not named here: the history stays true. A call of unknown outcome and the former id of a moved
# contact stay in the journal, and the next run settles them: else the contact that such a call has made would stay at
# the target for ever. What a person has undone or decided stays too.
_LEDGER = (
    *(f"DELETE FROM {table} WHERE source = :source" for table in ("contact", "outranked", "merged", "cursor", *SHARES)),
    "DELETE FROM hold WHERE source IN (:source, :repairs)",
    # No contact is left that a delete of unknown outcome could be tried again for.
    """
    UPDATE change SET outcome = 'superseded' WHERE source = :source AND outcome IN ('pending', 'moved')
        AND kind = 'delete'
    """,
)
_FACTS = ("first load", "match fields", "fields", "field numbers")
_OPEN = "outcome IN ('pending', 'moved')"


@dataclass(frozen=True, slots=True)
class Cost:
    """What the state knows of a source, and so what a reset takes away.

    ``contacts``: contacts of its ledger; ``all_contacts``: of the ledger of all sources. ``created``: contacts of this
    source that syncd has made, and may delete later. ``going``: contacts whose rows are gone, and whose deletes wait.
    ``rejected``: contacts that the target refused. ``held``: lists that wait for a person. ``open``: calls of unknown
    outcome, and former ids of moved contacts. ``changes``: of the history; ``oldest``: the oldest of them (Unix
    seconds), ``undoable``: runs that an undo could take back. ``cursor``: a read may begin where the last one ended.
    """

    contacts: int
    all_contacts: int
    created: int
    going: int
    rejected: int
    held: int
    open: int
    changes: int
    oldest: float | None
    undoable: int
    cursor: bool


class Resets(Part):
    """What is known of one source, and its reset."""

    def knows(self) -> list[str]:
        """Return the sources that the state knows of, also those that are not configured any more."""
        tables = ("contact", "run", "cursor")
        union = " UNION ".join(f"SELECT DISTINCT source FROM {table}" for table in tables)
        return sorted(set(self._database.column(union)))

    def cost(self, source: str) -> Cost:
        """Return what there is to lose."""
        count = self._count
        return Cost(
            contacts=count("contact", "source = :source", source),
            all_contacts=count("contact", "remote_id IS NOT NULL", source),
            created=count("contact", "source = :source AND origin = 'created' AND remote_id IS NOT NULL", source),
            going=count("contact", "source = :source AND missing_since IS NOT NULL AND remote_id IS NOT NULL", source),
            rejected=count("contact", "source = :source AND status = 'rejected'", source),
            held=count("hold", "source IN (:source, :repairs)", source),
            open=count("change", f"source = :source AND {_OPEN}", source),
            changes=count("change", f"source = :source AND key <> '' AND NOT ({_OPEN})", source),
            oldest=self._database.scalar(
                "SELECT min(at) FROM change WHERE source = :source AND key <> ''", source=source
            ),
            undoable=int(
                self._database.scalar(
                    "SELECT count(DISTINCT run) FROM change WHERE source = :source AND key <> ''", source=source
                )
            ),
            cursor=count("cursor", "source = :source", source) > 0,
        )

    def make(self, source: str, kind: Kind) -> None:
        """Forget it, in one transaction.

        Raises:
            SourceBusy: a run holds the source; nothing was changed.
            StateError: the ledger is still needed; nothing was changed.
        """
        with self._database.write():
            self._require_free(source)
            if kind == "ledger":
                require_finished(self._database, [source])
                self._forget_ledger(source)
            elif kind == "cursor":
                self._database.execute("DELETE FROM cursor WHERE source = :source", source=source)
            else:
                # The clock may have been set back since the newest change.
                forget_history(self._database, float("inf"), source)
                self._database.execute("DELETE FROM formernumber WHERE source = :source", source=source)

    def _forget_ledger(self, source: str) -> None:
        for statement in _LEDGER:
            values = {"source": source, **({"repairs": repairs_of(source)} if ":repairs" in statement else {})}
            self._database.execute(statement, **values)
        forget_rows(self._database, source)
        names = [f"{fact} of {source}" for fact in _FACTS]
        self._database.execute("DELETE FROM fact WHERE name IN (SELECT value FROM json_each(:names))", names=names)

    def _require_free(self, source: str) -> None:
        query = "SELECT owner FROM lease WHERE source = :source AND expires > :now"
        for owner in self._database.column(query, source=source, now=self._database.clock()):
            if not is_dead(owner):
                pid = owner.split(":")[1]
                raise SourceBusy(f"{source}: a run holds it (process {pid}); wait until it is done, or stop it")

    def _count(self, table: str, condition: str, source: str) -> int:
        values = {"source": source} if ":source" in condition else {}
        values |= {"repairs": repairs_of(source)} if ":repairs" in condition else {}
        return int(self._database.scalar(f"SELECT count(*) FROM {table} WHERE {condition}", **values))
