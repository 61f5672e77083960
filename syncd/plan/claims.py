"""Gathers the claims on match values from the read, the ledger and the other sources, and asks the resolver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from syncd.core import claims
from syncd.core.change import Status
from syncd.core.claims import BY_SOURCE, FOREIGN, RANK, SEAT, SOURCE, WINNER, Groups, Resolution
from syncd.core.columns import DIGEST, INVALID, KEY, MATCH, REASON, ROW, STATE
from syncd.core.compare import ID, OLD_MATCH
from syncd.core.identity import folded_twins
from syncd.core.warnings import of_case
from syncd.plan.field_history import comparable, detail_now, schema_changed
from syncd.plan.world import PlanRequest, World
from syncd.state import State

_WAS = "@was"


@dataclass(frozen=True, slots=True)
class Granted:
    """What the resolver granted.

    ``settled``: every later run decides the same while the source does not change. ``merged``: the keys whose numbers
    one contact holds, by its match value. ``outranked``: ``@key``, ``@match`` of contacts that are not sent.
    ``to_others``: those of these match values that another source has.
    """

    settled: bool
    warnings: Sequence[str]
    merged: Groups
    outranked: pl.DataFrame
    to_others: Sequence[str]


def grant(world: World) -> tuple[World, Granted]:
    """Decide which contacts are sent, wait, or are merged; return the world with the verdicts that follow."""
    others = [name for name in world.order if name != world.name]
    foreign = _foreign(world, others)
    world = world.called_back(world.verdicts.contacts().get_column(MATCH), foreign[MATCH], foreign[SEAT].drop_nulls())
    world, found = _resolved(world, foreign)
    world, merged = _applied(world, found)
    lost = found.outranked.filter(pl.col(STATE) == INVALID)
    twins = folded_twins(world.verdicts.contacts())
    return world.with_verdicts(world.verdicts.doubted(twins)), Granted(
        # With this policy, a contact of another source that wants the same match value may come or go at any time.
        settled=not others or world.source.shared_match != "hold",
        warnings=list(of_case(twins)),
        merged={**found.kept, **merged},
        # Merged contacts, too: a partial read shows them only if their rows change, and then the group is decided anew.
        outranked=found.outranked.select(KEY, MATCH),
        to_others=lost.filter(pl.col(BY_SOURCE) != "").get_column(MATCH).to_list(),
    )


def _resolved(world: World, foreign: pl.DataFrame) -> tuple[World, Resolution]:
    """Return the resolver's answer, and the world with all rows that it is about."""
    groups = _groups_at_target(world)
    members = _members(groups)
    stuck = _stuck(world, members)
    seats = _seats(world, pl.concat([stuck, members]).unique(maintain_order=True))
    kept = pl.concat([seats.get_column(SEAT), pl.Series(SEAT, list(groups), dtype=pl.String)])
    world = world.called_back(kept) if kept.len() else world
    case_insensitive = world.state.facts.case_insensitive.get()
    if claims.may_wait(world.verdicts.contacts(), foreign, kept, case_insensitive=case_insensitive):
        # Only now it matters which seats contacts would leave. To look at each of them would cost every run.
        seats = pl.concat([seats, _seats(world, _moving(world))]).unique(KEY, keep="first", maintain_order=True)
        world = world.called_back(seats.get_column(SEAT))
    return world, claims.resolve(
        world.verdicts.contacts(),
        foreign,
        world.source.shared_match,
        seats=seats,
        stuck=stuck.to_list(),
        groups=groups,
        case_insensitive=case_insensitive,
    )


def _groups_at_target(world: World) -> Groups:
    """Return the merged groups whose contact may be at the target."""
    groups = world.state.claims.merged(world.name)
    there = set(_seats(world, _members(groups)).get_column(KEY))
    return {match: keys for match, keys in groups.items() if not there.isdisjoint(keys)}


def _members(groups: Groups) -> pl.Series:
    return _keys(dict.fromkeys(chain.from_iterable(groups.values())))


def _seats(world: World, keys: pl.Series) -> pl.DataFrame:
    """Return the seats that these keys may hold at the target (``SEATS``), by the match fields of now."""
    if keys.is_empty():
        return pl.DataFrame(schema=claims.SEATS)
    return _seats_now(world, world.name, world.detail(keys))


