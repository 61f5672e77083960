"""Explains one contact: its rows, the ledger, the target, and what the next run would do with it, and why.

It is a dry run whose every step is kept for one key: nothing is decided here, and nothing is sent but GETs.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from syncd.config import Source
from syncd.core.callers.numbers import NUMBER
from syncd.core.change import Left
from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, REASON, ROW, STATE, UNIT, WARNING
from syncd.core.compare import BEFORE, ID, KIND, WHY, field_changes
from syncd.core.identity import REPEATED
from syncd.core.plan import Held, closed
from syncd.core.schema import Schema
from syncd.core.verdicts import Verdicts
from syncd.core.wording import shown_key
from syncd.plan.gather import Planned, plan_changes
from syncd.plan.schema_check import usable_schema
from syncd.plan.world import request_of, world_of_every_row
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reading import Reading
from syncd.read.spool import spooling
from syncd.report.source_report import described
from syncd.run.session import Session
from syncd.source import Rows
from syncd.target.lookup import Index, hint

_STATES = {CONTACT: "contact", INVALID: "invalid", EXCLUDED: "excluded"}

_MOVES = "its match fields differ from those sent last: it becomes another contact"

_WHY = {
    "create": "it is not in the ledger: it was never sent, or has been deleted since",
    "adopt": "it is not in the ledger, and the target has a contact with its match fields",
    "update": "its fields differ from what was sent last",
    "move": f"{_MOVES}, and the old one is deleted unless something claims it",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One row of the source with the key. ``state``: ``contact``, ``invalid`` or ``excluded``, and why."""

    at: str
    state: str
    reason: str | None
    warning: str | None
    columns: Mapping[str, str]


@dataclass(slots=True)
class Explanation:
    """What is known of a key.

    ``contact``: the mapped fields, None where no row makes one. ``ledger``: what was sent last, None for nothing.
    ``target``: ``id``, ``fields`` and how they differ from the ledger (None where it knows no contact to compare them
    with); None where a search finds nothing (``searched``) or what to search for is not known. ``stayed``: the last
    change of a contact that was adopted, and stayed at the target when its row left the source. ``left``: ``id`` (None:
    not found), ``match``, ``why`` and ``at`` of contacts that syncd no longer looks after. ``takes_over``: the key
    whose contact this key takes over, if any. ``successor``: the key under which the contact goes on. ``decision`` and
    ``why``: what the next run would do; ``change``: as :func:`syncd.report.source_report.described` has it; ``held``:
    the gates that keep it. ``left_out``: numbers that it goes without, and why. ``changes``: how many the history
    knows; ``last``: the newest.
    """

    source: str
    key: str
    rows: list[Found] = field(default_factory=list)
    contact: Mapping[str, str | None] | None = None
    ledger: Mapping[str, Any] | None = None
    target: Mapping[str, Any] | None = None
    searched: bool = False
    decision: str = ""
    why: str = ""
    change: Mapping[str, Any] | None = None
    held: Sequence[Held] = ()
    left_out: Sequence[tuple[str, str]] = ()
    changes: int = 0
    last: Mapping[str, Any] | None = None
    stayed: Mapping[str, Any] | None = None
    left: Sequence[Mapping[str, Any]] = ()
    takes_over: str | None = None
    successor: str | None = None
    phones: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        return bool(self.rows or self.ledger or self.last or self.left or self.successor)


def explain(session: Session, source: Source, key: str) -> Explanation:
    """Read the whole source and plan a run as a dry run does; return what that means for one key.

    Raises:
        SyncdError: as a dry run.
    """
    found = Explanation(source.name, key)
    with spooling() as spool:
        schema = usable_schema(session, source)
        found.phones = schema.phones
        connector = source.connect()
        mapping = contact_mapping(source, connector.check(), schema)
        request = request_of(session, source, schema)
        rows_of_key = _RowsOfKey(source.rules.key, key)
        world = world_of_every_row(request, connector, mapping, spool, session.halt_if_asked, rows_of_key.look)
        index = Index(session.target.contacts, schema, session.target.search)
        planned = plan_changes(world, index, session.clock())
        # The spool holds the contacts, and is gone after this block.
        _explain_rows(found, world.reading, planned.verdicts, rows_of_key)
    takes = {**world.takeovers, **planned.keys.takes()}
    found.takes_over = next((old for old, new in takes.items() if new == key), None)
    left_out = planned.record.shares.every().filter(pl.col(KEY) == key)
    found.left_out = left_out.select(NUMBER, REASON).rows()
    # The state knows a row that would take over a contact under the contact's key.
    known_as = found.takes_over or key
    found.ledger = session.state.ledger.contact(source.name, known_as)
    found.left = session.state.leftovers.of(source.name, key)
    _explain_history(found, session, known_as)
    found.successor = takes.get(key) or _successor(found, session)
    _explain_target(found, session, planned.verdicts, schema)
    _explain_decision(found, source, planned, world.reading)
    return found


