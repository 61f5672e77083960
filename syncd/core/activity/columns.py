"""The columns of calls and messages in tables and files, with their types: the words of ``--json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from syncd.core.settings.sinks import CallRules

Kind = Literal["call", "message"]

HEAD = ("kind", "id", "direction", "status", "remote_number", "own_number")
"""The first columns, which calls and messages share."""

SEGMENT: Mapping[str, Any] = {
    "n": pl.Int64,
    **dict.fromkeys(("type", "name", "extension", "start_time"), pl.String),
    "duration": pl.Float64,
    "answered": pl.Boolean,
    **dict.fromkeys(("media_id", "path"), pl.String),
}
ATTACHMENT: Mapping[str, Any] = {
    **dict.fromkeys(("media_id", "filename", "content_type"), pl.String),
    "size": pl.Int64,
    "path": pl.String,
}
CONTACT: Mapping[str, Any] = {"source": pl.String, "key": pl.String}

PARTS: Mapping[str, Mapping[str, Any]] = {"segments": SEGMENT, "attachments": ATTACHMENT, "contacts": CONTACT}
"""The columns that hold lists, and the columns of what is in each list."""

SCHEMA: Mapping[str, Any] = {
    **dict.fromkeys((*HEAD, "channel", "outcome", "remote_name", "extension", "extension_name"), pl.String),
    **dict.fromkeys(("start_time", "answer_time", "end_time", "sent_at"), pl.String),
    **dict.fromkeys(("duration", "talk"), pl.Float64),
    **dict.fromkeys(("summary", "transcription", "body"), pl.String),
    "segments": pl.List(pl.Struct(SEGMENT)),
    "attachments": pl.List(pl.Struct(ATTACHMENT)),
    "first_by": pl.String,
    "settled": pl.Boolean,
    **dict.fromkeys(("missing_since", "attribution"), pl.String),
    "contacts": pl.List(pl.Struct(CONTACT)),
}
"""The columns of a table that holds both. Times are texts in ISO 8601, in UTC; durations are seconds."""

_ONLY_CALLS = ("outcome", "remote_name", "extension", "extension_name", "start_time", "answer_time", "end_time",
               "duration", "talk", "summary", "transcription", "segments", "settled")  # fmt: skip
_ONLY_MESSAGES = ("channel", "sent_at", "body", "attachments")

COLUMNS: Mapping[Kind, Mapping[str, Any]] = {
    "call": {name: kind for name, kind in SCHEMA.items() if name not in _ONLY_MESSAGES},
    "message": {name: kind for name, kind in SCHEMA.items() if name not in _ONLY_CALLS},
}
"""The columns of a table of calls, and of one of messages."""


def record_of(row: Mapping[str, Any], calls: CallRules | None = None) -> dict[str, Any]:
    """Return a call or a message with exactly the columns of its kind, and its lists with exactly theirs.

    ``row``: as ``--json`` shows it; a column that it lacks is None, a list that it lacks is empty. Texts are
    :func:`storable`. ``calls``: the summary and the transcription are None if these rules leave them out.
    """
    kind: Kind = row["kind"]
    record = _stored(row, _NAMES[kind])
    for name in _LISTS[kind]:
        record[name] = [_stored(part, _PART_NAMES[name]) for part in row.get(name) or ()]
    left_out = () if calls is None or kind != "call" else _texts_left_out(calls)
    return record | dict.fromkeys(left_out) if left_out else record


_NAMES = {kind: tuple(columns) for kind, columns in COLUMNS.items()}
_LISTS = {kind: tuple(name for name in columns if name in PARTS) for kind, columns in COLUMNS.items()}
_PART_NAMES = {name: tuple(columns) for name, columns in PARTS.items()}


def _texts_left_out(calls: CallRules) -> tuple[str, ...]:
    found = () if calls.summary else ("summary",)
    return found if calls.transcript != "none" else (*found, "transcription")


def _stored(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: row.get(name) for name in names}
    for name, value in found.items():
        # Of a hundred thousand calls there are some millions of values, and nearly all are plain.
        if type(value) is str and not (value.isascii() and "\0" not in value):
            found[name] = storable(value)
    return found


def storable(text: str) -> str:
    """Return a text with U+FFFD for NUL, and for half a surrogate pair: UTF-8 and databases hold neither."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
