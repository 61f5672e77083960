"""Decides who gets the numbers that contacts share, and takes these numbers from the contacts that go without them.

A contact that the read does not show is called back if the decision on one of its numbers changes: its fields are in
the ledger, and the numbers that it goes without are kept beside it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import polars as pl

from syncd.core.callers import policy
from syncd.core.callers.numbers import NUMBER
from syncd.core.callers.policy import CHANGED, GETS, SOURCE
from syncd.core.changes.left_out import deletes_in
from syncd.core.columns import CONTACT, DIGEST, KEY, LINE, MATCH, ORIGIN, RAW, ROW, STATE
from syncd.core.compare import decoded
from syncd.core.identity import digest
from syncd.core.plan import Plan
from syncd.core.settings.rules import DECIDING
from syncd.plan import number_claims
from syncd.plan.number_claims import contacts_now, whose
from syncd.plan.world import PlanRequest, World
from syncd.state.numbers.shared import HAS, LEFT_OUT, PHONES, READY, WANTED

_WANTED = {KEY: pl.String, PHONES: pl.String, CHANGED: pl.Float64}


def _no_keys() -> pl.Series:
    return pl.Series(KEY, dtype=pl.String)


def _no_numbers() -> pl.Series:
    return pl.Series(NUMBER, dtype=pl.String)


@dataclass(frozen=True, slots=True)
class Shares:
    """What a plan makes of shared numbers.

    ``world``: with every contact as its row makes it, and with the contacts that were called back. ``numbers``: those
    that are in question. ``due``: those that earlier runs left to this one. ``left_out`` (as ``LEFT_OUT``) and
    ``wanted`` (``@key``, ``@phones``, ``@changed``): of this read's contacts, what they go without and what they want.
    ``whole``: keys of the read that go without nothing, or are gone. ``involved``: keys whose claims are those of the
    read, and not of the ledger. ``stuck``: keys whose contacts stay as they are. ``late``: numbers that only a whole
    read can decide. ``others``: what contacts go without that were not read.
    """

    world: World
    numbers: pl.Series = field(default_factory=_no_numbers)
    due: pl.Series = field(default_factory=_no_numbers)
    left_out: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LEFT_OUT))
    wanted: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_WANTED))
    whole: pl.Series = field(default_factory=_no_keys)
    involved: pl.Series = field(default_factory=_no_keys)
    stuck: pl.Series = field(default_factory=_no_keys)
    late: pl.Series = field(default_factory=_no_numbers)
    others: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LEFT_OUT))

    def every(self) -> pl.DataFrame:
        """Return what the source's contacts go without once the plan is carried out, as ``LEFT_OUT``."""
        return pl.concat([self.left_out, self.others]).sort(KEY, NUMBER)


def decides(request: PlanRequest) -> bool:
    """Return whether at most one contact has a number."""
    return request.source.shared_numbers in DECIDING


def left_out(request: PlanRequest) -> pl.DataFrame:
    """Return what the source's contacts go without by its last run, as ``LEFT_OUT``."""
    return request.state.shared.of_source(request.name) if decides(request) else pl.DataFrame(schema=LEFT_OUT)


def decided_anew(request: PlanRequest) -> bool:
    """Return whether numbers of the source are decided anew, though it may not have changed."""
    return decides(request) and len(request.state.shared.due(request.name)) > 0


def share(world: World, now: float) -> tuple[World, Shares]:
    """Decide who gets which number; return the world in which the others are sent without it. ``now``: Unix seconds."""
    if not decides(world):
        return world, Shares(world)
    # A mode that deletes nothing leaves the contacts as they are that have left the source.
    stuck = _no_keys() if deletes_in(world.source.gates.mode) else number_claims.gone(world)
    return _Sharing(world, now).shared(Shares(world, stuck=stuck))


