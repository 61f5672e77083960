"""Decide who may have which match value.

A match value at the target is a **seat**: the target holds one contact per match value. A contact *sits* on the seat
that it holds at the target and *wants* the seat that its row asks for. A *stuck* contact keeps its seat, whoever else
wants it. :func:`resolve` grants a seat that is free or whose holder leaves it. A contact that gets no seat waits, and
keeps its own seat, so other contacts may have to wait for it in turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
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
earlier sources are negative. ``@match``: the wanted seat. ``@seat``: the held seat, if it is not the wanted one."""

OUTRANKED = {**dict.fromkeys((KEY, MATCH, REASON, WINNER, BY_SOURCE, BY_KEY), pl.String), STATE: pl.UInt8}
"""Contacts that are not sent. ``@state``: excluded if ``@winner`` (a key of the same source) is sent with their
numbers, else invalid. ``@by_source`` and ``@by_key``: for whom they wait; ``@by_source`` is "" for their own source."""

Groups = Mapping[str, Sequence[str]]
"""By the match value of a merged contact: the keys whose numbers it may hold at the target."""

# The rank of a contact that keeps its seat: before every contact of its source.
_STUCK = -1


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
    foreign = _claims(foreign, plain)
    held = {} if seats is None else dict(seats.select(KEY, plain(seats.get_column(SEAT))).iter_rows())
    table = _Table(policy, held, groups or {}, plain)
    # Stuck contacts first: whatever the others want, these do not move.
    table.keep(stuck, wanted)
    contested = _contested(wanted.get_column(MATCH), foreign, table.claimants)
    if contested.is_empty():
        return Resolution(pl.DataFrame(schema=OUTRANKED), table.kept)
    reachable = _with_left(contested, foreign, [*held.values(), *table.group_seats.values()])
    wanted = wanted.filter(pl.col(MATCH).is_in(reachable.implode()))
    shared = pl.col(MATCH).is_in(contested.implode())
    foreign = foreign.filter(pl.col(MATCH).is_in(reachable.implode()))
    table.seat(wanted.filter(shared), foreign, alone=wanted.filter(~shared))
    table.settle()
    return Resolution(table.outranked(contacts), table.kept)


