"""How an activity is worded at a sink: its title, its text and the address of its recording. Pure.

``row`` is a call or a message as ``syncd activity list --json`` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from syncd.core.settings.sinks import CallRules

WITHHELD = "withheld"
"""Stands for the number and the name of a caller who shows neither."""

MARK = " … [cut]"
"""The end of a text that was cut."""

_WHAT = {"kind", "id", "direction", "status", "outcome", "channel", "attribution"}
_WHO = {"remote_number", "remote_name", "own_number", "extension", "extension_name"}
_WHEN = {"start_time", "answer_time", "end_time", "duration", "talk", "sent_at"}
COLUMNS = frozenset(_WHAT | _WHO | _WHEN)
"""The columns that a template can name."""

OF_RECORDINGS = frozenset({"path", "media_id"})
"""The columns of a segment that the template of an address can name as well."""

_PLACE = re.compile(r"\{(\w*)\}")

Row = Mapping[str, Any]


def title_of(row: Row, template: str) -> str:
    """Return the template with the row's values in place of ``{names}``, on one line, its first letter large.

    An absent value leaves no double space. A name that is not known is the number; without a number it is
    :data:`WITHHELD`.
    """
    text = _PLACE.sub(lambda place: _shown(row, place[1]), template)
    line = " ".join(text.split())
    return line[:1].upper() + line[1:]


def unknown_names(template: str, *more: str) -> list[str]:
    """Return the names in a template's braces that no row has; ``more``: names that it may have as well."""
    return [name for name in dict.fromkeys(_PLACE.findall(template)) if name not in COLUMNS and name not in more]


def caller_of(row: Row) -> str:
    """Return the number at the other end, or :data:`WITHHELD`."""
    return str(row.get("remote_number") or WITHHELD)


def text_of(row: Row, rules: CallRules | None = None) -> str:
    """Return what was said: of a call its summary and transcription, as ``rules`` want them; of a message its body.

    The parts of a call have headings if there are two. Each file of a message is named on a line of its own.
    """
    parts = parts_of(row, rules or CallRules())
    if len(parts) < 2:
        return "".join(text for _, text in parts)
    return "\n\n".join(f"{heading}:\n{text}" if heading else text for heading, text in parts)


def parts_of(row: Row, rules: CallRules) -> list[tuple[str, str]]:
    """Return the parts of an activity's text: (heading, text); a message has no headings."""
    if row.get("kind") == "message":
        text = "\n".join(_lines_of(row))
        return [("", text)] if text else []
    wanted = [
        ("Summary", "summary", rules.summary),
        ("Transcription", "transcription", rules.transcript == "body"),
    ]
    found = [(heading, str(row.get(name) or "").strip()) for heading, name, is_wanted in wanted if is_wanted]
    return [(heading, text) for heading, text in found if text]


def sender_of(row: Row) -> str:
    """Return who wrote to whom in a message: ``Received from …``, ``Sent to …``, or ``Conversation with …``."""
    if row.get("messages"):
        return f"Conversation with {caller_of(row)}"
    return f"{'Sent to' if row.get('direction') == 'outgoing' else 'Received from'} {caller_of(row)}"


def address_of(row: Row, template: str) -> str:
    """Return the address of a call's recording, or "" if none is kept: the template with the recording's ``{path}``.

    Of several recordings it is the longest one.
    """
    kept = [each for each in row.get("segments") or () if each.get("path")]
    if not template or not kept:
        return ""
    longest = max(kept, key=lambda each: each.get("duration") or 0)
    values = {**row, **{name: longest.get(name) for name in OF_RECORDINGS}}
    return _PLACE.sub(lambda place: quote(str(values.get(place[1]) or ""), safe="/"), template)


def cut(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters; one that was cut ends with :data:`MARK`."""
    return text if len(text) <= most else text[: max(0, most - len(MARK))].rstrip() + MARK


def html_of(text: str) -> str:
    """Return a text as HTML that shows it: nothing in it is markup."""
    # Quotes need no escape between tags, and servers that clean HTML write them plainly.
    lines = escape(text, quote=False).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "<br>".join(lines)


def cut_html(html: str, most: int) -> str:
    """Return HTML of :func:`html_of` of at most ``most`` characters: no tag and no character's name is cut apart."""
    if len(html) <= most:
        return html
    kept = html[: max(0, most - len(MARK))]
    for first, last in (("<", ">"), ("&", ";"), ("<strong>", "</strong>")):
        if kept.rfind(first) > kept.rfind(last):
            kept = kept[: kept.rfind(first)]
    return kept.rstrip() + MARK


def _shown(row: Row, name: str) -> str:
    if name == "remote_name":
        return str(row.get("remote_name") or caller_of(row))
    if name == "remote_number":
        return caller_of(row)
    value = row.get(name) if name in COLUMNS else None
    return "" if value is None else str(value)


def _lines_of(row: Row) -> Iterator[str]:
    body = str(row.get("body") or "").strip()
    if body:
        yield body
    for each in row.get("attachments") or ():
        yield f"[{each.get('filename') or each.get('content_type') or 'file'}]"
