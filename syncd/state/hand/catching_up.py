"""Makes a restored state true again: what the list of the target shows of the contacts that the backup knew."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from syncd.core.company.evidence import Known
from syncd.core.company.relink import Link
from syncd.state.database import Part
from syncd.state.entries import OURS
from syncd.state.facts import RESTORED

_SEEN = (
    "UPDATE contact SET returned = ?, raw = NULL, updated_at = ?,"
    " digest = CASE WHEN ? OR status <> 'accepted' THEN digest ELSE 0 END"
    " WHERE source = ? AND key = ? AND remote_id = ?"
)
_AFTER = (
    # The contact of such a delete is compared anew: the next run deletes it, if its row is still gone.
    "UPDATE change SET outcome = 'superseded' WHERE outcome IN ('pending', 'moved') AND kind = 'delete'",
    "DELETE FROM cursor",
    "DELETE FROM fact WHERE name LIKE 'first load of %'",
    f"UPDATE fact SET value = '' WHERE name = '{RESTORED}'",
)
_HERE = "(SELECT value FROM json_each(:ids))"


class CatchingUp(Part):
    """The ledger and the journal of a restored state."""

    def is_due(self) -> bool:
        """Tell whether the state was restored, and nobody has found out yet what has happened since."""
        return bool(self._database.scalar(f"SELECT value FROM fact WHERE name = '{RESTORED}'"))

    def former_ids(self) -> list[Known]:
        """Return the contacts that moves have left, and that wait to be deleted: with the values of before."""
        query = "SELECT source, key, old_id, before FROM change WHERE outcome = 'moved' AND old_id IS NOT NULL"
        rows = self._database.rows(query)
        return [Known(source, key, id_, json.loads(before or "{}")) for source, key, id_, before in rows]

    def catch_up(
        self, there: Sequence[Link], gone: Sequence[Known], *, still_left: Collection[int], ids: Collection[int]
    ) -> bool:
        """Note what was seen; return False if another process has done so meanwhile.

        Args:
            there: contacts of the ledger that are at the target as they were, or changed.
            gone: contacts of the ledger that are not; they leave the ledger.
            still_left: ids that moves have left, and that are at the target as they were.
            ids: every id at the target.
        """
        now = self._database.clock()
        with self._database.write():
            if not self.is_due():
                return False
            self._database.execute_many(
                "DELETE FROM contact WHERE source = ? AND key = ?", [_key(each) for each in gone]
            )
            self._database.execute_many(
                _SEEN,
                [
                    (json.dumps(each.returned, ensure_ascii=False), now, each.same, *_key(each), each.id)
                    for each in there
                ],
            )
            # Nobody knows what has become of these ids since. As deleted ones, or as ones to delete, they would make a
            # contact ours that a person has made meanwhile.
            self._database.execute(
                "UPDATE change SET outcome = 'accepted', old_id = NULL WHERE outcome IN ('pending', 'moved')"
                " AND outcome = 'moved' AND old_id NOT IN (SELECT value FROM json_each(:left))",
                left=still_left,
            )
            self._database.execute(f"UPDATE change SET old_id = NULL WHERE old_id IN {_HERE} AND {OURS}", ids=ids)
            for statement in _AFTER:
                self._database.execute(statement)
        return True


def _key(each: Known | Link) -> tuple[str, str]:
    return each.source, each.key
