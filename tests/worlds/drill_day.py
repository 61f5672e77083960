"""A day's rows of the lists, and deliveries of them as a receiver has stored them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from syncd.activity.store.events import Event
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.instants import begin_of, iso, seconds

DAY = "2026-03-10"
MIDNIGHT = begin_of(DAY)


def call_row(identity: str, start: float, length: float = 60.0, **fields: Any) -> dict[str, Any]:
    """Return a row of ``GET /calls``; ``start``: seconds after midnight of :data:`DAY`."""
    begin, end = iso(MIDNIGHT + start), iso(MIDNIGHT + start + length)
    known = {"call_id": identity, "direction": "incoming", "status": "answered", "extension": "101"}
    times = {"start_time": begin, "end_time": end, "duration": length}
    return {**known, **times, "remote_number": "2125550101", "group_number": "2125550199", **fields}


def message_row(identity: str, sent: float, **fields: Any) -> dict[str, Any]:
    """Return a row of ``GET /messages``; ``sent``: seconds after midnight of :data:`DAY`."""
    known = {"message_id": identity, "direction": "incoming", "channel": "text", "status": "delivered"}
    return {**known, "remote_number": "2125550101", "body": "Hello", "sent_time": iso(MIDNIGHT + sent), **fields}


def receive(store: ActivityStore, kind: str, row: Mapping[str, Any], later: float = 5.0, **more: Any) -> None:
    """Store a delivery about a row, so many seconds after what it tells of; it is merged as well."""
    identity = row.get("call_id") or row.get("message_id")
    happened = seconds(row.get("end_time") or row.get("sent_time")) or MIDNIGHT
    at = happened + later
    bare = {name: value for name, value in row.items() if name not in {"summary", "transcription", "journey"}}
    data = {**bare, **({"sent_at": row["sent_time"]} if "sent_time" in row else {}), **more}
    name = f"evt_{kind}_{identity}_{at}"
    event = {"id": name, "event_type": kind, "timestamp": iso(at), "data": data}
    store.events.add(
        Event(
            id=name,
            type=kind,
            at=at,
            signed_at=at,
            received=at,
            origin="webhook",
            raw=json.dumps(event).encode(),
            content=name,
            subject=str(identity),
            outcome="new",
        )
    )
