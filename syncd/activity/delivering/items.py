"""Makes items for a sink of calls, messages and conversations, as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson
import polars as pl

from syncd.activity.delivering.subjects import Row, Subjects, Whole
from syncd.activity.store.deliveries import Deliveries, Noted
from syncd.core.activity.delivering.settled import Sent
from syncd.core.activity.observations import Kind, key_of
from syncd.core.activity.sent import compacted, digest_of
from syncd.sink import Item, Sink, Wants

_NOTHING: Mapping[str, Any] = {}


class Work(NamedTuple):
    """One item with what it takes to record its outcome.

    ``lacks``: contacts that are not associated yet. ``created``: the run that made the record; "" for none that is
    known. ``parts``: the keys of the messages of a conversation.
    """

    item: Item
    key: str
    sent: Sent
    noted: Noted | None
    lacks: tuple[str, ...]
    created: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def is_sent(self) -> bool:
        """Whether its outcome is recorded: what a day has beside its changes is not."""
        return self.item.change != "unchanged"

    @property
    def reason(self) -> str | None:
        return self.noted.before.reason if self.noted else None


@dataclass(frozen=True, slots=True)
class Items:
    """``without_contacts``: nothing is associated in this run."""

    sink: Sink
    wants: Wants
    subjects: Subjects
    deliveries: Deliveries
    without_contacts: bool = False

    def of(self, part: pl.DataFrame) -> list[Work]:
        """Return the items of changes (:data:`syncd.core.activity.delivering.gates.CHANGES`) in their order."""
        found: dict[str, Work] = {}
        changes = {identity: (change, day) for identity, change, day in _columns(part)}
        for (kind,), mine in part.partition_by("kind", as_dict=True, maintain_order=True).items():
            found |= self.these(kind, mine.get_column("key").to_list(), changes)
        return [found[identity] for identity in changes if identity in found]

    def these(self, kind: Kind, keys: Sequence[str], changes: Mapping[str, tuple[Any, str]]) -> dict[str, Work]:
        """Return items by identity, without those that must not be sent now.

        ``changes``: the change and the day, by identity; others are as they were, and of the day that is noted.
        """
        noted = self.deliveries.of(self.sink.name, kind, keys)
        found = {}
        for each in self.subjects.whole(kind, keys):
            known = noted.get(each.key)
            change, day = changes.get(each.identity) or ("unchanged", (known and known.day) or "")
            found[each.identity] = self._work(kind, each, change, day, known)._replace(parts=_parts(each.row))
        return found

    def _work(self, kind: Kind, each: Whole, change: Any, day: str, noted: Noted | None) -> Work:
        fields: Row = self.sink.render(each.row)
        # Only a sink that leaves what a person changed needs to know what it was sent.
        shown = compacted(fields) if self.wants.compares else _NOTHING
        if noted is None:
            lacks = each.contacts if self.wants.associates else ()
            contacts = () if self.without_contacts else lacks
            digest = digest_of(fields)
            item = Item(each.identity, kind, change, fields, digest, day, None, contacts)
            return Work(item, each.key, Sent(change, digest, shown, contacts, None), None, lacks)
        return self._known(kind, each, change, day, noted, fields, shown)

    def _known(
        self, kind: Kind, each: Whole, change: Any, day: str, noted: Noted, fields: Row, shown: Mapping[str, Any]
    ) -> Work:
        before = noted.before
        lacks = tuple(key for key in each.contacts if key not in before.parts) if self.wants.associates else ()
        contacts = () if self.without_contacts else lacks
        accepted = orjson.loads(noted.fields) if before.is_there else None
        digest = digest_of(fields)
        sent = Sent(change, digest, shown, contacts, before, before.remote_id, accepted, before.digest)
        item = Item(
            identity=each.identity,
            kind=kind,
            change=change,
            fields=fields,
            digest=digest,
            day=day,
            remote_id=before.remote_id,
            contacts=contacts,
            sent=accepted or _NOTHING,
            attempt=before.attempts + 1,
            tried=orjson.loads(noted.tried) if noted.tried else _NOTHING,
        )
        return Work(item, each.key, sent, noted, lacks, noted.created)


def _parts(row: Row) -> tuple[str, ...]:
    return tuple(key_of(row["channel"], id_) for id_ in row.get("messages", ()))


def adopted(each: Work, remote_id: str) -> Work:
    """Return the update of a record that the sink has already, of a create: what it holds is not known here."""
    item = replace(each.item, change="update", remote_id=remote_id)
    return each._replace(item=item, sent=each.sent._replace(change="update", remote_id=remote_id), created="")


def untried(each: Work) -> Work:
    """Return a create whose record may be older than its note: what was tried last is not all that it may hold."""
    return each._replace(item=replace(each.item, tried=_NOTHING))


def _columns(part: pl.DataFrame) -> Any:
    return part.select("identity", "change", "day").iter_rows()


def moment_of(each: Work) -> tuple[str, str]:
    """Return what the items of a day are ordered by."""
    row = each.item.fields
    return (str(row.get("start_time") or row.get("sent_at") or ""), each.item.identity)