def may_wait(contacts: pl.DataFrame, foreign: pl.DataFrame, kept: pl.Series, *, case_insensitive: bool) -> bool:
    """Return whether any contact may have to wait; ``kept``: seats that contacts of the same source may keep."""
    plain = folded if case_insensitive else _as_they_are
    return not _contested(plain(contacts.get_column(MATCH)), _claims(foreign, plain), plain(kept)).is_empty()


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
        outranked: the wanted match values of outranked contacts that were not read, by key.
        policy: what happens to contacts that share a match value.
    """
    wanted = pl.Series(MATCH, list(outranked.values()), dtype=pl.String)
    # Except under ``first``, an outranked contact that was not read decides whether a contact that was read is sent.
    if _meet(read, unread) or (policy != "first" and _meet(read, wanted)):
        return False
    # The target may take two values for the same one if only their case differs: a whole read finds out.
    taken = folded(pl.concat([each.alias(MATCH) for each in (unread, read, others)]).drop_nulls())
    free = wanted.filter(~folded(wanted).is_in(taken.implode()))
    return free.is_empty() or (policy == "hold" and bool(free.is_duplicated().all()))


def _meet(one: pl.Series, other: pl.Series) -> bool:
    one = one.drop_nulls()
    return bool(len(one) and len(other) and folded(other).is_in(folded(one).implode()).any())


_Plain = Callable[[pl.Series], pl.Series]
"""Makes match values equal that the target takes for equal."""


def _as_they_are(values: pl.Series) -> pl.Series:
    return values


def _claims(foreign: pl.DataFrame, plain: _Plain) -> pl.DataFrame:
    return foreign.with_columns(plain(foreign.get_column(MATCH)), plain(foreign.get_column(SEAT)))


def _contested(wanted: pl.Series, foreign: pl.DataFrame, kept: Iterable[str]) -> pl.Series:
    """Return the seats of ``wanted`` that another contact wants or keeps, too."""
    # Uncontested rows never leave Polars: of a million contacts, few are contested.
    shared = wanted.filter(wanted.is_duplicated()) if repeats(wanted) else wanted.clear()
    claimed = [foreign.get_column(MATCH), foreign.get_column(SEAT).drop_nulls(), pl.Series(list(kept), dtype=pl.String)]
    others = pl.concat([each.alias(MATCH) for each in claimed])
    return pl.concat([shared, others.filter(others.is_in(wanted.implode())) if others.len() else others]).unique()


def _with_left(contested: pl.Series, foreign: pl.DataFrame, held: Sequence[str]) -> pl.Series:
    """Add the seats that may become contested, too: a contact that waits keeps the seats that it would leave.

    ``held``: the seats of contacts of the source, and of groups.
    """
    leaving = foreign.filter(pl.col(SEAT).is_not_null())
    left = [pl.Series(held, dtype=pl.String), leaving.get_column(MATCH), leaving.get_column(SEAT)]
    return pl.concat([each.alias(MATCH) for each in (contested, *left)]).unique()


@dataclass(slots=True)
class _Table:
    """The contested seats with their claimants, and the worklist that settles them.

    ``held``: the seat that each key of the source holds. ``group_seats``: the seat of each group's match value.
    ``groups_of``: the groups of each key. ``claimants``: per seat all that want or keep it, the first one first.
    ``wants`` and ``sits``: the seat that a claimant wants, and the other seat that it holds. ``waiting``: claimants
    that get no seat. ``kept``: groups whose contact stays as it is. ``todo``: seats that have a new claimant.
    ``alone``: the keys that alone want a seat, by the seat, until another claimant comes to it.
    """

    policy: SharedMatch
    held: Mapping[str, str]
    groups: Groups
    plain: InitVar[_Plain]
    claimants: dict[str, list[Claimant]] = field(default_factory=dict)
    wants: dict[Claimant, str] = field(default_factory=dict)
    sits: dict[Claimant, str] = field(default_factory=dict)
    waiting: set[Claimant] = field(default_factory=set)
    kept: dict[str, Sequence[str]] = field(default_factory=dict)
    todo: list[str] = field(default_factory=list)
    alone: dict[str, str] = field(default_factory=dict)
    groups_of: dict[str, list[str]] = field(default_factory=dict)
    group_seats: dict[str, str] = field(default_factory=dict)

    def __post_init__(self, plain: _Plain) -> None:
        self.group_seats = dict(zip(self.groups, plain(pl.Series(list(self.groups), dtype=pl.String)), strict=True))
        for match, members in self.groups.items():
            for key in members:
                self.groups_of.setdefault(key, []).append(match)

    def keep(self, stuck: Collection[str], wanted: pl.DataFrame) -> None:
        """Let stuck keys keep their seats; ``wanted``: ``@key``, ``@match`` of all contacts, stuck or not."""
        wants = dict(wanted.filter(pl.col(KEY).is_in(list(stuck))).iter_rows()) if stuck else {}
        for key in stuck:
            self._keep_seat(key, wants.get(key))

    def seat(self, wanted: pl.DataFrame, foreign: pl.DataFrame, alone: pl.DataFrame) -> None:
        """Enter who wants which seat, and which seat each claimant would leave; ``alone``: keys that want it alone."""
        # If all rows of a source move at once, most of them stay alone, and cost no more than this.
        self.alone = dict(alone.select(MATCH, KEY).iter_rows())
        for key, seat in wanted.iter_rows():
            self._want(Claimant(0, "", key), seat, self.held.get(key))
        for source, rank, key, seat, sits in foreign.select(*FOREIGN).iter_rows():
            self._want(Claimant(rank, source, key), seat, sits)
        for claimants in self.claimants.values():
            claimants.sort()
        self.todo = list(self.claimants)

    def settle(self) -> None:
        """Find all claimants that wait."""
        # The set of those that wait only grows, so the worklist ends.
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
                for claimant in (claimants[1:] if self._merges(seat) else self._losing(seat))
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
        if self._merges(seat):
            return []
        losing = claimants if self.policy == "hold" and len(claimants) > 1 else claimants[1:]
        # A contact that keeps this seat, and wants another one, does not lose it.
        return [each for each in losing if self.wants.get(each) == seat]

    def _merges(self, seat: str) -> bool:
        """Return whether the first claimant of a seat gets the numbers of the others."""
        # The claims of other sources and of stuck contacts are to contacts at the target that this run does not send.
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
        # Who holds the seat that it wants already competes for it by its rank.
        if seat is not None and seat != wanted:
            self._claim(stuck, seat)
        for match in self.groups_of.get(key, ()):
            if match not in self.kept:
                self.kept[match] = self.groups[match]
                # Any member may have been the one that was sent, with the match value that it had.
                sits = (self.held[each] for each in self.groups[match] if each in self.held)
                for place in (self.group_seats[match], *sits):
                    self._claim(stuck, place)

    def _claim(self, claimant: Claimant, seat: str) -> None:
        if seat in self.alone:
            key = self.alone.pop(seat)
            self._want(Claimant(0, "", key), seat, self.held.get(key))
        claimants = self.claimants.setdefault(seat, [])
        place = bisect_left(claimants, claimant)
        if claimants[place : place + 1] != [claimant]:
            claimants.insert(place, claimant)
            self.todo.append(seat)

    def _verdict(self, first: Claimant, other: Claimant) -> tuple[str, str | None, str, str, int]:
        """Return reason, winner, for whom a claimant waits (``other``, which is ``first`` for most), and the state."""
        # The same condition as in ``_merges``.
        if self.policy == "merge_phones" and first.rank == 0:
            return f"merged into {shown_key(first.key)}", first.key, "", first.key, EXCLUDED
        where = ", whose contact is left as it is" if first.rank < 0 and not other.source else ""
        where = f" of source {other.source}" if other.source else where
        return f"shares match fields with {shown_key(other.key)}{where}", None, other.source, other.key, INVALID
