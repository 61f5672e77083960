"""The world of one plan: a read of the source, its rules, the ledger and the target's fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import polars as pl

from syncd.config import Source
from syncd.core.callers.gates import NumberRules
from syncd.core.changes.left_out import deletes_in
from syncd.core.columns import DIGEST, KEY, MATCH, ROW
from syncd.core.compare import BEFORE, decoded
from syncd.core.forgetting.marks import NOBODY, Marks
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.core.schema import Schema
from syncd.core.takeover.reported import reported
from syncd.core.verdicts import Verdicts
from syncd.plan.number_gates import number_rules
from syncd.read.reader import read_source
from syncd.read.reading import Reading, without_duplicates
from syncd.read.spool import Spool
from syncd.read.unchanged_rows import Recall
from syncd.run.session import Session
from syncd.source import Connector, Rows
from syncd.state import State
from syncd.state.leaving.forgotten import Forgotten


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The source to plan, and its surroundings.

    ``order``: the names of all sources, as they are configured. ``numbers``: what the numbers of a plan are judged by.
    ``marks``: what was forgotten, and is left out. ``display``: the field that a phone shows as the name.
    """

    source: Source
    order: tuple[str, ...]
    state: State
    schema: Schema
    numbers: NumberRules
    marks: Marks = field(default=NOBODY, kw_only=True)
    display: str | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        return self.source.name


