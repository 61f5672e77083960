"""``syncd explain``: one contact's way from its row to the target, and what the next run would do with it, and why.

It is a dry run whose every step is kept for one key: nothing is decided here, and nothing is sent but GETs.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from syncd.core.change import ChangeOutcome, Status
from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, REASON, ROW, STATE, UNIT, WARNING
from syncd.core.compare import BEFORE, ID, field_changes, rows
from syncd.core.plan import Held
from syncd.core.verdicts import Verdicts
from syncd.plan.schema_check import usable_schema
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reader import read_source
from syncd.read.reading import Reading
from syncd.read.spool import spooling
from syncd.read.unchanged_rows import Recall
from syncd.source import Connector, End, Options, Rows
from syncd.sync import plan_of
from syncd.target.lookup import Index, hint

if TYPE_CHECKING:
    from syncd.config import Source
    from syncd.core.schema import Schema
    from syncd.plan.gather import Planned
    from syncd.run.session import Session

_STATES = {CONTACT: "contact", INVALID: "invalid", EXCLUDED: "excluded"}

_WHY = {
    "create": "it is not in the ledger: it was never sent, or has been deleted since",
    "adopt": "it is not in the ledger, and the target has a contact with its match fields",
    "update": "its fields differ from what was sent last",
    "move": "its match fields differ from those sent last: it becomes another contact, and the old one is deleted "
    "unless something claims it",
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
    change of a contact that was adopted, and stayed at the target when its row left the source. ``decision`` and
    ``why``: what the next run would do; ``change``: as
    :func:`syncd.report.source_report.described` has it; ``held``: the gates that keep it. ``changes``: how many the
    history knows; ``last``: the newest.
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
    changes: int = 0
    last: Mapping[str, Any] | None = None
    stayed: Mapping[str, Any] | None = None
    phones: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        return bool(self.rows or self.ledger or self.last)


def explain(session: Session, source: Source, key: str) -> Explanation:
    """Read the whole source and plan a run as a dry run does; return what that means for one key.

    Raises:
        SyncdError: as a dry run.
    """
    found = Explanation(source.name, key)
    with spooling() as spool:
        schema = usable_schema(session.target, source, session.state)
        witness = _Witness(source.connect(), source.rules.key, key.split(UNIT))
        mapping = contact_mapping(source, witness.check(), schema)
        every_row = Recall(lambda: session.state.ledger.row_digests(source.name))
        reading = read_source(witness, None, mapping, schema, spool, lambda _rows: session.halt_if_asked(), every_row)
        index = Index(session.target.contacts, schema, session.target.search)
        planned = plan_of(session, source, reading, index, schema)
        found.phones = schema.phones
        _tell_rows(found, reading, planned.verdicts, witness)
    found.ledger = session.state.ledger.contact(source.name, key)
    _tell_history(found, session)
    _tell_target(found, session, planned.verdicts, schema)
    _decide(found, source, planned, reading)
    return found


def _tell_rows(found: Explanation, reading: Reading, verdicts: Verdicts, witness: _Witness) -> None:
    mine = verdicts.rows.filter(pl.col(KEY) == found.key)
    told = mine.join(verdicts.reasons, on=ROW, how="left", maintain_order="left").join(
        reading.warnings, on=ROW, how="left", maintain_order="left"
    )
    for origin, line, state, reason, warning in told.select(ORIGIN, LINE, STATE, REASON, WARNING).iter_rows():
        at = reading.place(origin, line)
        found.rows.append(Found(at, _STATES[state], reason, warning, witness.seen.get(at, {})))
    used = mine.filter(pl.col(STATE) == CONTACT)
    made = reading.fetch(verdicts, used.get_column(KEY)) if used.height else _as_mapped(mine, reading)
    for row in made.head(1).iter_rows(named=True):
        found.contact = {name: value for name, value in row.items() if not name.startswith("@")}


def _as_mapped(mine: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The contacts of rows that were turned away after they were mapped, such as twins."""
    return reading.spool.fetch(mine.drop(STATE)) if mine.height else mine


def _tell_target(found: Explanation, session: Session, verdicts: Verdicts, schema: Schema) -> None:
    """Ask the target for the contact: a search is a hint, an equal id or equal match values are the proof."""
    mine = verdicts.rows.filter((pl.col(KEY) == found.key) & pl.col(MATCH).is_not_null())
    past = found.ledger or found.stayed
    id_then = found.ledger["id"] if found.ledger else found.stayed["new_id"] if found.stayed else None
    matches = [past["match"]] if past else []
    matches += mine.get_column(MATCH).to_list()
    for match in dict.fromkeys(each for each in matches if each):
        found.searched = True
        there = Index(lambda match=match: session.target.search(hint(match)), schema).read()  # type: ignore[misc]
        wanted = pl.col(MATCH) == match
        if id_then:
            wanted = wanted | (pl.col(ID) == id_then)
        for id_, before in there.filter(wanted).select(ID, BEFORE).head(1).iter_rows():
            fields = {name: value for name, value in json.loads(before).items() if value}
            known = (found.ledger["returned"] or found.ledger["fields"]) if found.ledger and id_then else None
            differs = None if known is None else field_changes(fields, known, schema.phones)
            found.target = {"id": id_, "fields": fields, "differs": differs}
            return


