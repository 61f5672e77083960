"""Calls and messages as ``--json`` and ``export`` show them, from the columns of their tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.core.activity.instants import iso
from syncd.core.activity.views import Segment

Columns = Mapping[str, Any]

Attributed = tuple[str | None, Sequence[Mapping[str, str]]]
"""The outcome of an attribution, and the contacts whose the activity is."""

NOT_YET: Attributed = (None, ())
"""Of an activity that was not looked at yet."""

NO_FILES: Mapping[str, str] = {}


def call_row(
    columns: Columns,
    segments: Iterable[Segment],
    texts: Mapping[str, str | None],
    now: float,
    attributed: Attributed = NOT_YET,
    paths: Mapping[str, str] = NO_FILES,
) -> dict[str, Any]:
    """Return a call.

    ``texts``: its ``summary`` and ``transcription``. ``now``: Unix seconds. ``attributed``: whose it is. ``paths``: of
    the recordings that are kept, by their ids.
    """
    settled = columns["settled_at"]
    return {
        "kind": "call",
        "id": columns["call_id"],
        "direction": columns["direction"],
        "status": columns["status"],
        "outcome": columns["outcome"],
        "remote_number": columns["remote"] or None,
        "remote_name": columns["remote_name"],
        "own_number": columns["own"] or None,
        "extension": columns["extension"],
        "extension_name": columns["extension_name"],
        "start_time": _time(columns["started"]),
        "answer_time": _time(columns["answered"]),
        "end_time": _time(columns["ended"]),
        "duration": _number(columns["duration"]),
        "talk": _number(columns["talk"]),
        "summary": texts.get("summary"),
        "transcription": texts.get("transcription"),
        "segments": [_segment(each, paths) for each in segments],
        "first_by": columns["first_by"],
        "settled": settled is not None and settled <= now,
        "missing_since": _time(columns["missing_since"]),
        "attribution": attributed[0],
        "contacts": list(attributed[1]),
    }


def message_row(
    columns: Columns, attachments: Sequence[Columns], body: str | None, attributed: Attributed = NOT_YET
) -> dict[str, Any]:
    """Return a message."""
    return {
        "kind": "message",
        "id": columns["message_id"],
        "channel": columns["channel"],
        "direction": columns["direction"],
        "status": columns["status"],
        "remote_number": columns["remote"] or None,
        "own_number": columns["own"] or None,
        "body": body,
        "sent_at": _time(columns["sent"]),
        "attachments": [
            {name: each[name] for name in ("media_id", "filename", "content_type", "size", "path")}
            for each in attachments
        ],
        "first_by": columns["first_by"],
        "missing_since": _time(columns["missing_since"]),
        "attribution": attributed[0],
        "contacts": list(attributed[1]),
    }


def _segment(segment: Segment, paths: Mapping[str, str]) -> dict[str, Any]:
    path = paths.get(segment.media) if segment.media else None
    return {
        "n": segment.n,
        "type": segment.type,
        "name": segment.name,
        "extension": segment.extension,
        "start_time": _time(segment.started),
        "duration": _number(segment.duration),
        "answered": segment.answered,
        "media_id": segment.media,
        **({"path": path} if path else {}),
    }


def _time(moment: float | None) -> str | None:
    return None if moment is None else iso(moment)


def _number(value: float | None) -> float | None:
    """Return a number without a fraction as a whole one."""
    return int(value) if value is not None and value == int(value) else value
