"""Gathers the claims on match values from the read, the ledger and the other sources, and asks the resolver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import polars as pl

from syncd.core import claims
from syncd.core.change import Status
from syncd.core.claims import BY_SOURCE, FOREIGN, RANK, SEAT, SOURCE, WINNER, Groups, Resolution
from syncd.core.columns import DIGEST, INVALID, KEY, MATCH, REASON, ROW, STATE
from syncd.core.compare import ID, OLD_MATCH
from syncd.core.identity import folded_twins
from syncd.core.schema import Schema
from syncd.core.verdicts import Verdicts
from syncd.core.warnings import of_case
from syncd.plan.field_history import detail_now, schema_changed, with_rejected_again
from syncd.plan.request import PlanRequest
from syncd.plan.takeovers import Takeovers, named_gone
from syncd.read.reading import Reading
from syncd.state import State

_NO_SEATS = pl.DataFrame(schema=claims.SEATS)


@dataclass(frozen=True, slots=True)
class Granted:
    """What the resolver granted.

    ``settled``: no later run can decide otherwise while the source does not change. ``merged``: the keys whose numbers
    one contact holds, by its match value. ``outranked``: ``@key``, ``@match`` of contacts that are not sent.
    ``to_others``: those of these match values that another source has.
    """

    verdicts: Verdicts
    settled: bool
    warnings: Sequence[str]
    merged: Groups
    outranked: pl.DataFrame
    to_others: Sequence[str]


def grant(
    reading: Reading,
    request: PlanRequest,
    state: State,
    schema: Schema,
    taken: Takeovers,
    named: Sequence[str] | None,
) -> Granted:
    """Decide which contacts are sent, wait, or are merged; ``named``: see :func:`syncd.plan.takeovers.named_gone`."""
    world = _World(reading, request, state, schema, taken, reading.verdicts)
    rest = [name for name in request.order if name != request.name]
    foreign = _foreign(world, rest)
    world = world.called_back(world.verdicts.contacts().get_column(MATCH), foreign[MATCH], foreign[SEAT].drop_nulls())
    world, found = _resolved(world, foreign, named)
    verdicts, merged = _applied(world, found)
    lost = found.outranked.filter(pl.col(STATE) == INVALID)
    twins = folded_twins(verdicts.contacts())
    return Granted(
        verdicts=verdicts.doubted(twins),
        settled=not rest or request.shared_match != "hold",
        warnings=list(of_case(twins)),
        merged={**found.kept, **merged},
        outranked=lost.select(KEY, MATCH),
        to_others=lost.filter(pl.col(BY_SOURCE) != "").get_column(MATCH).to_list(),
    )


@dataclass(frozen=True, slots=True)
class _World:
    """All that claims are gathered from."""

    reading: Reading
    request: PlanRequest
    state: State
    schema: Schema
    taken: Takeovers
    verdicts: Verdicts

    def called_back(self, *matches: pl.Series) -> Self:
        """Return the world with the recognised rows that share a key with a row, or have one of these match values."""
        wanted = pl.concat([each.alias(MATCH) for each in matches])
        back = self.reading.recall.call_back(self.verdicts.rows.get_column(KEY), wanted)
        if back.is_empty():
            return self
        ledger = self.state.ledger.digests(self.request.name, back.get_column(KEY).unique()).select(KEY, DIGEST)
        return replace(self, verdicts=self.verdicts.admitted(back.join(ledger, on=KEY, how="left")))

    def seats(self, keys: pl.Series) -> pl.DataFrame:
        """Return the seats that these keys may hold at the target (``SEATS``), by the match fields of now."""
        if keys.is_empty():
            return _NO_SEATS
        detail = self.taken.detail(self.state, self.request.name, keys)
        return seats_now(detail, self.state, self.request.name, self.schema)

    def moving(self) -> pl.Series:
        """Return the keys of contacts that want another match value than the ledger has for them."""
        contacts = self.verdicts.contacts().select(KEY, MATCH)
        known = self.reading.recall.with_keys(contacts.get_column(KEY)).select(KEY, pl.col(MATCH).alias("@was"))
        both = contacts.join(known, on=KEY, how="inner")
        if schema_changed(self.state, self.request.name, self.schema, ()):
            return both.get_column(KEY)
        return both.filter(pl.col(MATCH) != pl.col("@was")).get_column(KEY)

    def refused(self) -> pl.Series:
        """Return the keys of contacts that the target refused and that are not sent again."""
        keys = _keys(key for key, _ in self.state.ledger.rejected(self.request.name))
        if keys.is_empty():
            return keys
        known = self.taken.digests(self.state, self.request.name, keys)
        known = with_rejected_again(known, self.state, self.request.name, self.schema)
        still = known.filter(pl.col("@status") == Status.REJECTED).select(KEY, DIGEST)
        return self.verdicts.contacts().select(KEY, DIGEST).join(still, on=[KEY, DIGEST], how="semi").get_column(KEY)


def _resolved(world: _World, foreign: pl.DataFrame, named: Sequence[str] | None) -> tuple[_World, Resolution]:
    """Return the resolver's answer, and the world with all rows that it is about."""
    groups = _groups_at_target(world)
    members = _keys(dict.fromkeys(chain.from_iterable(groups.values())))
    stuck = _stuck(world, members, named)
    seats = world.seats(pl.concat([stuck, members]).unique(maintain_order=True))
    kept = pl.concat([seats.get_column(SEAT), pl.Series(SEAT, list(groups), dtype=pl.String)])
    world = world.called_back(kept) if kept.len() else world
    case_insensitive = world.state.facts.case_insensitive.get()
    if claims.may_wait(world.verdicts.contacts(), foreign, kept, case_insensitive=case_insensitive):
        # Only now it matters which seats contacts would leave. To look at each of them would cost every run.
        seats = pl.concat([seats, world.seats(world.moving())]).unique(KEY, keep="first", maintain_order=True)
        world = world.called_back(seats.get_column(SEAT))
    return world, claims.resolve(
        world.verdicts.contacts(),
        foreign,
        world.request.shared_match,
        seats=seats,
        stuck=stuck.to_list(),
        groups=groups,
        case_insensitive=case_insensitive,
    )


