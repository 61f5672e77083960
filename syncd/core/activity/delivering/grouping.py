"""Messages that are delivered together: those of one conversation in an hour or a day are one record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from syncd.core.activity.instants import begin_of, day_after, iso, seconds
from syncd.core.settings.sinks import Grouping

HOUR = 3600.0


class Conversation(NamedTuple):
    """A conversation in an hour or a day. ``own``, ``remote``: digits. ``period``: ``2026-03-10``, or with ``T14``."""

    channel: str
    own: str | None
    remote: str | None
    period: str

    @property
    def id(self) -> str:
        """Its name: numbers stay out of it, since it is part of the record's id."""
        numbers = f"{self.own or ''}\x1f{self.remote or ''}".encode()
        return f"{hashlib.blake2b(numbers, digest_size=8).hexdigest()}-{self.period}"

    @property
    def key(self) -> str:
        """Its key: ``channel:id``, as a message has one."""
        return f"{self.channel}:{self.id}"

    @property
    def span(self) -> tuple[float, float]:
        """When it begins, and when the next one may: Unix seconds."""
        day, _, hour = self.period.partition("T")
        if hour:
            begin = begin_of(day) + int(hour) * HOUR
            return begin, begin + HOUR
        return begin_of(day), begin_of(day_after(day))


def period_of(sent: float, group: Grouping) -> str:
    """Return the hour or the day (UTC) of a moment in Unix seconds."""
    return iso(sent)[: len("2026-03-10T14") if group == "hour" else len("2026-03-10")]


def conversation_row(key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the messages of a conversation as one row of ``--json``; ``key``: the conversation's.

    ``rows``: the messages, at least one. ``body`` has a line for each, the oldest first; ``messages`` has their ids.
    """
    ordered = sorted(rows, key=lambda row: (seconds(row["sent_at"]) or 0.0, row["id"]))
    first = ordered[0]
    contacts = {(each["source"], each["key"]): each for row in ordered for each in row["contacts"]}
    return {
        **first,
        "id": key.partition(":")[2],
        "direction": _same(row["direction"] for row in ordered),
        "status": _same(row["status"] for row in ordered),
        "body": "\n".join(map(_line, ordered)),
        "attachments": [each for row in ordered for each in row["attachments"]],
        "contacts": list(contacts.values()),
        "messages": [row["id"] for row in ordered],
    }


def _same(values: Any) -> Any:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _line(row: Mapping[str, Any]) -> str:
    time = (row["sent_at"] or "")[11:16]
    way = {"incoming": "received", "outgoing": "sent"}.get(row["direction"] or "", "message")
    files = ", ".join(each["filename"] or "a file" for each in row["attachments"])
    text = " ".join((row["body"] or "").split())
    return f"{time} {way}: " + " ".join(part for part in (text, f"[{files}]" if files else "") if part)
