"""How one delivery becomes a row of the table ``event``, inside a transaction that the writer began."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from syncd.core.activity.envelopes import TEST
from syncd.core.activity.facts import COMPANY, FOREIGN, GAPS, SECRET

MOST_GAPS = 100
"""So many gaps are kept; more of them become one, since each only names days to read."""

NEW, KNOWN, STALE, IGNORED, MALFORMED = "new", "known", "stale", "ignored", "malformed"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A genuine delivery, as a row; times are Unix seconds.

    ``outcome``: ``new``, ``stale`` or ``malformed``. ``raw``: the body, packed by zlib. ``company``: "" if unknown.
    ``secret``: the fingerprint of the secret that signed it.
    """

    id: str
    type: str
    at: float | None
    signed_at: int
    received: float
    raw: bytes
    content: str
    subject: str | None
    company: str
    outcome: str
    secret: str


_INSERT = """
INSERT OR REPLACE INTO event
    (id, type, at, signed_at, received, origin, raw, content, subject, processed, outcome)
VALUES (?, ?, ?, ?, ?, 'webhook', ?, ?, ?, ?, ?)
"""


def take(store: sqlite3.Connection, new: Arrival) -> str:
    """Store a delivery unless it is known; return its outcome."""
    _note_secret(store, new)
    found = store.execute("SELECT outcome FROM event WHERE id = ?", (new.id,)).fetchone()
    if found and (found[0] != STALE or new.outcome == STALE):
        # A stale copy of a known event is still refused, as the guide says.
        return KNOWN if new.outcome == NEW else new.outcome
    outcome = _judged(store, new)
    if outcome in {NEW, STALE} and _is_known_by_content(store, new.content):
        return STALE if outcome == STALE else KNOWN
    if outcome == NEW:
        # The stale row of the same event gives way, also if the new delivery has another id.
        store.execute("DELETE FROM event WHERE content = ? AND outcome = ?", (new.content, STALE))
    _insert(store, new, outcome)
    return new.outcome if new.outcome == STALE else outcome


def _judged(store: sqlite3.Connection, new: Arrival) -> str:
    """Return the outcome of a delivery whose id is not known yet."""
    pinned = fact(store, COMPANY)
    if pinned and new.company and new.company != pinned:
        set_fact(store, FOREIGN, str(new.received))
        return IGNORED
    # A test is about nothing, and may name no company of anybody.
    if not pinned and new.company and new.outcome == NEW and new.type != TEST:
        set_fact(store, COMPANY, new.company)
    return new.outcome


def _is_known_by_content(store: sqlite3.Connection, content: str) -> bool:
    sql = "SELECT 1 FROM event WHERE content = ? AND outcome NOT IN (?, ?) LIMIT 1"
    return store.execute(sql, (content, STALE, MALFORMED)).fetchone() is not None


def _insert(store: sqlite3.Connection, new: Arrival, outcome: str) -> None:
    # What merges nothing is done with; a stale event is not: its day must be read.
    processed = new.received if outcome in {IGNORED, MALFORMED} else None
    row = (new.id, new.type, new.at, new.signed_at, new.received, new.raw, new.content, new.subject, processed, outcome)
    store.execute(_INSERT, row)


def _note_secret(store: sqlite3.Connection, new: Arrival) -> None:
    name = SECRET + new.secret
    last = fact(store, name)
    # The first delivery ends a rotation; for the others a minute is near enough.
    if not last or abs(new.received - float(last)) > 60:
        set_fact(store, name, str(new.received))


def note_gap(store: sqlite3.Connection, begin: float, end: float) -> None:
    """Note that from ``begin`` to ``end`` deliveries may have been missed."""
    gaps = [*json.loads(fact(store, GAPS) or "[]"), [begin, end]]
    if len(gaps) > MOST_GAPS:
        gaps = [[min(gap[0] for gap in gaps), max(gap[1] for gap in gaps)]]
    set_fact(store, GAPS, json.dumps(gaps))


def fact(store: sqlite3.Connection, name: str) -> str:
    """Return a fact; "" if there is none."""
    found = store.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else ""


def set_fact(store: sqlite3.Connection, name: str, value: str) -> None:
    """Store a fact."""
    store.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value))
