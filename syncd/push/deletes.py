"""Deletes what nothing claims: contacts that left their source, and what moves and lost answers left at the target."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from syncd.core.plan import BATCH
from syncd.core.schema import Schema
from syncd.errors import TargetUnavailable
from syncd.plan.claims import asking_elsewhere
from syncd.plan.field_history import open_calls
from syncd.push.doubt import PATIENCE, find_left
from syncd.push.result import Pushed, halt_if_asked
from syncd.state import State
from syncd.state.journal import Leftover
from syncd.target.contacts import Deleted, Target
from syncd.target.lookup import hint

log = structlog.get_logger()

LOOKS = (1.0, 3.0)
"""Seconds to wait before looking again whether a deleted contact is gone: a list may lag behind."""


@dataclass(slots=True)
class Removal:
    """The deletes of one source's plan; ``done`` is filled in. ``configured``: the names of all sources that are."""

    run: str
    source: str
    configured: Collection[str]
    state: State
    target: Target
    schema: Schema
    done: Pushed
    stopping: threading.Event
    advance: Callable[[int], None]

    def carry_out(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Delete these contacts, and what earlier runs left behind.

        Raises:
            SyncdError: what ended it early; all that became of it until then is recorded.
        """
        self.state.deletions.pass_on(self.configured)
        going = {change["@key"] for change in changes}
        again = self.state.ledger.pending_keys(self.source) - going
        left = [each for each in open_calls(self.state, self.schema, self.source) if each.id or each.key not in again]
        if not changes and not left:
            return
        doubted = [each for each in left if each.id is None]
        found = find_left(self.target, self.schema, doubted, self.state.holdings.ours_among)
        ids = {change["@key"]: change["@id"] or found.get(change["@match"]) for change in changes}
        young = self.state.clock() - PATIENCE
        unseen = {each.match for each in doubted if each.match not in found and each.at > young}
        ready = [each for each in changes if ids[each["@key"]] or each["@match"] not in unseen]
        tidy = [each for each in left if each.id or each.match not in unseen]
        asked = {(each["@key"], each["@match"]) for each in changes}
        settled = {(each["@key"], each["@match"]) for each in ready}
        doubt = {(each.key, each.match) for each in doubted if each.match in unseen}
        self.done.kept += len((asked | doubt) - settled)
        for start in range(0, len(ready), BATCH):
            halt_if_asked(self.stopping)
            self._delete_contacts(ready[start : start + BATCH], ids, going)
        for start in range(0, len(tidy), BATCH):
            halt_if_asked(self.stopping)
            self._tidy(tidy[start : start + BATCH], found)

    def _delete_contacts(
        self, changes: Sequence[Mapping[str, Any]], ids: Mapping[str, int | None], going: Collection[str]
    ) -> None:
        others = [name for name in self.configured if name != self.source]
        begun = self.state.deletions.begin(
            self.run,
            self.source,
            changes,
            ids,
            going=going,
            configured=self.configured,
            elsewhere=asking_elsewhere(self.state, others, {change["@match"] for change in changes}),
        )
        self.done.kept += len(begun.waiting)
        self.done.left += len(begun.left)
        self.done.counts["delete"] += len(begun.handed)
        if not begun.entries:
            return
        located = [(entry, ids[entry["key"]] or 0) for entry in begun.entries]
        answer = self._remove({id_: entry["match"] for entry, id_ in located})
        if answer.unsent and answer.failure:
            self.state.journal.unmark(begun.entries, answer.fates)
            raise answer.failure
        gone = [entry for entry, id_ in located if answer.fates[id_] == "deleted"]
        refused = [
            (entry, answer.reasons.get(id_, "the target refused to delete it"))
            for entry, id_ in located
            if answer.fates[id_] == "refused"
        ]
        self.state.deletions.record(self.source, answer.fates, gone, refused)
        self.done.unknown += len(located) - len(gone) - len(refused)
        self.done.counts["delete"] += len(gone)
        self.done.rejected += [{"key": entry["key"], "reason": reason} for entry, reason in refused]
        log.info("batch deleted", source=self.source, rows=len(located), deleted=len(gone))
        self.advance(len(located))
        if answer.failure:
            raise answer.failure

    def _remove(self, matches: Mapping[int, str]) -> Deleted:
        """Delete these ids; the first time, look whether that has an effect.

        ``matches``: the match value that each has at the target, or "" where it is not known.
        """
        answer = self.target.delete_all(sorted(matches))
        gone = [id_ for id_, fate in answer.fates.items() if fate == "deleted" and matches[id_]]
        if not gone or self.state.facts.deletes_work.get():
            return answer
        if self._is_gone(gone[0], hint(matches[gone[0]])):
            self.state.facts.deletes_work.set(True)
            return answer
        failure = TargetUnavailable(
            "Vocatech answered that a contact was deleted, but still lists it: nothing more is deleted until that is "
            "seen to have an effect; does a proxy drop the body of DELETE requests?"
        )
        return Deleted(dict.fromkeys(answer.fates, "unknown"), {}, answer.calls, answer.failure or failure)

    def _is_gone(self, id_: int, text: str) -> bool:
        for wait_for in (*LOOKS, None):
            if all(remote.id != id_ for remote in self.target.search(text)):
                return True
            if wait_for is None or self.stopping.wait(wait_for):
                break
        return False

    def _tidy(self, left: Sequence[Leftover], found: Mapping[str, int]) -> None:
        """Delete what moves and lost answers left at the target, and close their journal entries."""
        remains = {each.change: (each.id or found.get(each.match), each.match) for each in left}
        free = self.state.deletions.begin_tidying(self.source, remains)
        if not free:
            return
        named = {each.change for each in left if each.id}
        answer = self._remove({id_: "" if change in named else remains[change][1] for change, id_ in free.items()})
        done = {change for change, id_ in free.items() if answer.fates[id_] == "deleted"}
        self.state.deletions.end_tidying(self.source, answer.fates, done)
        self.done.tidied += len(done - named)
        self.done.unknown += len(free) - len(done)
        if answer.failure:
            raise answer.failure
