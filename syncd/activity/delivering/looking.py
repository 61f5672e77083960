"""Asks a sink what it has: whether a record of unknown outcome is there, and whether it knows activities already."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import polars as pl

from syncd.activity.delivering.session import DeliverySession
from syncd.activity.delivering.subjects import Row, Subject, Subjects
from syncd.activity.store.deliveries import Noted
from syncd.core.activity.delivering.gates import CANARIES
from syncd.core.activity.delivering.settled import DOUBT, Settled, next_look
from syncd.core.activity.instants import day_of
from syncd.core.activity.observations import Kind
from syncd.core.activity.sent import compacted, digest_of
from syncd.sink import Item, Sink, as_sink_errors

KINDS: tuple[Kind, ...] = ("call", "message")


def look(session: DeliverySession, sink: Sink, subjects: Subjects, size: int) -> bool:
    """Ask for each create of unknown outcome whose time has come; return whether one is left to a person."""
    store, held = session.store, False
    for kind in KINDS:
        for keys in store.deliveries.in_doubt(sink.name, kind, session.clock(), size):
            session.halt_if_asked()
            noted = store.deliveries.of(sink.name, kind, keys)
            those = subjects.these(kind, keys)
            rows = subjects.rows((each for each in those if each.is_kept), judged=True)
            items = {each.key: _item(sink, each, rows[each.identity]) for each in those if each.identity in rows}
            found: Mapping[str, str | None] = {}
            if items:
                with as_sink_errors():
                    found = sink.find(list(items.values()))
            settled = [(kind, key, _settled(each, items.get(key), found)) for key, each in noted.items()]
            store.deliveries.turn(sink.name, session.run, [], settled)
            held |= any(each.status == "held" for _, _, each in settled)
    return held


def canaries_found(sink: Sink, subjects: Subjects, changes: pl.DataFrame) -> int:
    """Return how many of a few creates a sink has, whose deliveries are not known here."""
    creates = changes.filter(pl.col("change") == "create").sort("at", "identity")
    sample = creates.gather_every(max(1, creates.height // CANARIES)).head(CANARIES)
    items: list[Item] = []
    for (kind,), mine in sample.partition_by("kind", as_dict=True).items():
        those = subjects.these(kind, mine.get_column("key").to_list())
        rows = subjects.rows(those, judged=True)
        items += [_item(sink, each, rows[each.identity]) for each in those if each.identity in rows]
    if not items:
        return 0
    with as_sink_errors():
        return sum(remote_id is not None for remote_id in sink.find(items).values())


def _item(sink: Sink, subject: Subject, row: Row) -> Item:
    fields = sink.render(row)
    day = day_of(subject.at)
    return Item(subject.identity, subject.kind, "create", fields, digest_of(fields), day, attempt=2)


def _settled(noted: Noted, item: Item | None, found: Mapping[str, str | None]) -> Settled:
    before, tried = noted.before, orjson.loads(noted.tried or "{}")
    settled = Settled(
        status="pending",
        digest=0,
        fields={},
        tried=tried,
        remote_id=None,
        parts=before.parts,
        attempts=before.attempts,
        next_try=before.next_try,
        reason=before.reason,
        created=None,
    )
    remote_id = found.get(item.identity) if item else None
    if item is not None and remote_id is not None:
        # As it was sent then: what has changed since is an update.
        digest = item.digest if compacted(item.fields) == tried else 0
        return settled._replace(
            digest=digest, fields=tried, tried=None, remote_id=remote_id, next_try=0.0, created=noted.run or ""
        )
    again = next_look(before.attempts, noted.at)
    if again is None:
        return settled._replace(status="held", reason=DOUBT)
    return settled._replace(attempts=before.attempts + 1, next_try=again)
