"""Deletes the contacts that nothing claims: contacts that left their source, and contacts that earlier calls left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from syncd.core.change import Change
from syncd.core.ownership import PATIENCE, OpenCall, Sighting
from syncd.core.plan import BATCH
from syncd.errors import TargetUnavailable
from syncd.plan.claims import asking_elsewhere
from syncd.plan.field_history import open_calls
from syncd.push.result import PushJob
from syncd.target.contacts import DeleteResult
from syncd.target.lookup import find_made, hint

log = structlog.get_logger()

LOOKS = (1.0, 3.0)
"""Seconds to wait before looking again whether a deleted contact is gone: a list may lag behind."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The deletes of one source's plan. ``advance`` is called with the number of deletes of each batch."""

    job: PushJob
    advance: Callable[[int], None]

    def carry_out(self, changes: Sequence[Change]) -> None:
        """Delete these contacts, and the contacts that earlier calls left.

        Raises:
            SyncdError: what ended the deletes early. All outcomes until then are recorded.
        """
        job, state = self.job, self.job.session.state
        state.deletions.pass_on(job.session.settings.sources)
        changes = self._without_unclaimed(changes)
        going = {change.key for change in changes}
        again = state.ledger.pending_keys(job.source) - going
        calls = open_calls(state, job.schema, job.source, given_up=True)
        left = [each for each in calls if each.id or each.given_up or each.key not in again]
        if not changes and not left:
            return
        doubted = [each for each in left if each.id is None]
        seen = find_made(job.session.target, job.schema, doubted, state.holdings.ours_among)
        found = {match: each.id for match, each in seen.items() if each.is_ours}
        ids = {change.key: change.id or found.get(change.match) for change in changes}
        # The contact of a recent call that is not found may not be listed yet. To forget the call now would leave that
        # contact at the target for good.
        young = state.clock() - PATIENCE
        unseen = {each.match for each in doubted if each.match not in seen and each.at > young and not each.given_up}
        ready = [each for each in changes if ids[each.key] or each.match not in unseen]
        tidy = [each for each in left if each.id or each.match not in unseen]
        settled = {(each.key, each.match) for each in ready}
        doubt = {(each.key, each.match) for each in doubted if each.match in unseen}
        job.result.kept += len(({(each.key, each.match) for each in changes} | doubt) - settled)
        for start in range(0, len(ready), BATCH):
            job.halt_if_asked()
            self._delete_contacts(ready[start : start + BATCH], ids, going, seen)
        for start in range(0, len(tidy), BATCH):
            job.halt_if_asked()
            self._tidy(tidy[start : start + BATCH], seen)

    def _without_unclaimed(self, changes: Sequence[Change]) -> list[Change]:
        """Leave out the contacts that another key should have got by now and has not: these wait, and stay."""
        spared = {change.id: change.key for change in changes if change.spares and change.id}
        holders = self.job.session.state.holdings.by_id(spared) if spared else {}
        going = {(self.job.source, change.key) for change in changes}
        unclaimed = {key for id_, key in spared.items() if holders.get(id_, {}).keys() <= going}
        self.job.result.kept += len(unclaimed)
        return [change for change in changes if change.key not in unclaimed]

    def _delete_contacts(
        self,
        changes: Sequence[Change],
        ids: Mapping[str, int | None],
        going: Collection[str],
        seen: Mapping[str, Sighting],
    ) -> None:
        job, result, session = self.job, self.job.result, self.job.session
        state, configured = session.state, session.settings.sources
        others = [name for name in configured if name != job.source]
        elsewhere = asking_elsewhere(state, others, {change.match for change in changes})
        begun = state.deletions.begin(
            session.run, job.source, changes, ids, going=going, configured=configured, elsewhere=elsewhere, seen=seen
        )
        result.kept += len(begun.waiting)
        result.without_call.update(Counter(begun.without_call.values()))
        if not begun.entries:
            return
        located = [(entry, ids[entry.key] or 0) for entry in begun.entries]
        answer = self._remove({id_: entry.match for entry, id_ in located})
        # Nothing has left this machine, so nothing is in doubt: the ledger is as before the mark.
        if answer.unsent and answer.failure:
            state.journal.unmark(begun.entries, answer.fates)
            raise answer.failure
        gone = [entry for entry, id_ in located if answer.fates[id_] == "deleted"]
        refused = [
            (entry, answer.reasons.get(id_, "the target refused to delete it"))
            for entry, id_ in located
            if answer.fates[id_] == "refused"
        ]
        state.deletions.record(job.source, answer.fates, gone, refused)
        result.unknown += len(located) - len(gone) - len(refused)
        result.counts["delete"] += len(gone)
        result.rejected += [{"key": entry.key, "reason": reason} for entry, reason in refused]
        log.info("batch deleted", source=job.source, rows=len(located), deleted=len(gone))
        self.advance(len(located))
        if answer.failure:
            raise answer.failure

    def _remove(self, matches: Mapping[int, str]) -> DeleteResult:
        """Delete these ids; the first time, look whether that has an effect.

        ``matches``: the match value of each id at the target, or "" if it is not known.
        """
        facts, answer = self.job.session.state.facts, self.job.session.target.delete_all(sorted(matches))
        gone = [id_ for id_, fate in answer.fates.items() if fate == "deleted" and matches[id_]]
        if not gone or facts.deletes_work.get():
            return answer
        if self._is_gone(gone[0], hint(matches[gone[0]])):
            facts.deletes_work.set(True)
            return answer
        # A success without an effect would empty the ledger while the contacts stay, and nobody would find them again.
        failure = TargetUnavailable(
            "Vocatech answered that a contact was deleted, but still lists it: nothing more is deleted until that is "
            "seen to have an effect; does a proxy drop the body of DELETE requests?"
        )
        return DeleteResult(dict.fromkeys(answer.fates, "unknown"), {}, answer.calls, answer.failure or failure)

    def _is_gone(self, id_: int, text: str) -> bool:
        for wait_for in (*LOOKS, None):
            if all(remote.id != id_ for remote in self.job.session.target.search(text)):
                return True
            if wait_for is None or self.job.session.stopping.wait(wait_for):
                break
        return False

    def _tidy(self, left: Sequence[OpenCall], seen: Mapping[str, Sighting]) -> None:
        """Delete the contacts that moves and lost answers left at the target, and close their journal entries."""
        state, source = self.job.session.state, self.job.source
        free = state.tidying.begin(source, left, seen)
        if not free:
            return
        matches = {each.change: each.match for each in left}
        # Nobody knows for sure which match value the former id of a move has by now: a search would prove nothing.
        moved = {each.change for each in left if each.id}
        answer = self._remove({id_: "" if change in moved else matches[change] for change, id_ in free.items()})
        done = {change for change, id_ in free.items() if answer.fates[id_] == "deleted"}
        state.tidying.end(source, answer.fates, sorted(done))
        self.job.result.tidied += len(done - moved)
        self.job.result.unknown += len(free) - len(done)
        if answer.failure:
            raise answer.failure
