"""Closes what earlier changes left open: the former ids of moved contacts, and calls of unknown outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from syncd.core.change import ChangeOutcome, Left
from syncd.core.ownership import PATIENCE, OpenCall, Sighting
from syncd.state.database import Part
from syncd.state.leaving.deletions import claimed, end_deletions, note_deletions, settle
from syncd.state.leaving.leftovers import drop_given_up, give_up, leave


class Tidying(Part):
    """Deletes what earlier changes left at the target. Times are Unix seconds."""

    def begin(self, source: str, left: Sequence[OpenCall], seen: Mapping[str, Sighting]) -> dict[int, int]:
        """Begin to delete what earlier changes left at the target.

        Args:
            source: whose changes they are.
            left: what they may have left.
            seen: by match value, what stands where a call of unknown outcome belongs.

        Returns:
            The ids that may be deleted now, by change. Changes that left nothing, or an id that a contact claims, are
            settled. Changes that left an id that a call in flight may claim stay as they are.
        """
        there = {each.change: each.id or (seen[each.match].id if each.match in seen else None) for each in left}
        with self._database.write():
            # A delete of this run may have settled some of them.
            still = set(self._database.column(_STILL_OPEN, ids=[each.change for each in left]))
            left = [each for each in left if each.given_up or each.change in still]
            ids = [id_ for each in left if (id_ := there[each.change])]
            held, open_ = claimed(self._database, ids, [each.match for each in left], {}, {})
            clear = [each for each in left if there[each.change] in held or each.match not in open_]
            # Two calls may have come to one contact.
            free = {there[each.change]: each for each in clear if _is_free(each, there[each.change], held, seen)}
            settled = [each for each in clear if each not in free.values()]
            self._settle(source, settled, there, {*held, *free})
            matches = {id_ or 0: each.match for id_, each in free.items()}
            note_deletions(self._database, source, matches, self._database.clock())
        return {each.change: id_ or 0 for id_, each in free.items()}

    def _settle(
        self,
        source: str,
        calls: Sequence[OpenCall],
        there: Mapping[int, int | None],
        accounted: Collection[int | None],
    ) -> None:
        """Settle changes that left nothing that can be deleted; ``accounted``: ids that are held or being deleted."""
        database = self._database
        settle(database, [each.change for each in calls], ChangeOutcome.SUPERSEDED)
        for each in calls:
            id_ = there[each.change]
            if id_ and id_ not in accounted and each.id is None:
                leave(database, [(source, each.key, id_, each.match)], Left.FOREIGN)
        absent = [each for each in calls if there[each.change] is None]
        # What was given up is forgotten only when the target has had time to carry the call out, and to list it.
        late = database.clock() - PATIENCE
        drop_given_up(database, [each.change for each in calls if each not in absent or (each.given_up or late) < late])
        give_up(database, [each.change for each in absent if each.given_up is None])

    def end(self, source: str, ids: Iterable[int], done: Sequence[int]) -> None:
        """Note that the calls for ``ids`` have ended, and that nothing is left of the changes ``done``."""
        with self._database.write():
            settle(self._database, done, ChangeOutcome.ACCEPTED)
            drop_given_up(self._database, done)
            end_deletions(self._database, source, ids)


def _is_free(
    call: OpenCall, id_: int | None, held: Mapping[int, Collection[str]], seen: Mapping[str, Sighting]
) -> bool:
    return id_ is not None and id_ not in held and (call.id is not None or seen[call.match].is_ours)


_STILL_OPEN = (
    "SELECT id FROM change WHERE id IN (SELECT value FROM json_each(:ids)) AND outcome IN ('pending', 'moved')"
)