def _moving(world: World) -> pl.Series:
    """Return the keys of contacts that want another match value than the ledger has for them."""
    contacts = world.verdicts.contacts().select(KEY, MATCH)
    known = world.reading.recall.with_keys(contacts.get_column(KEY)).select(KEY, pl.col(MATCH).alias(_WAS))
    both = contacts.join(known, on=KEY, how="inner")
    # The ledger has match values by the former match fields then, which cannot be compared with those of now.
    if schema_changed(world.state, world.name, world.schema, ()):
        return both.get_column(KEY)
    return both.filter(pl.col(MATCH) != pl.col(_WAS)).get_column(KEY)


def _stuck(world: World, members: pl.Series) -> pl.Series:
    """Return the keys whose contacts stay as they are; ``members``: keys whose numbers are in another's contact."""
    unusable = world.verdicts.unusable()
    if world.reading.keyless:
        # A row without a readable key may be the row of any missing key, so none of their contacts may be taken.
        known = [world.reading.recall.rest(), members] if world.named_gone is None else ()
        unusable = pl.concat([unusable, world.verdicts.missing(known, world.named_gone)])
    return pl.concat([unusable, _refused(world)]).unique(maintain_order=True)


def _refused(world: World) -> pl.Series:
    """Return the keys of contacts that the target refused and that are not sent again."""
    keys = _keys(key for key, _ in world.state.ledger.rejected(world.name))
    if keys.is_empty():
        return keys
    known = comparable(world.digests(keys), world.state, world.name, world.schema)
    still = known.filter(pl.col("@status") == Status.REJECTED).select(KEY, DIGEST)
    return world.verdicts.contacts().select(KEY, DIGEST).join(still, on=[KEY, DIGEST], how="semi").get_column(KEY)


def _applied(world: World, found: Resolution) -> tuple[World, Groups]:
    """Return the world with the verdicts that follow, and the keys whose numbers each contact holds now."""
    if found.outranked.is_empty():
        return world, {}
    winners: dict[str, list[str]] = {}
    merged = found.outranked.filter(pl.col(WINNER).is_not_null())
    for key, winner in merged.select(KEY, WINNER).iter_rows():
        winners.setdefault(winner, []).append(key)
    rows = world.verdicts.contacts().select(ROW, KEY).join(found.outranked, on=KEY, how="inner")
    verdicts = world.verdicts.demoted(rows.select(ROW, STATE, REASON))
    sent = verdicts.contacts().filter(pl.col(KEY).is_in(list(winners)))
    matches = dict(sent.select(KEY, MATCH).iter_rows())
    verdicts = world.reading.merge(verdicts, {winner: winners[winner] for winner in matches}, world.schema)
    return world.with_verdicts(verdicts), {match: [winner, *winners[winner]] for winner, match in matches.items()}


def _foreign(world: World, sources: Sequence[str]) -> pl.DataFrame:
    """Return the claims (``FOREIGN``) of other sources' contacts, by the match fields of now."""
    state = world.state
    # A source that has not run since the match fields changed: its contacts are as they were sent.
    late = [source for source in sources if schema_changed(state, source, world.schema, ())]
    current = [source for source in sources if source not in late]
    held = [state.ledger.matches(current)]
    for source in late:
        seats = _seats_of(world, source, state.ledger.digests(source).get_column(KEY))
        held.append(seats.rename({SEAT: MATCH}))
    found = pl.concat(held).with_columns(pl.lit(None, dtype=pl.String).alias(SEAT))
    if world.source.shared_match == "hold":
        found = _with_outranked(world, found, current)
    places = {name: place - world.order.index(world.name) for place, name in enumerate(world.order)}
    rank = pl.col(SOURCE).replace_strict(places, default=0, return_dtype=pl.Int32).alias(RANK)
    return found.with_columns(rank).select(*FOREIGN)


