"""The sink ``sql`` on the test servers, and what its tables hold, in the words of ``--json``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from connectors.sql_query.query_text import quoted
from connectors.sql_tables.options import SqlTablesOptions, TableNames
from connectors.sql_tables.sink import SqlTables
from connectors.sql_tables.tables import SHAPES
from syncd.sink import CallRules, SinkRules

TABLES: Mapping[str, str] = TableNames().model_dump()


def sink_on(url: str, *, calls: CallRules | None = None, **options: Any) -> SqlTables:
    """Return a sink on a database."""
    given = SqlTablesOptions.model_validate({"url": url, **options})
    return SqlTables("warehouse", given, SinkRules(calls=calls or CallRules()))


def emptied(server: Any) -> None:
    """Drop the tables."""
    server.run(*(f"DROP TABLE IF EXISTS {name}" for name in TABLES.values()))


def cleared(server: Any) -> None:
    """Delete all rows; the tables stay, since making them takes longer than most tests."""
    with suppress(Exception):
        server.run(*(f"DELETE FROM {name}" for name in TABLES.values()))
        return
    emptied(server)


def rows_in(server: Any, role: str, *, table: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a table, in the order of its key, with the values of ``--json``."""
    shape = SHAPES[role]
    listed, key = (", ".join(quoted(name, server.kind) for name in names) for names in (shape.columns, shape.key))
    found = server.run(f"SELECT {listed} FROM {table or TABLES[role]} ORDER BY {key}")
    return [
        {name: _as_json(kind, value) for (name, kind), value in zip(shape.columns.items(), row, strict=True)}
        for row in found
    ]


def records_in(server: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the identity and the fields of every call and message."""
    try:
        calls, messages = rows_in(server, "calls"), rows_in(server, "messages")
    except Exception as error:
        # There are no tables before the first delivery.
        if "exist" in str(error) or "no such table" in str(error):
            return []
        raise
    parts = {role: rows_in(server, role) for role in ("segments", "attachments", "contacts")}
    found = [(f"call:{row['id']}", {"kind": "call", **row, **_lists(parts, "call", row)}) for row in calls]
    found += [
        (f"message:{row['channel']}:{row['id']}", {"kind": "message", **row, **_lists(parts, "message", row)})
        for row in messages
    ]
    return found


def _lists(parts: Mapping[str, list[dict[str, Any]]], kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    contacts = [
        _without(each, "kind", "channel", "activity_id", "n")
        for each in parts["contacts"]
        if (each["kind"], each["channel"], each["activity_id"]) == (kind, row.get("channel", ""), row["id"])
    ]
    if kind == "call":
        segments = [_without(each, "call_id") for each in parts["segments"] if each["call_id"] == row["id"]]
        return {"segments": segments, "contacts": contacts}
    mine = (row["channel"], row["id"])
    attachments = [each for each in parts["attachments"] if (each["channel"], each["message_id"]) == mine]
    return {"attachments": [_without(each, "channel", "message_id", "n") for each in attachments], "contacts": contacts}


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _as_json(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "flag":
        return bool(value)
    if kind != "time":
        return value
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
