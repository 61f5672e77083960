"""One delivery of items of one kind: records are made or edited, and then linked to contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.hubspot.account import Session
from connectors.hubspot.api import Api, Record
from connectors.hubspot.sink_fields import edit_of
from connectors.hubspot.sink_links import Linked, Links, Pair
from connectors.hubspot.sink_names import Names
from connectors.hubspot.sink_records import DELETED, Entry, Records, Results, Written
from syncd.sink import Item, Outcome


@dataclass(slots=True)
class Opened:
    """An open session, and what was learned by it.

    ``unique``: the unique property of each kind, "" for none. ``links``: those of each kind. ``careful``: whether
    records of a kind are looked for before they are made, since one was there that was delivered by an earlier state
    of syncd; a kind that is not in it is still to be looked at.
    """

    session: Session
    names: Names
    unique: Mapping[str, str]
    links: Mapping[str, Links]
    careful: dict[str, bool] = field(default_factory=dict)


class Delivery:
    """Delivers ``items``, all of one ``kind``, and notes what became of each in ``outcomes``, also before an error."""

    def __init__(self, opened: Opened, kind: str, items: Sequence[Item], outcomes: dict[str, Outcome]) -> None:
        self._opened = opened
        self._kind = kind
        self._items = items
        self._outcomes = outcomes
        self._records = Records(opened.session, kind, opened.unique[kind])
        self._results: Results = {}
        self._kept: dict[str, tuple[str, ...]] = {}
        self._there: set[str] = set()

    def run(self) -> None:
        """Write what is to be written, then link.

        Raises:
            SourceError: a request failed; what was done before it is noted.

        """
        try:
            self._make([each for each in self._items if not _id_of(each)])
            self._edit([each for each in self._items if _id_of(each) and each.change == "update"])
            for each in self._items:
                if _id_of(each) and each.change == "associate":
                    self._results[each.identity] = Written(_id_of(each))
        finally:
            self._tell([each for each in self._items if each.change != "associate"], Linked())
        # An item that is only linked is told when its links were tried: an error before that is the error of it.
        linked = Linked()
        self._opened.links[self._kind].make(self._pairs(), linked)
        self._tell(self._items, linked)

    def _make(self, items: Sequence[Item]) -> None:
        entries = {each.identity: self._entry(each, each.fields) for each in items}
        if not self._records.unique:
            linked = [replace(entries[each.identity], links=each.contacts) for each in items]
            self._records.create(linked, self._results)
            return
        known = self._known([each for each in items if each.attempt == 1])
        for each in items:
            if each.identity in known:
                entries.pop(each.identity)
        # An item of unknown outcome may be there as well: it is written again, with what has come since.
        self._records.upsert([*entries.values()], self._results)
        if any(each.attempt == 1 and self._was_there(each) for each in items):
            self._opened.careful[self._kind] = True
        self._change([(each, known[each.identity], {}) for each in items if each.identity in known])
        self._there |= known.keys() | {each.identity for each in items if self._was_there(each)}

    def _known(self, items: Sequence[Item]) -> dict[str, Record]:
        """Return the records that are there though nothing is known of a delivery, as after a lost state."""
        # A person may have edited them since, so they are not written as new. One look tells whether there are any.
        if not items or self._opened.careful.get(self._kind) is False:
            return {}
        names = {name for each in items for name in each.fields}
        found = self._records.named([each.identity for each in items], names)
        self._opened.careful.setdefault(self._kind, bool(found))
        return found

    def _was_there(self, item: Item) -> bool:
        return item.identity in self._results and self._results[item.identity].known

    def _edit(self, items: Sequence[Item]) -> None:
        names = sorted({name for each in items for name in (*each.fields, *each.sent, *each.tried)})
        ids = [_id_of(each) for each in items]
        batch = Api(self._opened.session).read(self._kind, ids, names)
        records = {str(each.get("id")): each for each in batch.found}
        for each in items:
            if _id_of(each) in batch.gone:
                self._results[each.identity] = Written(reason=DELETED)
        here = [each for each in items if _id_of(each) in records]
        self._change([(each, records[_id_of(each)], each.sent) for each in here])

    def _change(self, records: Sequence[tuple[Item, Record, Mapping[str, Any]]]) -> None:
        """Write into records what has changed since it was sent, and leave what a person changed."""
        entries = []
        for item, record, sent in records:
            shown, resolve = record.get("properties") or {}, self._opened.names.resolve
            edit = edit_of(item.fields, sent, shown, resolve, item.tried)
            self._kept[item.identity] = edit.kept
            entry = self._entry(item, edit.values, str(record.get("id")))
            if entry.values:
                entries.append(entry)
            else:
                self._results[item.identity] = Written(entry.id, stored=entry.dropped)
        self._records.update(entries, self._results)

    def _entry(self, item: Item, fields: Mapping[str, Any], id_: str = "") -> Entry:
        found = {name: self._opened.names.resolve(name, value) for name, value in fields.items()}
        values = {name: str(value) for name, value in found.items() if value is not None}
        dropped = {name: None for name, value in found.items() if value is None}
        return Entry(item.identity, values, id_, dropped=dropped)

    def _pairs(self) -> list[Pair]:
        written = [(each, self._results[each.identity]) for each in self._items if each.identity in self._results]
        return [
            (result.id, contact)
            for item, result in written
            for contact in item.contacts
            if result.id and contact not in result.links
        ]

    def _tell(self, items: Sequence[Item], linked: Linked) -> None:
        for item in items:
            result = self._results.get(item.identity)
            if result is not None:
                self._outcomes[item.identity] = self._outcome(item, result, linked)

    def _outcome(self, item: Item, result: Written, linked: Linked) -> Outcome:
        if not result.id or result.id in linked.deleted:
            return Outcome(item.identity, "rejected", reason=result.reason or DELETED)
        return Outcome(
            item.identity,
            "accepted",
            f"{self._kind}/{result.id}",
            contacts=tuple(each for each in item.contacts if each in result.links or (result.id, each) in linked.done),
            kept=self._kept.get(item.identity, ()),
            missing=tuple(each for each in item.contacts if (result.id, each) in linked.missing),
            was_there=item.identity in self._there,
            stored=result.stored,
        )


def _id_of(item: Item) -> str:
    """Return HubSpot's id of an item's record, "" if it has none yet."""
    return (item.remote_id or "").partition("/")[2]
