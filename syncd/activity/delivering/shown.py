"""What the sinks have of one call or message, and what the next delivery does about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from syncd.activity.delivering.mark import read_mark
from syncd.activity.store.deliveries import Noted
from syncd.activity.store.store import ActivityStore
from syncd.config.sinks import SinkSettings
from syncd.core.activity.delivering.grouping import Conversation, period_of
from syncd.core.activity.delivering.plan import SinkStanding
from syncd.core.activity.instants import iso, seconds

PAGE = 500

Row = Mapping[str, Any]
Sinks = Collection[SinkSettings]


def with_deliveries(store: ActivityStore, sinks: Sinks, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Yield rows of ``--json``, each with the status of its delivery to each sink; None where there is none."""
    left = iter(rows)
    while page := list(islice(left, PAGE)):
        found: list[dict[str, Any]] = [{**row, "deliveries": {}} for row in page]
        for sink in sinks:
            noted = _noted(store, sink, page)
            for row in found:
                each = noted.get((row["kind"], _key(sink, row)))
                row["deliveries"][sink.name] = each.before.status if each else None
        yield from found


def _noted(store: ActivityStore, sink: SinkSettings, page: Iterable[Row]) -> dict[tuple[str, str], Noted]:
    keys: dict[str, set[str]] = {}
    for row in page:
        keys.setdefault(row["kind"], set()).add(_key(sink, row))
    found: dict[tuple[str, str], Noted] = {}
    for kind, those in keys.items():
        noted = store.deliveries.of(sink.name, kind, sorted(those))
        found |= {(kind, key): each for key, each in noted.items()}
    return found


def _key(sink: SinkSettings, row: Row) -> str:
    """Return the key under which a sink gets an activity: a message may be part of a conversation."""
    if row["kind"] == "call":
        return str(row["id"])
    rules, sent = sink.rules.messages, seconds(row["sent_at"])
    if rules is None or rules.group == "none" or sent is None:
        return f"{row['channel']}:{row['id']}"
    period = period_of(sent, rules.group)
    return Conversation(row["channel"], row["own_number"], row["remote_number"], period).key


def standing(store: ActivityStore, sinks: Sinks, row: Row, revision: int) -> list[SinkStanding]:
    """Return how an activity stands with each sink. ``revision``: of its newest change."""
    found = []
    for sink in sinks:
        noted = _noted(store, sink, [row]).get((row["kind"], _key(sink, row)))
        mark = read_mark(store, sink.name)
        found.append(SinkStanding(sink.name, noted.before if noted else None, is_seen=revision <= mark.revision))
    return found


def delivery_json(store: ActivityStore, sinks: Sinks, row: Row) -> list[dict[str, Any]]:
    """Return what ``activity explain --json`` shows of the deliveries of an activity."""
    found = []
    for sink in sinks:
        noted = _noted(store, sink, [row]).get((row["kind"], _key(sink, row)))
        found.append({"sink": sink.name, "key": _key(sink, row), **(_json(noted) if noted else _NONE)})
    return found


_NAMES = ("status", "id", "contacts", "reason", "attempts", "due", "at", "run", "created")
_NONE: Mapping[str, Any] = dict.fromkeys(_NAMES)


def _json(noted: Noted) -> dict[str, Any]:
    before = noted.before
    due = iso(before.next_try) if before.next_try and before.status in {"waiting", "pending"} else None
    values = (before.status, before.remote_id, list(before.parts), before.reason, before.attempts, due, iso(noted.at))
    return dict(zip(_NAMES, (*values, noted.run, noted.created), strict=True))
