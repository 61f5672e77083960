"""Deletes what nothing claims: contacts that left their source, and what moves and lost answers left at the target."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from syncd.core.plan import BATCH
from syncd.core.schema import Schema
from syncd.doubt import PATIENCE, find_left
from syncd.errors import TargetUnavailable
from syncd.index import hint
from syncd.pushed import Pushed, halt_if_asked
from syncd.state import State
from syncd.state.journal import Leftover
from syncd.target import Deleted, Target

log = structlog.get_logger()

DELETES = "target.deletes"
"""The fact that a contact was seen to be gone after a delete."""

LOOKS = (1.0, 3.0)
"""Seconds to wait before looking again whether a deleted contact is gone: a list may lag behind."""


@dataclass(slots=True)
class Removal:
    """The deletes of one source's plan. ``ours``: ids that came to be by calls of ours; ``done`` is filled in."""

    run: str
    source: str
    state: State
    target: Target
    schema: Schema
    ours: Collection[int]
    done: Pushed
    stopping: threading.Event
    advance: Callable[[int], None]

    def carry_out(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Delete these contacts, and what earlier runs left behind.

        Raises:
            SyncdError: what ended it early; all that became of it until then is recorded.
        """
        going = {change["@key"] for change in changes}
        again = self.state.pending_keys(self.source) - going
        left = [each for each in self.state.leftovers(self.source) if each.id or each.key not in again]
        if not changes and not left:
            return
        doubted = [each for each in left if each.id is None]
        found = find_left(self.target, self.schema, doubted, self.ours)
        ids = {change["@key"]: change["@id"] or found.get(change["@match"]) for change in changes}
        remains = {each.change: each.id or found.get(each.match) for each in left}
        claimed, open_ = self.state.claimed(
            {id_ for id_ in (*ids.values(), *remains.values()) if id_},
            {change["@match"] for change in changes} | {each.match for each in left},
            going={self.source: going},
        )
        young = self.state.clock() - PATIENCE
        unseen = {each.match for each in doubted if each.match not in found and each.at > young}
        waiting = {
            each["@key"] for each in changes if each["@match"] in (open_ if ids[each["@key"]] else open_ | unseen)
        }
        self.done.kept = len(waiting)
        self._delete_contacts([change for change in changes if change["@key"] not in waiting], ids, claimed)
        self._tidy([each for each in left if each.id or each.match not in open_ | unseen], remains, claimed)

    def _delete_contacts(
        self, changes: Sequence[Mapping[str, Any]], ids: Mapping[str, int | None], claimed: set[int]
    ) -> None:
        free = [change for change in changes if ids[change["@key"]] and ids[change["@key"]] not in claimed]
        free_keys = {change["@key"] for change in free}
        handed_over = [change for change in changes if change["@key"] not in free_keys]
        if handed_over:
            self.state.record_deletes(self.state.mark_deletes(self.run, self.source, handed_over))
            self.done.counts["delete"] += len(handed_over)
        for start in range(0, len(free), BATCH):
            halt_if_asked(self.stopping)
            page = free[start : start + BATCH]
            entries = self.state.mark_deletes(self.run, self.source, page)
            answer = self._remove({ids[change["@key"]] or 0: change["@match"] for change in page})
            if answer.unsent and answer.failure:
                self.state.unmark(entries)
                raise answer.failure
            gone, refused = [], []
            for change, entry in zip(page, entries, strict=True):
                id_ = ids[change["@key"]] or 0
                outcome = answer.fates[id_]
                if outcome == "deleted":
                    gone.append(entry)
                elif outcome == "refused":
                    refused.append((entry, answer.reasons.get(id_, "the target refused to delete it")))
                else:
                    self.done.unknown += 1
            self.state.record_deletes(gone, refused)
            self.done.counts["delete"] += len(gone)
            self.done.rejected += [{"key": entry["key"], "reason": reason} for entry, reason in refused]
            log.info("batch deleted", source=self.source, rows=len(page), deleted=len(gone))
            self.advance(len(page))
            if answer.failure:
                raise answer.failure

    def _remove(self, matches: Mapping[int, str]) -> Deleted:
        """Delete these ids; the first time, look whether that has an effect.

        ``matches``: the match value that each has at the target, or "" where it is not known.
        """
        answer = self.target.delete_all(sorted(matches))
        gone = [id_ for id_, fate in answer.fates.items() if fate == "deleted" and matches[id_]]
        if not gone or self.state.fact(DELETES) is not None:
            return answer
        if self._is_gone(gone[0], hint(matches[gone[0]])):
            self.state.learn(DELETES, "seen")
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

    def _tidy(self, left: Sequence[Leftover], remains: Mapping[int, int | None], claimed: set[int]) -> None:
        """Delete what moves and lost answers left at the target, and close their journal entries."""
        settled = [each.change for each in left if not remains[each.change] or remains[each.change] in claimed]
        self.state.settle(settled, "superseded")
        owned = [each for each in left if each.change not in set(settled)]
        for start in range(0, len(owned), BATCH):
            halt_if_asked(self.stopping)
            page = owned[start : start + BATCH]
            answer = self._remove({remains[each.change] or 0: "" if each.id else each.match for each in page})
            done = [each for each in page if answer.fates[remains[each.change] or 0] == "deleted"]
            self.state.settle([each.change for each in done], "accepted")
            self.done.tidied += sum(each.id is None for each in done)
            if len(done) < len(page):
                self.done.unknown += len(page) - len(done)
            if answer.failure:
                raise answer.failure