def _stuck(world: _World, members: pl.Series, named: Sequence[str] | None) -> pl.Series:
    """Return the keys whose contacts stay as they are; ``members``: keys whose numbers are in another's contact."""
    unusable = world.verdicts.unusable()
    if world.reading.keyless:
        # A row without a readable key may be the row of any missing key, so none of their contacts may be taken.
        missing = world.verdicts.missing([world.reading.recall.rest(), members] if named is None else (), named)
        unusable = pl.concat([unusable, missing])
    return pl.concat([unusable, world.refused()]).unique(maintain_order=True)


def _groups_at_target(world: _World) -> Groups:
    """Return the merged groups whose contact may be at the target."""
    groups = world.state.claims.merged(world.request.name)
    there = set(world.seats(_keys(dict.fromkeys(chain.from_iterable(groups.values())))).get_column(KEY))
    return {match: keys for match, keys in groups.items() if not there.isdisjoint(keys)}


def _applied(world: _World, found: Resolution) -> tuple[Verdicts, Groups]:
    """Return the verdicts that follow, and the keys whose numbers each contact holds now."""
    winners: dict[str, list[str]] = {}
    merged = found.outranked.filter(pl.col(WINNER).is_not_null())
    for key, winner in merged.select(KEY, WINNER).iter_rows():
        winners.setdefault(winner, []).append(key)
    rows = world.verdicts.contacts().select(ROW, KEY).join(found.outranked, on=KEY, how="inner")
    verdicts = world.verdicts.demoted(rows.select(ROW, STATE, REASON))
    sent = verdicts.contacts().filter(pl.col(KEY).is_in(list(winners)))
    matches = dict(sent.select(KEY, MATCH).iter_rows())
    verdicts = world.reading.merge(verdicts, {winner: winners[winner] for winner in matches}, world.schema)
    return verdicts, {match: [winner, *winners[winner]] for winner, match in matches.items()}


def _foreign(world: _World, sources: Sequence[str]) -> pl.DataFrame:
    """Return the claims (``FOREIGN``) of other sources' contacts, by the match fields of now."""
    state, request = world.state, world.request
    # A source that has not run since the match fields changed: its contacts are as they were sent.
    late = [source for source in sources if schema_changed(state, source, world.schema, ())]
    current = [source for source in sources if source not in late]
    held = [state.ledger.matches(current)]
    for source in late:
        detail = state.ledger.detail(source, state.ledger.digests(source).get_column(KEY))
        seats = seats_now(detail, state, source, world.schema)
        held.append(seats.select(pl.lit(source).alias(SOURCE), KEY, pl.col(SEAT).alias(MATCH)))
    found = pl.concat(held).with_columns(pl.lit(None, dtype=pl.String).alias(SEAT))
    if request.shared_match == "hold":
        found = _with_outranked(world, found, current)
    places = {name: place - request.order.index(request.name) for place, name in enumerate(request.order)}
    rank = pl.col(SOURCE).replace_strict(places, default=0, return_dtype=pl.Int32).alias(RANK)
    return found.with_columns(rank).select(*FOREIGN)


