"""The fields of calls and messages as HubSpot names them, and whether a value is still as it was sent. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.sink import (
    CallRules,
    Row,
    SinkRules,
    address_of,
    compact,
    cut_html,
    html_of,
    parts_of,
    sender_of,
    text_of,
    title_of,
)

CALLS, COMMUNICATIONS, CONTACTS = "calls", "communications", "contacts"

KINDS: Mapping[str, str] = {"call": CALLS, "message": COMMUNICATIONS}
"""The kind of an activity to the kind of its record."""

BODY: Mapping[str, str] = {CALLS: "hs_call_body", COMMUNICATIONS: "hs_communication_body"}
TIME, OWNER, OUTCOME = "hs_timestamp", "hubspot_owner_id", "hs_call_disposition"
RECORDING = "hs_call_recording_url"
CHANNEL = "hs_communication_channel_type"

OPTIONAL = (OWNER, OUTCOME, RECORDING)
"""The fields that a record can do without, if HubSpot refuses their values."""

NAMES = (
    *BODY.values(),
    TIME,
    *OPTIONAL,
    CHANNEL,
    "hs_call_direction",
    "hs_call_duration",
    "hs_call_external_id",
    "hs_call_from_number",
    "hs_call_status",
    "hs_call_title",
    "hs_call_to_number",
    "hs_communication_logged_from",
    "hs_unique_creation_key",
)
"""The properties that are written."""

LONGEST = 60_000
"""The most characters of a body; HubSpot's own limit is said to be 65,536."""

_DIRECTIONS = {"incoming": "INBOUND", "outgoing": "OUTBOUND"}
# MISSED is not proved to be a value that can be written.
_STATUSES = {"answered": "COMPLETED", "missed": "NO_ANSWER", "open": "IN_PROGRESS"}
_CHANNELS = {"whatsapp": "WHATS_APP"}

Fields = Mapping[str, Any]
Resolve = Callable[[str, Any], Any]
"""Returns what HubSpot calls the value of a field: the id of an owner or an outcome, other values as they are."""


def rendered(row: Row, rules: SinkRules) -> dict[str, str]:
    """Return the fields of a row's record. Owners and outcomes have the names of the configuration."""
    made = _call(row, rules) if row.get("kind") == "call" else _message(row, rules)
    return {name: _writable(str(value)) for name, value in made if value not in (None, "")}


def _writable(text: str) -> str:
    """Return a text that JSON and HubSpot can hold: half of a surrogate pair is none, nor is a null character."""
    if text.isprintable():
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _call(row: Row, rules: SinkRules) -> Iterator[tuple[str, Any]]:
    calls = rules.calls or CallRules()
    outgoing = row.get("direction") == "outgoing"
    numbers = (row.get("own_number"), row.get("remote_number"))
    yield TIME, row.get("start_time") or row.get("end_time")
    yield "hs_call_title", title_of(row, calls.title)
    yield BODY[CALLS], _body(row, calls)
    yield "hs_call_duration", _milliseconds(row.get("duration"))
    # An internal call has neither direction.
    yield "hs_call_direction", _DIRECTIONS.get(str(row.get("direction")))
    yield "hs_call_status", _STATUSES.get(str(row.get("status")))
    yield OUTCOME, rules.outcomes.get(str(row.get("outcome"))) or rules.outcomes.get(str(row.get("status")))
    yield "hs_call_from_number", numbers[0 if outgoing else 1]
    yield "hs_call_to_number", numbers[1 if outgoing else 0]
    yield OWNER, rules.owners.get(str(row.get("extension")))
    address = address_of(row, calls.recording)
    yield RECORDING, address if address.startswith("https://") else None


def _message(row: Row, rules: SinkRules) -> Iterator[tuple[str, Any]]:
    text = html_of(text_of(row))
    yield TIME, row.get("sent_at")
    yield CHANNEL, _CHANNELS.get(str(row.get("channel")), "SMS")
    yield "hs_communication_logged_from", "CRM"
    # There is no property for the direction of a message.
    yield BODY[COMMUNICATIONS], cut_html(f"{html_of(sender_of(row))}<br>{text}" if text else sender_of(row), LONGEST)
    yield OWNER, rules.owners.get(str(row.get("extension") or row.get("own_number")))


def _body(row: Row, calls: CallRules) -> str:
    parts = parts_of(row, calls)
    if len(parts) == 1:
        return cut_html(html_of(parts[0][1]), LONGEST)
    html = "<br><br>".join(f"<strong>{heading}</strong><br>{html_of(text)}" for heading, text in parts)
    return cut_html(html, LONGEST)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def is_same(name: str, current: Any, remembered: Any) -> bool:
    """Return whether a record's value is the one that is remembered (see :func:`syncd.sink.compact`).

    Values that HubSpot writes in its own form are equal to those that were sent.
    """
    current, remembered = current or "", remembered or ""
    if remembered in (current, compact(current)):
        return True
    if name == TIME:
        return instant_of(current) == instant_of(remembered) is not None
    if name == "hs_call_duration":
        return _number(current) == _number(remembered) is not None
    return name in BODY.values() and compact(_plain(str(current))) == remembered


def _plain(html: str) -> str:
    """Return HTML as :func:`syncd.sink.html_of` would write it."""
    for theirs, ours in _FORMS:
        html = html.replace(theirs, ours)
    return html.strip()


_FORMS = (
    ("<br/>", "<br>"),
    ("<br />", "<br>"),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&apos;", "'"),
    ("&nbsp;", "\xa0"),
)


def instant_of(value: Any) -> float | None:
    """Return a time in HubSpot's or in our form as Unix seconds; None if it is none."""
    text = str(value or "")
    if text.isdecimal():
        return int(text) / 1000
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of a record that is there.

    ``values``: the fields to write, "" to empty one. ``kept``: the fields that a person changed.
    """

    values: Fields
    kept: tuple[str, ...] = ()


def edit_of(
    fields: Fields, sent: Fields, current: Mapping[str, Any], resolve: Resolve, tried: Fields | None = None
) -> Edit:
    """Return what to write into a record that holds ``current``, to make it of ``fields``.

    ``sent``: as they were accepted last; ``tried``: as they were sent since, with an unknown outcome. A field that
    holds something else was changed by a person, and is left. So is one that was never sent and that holds something.
    """
    tried = tried or {}
    wanted = {
        name: value
        for name, value in fields.items()
        if name not in sent or {sent[name], tried.get(name, sent[name])} != {compact(value)}
    }
    wanted |= {name: "" for name in (*sent, *tried) if name not in fields and (sent.get(name) or tried.get(name))}
    values: dict[str, Any] = {}
    kept: list[str] = []
    for name, value in wanted.items():
        now = current.get(name) or ""
        if is_same(name, now, compact(resolve(name, value))):
            continue
        known = [each[name] for each in (sent, tried) if each.get(name) is not None]
        if any(_is_as_sent(name, now, before, resolve) for before in known) or (not known and not now):
            values[name] = value
        else:
            kept.append(name)
    return Edit(values, tuple(kept))


def _is_as_sent(name: str, now: Any, before: Any, resolve: Resolve) -> bool:
    # An owner may have been sent by an id that was learned from the name, or left out since nobody had that name.
    return is_same(name, now, before) or is_same(name, now, resolve(name, before))


def stored_otherwise(sent: Fields, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an answer shows of the fields that were sent, where it is something else."""
    return {
        name: shown[name]
        for name, value in sent.items()
        if name in shown and shown[name] is not None and not is_same(name, shown[name], compact(value))
    }