def _tell_history(found: Explanation, session: Session) -> None:
    for each in session.state.history.changes(source=found.source, key=found.key):
        found.last = found.last or each
        found.changes += 1
    if found.ledger is None and found.last is not None and _stayed(found.last, session):
        found.stayed = found.last


def _stayed(last: Mapping[str, Any], session: Session) -> bool:
    """Whether a contact that the ledger does not know any more was let go: nobody else has it, and none deleted it."""
    id_, done = last["new_id"], last["outcome"] in (ChangeOutcome.ACCEPTED, ChangeOutcome.MOVED)
    return last["kind"] != "delete" and done and id_ is not None and not session.state.holdings.known_ids([id_])


def _decide(found: Explanation, source: Source, planned: Planned, reading: Reading) -> None:
    """Say what the plan does with the key; why, is what the steps before it found."""
    from syncd.report.source_report import described

    plan, here = planned.plan, pl.col(KEY) == found.key
    for part in (plan.todo.filter(here), plan.waiting.filter(here)):
        for change in rows(part):
            kind = change.kind
            found.change = next(described(part, found.phones))
            found.held = [each for each in plan.held if found.key in each.keys and each.kind in ("all", _held_as(kind))]
            found.decision, found.why = kind, change.why or _WHY.get(kind) or _why_deleted(found)
            return
    found.decision, found.why = _left_as_it_is(found, source, planned, reading)


def _held_as(kind: str) -> str:
    return {"delete": "delete", "update": "update", "move": "update"}.get(kind, "all")


def _why_deleted(found: Explanation) -> str:
    excluded = next((row for row in found.rows if row.state == "excluded"), None)
    return f"its row is excluded ({excluded.reason})" if excluded else "the source has no row of it any more"


def _left_as_it_is(found: Explanation, source: Source, planned: Planned, reading: Reading) -> tuple[str, str]:
    """What is said of a key that the plan has no change for."""
    states = {row.state: row for row in found.rows}
    if "contact" in states:
        return _as_sent(found, planned)
    if "invalid" in states:
        left = "its contact is left exactly as it is" if found.ledger else "nothing is sent for it"
        return "invalid", f"{states['invalid'].reason}; {left}"
    found.held = [each for each in planned.plan.held if found.key in each.keys]
    if found.stayed or found.held or found.key in planned.released:
        return "left", _let_go(found)
    if found.ledger:
        return "left", f"{_why_deleted(found)}, and mode {source.gates.mode} deletes nothing"
    if "excluded" in states:
        return "excluded", f"{states['excluded'].reason}; as far as syncd knows, the target does not have it"
    proved = f"; the read was not proved complete: {reading.end.why}" if reading.end.proof == "unproved" else ""
    return "nothing", f"the source has no row of it, and the ledger does not know it{proved}"


def _let_go(found: Explanation) -> str:
    if found.stayed:
        return f"it was adopted, left the source, and stayed at the target as id {found.stayed['new_id']}"
    return "it was adopted, so that it stays at the target when its row leaves"


def _as_sent(found: Explanation, planned: Planned) -> tuple[str, str]:
    ledger = found.ledger
    if ledger and ledger["status"] == Status.REJECTED and found.key not in planned.same:
        return "rejected", f"{ledger['reason']}; it is sent again when it changes, or after syncd rejects retry"
    return "unchanged", "it is what the ledger says was sent last"


class _Witness(Connector):
    """Reads as another connector does, and keeps the rows that may have the key: ``seen``, by their place."""

    OPTIONS = Options

    def __init__(self, inner: Connector, columns: Sequence[str], parts: Sequence[str]) -> None:
        self._inner = inner
        self._wanted = dict(zip(columns, map(_plain, parts), strict=False))
        self.name = inner.name
        self.options = inner.options
        self.seen: dict[str, Mapping[str, str]] = {}

    def check(self) -> list[str]:
        return self._inner.check()

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        with closing(self._inner.read(cursor)) as pages:
            while True:
                try:
                    page = next(pages)
                except StopIteration as stop:
                    end: End = stop.value
                    return end
                self._look(page)
                yield page

    def _look(self, page: Rows) -> None:
        """Keep rows whose key columns hold the parts of the key, however they are spaced."""
        plain = (
            pl.col(name).str.normalize("NFC").str.replace_all(r"\s", "") == part for name, part in self._wanted.items()
        )
        here = page.frame.with_columns(page.lines.alias("@line")).filter(pl.all_horizontal(plain))
        for row in here.iter_rows(named=True):
            self.seen[f"{page.origin}:{row.pop('@line')}"] = row


def _plain(part: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFC", part))
