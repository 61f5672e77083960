"""What the answer to a batch makes of each change: accepted, refused or unknown, adopted or ours. It decides only.

An answer other than "created" does not say whose contact it was: a call of ours whose answer was lost may have made it.
So it is told by the ids that were ours, by what earlier calls may have made, and by what stood there when that was
looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from syncd.core.compare import KIND, field_changes
from syncd.core.outcomes import Accepted, Refused
from syncd.core.schema import Schema
from syncd.push.doubt import made_by
from syncd.state.journal import Leftover, Settled
from syncd.target.contacts import Remote


@dataclass(frozen=True, slots=True)
class Settling:
    """What is known before a push that its answers are judged by.

    ``calls``: calls of unknown outcome, by the match value that they may have made. ``theirs``: ids of contacts that
    stood there and are none of ours. ``horizon``: ids up to it were at the target before. ``again``: match values that
    this push may have sent more than once, and that were looked at in between.
    """

    schema: Schema
    calls: Mapping[str, Sequence[Leftover]]
    theirs: frozenset[int]
    horizon: int
    again: frozenset[str] = frozenset()

    def seeing(self, theirs: Collection[int], again: Collection[str] = ()) -> Self:
        """The same, after another look."""
        return replace(self, theirs=self.theirs.union(theirs), again=self.again.union(again))

    def settled(
        self,
        change: Mapping[str, Any],
        entry: Mapping[str, Any],
        outcome: Any,
        ours: Collection[int],
        *,
        page: Sequence[Mapping[str, Any]],
    ) -> Settled:
        """What became of ``change``, marked as ``entry``.

        ``ours``: those of the answer's ids that were ours before. ``page``: all changes of the batch.
        """
        if isinstance(outcome, Refused):
            twin = change if outcome.twin is None else page[outcome.twin]
            folded = twin["@match"] != change["@match"] and twin["@match"].casefold() == change["@match"].casefold()
            return Settled(entry, "folded" if folded else "refused", reason=outcome.reason)
        if not isinstance(outcome, Accepted) or takes_fields_away(change, outcome):
            return Settled(entry, "unknown")  # what was taken away is restored, by another call
        returned = self._returned(change, outcome.fields)
        return Settled(entry, "accepted", outcome.id, returned, adopted=self._was_there(change, outcome, ours))

    def _returned(self, change: Mapping[str, Any], fields: Mapping[str, str]) -> Mapping[str, str] | None:
        """What the target holds now, if that is not what was sent; it should hold ``expected`` values as well."""
        if fields == change["after"] and not change.get("expected"):
            return None
        there = {**change.get("expected", {}), **{name: value for name, value in fields.items() if value}}
        return there if self._differs(change["after"], there) else None

    def _differs(self, sent: Mapping[str, str], returned: Mapping[str, str]) -> bool:
        if sent == returned:
            return False
        more = any(value for name, value in returned.items() if name not in sent)
        return more or bool(field_changes(returned, sent, self.schema.phones))

    def _was_there(self, change: Mapping[str, Any], outcome: Accepted, ours: Collection[int]) -> bool:
        """Whether the contact was at the target before any call of ours could have made it."""
        if outcome.id in ours:
            return False
        calls = self.calls.get(change["@match"], [])
        if change[KIND] == "adopt":  # what was to be adopted may be gone by now
            there = Remote(change["@id"], change["before"])
            return outcome.action != "created" and not made_by(there, calls, self.schema)
        if outcome.action == "created":
            return False
        again = change["@match"] in self.again
        new = any(outcome.id > call.horizon for call in calls) or (again and outcome.id > self.horizon)
        if not new or outcome.id in self.theirs:
            return True
        sent = {*change["payload"], *(name for call in calls for name in call.fields)}
        return any(value for name, value in outcome.fields.items() if name not in sent)


def takes_fields_away(change: Mapping[str, Any], outcome: Any) -> bool:
    """Whether an update lost values that it did not mention, and that the contact should hold as ``expected``."""
    expected = change.get("expected")
    if not expected or not isinstance(outcome, Accepted):
        return False
    return any(not outcome.fields.get(name) for name in expected)
