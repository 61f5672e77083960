"""Rows as ``syncd activity list --json`` shows them: calls and messages of invented people, for the tests of sinks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DAY = "2026-03-10"

LONG = "Mieterin wünscht Rückruf 🏠 — 山田. " * 4_000
"""A text of more characters than 64 KB hold."""

NAME, NUMBER, WORDS = "Zelda Quimby-Zarathustra", "12125550147", "Xylophone lessons on Thursday"
"""What no message may hold."""


def call(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an answered call with two segments, a recording, and texts."""
    return {
        "kind": "call",
        "id": f"c{number}",
        "direction": "incoming",
        "status": "answered",
        "outcome": "Answered",
        "remote_number": NUMBER,
        "remote_name": NAME,
        "own_number": "12125550100",
        "extension": "101",
        "extension_name": "Front desk",
        "start_time": f"{DAY}T14:30:00Z",
        "answer_time": f"{DAY}T14:30:05.250Z",
        "end_time": f"{DAY}T14:31:15Z",
        "duration": 75,
        "talk": 69.75,
        "summary": WORDS,
        "transcription": f"Hello, {WORDS}?\nYes.",
        "segments": [
            segment(1, type="queue", answered=False, duration=5),
            segment(2, media_id="rec_1", path=f"{DAY}/rec_1.mp3"),
        ],
        "first_by": "webhook",
        "settled": True,
        "missing_since": None,
        "attribution": "matched",
        "contacts": [{"source": "crm", "key": "77"}],
        **more,
    }


def segment(n: int, **more: Any) -> dict[str, Any]:
    """Return an answered segment of a call."""
    return {
        "n": n,
        "type": "extension",
        "name": "Front desk",
        "extension": "101",
        "start_time": f"{DAY}T14:30:05Z",
        "duration": 70.5,
        "answered": True,
        "media_id": None,
        **more,
    }


def message(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a received message with an attachment."""
    return {
        "kind": "message",
        "id": f"m{number}",
        "channel": "sms",
        "direction": "incoming",
        "status": "received",
        "remote_number": NUMBER,
        "own_number": "12125550100",
        "body": WORDS,
        "sent_at": f"{DAY}T15:00:00Z",
        "attachments": [
            {
                "media_id": "att_1",
                "filename": "door.jpg",
                "content_type": "image/jpeg",
                "size": 10,
                "path": f"{DAY}/att_1.jpg",
            }
        ],
        "first_by": "list",
        "missing_since": None,
        "attribution": "shared",
        "contacts": [{"source": "crm", "key": "77"}, {"source": "crm", "key": "78"}],
        **more,
    }


_OPTIONAL = ("outcome", "remote_name", "extension", "extension_name", "answer_time", "end_time", "duration", "talk",
             "summary", "transcription", "missing_since", "attribution")  # fmt: skip

BARE_CALL = call(2, status="missed", **dict.fromkeys(_OPTIONAL), settled=False, segments=[], contacts=[])
"""A call of which next to nothing is known."""

WITHHELD_CALL = call(3, remote_number=None, remote_name=None, attribution="withheld", contacts=[])

BARE_MESSAGE = message(2, body=None, attachments=[], contacts=[], attribution=None)

ODD_TEXTS = {
    "emoji": "Grüße 🏠👩‍👩‍👧 naïve",
    "scripts": "山田さん مرحبا Ñandú",
    "lines": "one\r\ntwo\rthree\n\n\tfour\u2028five",
    "quotes": "\"a\" 'b' `c` \\ \\N $1 %s %(x)s :name ? -- /* */ ;",
    "formula": '=HYPERLINK("https://example.com")',
    "quoted formula": "'=1+1",
    "markup": "<b>&amp;</b> <script>",
    "blanks": "  two  spaces ",
    "words": "null",
    "empty": "",
    "long": LONG,
}
"""Texts that a sink keeps as they are, by what is odd about them."""


def of_kind(kind: str, number: int = 1, **more: Any) -> Mapping[str, Any]:
    """Return a call or a message."""
    return call(number, **more) if kind == "call" else message(number, **more)
