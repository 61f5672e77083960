"""Calls and messages as a sink gets them: rows, and the items that the plan makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from syncd.core.activity.sent import digest_of
from syncd.sink import Item, Row, Sink

CALL: Row = {
    "kind": "call",
    "id": "c-1",
    "direction": "incoming",
    "status": "answered",
    "outcome": "Answered",
    "remote_number": "2125550101",
    "remote_name": "Ann Lee",
    "own_number": "2125550199",
    "extension": "101",
    "extension_name": "Front desk",
    "start_time": "2026-03-10T14:00:00Z",
    "answer_time": "2026-03-10T14:00:05Z",
    "end_time": "2026-03-10T14:03:05Z",
    "duration": 185,
    "talk": 180,
    "summary": "She asks for a new lease.",
    "transcription": "Hello. I would like a new lease.",
    "segments": [],
    "first_by": "webhook",
    "settled": True,
    "missing_since": None,
    "attribution": "matched",
    "contacts": [{"source": "crm", "key": "77"}],
}

MESSAGE: Row = {
    "kind": "message",
    "id": "m-1",
    "channel": "text",
    "direction": "outgoing",
    "status": "delivered",
    "remote_number": "2125550101",
    "own_number": "2125550199",
    "body": "Your lease is ready.",
    "sent_at": "2026-03-10T15:00:00Z",
    "attachments": [],
    "first_by": "list",
    "missing_since": None,
    "attribution": "matched",
    "contacts": [{"source": "crm", "key": "77"}],
}


def call(**said: Any) -> Row:
    return {**CALL, **said}


def message(**said: Any) -> Row:
    return {**MESSAGE, **said}


def calls(count: int) -> list[Row]:
    return [call(id=f"c-{number}") for number in range(1, count + 1)]


def identity_of(row: Row) -> str:
    return f"call:{row['id']}" if row["kind"] == "call" else f"message:{row['channel']}:{row['id']}"


def item_of(sink: Sink, row: Row, change: Literal["create", "update", "associate"] = "create", **said: Any) -> Item:
    """Return the item of a row, as the plan makes it."""
    fields: Mapping[str, Any] = sink.render(row)
    day = str(row.get("start_time") or row.get("sent_at"))[:10]
    return Item(identity_of(row), row["kind"], change, fields, digest_of(fields), day, **said)