def _with_outranked(world: World, held: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Let outranked contacts of other sources claim what they want; they keep what they hold only if they wait."""
    wants = world.state.claims.outranked_of(sources)
    groups = wants.group_by(SOURCE, maintain_order=True)
    seats = [_seats_of(world, str(source), part.get_column(KEY)) for (source,), part in groups]
    known = pl.concat([pl.DataFrame(schema={SOURCE: pl.String, **claims.SEATS}), *seats])
    outranked = wants.join(known, on=[SOURCE, KEY], how="left", maintain_order="left")
    others = held.join(outranked, on=[SOURCE, KEY], how="anti", maintain_order="left")
    return pl.concat([others, outranked.select(others.columns)])


def _seats_of(world: World, source: str, keys: pl.Series) -> pl.DataFrame:
    """Return ``@source`` and the seats of another source's contacts."""
    seats = _seats_now(world, source, world.state.ledger.detail(source, keys))
    return seats.select(pl.lit(source).alias(SOURCE), KEY, SEAT)


def _seats_now(world: World, source: str, detail: pl.DataFrame) -> pl.DataFrame:
    """Return the seats (``SEATS``) of a source's contacts (``DETAIL_SCHEMA``) that may be at the target."""
    detail = detail_now(detail, world.state, source, world.schema)
    # A contact that another contact has overwritten since is not there any more: its id is that contact's id now.
    unsure = detail.filter((pl.col("@status") != Status.ACCEPTED) & pl.col(ID).is_not_null()).get_column(ID)
    true_ids = list(world.state.holdings.true_ids(unsure.to_list()))
    gone = (pl.col("@status") != Status.ACCEPTED) & pl.col(ID).is_in(true_ids)
    there = (pl.col(ID).is_not_null() & ~gone) | (pl.col(ID).is_null() & (pl.col("@status") == Status.PENDING))
    return detail.filter(there).select(KEY, pl.col(OLD_MATCH).alias(SEAT))


def _keys(keys: Iterable[str]) -> pl.Series:
    return pl.Series(KEY, list(keys), dtype=pl.String)


def too_little(world: World) -> str:
    """Return why the rows of a partial read are not enough to decide; "" if they are."""
    # Which contact gets a shared match value depends on rows that this read did not show.
    return world.reading.lacks or ("" if suffices(world) else "contacts share their match value with others")


def suffices(world: World) -> bool:
    """Return whether a partial read is enough to decide everything that it touches; a whole read always is."""
    if world.named_gone is None:
        return True
    reading, policy = world.reading, world.source.shared_match
    outranked = world.state.claims.outranked(world.name)
    absent = pl.concat([reading.verdicts.keys(), _keys(world.named_gone)])
    read = reading.verdicts.contacts().get_column(MATCH)
    asked = pl.concat([read, pl.Series(MATCH, list(outranked.values()), dtype=pl.String)])
    unread = reading.recall.unread(asked, absent)
    waiting = {key: wants for key, wants in outranked.items() if key not in set(absent)}
    # The row of an outranked contact has changed or left: contacts that shared its match value are decided anew.
    if policy != "first" and len(waiting) < len(outranked):
        return False
    others = pl.concat([reading.recall.seen(MATCH), outranking(world)])
    return claims.partial_suffices(read, unread, others, waiting, policy)


def outranking(request: PlanRequest) -> pl.Series:
    """Return the match values of other sources' contacts that keep the source's contacts from being sent."""
    others = [name for name in request.order if name != request.name]
    # Only if all contacts that share a match value are held does a later source keep a contact of this source from it.
    earlier = others[: request.order.index(request.name)]
    asked = others if request.source.shared_match == "hold" else earlier
    return request.state.ledger.matches(asked).get_column(MATCH)


def outranked_now(before: Mapping[str, str], world: World, found: pl.DataFrame) -> dict[str, str]:
    """Return what outranked contacts want: ``found`` (``@key``, ``@match``) by this read, and those ``before``."""
    now: dict[str, str] = dict(found.select(KEY, MATCH).iter_rows())
    unsure = world.reading.keyless > 0
    if world.named_gone is None and not unsure:
        return now
    # A partial read says nothing of the keys that it lacks, and a row without a readable key may be any of them.
    read = {*world.reading.verdicts.keys(), *world.takeovers, *(() if unsure else world.named_gone or ())}
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