class _RowsOfKey:
    """The rows of the source that may have the key, with the source's own columns: ``seen``, by their place."""

    def __init__(self, columns: Sequence[str], key: str) -> None:
        # A person may give fewer parts than the key has: then the other columns decide nothing.
        self._wanted = dict(zip(columns, map(_without_spaces, key.split(UNIT)), strict=False))
        self.seen: dict[str, Mapping[str, str]] = {}

    def look(self, page: Rows) -> None:
        """Keep rows whose key columns hold the parts of the key."""
        # However they are spaced: only the mapping knows how a key is trimmed. Later, the place tells which it took.
        same = (
            pl.col(name).str.normalize("NFC").str.replace_all(r"\s", "") == part for name, part in self._wanted.items()
        )
        here = page.frame.with_columns(page.lines.alias(LINE)).filter(pl.all_horizontal(same))
        for row in here.iter_rows(named=True):
            self.seen[f"{page.origin}:{row.pop(LINE)}"] = row


def _without_spaces(part: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFC", part))


def _explain_rows(found: Explanation, reading: Reading, verdicts: Verdicts, rows_of_key: _RowsOfKey) -> None:
    of_key = verdicts.rows.filter(pl.col(KEY) == found.key)
    explained = of_key
    for texts in (verdicts.reasons, reading.warnings):
        explained = explained.join(texts, on=ROW, how="left", maintain_order="left")
    for origin, line, state, reason, warning in explained.select(ORIGIN, LINE, STATE, REASON, WARNING).iter_rows():
        at = reading.place(origin, line)
        found.rows.append(Found(at, _STATES[state], reason, warning, rows_of_key.seen.get(at, {})))
    for origin, line in verdicts.repeated.filter(pl.col(KEY) == found.key).select(ORIGIN, LINE).iter_rows():
        at = reading.place(origin, line)
        found.rows.append(Found(at, "excluded", REPEATED, None, rows_of_key.seen.get(at, {})))
    used = of_key.filter(pl.col(STATE) == CONTACT)
    if used.height:
        contacts = reading.fetch(verdicts, used.get_column(KEY))
    else:
        # Rows that were turned away after they were mapped, such as duplicates, are in the spool as well.
        contacts = reading.spool.fetch(of_key.drop(STATE)) if of_key.height else of_key
    for row in contacts.head(1).iter_rows(named=True):
        found.contact = {name: value for name, value in row.items() if not name.startswith("@")}


def _successor(found: Explanation, session: Session) -> str | None:
    """Return the key that took over the contact of this key in an earlier run, as far as the reports tell."""
    if found.is_known:
        return None
    for run in session.state.history.runs(source=found.source):
        pairs = ((run["report"] or {}).get("taken_over") or {}).get("keys", ())
        for pair in pairs:
            if pair["was"] == shown_key(found.key):
                return str(pair["key"])
    return None


def _explain_history(found: Explanation, session: Session, key: str) -> None:
    for change in session.state.history.changes(source=found.source, key=key):
        found.last = found.last or change
        found.changes += 1
    last = found.last
    if found.ledger or last is None or last["kind"] == "delete" or last["outcome"] not in ("accepted", "moved"):
        return
    # The last change left a contact at the target, and nobody has it any more: it was let go.
    if last["new_id"] is not None and not session.state.holdings.known_ids([last["new_id"]]):
        found.stayed = last


def _explain_target(found: Explanation, session: Session, verdicts: Verdicts, schema: Schema) -> None:
    """Ask the target for the contact."""
    past = found.ledger or found.stayed
    id_then = past["id" if found.ledger else "new_id"] if past else None
    of_key = verdicts.rows.filter((pl.col(KEY) == found.key) & pl.col(MATCH).is_not_null())
    matches = [*([past["match"]] if past else []), *of_key.get_column(MATCH)]
    for match in dict.fromkeys(each for each in matches if each):
        found.searched = True
        # A search is a hint: only an equal id or equal match values prove that the contact is this one.
        there = Index(partial(session.target.search, hint(match)), schema).read()
        proof = pl.col(MATCH) == match
        if id_then:
            proof = proof | (pl.col(ID) == id_then)
        for id_, before in there.filter(proof).select(ID, BEFORE).head(1).iter_rows():
            fields = {name: value for name, value in json.loads(before).items() if value}
            # The answer counts, not what was sent: the target may write a number in its own way.
            known = (found.ledger["returned"] or found.ledger["fields"]) if found.ledger and id_then else None
            differs = None if known is None else field_changes(fields, known, schema.phones)
            found.target = {"id": id_, "fields": fields, "differs": differs}
            return


def _explain_decision(found: Explanation, source: Source, planned: Planned, reading: Reading) -> None:
    """Say what the plan does with the key, and why by what the steps before have found."""
    plan, of_key = planned.plan, pl.col(KEY) == found.key
    if found.successor and not found.rows:
        found.decision = "taken over"
        found.why = f"its contact goes on under the key {shown_key(found.successor)}"
        return
    # A change explains itself. Only a key without one is explained by its rows and by the ledger.
    part = pl.concat([plan.todo.filter(of_key), plan.waiting.filter(of_key)])
    if part.is_empty():
        found.decision, found.why = _why_unchanged(found, source, planned, reading)
        return
    [kind], [why] = part.get_column(KIND), part.get_column(WHY)
    [found.change] = described(part, found.phones)
    found.held = [each for each in plan.held if not part.filter(closed([each])).is_empty()]
    found.decision, found.why = kind, why or _WHY.get(kind) or _why_deleted(found)
    if kind == "move" and why:
        found.why = f"{_MOVES}; {why}"


def _why_deleted(found: Explanation) -> str:
    excluded = next((row for row in found.rows if row.state == "excluded"), None)
    return f"its row is excluded ({excluded.reason})" if excluded else "the source has no row of it any more"


def _why_unchanged(found: Explanation, source: Source, planned: Planned, reading: Reading) -> tuple[str, str]:
    """Return the decision, and why, of a key that the plan has no change for."""
    states = {row.state: row for row in found.rows}
    if "contact" in states:
        return _why_not_sent(found, planned)
    if "invalid" in states:
        left = "its contact is left exactly as it is" if found.ledger else "nothing is sent for it"
        return "invalid", f"{states['invalid'].reason}; {left}"
    # Gates also hold adopted contacts that would only be let go, of which the plan has no change.
    found.held = [each for each in planned.plan.held if found.key in each.keys]
    if found.stayed or found.held or found.key in planned.record.released:
        return "left", _why_let_go(found)
    if found.ledger:
        return "left", f"{_why_deleted(found)}, and mode {source.gates.mode} deletes nothing"
    if "excluded" in states:
        return "excluded", f"{states['excluded'].reason}; as far as syncd knows, the target does not have it"
    proved = f"; the read was not proved complete: {reading.end.why}" if reading.end.proof == "unproved" else ""
    return "nothing", f"the source has no row of it, and the ledger does not know it{proved}"


def why_stayed(found: Explanation, stayed: Mapping[str, Any]) -> str:
    """Say why a contact that syncd let go is at the target; ``stayed``: its last change."""
    if any(each["why"] == Left.FORGOTTEN for each in found.left):
        return f"all numbers of its row were forgotten, and it stayed at the target as id {stayed['new_id']}"
    return f"it was adopted, left the source, and stayed at the target as id {stayed['new_id']}"


def _why_let_go(found: Explanation) -> str:
    if found.stayed:
        return why_stayed(found, found.stayed)
    return "it was adopted, so that it stays at the target when its row leaves"


def _why_not_sent(found: Explanation, planned: Planned) -> tuple[str, str]:
    ledger = found.ledger
    if ledger and ledger["status"] == "rejected" and found.key not in planned.record.same:
        return "rejected", f"{ledger['reason']}; it is sent again when it changes, or after syncd rejects retry"
    return "unchanged", "it is what the ledger says was sent last"
