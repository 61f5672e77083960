"""Who may have which match value: the one resolver.

A match value at the target is a **seat**: the target holds one contact per match value. A contact *sits* on the seat
that it holds at the target and *wants* the seat that its row asks for. A *stuck* contact keeps its seat, whoever else
wants it. :func:`resolve` grants a seat that is free or whose holder leaves it. A contact that gets no seat waits, and
keeps its own seat, so other contacts may have to wait for it in turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from syncd.core.columns import EXCLUDED, INVALID, KEY, MATCH, REASON, STATE
from syncd.core.identity import folded, repeats
from syncd.core.settings.rules import SharedMatch
from syncd.core.wording import shown_key

SOURCE, RANK, SEAT, WINNER, BY_SOURCE, BY_KEY = "@source", "@rank", "@seat", "@winner", "@by_source", "@by_key"

SEATS = {KEY: pl.String, SEAT: pl.String}
"""The seats that contacts of one source hold at the target."""

FOREIGN = {SOURCE: pl.String, RANK: pl.Int32, KEY: pl.String, MATCH: pl.String, SEAT: pl.String}
"""Claims of other sources. ``@rank``: the source's place in the configuration, counted from the resolved source, so
earlier sources are negative. ``@match``: the wanted seat. ``@seat``: the held seat, if it is another one."""

OUTRANKED = {
    KEY: pl.String,
    MATCH: pl.String,
    STATE: pl.UInt8,
    REASON: pl.String,
    WINNER: pl.String,
    BY_SOURCE: pl.String,
    BY_KEY: pl.String,
}
"""Contacts that are not sent. ``@state``: excluded if ``@winner`` (a key of the same source) is sent with their
numbers, else invalid. ``@by_source`` and ``@by_key``: for whom they wait; ``@by_source`` is "" for their own source."""

Groups = Mapping[str, Sequence[str]]
"""The keys whose numbers one contact may hold at the target, by its match value."""

_STUCK = -1
"""The rank of a contact that keeps its seat: before every contact of its source."""


class Claimant(NamedTuple):
    """A contact that wants or keeps a seat. Claimants sort by who comes first. ``source`` is "" for the own source."""

    rank: int
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """``outranked``: a frame as :data:`OUTRANKED`. ``kept``: groups whose contact stays as it is."""

    outranked: pl.DataFrame
    kept: Groups


def resolve(
    contacts: pl.DataFrame,
    foreign: pl.DataFrame,
    policy: SharedMatch,
    *,
    seats: pl.DataFrame | None = None,
    stuck: Collection[str] = (),
    groups: Groups | None = None,
    case_insensitive: bool = False,
) -> Resolution:
    """Grant seats to the contacts of one source.

    Args:
        contacts: ``@key``, ``@match`` of the valid contacts, keys unique: each wants the seat of its match value.
        foreign: claims of other sources (:data:`FOREIGN`).
        policy: who gets a seat that several contacts want: ``first`` (by rank, then key), ``merge_phones`` (the first,
            with the numbers of all), ``hold`` (nobody).
        seats: the seats (:data:`SEATS`) of contacts that would leave them, of stuck contacts and of groups.
        stuck: keys that keep their seats: their rows are unusable, refused, undone or held by a gate.
        groups: if one key of a group is stuck or waits, the group's contact stays as it is.
        case_insensitive: the target takes match values for equal if only their case differs.
    """
    plain = folded if case_insensitive else _as_they_are
    wanted = contacts.select(KEY, plain(contacts.get_column(MATCH)))
    foreign = foreign.with_columns(plain(foreign.get_column(MATCH)), plain(foreign.get_column(SEAT)))
    held = {} if seats is None else dict(seats.select(KEY, plain(seats.get_column(SEAT))).iter_rows())
    table = _Table(policy, held, groups or {}, _places(groups or {}, held, plain))
    if stuck:
        also_wanting = wanted.filter(pl.col(KEY).is_in(list(stuck)))
        table.keep(stuck, dict(also_wanting.iter_rows()))
    contested = _contested(wanted.get_column(MATCH), foreign, table.claimants)
    if contested.is_empty():
        return Resolution(pl.DataFrame(schema=OUTRANKED), table.kept)
    # A contact that waits keeps its seat. So every seat that a contact would leave may become contested as well.
    leaving = foreign.filter(pl.col(SEAT).is_not_null())
    left = [pl.Series(MATCH, list(held.values()), dtype=pl.String), leaving.get_column(MATCH), leaving.get_column(SEAT)]
    contested = pl.concat([each.alias(MATCH) for each in (contested, *left)]).unique()
    wanted, foreign = (frame.filter(pl.col(MATCH).is_in(contested.implode())) for frame in (wanted, foreign))
    table.seat(wanted.iter_rows(), foreign.select(SOURCE, RANK, KEY, MATCH, SEAT).iter_rows())
    table.settle()
    return Resolution(table.outranked(contacts), table.kept)


def may_wait(contacts: pl.DataFrame, foreign: pl.DataFrame, kept: pl.Series, *, case_insensitive: bool) -> bool:
    """Return whether any contact may have to wait; ``kept``: seats that contacts of the same source may keep."""
    plain = folded if case_insensitive else _as_they_are
    claims = foreign.with_columns(plain(foreign.get_column(MATCH)), plain(foreign.get_column(SEAT)))
    return not _contested(plain(contacts.get_column(MATCH)), claims, plain(kept)).is_empty()


def partial_suffices(
    read: pl.Series, unread: pl.Series, others: pl.Series, outranked: Mapping[str, str], policy: SharedMatch
) -> bool:
    """Return whether the rows of a partial read are enough to decide who gets each match value that they touch.

    They are not if a contact shares its match value with a contact that was not read, or if an outranked contact that
    was not read may get its match value now.

    Args:
        read: the match values of the contacts that were read.
        unread: match values of contacts that were not read and may be among these.
        others: further match values that keep outranked contacts from being sent.
        outranked: what outranked contacts want that were not read.
        policy: what happens to contacts that share a match value.
    """
    if _meet(read, unread):
        return False
    wanted = list(outranked.values())
    if policy != "first" and _meet(read, pl.Series(MATCH, wanted, dtype=pl.String)):
        return False
    taken = folded(pl.concat([each.alias(MATCH) for each in (unread, read, others)]).drop_nulls())
    held = pl.Series(MATCH, wanted, dtype=pl.String)
    free = held.filter(~folded(held).is_in(taken.implode())) if wanted else held
    return all(policy == "hold" and wanted.count(match) > 1 for match in free)


def _meet(one: pl.Series, other: pl.Series) -> bool:
    one = one.drop_nulls()
    return bool(len(one) and len(other) and folded(other).is_in(folded(one).implode()).any())


def _as_they_are(values: pl.Series) -> pl.Series:
    return values


def _places(
    groups: Groups, held: Mapping[str, str], plain: Callable[[pl.Series], pl.Series]
) -> dict[str, dict[str, None]]:
    """Return, per group, the seats where its contact may be: that of its match value and those of its members."""
    own = plain(pl.Series(list(groups), dtype=pl.String))
    return {
        match: dict.fromkeys([seat, *(held[key] for key in groups[match] if key in held)])
        for match, seat in zip(groups, own, strict=True)
    }


def _contested(wanted: pl.Series, foreign: pl.DataFrame, kept: Iterable[str]) -> pl.Series:
    """Return the seats of ``wanted`` that another contact wants or keeps, too.

    Uncontested rows never leave Polars: a look at the hashes tells at once whether a value occurs twice.
    """
    shared = wanted.filter(wanted.is_duplicated()) if repeats(wanted) else wanted.clear()
    claimed = [foreign.get_column(MATCH), foreign.get_column(SEAT).drop_nulls(), pl.Series(list(kept), dtype=pl.String)]
    others = pl.concat([each.alias(MATCH) for each in claimed])
    return pl.concat([shared, others.filter(others.is_in(wanted.implode())) if others.len() else others]).unique()


@dataclass(slots=True)
class _Table:
    """The contested seats with their claimants, and the worklist that settles them.

    ``held``: the seat that each key of the source holds. ``places``: the seats of each group. ``claimants``: per seat
    all that want or keep it, the first one first. ``wants`` and ``sits``: the seat that a claimant wants, and the other
    seat that it holds. ``waiting``: claimants that get no seat. ``kept``: groups whose contact stays as it is.
    ``todo``: seats that have a new claimant.
    """

    policy: SharedMatch
    held: Mapping[str, str]
    groups: Groups
    places: Mapping[str, Iterable[str]]
    claimants: dict[str, list[Claimant]] = field(default_factory=dict)
    wants: dict[Claimant, str] = field(default_factory=dict)
    sits: dict[Claimant, str] = field(default_factory=dict)
    waiting: set[Claimant] = field(default_factory=set)
    kept: dict[str, Sequence[str]] = field(default_factory=dict)
    todo: list[str] = field(default_factory=list)
    groups_of: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for match, members in self.groups.items():
            for key in members:
                self.groups_of.setdefault(key, []).append(match)

    def keep(self, stuck: Iterable[str], wanted: Mapping[str, str]) -> None:
        """Let stuck keys keep their seats; ``wanted``: the seats that some of them want all the same."""
        for key in stuck:
            self._keep_seat(key, wanted.get(key))

    def seat(self, wanted: Iterable[tuple[str, str]], foreign: Iterable[tuple[str, int, str, str, str | None]]) -> None:
        """Enter who wants which seat, and which seat each claimant would leave."""
        for key, seat in wanted:
            self._want(Claimant(0, "", key), seat, self.held.get(key))
        for source, rank, key, seat, sits in foreign:
            self._want(Claimant(rank, source, key), seat, sits)
        for claimants in self.claimants.values():
            claimants.sort()
        self.todo = list(self.claimants)

    def settle(self) -> None:
        """Find all that wait. The set of those that wait only grows, so the worklist ends."""
        while self.todo:
            for claimant in self._losing(self.todo.pop()):
                if claimant not in self.waiting:
                    self.waiting.add(claimant)
                    self._stay(claimant)

    def outranked(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """Return :data:`OUTRANKED`, with the reasons."""
        rows = []
        for seat, claimants in self.claimants.items():
            first, last = claimants[0], claimants[-1]
            rows += [
                (claimant.key, *self._verdict(first, last if claimant == first else first))
                for claimant in (*self._losing(seat), *self._merged(seat))
                if claimant.rank == 0
            ]
        schema = {name: kind for name, kind in OUTRANKED.items() if name != MATCH}
        found = pl.DataFrame(rows, schema=schema, orient="row").sort(KEY)
        return found.join(contacts.select(KEY, MATCH), on=KEY, how="left", maintain_order="left").select(*OUTRANKED)

    def _want(self, claimant: Claimant, seat: str, sits: str | None) -> None:
        self.claimants.setdefault(seat, []).append(claimant)
        self.wants[claimant] = seat
        if sits is not None and sits != seat:
            self.sits[claimant] = sits

    def _losing(self, seat: str) -> Sequence[Claimant]:
        """Return the claimants of a seat that get neither the seat nor a part in the winner's contact."""
        claimants = self.claimants[seat]
        if self.policy == "hold":
            losing = claimants if len(claimants) > 1 else []
        else:
            losing = [] if self._merges(seat) else claimants[1:]
        return [each for each in losing if self.wants.get(each) == seat]

    def _merged(self, seat: str) -> Sequence[Claimant]:
        return self.claimants[seat][1:] if self._merges(seat) else []

    def _merges(self, seat: str) -> bool:
        """Whether the first claimant of a seat gets the numbers of the others: it is of this source, and moves."""
        return self.policy == "merge_phones" and self.claimants[seat][0].rank == 0

    def _stay(self, claimant: Claimant) -> None:
        if claimant.rank == 0:
            self._keep_seat(claimant.key, self.wants[claimant])
        elif claimant in self.sits:
            self._claim(claimant, self.sits[claimant])

    def _keep_seat(self, key: str, wanted: str | None) -> None:
        """Let a key of the source keep its seat, and the contacts that hold its numbers stay as they are."""
        stuck = Claimant(_STUCK, "", key)
        seat = self.held.get(key)
        if seat is not None and seat != wanted:
            self._claim(stuck, seat)
        for match in self.groups_of.get(key, ()):
            if match not in self.kept:
                self.kept[match] = self.groups[match]
                for place in self.places[match]:
                    self._claim(stuck, place)

    def _claim(self, claimant: Claimant, seat: str) -> None:
        claimants = self.claimants.setdefault(seat, [])
        place = bisect_left(claimants, claimant)
        if claimants[place : place + 1] != [claimant]:
            claimants.insert(place, claimant)
            self.todo.append(seat)

    def _verdict(self, first: Claimant, other: Claimant) -> tuple[int, str, str | None, str, str]:
        """Return state, reason, winner, and for whom a claimant waits: ``other``, which is ``first`` for most."""
        if self.policy == "merge_phones" and first.rank == 0:
            return EXCLUDED, f"merged into {shown_key(first.key)}", first.key, "", first.key
        where = ", whose contact is left as it is" if first.rank < 0 and not other.source else ""
        where = f" of source {other.source}" if other.source else where
        return INVALID, f"shares match fields with {shown_key(other.key)}{where}", None, other.source, other.key
