"""The values of one activity that templates of a REST sink may use. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.http_parts.template import ABSENT, as_text, fill
from connectors.http_parts.times import moment
from connectors.rest_out.forms import ValueForm
from syncd.sink import Row, SinkRules, address_of, cut, html_of, sender_of, text_of, title_of

OF_THE_ROW = frozenset(
    {
        *("kind", "id", "direction", "status", "channel", "attribution", "remote_number", "remote_name", "own_number"),
        *("extension", "extension_name", "start_time", "answer_time", "end_time", "sent_at", "duration", "talk"),
        "body",
    }
)
"""The columns of a row that templates may use."""

HELPERS = frozenset(
    {
        *("identity", "title", "text", "html", "details", "recording", "seconds", "minutes", "owner", "outcome"),
        *("contact", "contacts", "from_number", "to_number"),
        *("remote_e164", "own_e164", "from_e164", "to_e164"),
    }
)
"""What is made of a row beside them."""

NAMES = OF_THE_ROW | HELPERS

Values = Mapping[str, Any]


def values_of(row: Row, rules: SinkRules, outcomes: Mapping[str, str], country: str) -> dict[str, Any]:
    """Return every value by name; None: it is absent.

    ``outcomes``: of the options. ``country``: the country code of numbers that have none.
    """
    values = {name: row.get(name) for name in OF_THE_ROW}
    values |= _wording(row, rules) | _numbers(row, country)
    contacts = [each["key"] for each in row.get("contacts") or () if each["source"] == rules.contacts]
    status = str(row.get("status"))
    seconds = _whole(row.get("duration"))
    values |= {
        "identity": f"call:{row['id']}" if row["kind"] == "call" else f"message:{row['channel']}:{row['id']}",
        "seconds": seconds,
        "minutes": None if seconds is None else f"{seconds // 60:02}:{seconds % 60:02}",
        "end_time": row.get("end_time") or _end(row),
        "owner": rules.owners.get(row.get("extension") or ""),
        "outcome": rules.outcomes.get(status, outcomes.get(status)),
        "contact": contacts[0] if contacts else None,
        "contacts": contacts or None,
    }
    # An empty text is as good as none, and a template with one in it would send it.
    return {name: None if value == "" else value for name, value in values.items()}


def _wording(row: Row, rules: SinkRules) -> dict[str, Any]:
    if row["kind"] == "message" or rules.calls is None:
        text, title, recording = text_of(row), sender_of(row), ""
    else:
        text, title = text_of(row, rules.calls), title_of(row, rules.calls.title)
        recording = address_of(row, rules.calls.recording)
    details = "\n\n".join(filter(None, [_line(row), text]))
    return {"title": title, "text": text, "html": html_of(text), "details": details, "recording": recording}


def _line(row: Row) -> str:
    """Return one line that says when a call was, how long, and between whom."""
    at = row.get("start_time") or row.get("sent_at")
    seconds = _whole(row.get("duration"))
    length = None if seconds is None else f"{seconds // 60}:{seconds % 60:02}"
    extension = row.get("extension") and f"extension {row['extension']}"
    name = row.get("extension_name")
    parts = [at and at[:16].replace("T", " ") + " UTC", length, row.get("remote_number"), extension, name]
    return ", ".join(str(each) for each in parts if each)


def _numbers(row: Row, country: str) -> dict[str, Any]:
    remote, own = row.get("remote_number"), row.get("own_number") or row.get("extension")
    caller, called = (own, remote) if row.get("direction") == "outgoing" else (remote, own)
    named = {"remote": remote, "own": own, "from": caller, "to": called}
    plain = {f"{name}_number": number for name, number in named.items() if name in {"from", "to"}}
    return {**plain, **{f"{name}_e164": e164(number, country) for name, number in named.items()}}


def e164(number: str | None, country: str) -> str | None:
    """Return a number with a plus and its country code; None if it is that of an extension, or there is none."""
    digits = re.sub(r"\D", "", number or "")
    if len(digits) <= 6:
        return None
    if country == "1" and len(digits) == 10:
        return f"+1{digits}"
    return f"+{country}{digits.lstrip('0')}" if digits.startswith("0") else f"+{digits}"


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _end(row: Row) -> str | None:
    begin, seconds = row.get("start_time"), row.get("duration")
    if begin is None or seconds is None:
        return None
    return (_parsed(begin) + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


def _parsed(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def value_of(form: ValueForm, values: Values) -> Any:
    """Return the value that a form makes of the others; None: it is absent."""
    if form.time:
        return _time(form, values.get(form.time))
    if form.number is not None:
        text = _filled(form.number, values)
        return int(text) if text is not None and re.fullmatch(r"\d{1,18}", text) else None
    if form.of is not None:
        key = _filled(form.of, values)
        chosen = form.otherwise if key is None else form.choices.get(key, form.otherwise)
        return None if chosen is None else _value(chosen, values)
    text = _filled(form.text, values)
    return text if text is None or form.most is None else cut(text, form.most)


def _time(form: ValueForm, text: str | None) -> Any:
    if text is None:
        return None
    seconds = _parsed(text).timestamp() + form.shift
    if form.zone == "UTC":
        return moment(seconds, form.form)
    local = datetime.fromtimestamp(seconds, ZoneInfo(form.zone))
    return local.strftime(form.form) if "%" in form.form else local.isoformat(timespec="seconds")


def _value(template: Any, values: Values) -> Any:
    found = fill(template, values)
    return None if found is ABSENT else found


def _filled(template: Any, values: Values) -> str | None:
    found = _value(template, values)
    return None if found is None else as_text(found)
