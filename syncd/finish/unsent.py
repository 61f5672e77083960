"""Keeps the numbers of the rows that a run does not send, with the reason, for who asks why somebody is not there."""

from __future__ import annotations

import hashlib
import json

import polars as pl

from syncd.core.activity.attribution.numbers import phones_in
from syncd.core.callers import unsent
from syncd.core.callers.former import NAME
from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.callers.unsent import AT, UNSENT, WHY
from syncd.core.columns import CONTACT, KEY, LINE, ORIGIN, REASON, ROW, STATE
from syncd.plan.gather import Planned
from syncd.plan.world import World
from syncd.run.session import Session
from syncd.state.leaving.forgotten import Forgotten

MOST = 100_000
"""Numbers of rows that are not sent, of one source, that are kept."""


def keep_unsent(session: Session, world: World, planned: Planned) -> None:
    """Keep them: of a complete read in place of those of the last one, of a partial read those of its keys.

    Raises:
        StateError: the state cannot be written.
    """
    state, source = world.state, world.name
    refused = state.unsent.refused(source)
    if world.named_gone is not None:
        about = {*planned.verdicts.keys(), *world.named_gone}
        state.unsent.keep(source, _found(session, world, planned, refused), about=about, more=False)
        return
    mark = _mark(session, world, planned, refused)
    # Most reads turn the same rows away as the read before.
    if mark == state.unsent.mark(source).get():
        return
    found = _found(session, world, planned, refused)
    more = world.reading.turned_away.more or found.height > MOST
    state.unsent.keep(source, found.head(MOST), about=None, more=more, mark=mark)


def _found(session: Session, world: World, planned: Planned, refused: pl.DataFrame) -> pl.DataFrame:
    """Return the rows, those first that are the nearest to being sent."""
    schema, verdicts, reading = world.schema, planned.verdicts, world.reading
    display = schema.display(session.settings.target.display)
    wanted = [name for name in world.source.rules.mapping if name in schema.phones or name == display]
    loose = reading.turned_away.mapped(world.source.rules, schema, wanted)
    # Rows that were turned away after they were mapped, such as duplicates, are in the spool.
    rest = verdicts.rows.filter(pl.col(STATE) != CONTACT).join(loose, on=ROW, how="anti")
    lossy = verdicts.contacts().join(loose, on=ROW, how="semi")
    # The pages of a spool need not be read for nothing.
    later, sent = (
        reading.spool.fetch(rows.select(ROW)).select(loose.columns) if rows.height else loose.clear()
        for rows in (rest, lossy)
    )
    fields = pl.concat([loose, later])
    outranked = planned.record.granted.outranked.get_column(KEY)
    about = (schema.phones, display)
    found = [
        _rejected(refused, *about),
        unsent.held(planned.plan, *about),
        unsent.left_out(verdicts, fields, sent, *about),
        unsent.turned_away(verdicts, fields, outranked, *about),
    ]
    return _remembered(session, world.name, pl.concat(found))


def _rejected(refused: pl.DataFrame, phones: frozenset[str], display: str | None) -> pl.DataFrame:
    name = phones_in(pl.col("fields"), [display] if display else []).fill_null("").alias(NAME)
    named = refused.with_columns(name, pl.lit("rejected").alias(WHY))
    return numbers_in(named, [KEY, AT, NAME, WHY, "reason"], pl.col("fields"), phones).select(UNSENT.keys())


def _remembered(session: Session, source: str, found: pl.DataFrame) -> pl.DataFrame:
    """Leave out numbers that were forgotten: a row may hold them that is no contact for another reason."""
    marks = Forgotten(session.settings.state).of(source)
    gone = marks.forgotten_numbers(found.get_column(NUMBER))
    return found.filter(~pl.col(NUMBER).is_in(gone.implode()))


def _mark(session: Session, world: World, planned: Planned, refused: pl.DataFrame) -> str:
    """Return a digest of everything that decides what is kept."""
    rows = planned.verdicts.rows.filter(pl.col(STATE) != CONTACT).select(ROW, KEY, LINE, ORIGIN, STATE)
    frames = (rows, planned.verdicts.reasons.select(ROW, REASON), planned.plan.waiting, refused)
    parts = [
        world.source.digest,
        world.schema.described(),
        session.settings.target.display,
        list(planned.verdicts.origins),
        [(each.gate, each.digest, each.detail) for each in planned.plan.held],
        world.reading.turned_away.mark(),
        [int(frame.hash_rows().sum()) if frame.height else 0 for frame in frames],
        Forgotten(session.settings.state).stamp,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
