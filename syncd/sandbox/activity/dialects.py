"""The points about calls, messages, media and webhooks that the guide leaves open, as switches of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from syncd.sandbox.dialects import DIALECTS, SECONDS, Dialect


def _open(point: str, values: str, meaning: str) -> Dialect:
    return Dialect(tuple(values.split()), point, meaning)


ACTIVITY: Mapping[str, Dialect] = MappingProxyType(
    {
        # Lists.
        "calendar": _open("A1", "utc company eastern", "whose days the dates of a list are"),
        "timezone_parameter": _open("A1", "ignored honoured", "what a list does with the parameter timezone"),
        "list_order": _open(
            "G1, A2",
            "id newest updated unstable oldest",
            "the order of a list; unstable: another start each time; calls and messages know newest, oldest "
            "and unstable, else newest",
        ),
        "call_listed": _open("A3", f"end start {SECONDS}", "from when on a list has a call: its end, or so long after"),
        "call_rows": _open("A4", "call legs", "whether a call is one row, or one for each phone that rang"),
        "journey": _open("A6", "plain with_text", "whether a listed call's segments have summary and transcription"),
        "call_search": _open("F6", "honoured ignored", "what the list of calls does with the parameter search"),
        "date_range": _open("A15", "unlimited 31d", "how many days a list may be asked for; more are refused"),
        "reach": _open("A15", "unlimited 90d", "how far back a list reaches; an earlier start is refused"),
        "list_cap": _open("A16", "500 100", "the most rows of a page of calls or messages"),
        "message_ids": _open("A17", "apart shared", "whether a text and a WhatsApp message can have one id"),
        "message_fields": _open("A17", "list webhook", "the fields of a listed message: of its own, or a delivery's"),
        "withheld": _open("A21", "empty anonymous restricted absent", "the number and the name of a withheld caller"),
        "later_rows": _open(
            "A22", "same renamed textless", "a listed call a day after its end: the caller's name changes, texts go"
        ),
        "listed_for": _open("A24", f"ever {SECONDS}", "how long after their end lists have calls and messages"),
        # Deliveries.
        "leg_events": _open("A5", "each last", "call.ended (and the others) for each leg, or only for the last"),
        "missed_duration": _open("A5", "0 ring", "the duration in call.ended of a leg that nobody answered"),
        "outbound_events": _open("F8", "yes no", "whether outgoing calls are announced"),
        "transcripts": _open("A7", "call segments", "call.transcription once for a call, or for each segment"),
        "retry_signature": _open("A8", "fresh original", "the time that a repeated delivery is signed with"),
        "retry_id": _open("A9", "same new", "the event's id in a repeated delivery"),
        "failures": _open(
            "A10",
            "envelope bare payloads ids cleared",
            "/webhooks/failures: {query, failures, meta}; a bare array; with the events; a bare array of event "
            "ids; each failure is shown once",
        ),
        "delivery_timeout": _open("A11", f"10 {SECONDS}", "how long an endpoint may take to answer"),
        "deliveries_at_once": _open("A11", "1 4 16", "how many deliveries run at once"),
        "failing_endpoint": _open("A12", "kept disabled deleted", "an endpoint whose delivery has failed for good"),
        "event_ids": _open("A13", "shared each", "whether an event has one id at all endpoints"),
        "status_order": _open("A18", "ladder any", "statuses are announced in order, or the newer one of two first"),
        "after_failed": _open(
            "A18",
            "nothing delivered sent",
            "what follows the status failed after five minutes: nothing, or a delivery after all, or another try",
        ),
        "company_id": _open("A23", "constant changed", "the company_id of events: always 123, or suddenly 124"),
        "test_answer": _open("F11", "honest always_ok", "the answer of /webhooks/ID/test after a failed delivery"),
        # Limits and media.
        "reports_tier": _open("A14", "apart both", "whether a report counts in the Default windows too"),
        "recording_after": _open("A19", f"0 {SECONDS}", "how long after a call's end its recordings are there"),
        "recording_for": _open("A19", f"ever {SECONDS}", "how long after a call's end they go"),
        "recording_format": _open("A20", "mp3 wav", "the format of recordings"),
        "long_recordings": _open(
            "A20",
            "same absent wav untyped",
            "recordings of more than ten minutes: like others; never there; WAV; application/octet-stream",
        ),
    }
)
"""Every dialect of calls, messages, media and webhooks by name."""

ALL: Mapping[str, Dialect] = MappingProxyType({**DIALECTS, **ACTIVITY})
"""Every dialect of a sandbox."""