def _with_outranked(world: _World, held: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Let outranked contacts of other sources claim what they want; they keep what they hold only if they wait."""
    wants = world.state.claims.outranked_of(sources)
    seats = [
        seats_now(world.state.ledger.detail(source, part.get_column(KEY)), world.state, source, world.schema).select(
            pl.lit(source).alias(SOURCE), KEY, SEAT
        )
        for (source,), part in wants.group_by(SOURCE, maintain_order=True)
    ]
    known = pl.concat(seats) if seats else wants.select(SOURCE, KEY, pl.lit(None, dtype=pl.String).alias(SEAT))
    outranked = wants.join(known, on=[SOURCE, KEY], how="left", maintain_order="left")
    others = held.join(outranked, on=[SOURCE, KEY], how="anti", maintain_order="left")
    return pl.concat([others, outranked.select(others.columns)])


def seats_now(detail: pl.DataFrame, state: State, source: str, schema: Schema) -> pl.DataFrame:
    """Return the seats (``SEATS``) of contacts (``DETAIL_SCHEMA``) that may be at the target.

    A contact that another contact has overwritten since is not there any more.
    """
    detail = detail_now(detail, state, source, schema)
    unsure = detail.filter((pl.col("@status") != Status.ACCEPTED) & pl.col(ID).is_not_null()).get_column(ID)
    gone = (pl.col("@status") != Status.ACCEPTED) & pl.col(ID).is_in(list(state.holdings.true_ids(unsure.to_list())))
    there = (pl.col(ID).is_not_null() & ~gone) | (pl.col(ID).is_null() & (pl.col("@status") == Status.PENDING))
    return detail.filter(there).select(KEY, pl.col(OLD_MATCH).alias(SEAT))


def _keys(keys: Iterable[str]) -> pl.Series:
    return pl.Series(KEY, list(keys), dtype=pl.String)


def suffices(reading: Reading, request: PlanRequest, state: State, taken: Takeovers) -> bool:
    """Return whether a partial read is enough to decide everything that it touches; a whole read always is."""
    named = named_gone(reading, taken)
    if named is None:
        return True
    outranked = state.claims.outranked(request.name)
    absent = pl.concat([reading.verdicts.keys(), pl.Series(KEY, named, dtype=pl.String)])
    read = reading.verdicts.contacts().get_column(MATCH)
    asked = pl.concat([read, pl.Series(MATCH, list(outranked.values()), dtype=pl.String)])
    unread = reading.recall.unread(asked, absent)
    waiting = {key: wants for key, wants in outranked.items() if key not in set(absent)}
    if request.shared_match != "first" and len(waiting) < len(outranked):
        return False
    others = pl.concat([reading.recall.seen_matches(), outranking(state, request)])
    return claims.partial_suffices(read, unread, others, waiting, request.shared_match)


def outranking(state: State, request: PlanRequest) -> pl.Series:
    """Return the match values of other sources' contacts that keep the source's contacts from being sent.

    Only where all contacts that share a match value are held does a later source keep one of this source from it.
    """
    others = [name for name in request.order if name != request.name]
    earlier = others[: request.order.index(request.name)]
    return state.ledger.matches(others if request.shared_match == "hold" else earlier).get_column(MATCH)


def outranked_now(
    before: Mapping[str, str], reading: Reading, found: pl.DataFrame, named: Sequence[str] | None
) -> dict[str, str]:
    """Return what outranked contacts want: ``found`` (``@key``, ``@match``) by this read, and those ``before``.

    A partial read says nothing of the keys that it lacks, and a row without a readable key may be any of them.
    """
    now: dict[str, str] = dict(found.select(KEY, MATCH).iter_rows())
    unsure = reading.keyless > 0
    if named is None and not unsure:
        return now
    read = {*reading.verdicts.keys(), *(() if unsure else named or ())}
    return {key: match for key, match in before.items() if key not in read} | now


def asking_elsewhere(state: State, sources: Sequence[str], matches: Collection[str]) -> dict[str, set[str]]:
    """Return the keys, by source, of outranked contacts that want other match values than these."""
    found: dict[str, set[str]] = {source: set() for source in sources}
    for source, key, wants in state.claims.outranked_of(sources).iter_rows():
        if wants not in matches:
            found[source].add(key)
    return found


def joined_groups(before: Groups, groups: Groups) -> dict[str, list[str]]:
    """Return the keys whose numbers each contact may hold until a push ends: those of before, and those of now."""
    return {
        match: list(dict.fromkeys([*before.get(match, ()), *groups.get(match, ())])) for match in {**before, **groups}
    }