@dataclass(frozen=True, slots=True)
class World(PlanRequest):
    """A request with the read of the source. The ledger is seen as it will be after the takeovers.

    ``verdicts``: what each row is, as far as it is decided. ``takeovers``: old key to the new key, which takes over the
    contact of the old key. ``named_gone``: the keys that a partial read names as gone; None for a whole read: every key
    that it lacks is gone.
    """

    reading: Reading
    verdicts: Verdicts
    takeovers: Mapping[str, str]
    named_gone: list[str] | None

    def detail(self, keys: pl.Series) -> pl.DataFrame:
        """Return :meth:`~syncd.state.ledger.Ledger.detail` of these keys."""
        return self.with_new_keys(self.state.ledger.detail(self.name, self.old_keys(keys)))

    def sent(self, keys: pl.Series) -> pl.DataFrame:
        """Return :meth:`~syncd.state.ledger.Ledger.sent` of these keys."""
        return self.with_new_keys(self.state.ledger.sent(self.name, self.old_keys(keys)))

    def undone(self) -> pl.DataFrame:
        """Return :meth:`~syncd.state.holds.Holds.undone` of the source."""
        return self.with_new_keys(self.state.holds.undone(self.name))

    def digests(self, keys: pl.Series | None = None) -> pl.DataFrame:
        """Return :meth:`~syncd.state.ledger.Ledger.digests` of ``keys``, or of all contacts."""
        asked = None if keys is None else self.old_keys(keys)
        return self.with_new_keys(self.state.ledger.digests(self.name, asked))

    def called_back(self, *matches: pl.Series) -> Self:
        """Return the world with the recognised rows that share a key with a row, or have one of these match values."""
        wanted = pl.concat([each.alias(MATCH) for each in matches])
        back = self.reading.recall.call_back(self.verdicts.rows.get_column(KEY), wanted)
        if back.is_empty():
            return self
        ledger = self.state.ledger.digests(self.name, back.get_column(KEY).unique()).select(KEY, DIGEST)
        # The ledger does not have a new key yet. Its digest is null then, so the contact is compared field by field.
        admitted = self.verdicts.admitted(back.join(ledger, on=KEY, how="left"))
        return self.with_verdicts(without_duplicates(admitted, self.schema.phones, self._valued))

    def with_verdicts(self, verdicts: Verdicts) -> Self:
        """Return the world with other verdicts."""
        return replace(self, verdicts=verdicts)

    def _valued(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the fields of contacts beside these rows: of a recognised row, the fields that were sent."""
        mapped = self.reading.spool.fetch(rows)
        names = [name for name in mapped.columns if not name.startswith("@")]
        known = rows.join(mapped, on=ROW, how="anti")
        sent = self.sent(known.get_column(KEY).unique()).select(KEY, decoded(pl.col(BEFORE), names)).unnest(BEFORE)
        return pl.concat([mapped, known.join(sent, on=KEY, how="inner").select(mapped.columns)]).sort(ROW)

    def old_keys(self, keys: pl.Series) -> pl.Series:
        """Return the keys under which the ledger knows these keys."""
        return keys.replace({new: old for old, new in self.takeovers.items()}) if self.takeovers else keys

    def with_new_keys(self, ledger: pl.DataFrame) -> pl.DataFrame:
        """Return what the ledger says, under the keys of now."""
        return ledger.with_columns(pl.col(KEY).replace(self.takeovers)) if self.takeovers else ledger


def request_of(session: Session, source: Source, schema: Schema) -> PlanRequest:
    """Return the request to plan a configured source."""
    settings = session.settings
    # The file is read here, while the source is held: a command that forgets waits until the run has ended.
    marks, display = Forgotten(settings.state).of(source.name), schema.display(settings.target.display)
    numbers, order = number_rules(source, settings), tuple(settings.sources)
    return PlanRequest(source, order, session.state, schema, numbers, marks=marks, display=display)


def world_of(request: PlanRequest, reading: Reading) -> World:
    """Return the world of a read, in which keys take over the contacts of the keys that were merged into them."""
    takeovers = _takeovers(reading)
    # The keys that a read names as gone are looked up in the recall, so its keys change first.
    reading.recall.rename(takeovers)
    return _world(request, reading, takeovers)


def world_of_every_row(
    request: PlanRequest,
    connector: Connector,
    mapping: ContactMapping,
    spool: Spool,
    halt_if_asked: Callable[[], None] = lambda: None,
    look: Callable[[Rows], None] = lambda _page: None,
) -> World:
    """Read the whole source, map every row, and return the world of this read.

    ``look`` is called with each page before it is mapped.
    """
    # Without a context no row is recognised.
    recall = Recall(lambda: request.state.ledger.row_digests(request.name))
    reading = read_source(
        connector,
        None,
        mapping,
        request.schema,
        spool,
        lambda _rows: halt_if_asked(),
        recall,
        look,
        deletes=deletes_in(request.source.gates.mode),
        marks=request.marks,
    )
    return world_of(request, reading)


def _world(request: PlanRequest, reading: Reading, takeovers: Mapping[str, str]) -> World:
    return World(
        marks=request.marks,
        source=request.source,
        order=request.order,
        state=request.state,
        schema=request.schema,
        numbers=request.numbers,
        display=request.display,
        reading=reading,
        verdicts=reading.verdicts,
        takeovers=takeovers,
        named_gone=_named_gone(reading, takeovers),
    )


def _takeovers(reading: Reading) -> dict[str, str]:
    """Find the keys that take over a contact: other keys were merged into them, and they have no contact."""
    merged = reading.end.merged
    # An unchanged source is not looked up in the ledger at all: such a run must cost next to nothing.
    if not merged or reading.end.proof == "unchanged":
        return {}
    asked = pl.Series(KEY, list({*merged, *merged.values()}), dtype=pl.String)
    known = reading.recall.with_keys(asked).get_column(KEY)
    taken = reported(merged, set(known.filter(known.is_in(asked.implode()))))
    return {old: new for new, old in taken.items()}


def _named_gone(reading: Reading, takeovers: Mapping[str, str]) -> list[str] | None:
    if reading.end.proof != "partial":
        return None
    gone = {*reading.end.deleted, *reading.end.merged} - {*takeovers, *takeovers.values()}
    if reading.present is not None:
        # A source without reports of deleted rows lists its present keys instead.
        known = reading.recall.ledger.get_column(KEY)
        here = reading.verdicts.keys()
        away = ~known.is_in(reading.present.drop_nulls().implode()) & ~known.is_in(here.implode())
        gone |= set(known.filter(away)) - set(takeovers.values())
    return sorted(gone)
