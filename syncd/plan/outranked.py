"""Contacts that are not sent since another has their match value: each source's, for its own runs and for the others'.

A partial read does not show them again, so a later one goes by what is noted here. To other sources they are claims
that no ledger holds: where shared match values are held, nobody's contact of that value is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.core.rules import SharedMatch
from syncd.read.keyless import nameless
from syncd.read.reader import Reading
from syncd.state import State

Losers = dict[str, str]
"""The match value of each contact that is not sent since another has it, by key."""


def losers_of(state: State, source: str) -> Losers:
    """Return whom the source's last run did not send."""
    return state.facts.outranked(source).get()


def learn_losers(state: State, source: str, losers: Mapping[str, str]) -> None:
    """Note whom the source's run did not send."""
    if losers != losers_of(state, source):
        state.facts.outranked(source).set(dict(losers))


def losers_now(before: Losers, reading: Reading, found: pl.DataFrame, gone: Sequence[str] | None) -> Losers:
    """Return who is not sent since another has its match value: ``found`` (``@key``, ``@match``) by this read.

    A partial read (``gone``: the keys that it says are gone) leaves those ``before`` as they were whose rows are not in
    it; so does a read with a row whose key cannot be read.
    """
    now: Losers = dict(found.select(KEY, MATCH).iter_rows())
    unsure = nameless(reading) > 0
    if gone is None and not unsure:
        return now
    read = {*reading.lean.get_column(KEY).drop_nulls(), *(() if unsure else gone or ())}
    return {key: match for key, match in before.items() if key not in read} | now


def taken_from(state: State, source: str, order: Sequence[str], policy: SharedMatch) -> pl.Series:
    """Return the match values of other sources' contacts that keep those of the source from being sent.

    ``order``: all sources' names in order. Only where all are held does a source that stands later keep one from it.
    """
    others = [name for name in order if name != source]
    return state.ledger.matches(others if policy == "hold" else others[: list(order).index(source)]).get_column(MATCH)


def claims(state: State, sources: Sequence[str]) -> pl.DataFrame:
    """Return ``@source``, ``@key``, ``@match`` of what these sources' contacts ask for, sent or not.

    What a contact that is not sent has at the target by its last sending it asks for no more: so two sources whose
    contacts exchange their match values do not wait for each other.
    """
    schema = {"@source": pl.String, KEY: pl.String, MATCH: pl.String}
    rows = [(source, *each) for source in sources for each in losers_of(state, source).items()]
    losers = pl.DataFrame(rows, schema=schema, orient="row")
    return pl.concat([state.ledger.matches(sources).join(losers, on=["@source", KEY], how="anti"), losers])


def asking_for_others(state: State, sources: Sequence[str], matches: Collection[str]) -> dict[str, set[str]]:
    """Return the keys, by source, of the contacts that are not sent and ask for other match values than these."""
    found = {source: losers_of(state, source) for source in sources}
    return {source: {key for key, match in each.items() if match not in matches} for source, each in found.items()}