def share_again(shares: Shares, now: float, stuck: pl.Series) -> tuple[World, Shares] | None:
    """Decide anew, since these contacts stay as they are: gates hold them, or the target has refused them.

    Returns None if that changes nothing.
    """
    new = stuck.filter(stuck.is_in(shares.involved.implode()) & ~stuck.is_in(shares.stuck.implode())).unique()
    if new.is_empty():
        return None
    before = replace(shares, stuck=pl.concat([shares.stuck, new.alias(KEY)]))
    return _Sharing(shares.world, now).shared(before)


def staying(shares: Shares, world: World, plan: Plan, same: Collection[str], let_go: pl.DataFrame) -> pl.Series:
    """Return the keys whose contacts stay as they are at the target, though their rows ask for something else.

    Args:
        shares: what was decided.
        world: with the verdicts that the plan was made of.
        plan: the plan.
        same: keys of contacts that the target holds, though their digests differ.
        let_go: the deletes of adopted contacts, which are not made.
    """
    if not decides(world):
        return _no_keys()
    todo, contacts = plan.todo.get_column(KEY), world.verdicts.contacts().get_column(KEY)
    refused = pl.Series(KEY, [key for key, _ in world.state.ledger.rejected(world.name)], dtype=pl.String)
    refused = refused.filter(~refused.is_in(pl.concat([todo, pl.Series(KEY, [*same], dtype=pl.String)]).implode()))
    # Neither sent nor deleted: the source's mode bars it, or it has left the source and stays at the target.
    busy = pl.concat([contacts, todo, let_go.get_column(KEY)])
    barred = shares.involved.filter(~shares.involved.is_in(busy.implode()))
    return pl.concat([plan.waiting.get_column(KEY), refused, barred]).unique()


