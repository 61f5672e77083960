"""What the machine draws: the readings of the open points, the traffic, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

HOUR, DAY = 3600.0, 86_400.0

READINGS: Mapping[str, tuple[str, ...]] = {
    "calendar": ("company", "eastern"),
    "timezone_parameter": ("honoured",),
    "list_order": ("newest", "oldest", "unstable"),
    "call_listed": ("start", "600"),
    "call_rows": ("legs",),
    "journey": ("with_text",),
    "call_search": ("ignored",),
    "date_range": ("31d",),
    "reach": ("90d",),
    "list_cap": ("100",),
    "message_ids": ("shared",),
    "message_fields": ("webhook",),
    "withheld": ("anonymous", "restricted", "absent"),
    "later_rows": ("renamed", "textless"),
    "listed_for": ("259200",),
    "leg_events": ("last",),
    "missed_duration": ("ring",),
    "outbound_events": ("no",),
    "transcripts": ("segments",),
    "retry_signature": ("original",),
    "retry_id": ("new",),
    "failures": ("bare", "payloads", "ids", "cleared"),
    "deliveries_at_once": ("4", "16"),
    "failing_endpoint": ("disabled", "deleted"),
    "event_ids": ("each",),
    "status_order": ("any",),
    "after_failed": ("delivered", "sent"),
    "company_id": ("changed",),
    "test_answer": ("always_ok",),
    "reports_tier": ("both",),
    "recording_after": ("1800",),
    "recording_for": ("172800",),
    "recording_format": ("wav",),
    "long_recordings": ("absent", "wav", "untyped"),
    # Of every list of the API.
    "past_end": ("404",),
    "no_pages": ("1",),
    "invalid_status": ("422",),
    "retry_after": ("seconds", "date", "absent"),
}
"""The readings beside the first of each open point that are drawn."""

NOT_DRAWN = {"delivery_timeout"}
"""Those that say nothing to a machine without a network: there is no waiting for an answer."""

READS_OF_CALLS = {"method": "GET"}


def dialects() -> st.SearchStrategy[dict[str, str]]:
    """Draw a few readings: most companies differ from the guide in few points."""
    known = {name: st.sampled_from(values) for name, values in READINGS.items()}
    names = st.lists(st.sampled_from(sorted(READINGS)), max_size=7, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: known[name] for name in chosen}))


@dataclass(frozen=True)
class Opening:
    """``limit``: rows of a page. ``signed``: lists name recordings by signed addresses. ``limited``: request windows.

    ``webhooks``: how many endpoints lead to us. ``before``: calls of the days before.
    """

    dialects: Mapping[str, str]
    limit: int = 500
    signed: bool = False
    limited: bool = False
    webhooks: int = 1
    before: int = 0


def openings() -> st.SearchStrategy[Opening]:
    return st.builds(
        Opening,
        dialects(),
        limit=st.sampled_from((3, 2, 5, 500)),
        signed=st.booleans(),
        limited=st.sampled_from((False, False, False, True)),
        webhooks=st.sampled_from((1, 1, 0, 2)),
        before=st.integers(0, 12),
    )


_EXTENSIONS = st.sampled_from(("101", "102", "103"))
_NUMBERS = st.sampled_from(("2125550142", "2125550143", "3125550199", "", "442079460123"))


def _leg() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "extension": _EXTENSIONS,
            "after": st.integers(0, 40).map(float),
            "ring": st.integers(1, 30).map(float),
            "talk": st.sampled_from((0.0, 3.0, 90.0, 900.0)),
            "size": st.sampled_from((0, 200)),
        }
    )


def _hall() -> st.SearchStrategy[dict[str, Any]]:
    kinds = st.sampled_from(("AutoAttendant", "HuntGroup", "CallCenter"))
    return kinds.map(
        lambda kind: {"type": kind, "extension": "800", "name": "Main menu", "talk": 5.0, "ring": 1.0, "size": 0}
    )


def calls() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a call: its segments, whether it still goes on, how long ago it began, and whether it is announced."""
    return st.fixed_dictionaries(
        {
            "direction": st.sampled_from(("incoming", "outgoing", "internal")),
            "remote_number": _NUMBERS,
            "remote_name": st.sampled_from(("Jane Smith", "Bob Stone", "")),
            "hall": st.none() | _hall(),
            "legs": st.lists(_leg(), min_size=1, max_size=3),
            "running": st.sampled_from((False, False, False, True)),
            "ago": st.sampled_from((None, None, 0.0, 2 * HOUR, 20 * HOUR, 3 * DAY)),
            "announce": st.sampled_from((True, True, True, False)),
        }
    )


def messages() -> st.SearchStrategy[dict[str, Any]]:
    later = st.lists(st.tuples(st.sampled_from(("delivered", "failed", "read")), st.integers(1, 90_000)), max_size=3)
    return st.fixed_dictionaries(
        {
            "channel": st.sampled_from(("text", "whatsapp")),
            "direction": st.sampled_from(("incoming", "outgoing")),
            "remote_number": st.sampled_from(("2125550142", "3125550199")),
            "body": st.sampled_from(("Hello", "Ünïcode ✓", "STOP")),
            "attachments": st.sampled_from(((), ({"size": 300},), ({"size": 100}, {"size": 200}))),
            "statuses": later.map(_rising),
            "announce": st.sampled_from((True, True, False)),
        }
    )


def _rising(statuses: list[tuple[str, int]]) -> list[tuple[str, float]]:
    times = sorted({at for _, at in statuses})
    return [(status, float(at)) for (status, _), at in zip(statuses, times, strict=False)]


def event_faults() -> st.SearchStrategy[dict[str, Any]]:
    """Draw what strikes the next deliveries."""
    kinds = st.sampled_from(
        ("event_drop", "event_double", "event_reorder", "event_forge", "event_truncate", "event_gzip", "event_delay")
    )
    times = st.sampled_from((1, 2, 6))
    delays = st.sampled_from((30.0, 400.0, 5 * HOUR, 30 * HOUR))
    return st.builds(
        lambda kind, times, delay: {"kind": kind, "times": times, **({"seconds": delay} if "delay" in kind else {})},
        kinds,
        times,
        delays,
    )


def api_faults() -> st.SearchStrategy[dict[str, Any]]:
    """Draw what strikes requests of the API, after some that pass."""
    kinds = st.sampled_from(
        (
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 503},
            {"kind": "status", "status": 429, "retry_after": "7"},
            {"kind": "status", "status": 429},
            {"kind": "html", "status": 502},
            {"kind": "html", "status": 200},
            {"kind": "empty", "status": 200},
            {"kind": "drop"},
            {"kind": "truncate"},
            {"kind": "slow", "seconds": 90.0},
            {"kind": "file_expire"},
            {"kind": "file_status", "status": 404},
            {"kind": "file_short"},
        )
    )
    return st.builds(
        lambda kind, after, times: {**kind, "after": after, "times": times},
        kinds,
        st.integers(0, 6),
        st.sampled_from((1, 2, 9)),
    )


def skews() -> st.SearchStrategy[dict[str, Any]]:
    seconds = st.sampled_from((-4000.0, -250.0, 30.0, 250.0, 4000.0))
    where = st.sampled_from(("both", "signatures", "dates"))
    return st.builds(lambda seconds, of: {"kind": "skew", "seconds": seconds, "of": of}, seconds, where)
