"""What the tables of calls and those of messages have in common, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from syncd.activity.store.rows import call_row, message_row
from syncd.core.activity.observations import TEXTS, Kind, State
from syncd.core.activity.settling import settled_at
from syncd.core.activity.views import CallView, MessageView, shown_texts, view_of_call, view_of_message

Columns = dict[str, Any]

_KEPT = (
    *("row", "listed_rows", "listed_at", "day", "missing_since", "first_seen", "first_by", "changed", "revision"),
    *("digest", "left_out", "text_dropped", "state"),
)
"""The columns that both have."""


@dataclass(frozen=True, slots=True)
class OfKind:
    """One kind of activity.

    ``key``: the SQL of its key. ``moment``: the column of its time. ``parted``: splits a key into the columns of the
    primary key. ``columns``: all columns. ``whats``: its texts. ``view``: what a state comes to. ``stored``: the
    columns of a view. ``media``: the rows of ``media``, from a key and a view. ``json``: the row of ``--json``, from
    columns and a view. ``shown``: the places of a text that are shown.
    """

    name: Kind
    key: str
    moment: str
    identity: tuple[str, ...]
    parted: Callable[[str], Sequence[str]]
    columns: tuple[str, ...]
    whats: tuple[str, ...]
    view: Callable[[State, str], Any]
    stored: Callable[[Any], Columns]
    media: Callable[[str, Any], list[tuple[Any, ...]]]
    json: Callable[[Columns, Any, float], dict[str, Any]]
    shown: Callable[[State, str], Sequence[str]]

    @property
    def put(self) -> str:
        """The statement that stores a row, of all columns."""
        new = ", ".join(f'"{name}" = excluded."{name}"' for name in self.columns if name not in self.identity)
        names = ", ".join(f'"{name}"' for name in self.columns)
        values = ", ".join("?" * len(self.columns))
        return (
            f"INSERT INTO {self.name} ({names}) VALUES ({values})"
            f" ON CONFLICT ({', '.join(self.identity)}) DO UPDATE SET {new}"
        )

    @property
    def these(self) -> str:
        """The condition that picks the rows of the list ``:keys``."""
        if len(self.identity) == 1:
            return f"{self.key} IN (SELECT value FROM json_each(:keys))"
        # By the primary key and not by the joined text, which no index has.
        split = "substr(value, 1, instr(value, ':') - 1), substr(value, instr(value, ':') + 1)"
        return f"({', '.join(self.identity)}) IN (SELECT {split} FROM json_each(:keys))"


def _stored_call(view: CallView) -> Columns:
    return {
        "direction": view.direction,
        "remote": view.remote or None,
        "remote_name": view.remote_name,
        "own": view.own or None,
        "extension": view.extension,
        "extension_name": view.extension_name,
        "started": view.started,
        "answered": view.answered,
        "ended": view.ended,
        "duration": view.duration,
        "talk": view.talk,
        "status": view.status,
        "outcome": view.outcome,
        "settled_at": settled_at(view),
        "summary": int(view.summary_known),
        "segments": orjson.dumps(view.segments, default=tuple).decode(),
    }


def _stored_message(view: MessageView) -> Columns:
    return {
        "direction": view.direction,
        "remote": view.remote or None,
        "own": view.own or None,
        "status": view.status,
        "status_at": view.status_at,
        "sent": view.sent,
    }


def _recordings(key: str, view: CallView) -> list[tuple[Any, ...]]:
    owner = f"call:{key}"
    return [
        (each.media, "recording", owner, each.n, view.started, None, None, None, each.duration)
        for each in view.segments
        if each.media
    ]


def _attachments(key: str, view: MessageView) -> list[tuple[Any, ...]]:
    owner = f"message:{key}"
    return [
        (each.media, "attachment", owner, n, view.sent, each.content_type, each.filename, each.size, None)
        for n, each in enumerate(view.attachments, 1)
    ]


def _call_json(columns: Columns, view: CallView, now: float) -> dict[str, Any]:
    return call_row(columns, view.segments, {what: getattr(view, what) for what in TEXTS}, now)


def _message_json(columns: Columns, view: MessageView, now: float) -> dict[str, Any]:  # noqa: ARG001
    files = [{**each._asdict(), "media_id": each.media, "path": None} for each in view.attachments]
    return message_row(columns, files, view.body)


def _body(state: State, what: str) -> Sequence[str]:
    return [what] if what in state.get("texts", {}) else []


def _channel_and_id(key: str) -> Sequence[str]:
    return key.split(":", 1) if ":" in key else ("text", key)


CALL = OfKind(
    name="call",
    key="call_id",
    moment="started",
    identity=("call_id",),
    parted=lambda key: (key,),
    columns=(
        *("call_id", *_KEPT, "direction", "remote", "remote_name", "own", "extension", "extension_name", "started"),
        *("answered", "ended", "duration", "talk", "status", "outcome", "settled_at", "summary", "segments"),
    ),
    whats=TEXTS,
    view=view_of_call,
    stored=_stored_call,
    media=_recordings,
    json=_call_json,
    shown=shown_texts,
)
MESSAGE = OfKind(
    name="message",
    key="channel || ':' || message_id",
    moment="sent",
    identity=("channel", "message_id"),
    parted=_channel_and_id,
    columns=("channel", "message_id", *_KEPT, "direction", "remote", "own", "status", "status_at", "sent"),
    whats=("body",),
    view=view_of_message,
    stored=_stored_message,
    media=_attachments,
    json=_message_json,
    shown=_body,
)
KINDS: Mapping[str, OfKind] = {"call": CALL, "message": MESSAGE}