class _Sharing:
    """One decision. ``world``: every contact as its row makes it; contacts are called back into it."""

    def __init__(self, world: World, now: float) -> None:
        self._world, self._now = world, now
        self._free = world.schema.phones.difference(world.schema.match)

    def shared(self, before: Shares) -> tuple[World, Shares]:
        """Return the world in which contacts go without numbers; ``before``: what was decided before, and is stuck."""
        stuck, due = before.stuck, self._world.state.shared.due(self._world.name)
        gone = number_claims.gone(self._world)
        gone = gone.filter(~gone.is_in(stuck.implode()))
        given_up = number_claims.before(self._world, gone)
        found, late = self._decided(pl.concat([due, given_up.get_column(NUMBER)]), stuck, gone)
        read = self._read(stuck)
        own = found.filter((pl.col(SOURCE) == self._world.name) & pl.col(KEY).is_in(read.implode()))
        lost = own.filter(~pl.col(GETS)).select(*LEFT_OUT)
        # A contact that stays as it is keeps the change that waits: an approval is for exactly that change.
        waiting = before.left_out.filter(pl.col(KEY).is_in(stuck.implode()))
        world, wanted = self._without(pl.concat([lost, waiting]))
        since = own.select(KEY, CHANGED).unique(KEY)
        settled = pl.concat([read, gone]).unique()
        return world, Shares(
            world=self._world,
            numbers=found.get_column(NUMBER).unique(),
            due=due,
            left_out=pl.concat([lost, waiting]),
            wanted=wanted.join(since, on=KEY, how="inner").select(*_WANTED),
            whole=settled.filter(~settled.is_in(lost.get_column(KEY).implode())),
            involved=pl.concat([own.get_column(KEY), given_up.get_column(KEY), stuck]).unique(),
            stuck=stuck,
            late=late,
            others=self._others(pl.concat([settled, self._world.verdicts.unusable(), stuck])),
        )

    def _decided(self, asked: pl.Series, stuck: pl.Series, gone: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        """Return what is decided of the claims in question, and the numbers that are late; call contacts back.

        ``asked``: numbers that are decided in any case.
        """
        tried, name = _no_keys(), self._world.name
        while True:
            world = self._world
            wants = number_claims.wants(world).filter(~pl.col(KEY).is_in(stuck.implode()))
            asked = pl.concat([asked, wants.get_column(NUMBER)]).unique()
            fast = pl.concat([stuck, world.verdicts.unusable()])
            known = number_claims.known(world, asked, pl.concat([self._read(stuck), gone]), fast)
            claims = pl.concat([wants.with_columns(pl.lit(None, dtype=pl.Boolean).alias(HAS)), known])
            found = number_claims.judged(world, number_claims.in_question(claims), self._now)
            unread = (pl.col(SOURCE) == name) & pl.col(HAS).is_not_null() & ~pl.col(KEY).is_in(fast.implode())
            other = found.filter(unread & (pl.col(HAS) != pl.col(GETS)))
            keys = other.get_column(KEY).unique()
            new = keys.filter(~keys.is_in(tried.implode()))
            tried = pl.concat([tried, new])
            # A contact that comes back may have other numbers that are in question.
            if not self._call_back(new):
                return found, other.get_column(NUMBER).unique()

    def _read(self, stuck: pl.Series) -> pl.Series:
        """Return the keys of the contacts whose fields the read gives, and that may change."""
        return number_claims.made(self._world).filter(~pl.col(KEY).is_in(stuck.implode())).get_column(KEY)

    def _others(self, settled: pl.Series) -> pl.DataFrame:
        world = self._world
        known = world.with_new_keys(world.state.shared.of_source(world.name)).select(*LEFT_OUT)
        return known.filter(~pl.col(KEY).is_in(settled.implode()))

    def _call_back(self, keys: pl.Series) -> bool:
        """Make contacts part of the read that it does not show; return whether there is one."""
        world = self._world
        ready = contacts_now(world, whose(world, keys)).filter(READY)
        if ready.is_empty():
            return False
        names = sorted(world.source.rules.mapping)
        contacts = ready.select(KEY, decoded(pl.col(WANTED), names)).unnest(WANTED).with_columns(digest(names))
        keys = contacts.get_column(KEY)
        there = world.verdicts.contacts().join(keys.to_frame(), on=KEY, how="semi").get_column(KEY)
        back = world.reading.recall.call_back(keys, pl.Series(MATCH, dtype=pl.String))
        seen = pl.concat([there, back.get_column(KEY)])
        new = pl.concat([back, _without_line(world, keys.filter(~keys.is_in(seen.implode())))])
        admitted = world.verdicts.admitted(new.join(contacts.select(KEY, DIGEST), on=KEY, how="left"))
        verdicts = admitted.without_duplicates()
        rows = verdicts.contacts().select(ROW, KEY).join(contacts, on=KEY, how="inner")
        self._world = world.with_verdicts(verdicts.with_made(rows))
        return True

    def _without(self, lost: pl.DataFrame) -> tuple[World, pl.DataFrame]:
        """Return the world in which contacts lack these numbers, and ``@key``, ``@phones`` of what they want."""
        world = self._world
        if lost.is_empty():
            return world, pl.DataFrame(schema={KEY: pl.String, PHONES: pl.String})
        contacts = world.reading.fetch(world.verdicts, lost.get_column(KEY).unique())
        phones = [name for name in sorted(world.schema.phones) if name in contacts.columns]
        wanted = contacts.select(KEY, pl.struct(phones).struct.json_encode().alias(PHONES))
        left = policy.without_numbers(contacts, lost.select(KEY, NUMBER), self._free)
        return world.with_verdicts(world.verdicts.with_made(left)), wanted


def _without_line(world: World, keys: pl.Series) -> pl.DataFrame:
    """Return contacts that a partial read does not show as rows of the read, without a place."""
    known = world.reading.recall.with_keys(keys).select(KEY, RAW, MATCH)
    first = int(world.verdicts.rows.get_column(ROW).max() or 0) + 1  # type: ignore[arg-type]
    found = keys.to_frame().join(known, on=KEY, how="inner").with_row_index(ROW, offset=first)
    nothing = (pl.lit(None, dtype=pl.UInt32).alias(name) for name in (LINE, ORIGIN))
    state = pl.lit(CONTACT, dtype=pl.UInt8).alias(STATE)
    return found.with_columns(*nothing, state).select(ROW, KEY, LINE, ORIGIN, STATE, MATCH, RAW)
