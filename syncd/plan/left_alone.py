"""What is left as it is at the target, so that no other contact of the source may take it.

A row that cannot be used leaves its contact as it is, with the numbers that others were merged into it for. So does one
that is not sent, since another has its new match value or the target refused it, and one that may be the row whose key
cannot be read. A contact that may not take what is left alone is not sent either, and so leaves its own as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from syncd.core.columns import CONTACT, DIGEST, INVALID, KEY, MATCH, STATE
from syncd.core.compare import ACCEPTED, BEFORE, ID, OLD_MATCH, REFUSED
from syncd.core.identity import folded
from syncd.core.schema import Schema
from syncd.plan.field_history import renamed
from syncd.plan.learned import schema_changed, with_rejected_again
from syncd.plan.merged import Groups, merged_before
from syncd.plan.partial import Heirs
from syncd.plan.rematching import rematched
from syncd.read.keyless import maybe_there
from syncd.read.reader import Reading
from syncd.state import State

if TYPE_CHECKING:
    from syncd.plan.gather import Wanted

CLAIMS = {"@source": pl.String, KEY: pl.String, MATCH: pl.String, "@rank": pl.Int32}
"""Claims as :func:`syncd.core.identity.sharers` takes them."""


class LeftAlone:
    """The contacts of one source that are left as they are, by what they have at the target.

    ``groups``: those whose numbers stay in one contact.
    """

    def __init__(
        self,
        reading: Reading,
        wanted: Wanted,
        state: State,
        schema: Schema,
        taken: Heirs,
        named: Sequence[str] | None,
    ) -> None:
        self._state, self._source, self._schema, self._taken = state, wanted.name, schema, taken
        self._folds = state.facts.case_insensitive.get()
        self._claims: dict[tuple[str, str], None] = {}
        self._fresh: set[str] = set()
        self.groups: Groups = {}
        before = merged_before(state, wanted.name)
        self._before = self._of_contacts(before)
        unusable = _unusable(reading, named, chain.from_iterable(before.values()))
        self._leave(self._at_target(unusable))
        self._keep_groups(unusable)
        self.add(self._refused(reading.contacts()))

    def claims(self) -> pl.DataFrame:
        """Return :data:`CLAIMS` that come before any contact of the source, since what is left alone wins."""
        rows = [("", *claim, -1) for claim in self._claims]
        return pl.DataFrame(rows, schema=CLAIMS, orient="row")

    def add(self, losers: pl.DataFrame) -> bool:
        """Leave alone what ``losers`` (``@key``, and the ``@match`` they ask for) have; whether that is more."""
        known = len(self._claims)
        there = self._at_target(losers.get_column(KEY)).join(losers.rename({MATCH: "@asked"}), on=KEY)
        other = self._plain(there.get_column(MATCH)) != self._plain(there.get_column("@asked"))
        self._leave(there.filter(other).drop("@asked"))
        self._keep_groups(losers.get_column(KEY))
        return len(self._claims) > known

    def follow(self, contacts: pl.DataFrame) -> None:
        """Leave alone, link by link, what those of the contacts have that ask for what is left alone."""
        asks: dict[str, list[str]] = {}
        plain = self._plain(contacts.get_column(MATCH))
        for key, match in zip(contacts.get_column(KEY), plain, strict=True):
            asks.setdefault(match, []).append(key)
        while self._fresh:
            fresh, self._fresh = self._fresh, set()
            lost = [(key, match) for match in sorted(fresh) for key in asks.pop(match, ())]
            if lost:
                self.add(pl.DataFrame(lost, schema={KEY: pl.String, MATCH: pl.String}, orient="row"))

    def _plain(self, values: pl.Series) -> pl.Series:
        return folded(values) if self._folds else values

    def _leave(self, contacts: pl.DataFrame) -> None:
        new = [claim for claim in contacts.select(KEY, MATCH).iter_rows() if claim not in self._claims]
        self._claims.update(dict.fromkeys(new))
        self._fresh.update(self._plain(pl.Series(MATCH, [match for _, match in new], dtype=pl.String)))

    def _keep_groups(self, keys: pl.Series) -> None:
        """Leave contacts alone that hold numbers of these keys, wherever in the ledger they stand."""
        lost = set(keys)
        touched = {
            match: members
            for match, members in self._before.items()
            if match not in self.groups and not lost.isdisjoint(members)
        }
        if not touched:
            return
        self.groups |= touched
        there = dict(self._at_target(_keys(chain.from_iterable(touched.values()))).iter_rows())
        rows = [
            (min(lost.intersection(members)), place)
            for match, members in touched.items()
            for place in sorted({match, *(there[key] for key in members if key in there)})
        ]
        self._leave(pl.DataFrame(rows, schema={KEY: pl.String, MATCH: pl.String}, orient="row"))

    def _of_contacts(self, groups: Groups) -> Groups:
        """Those of the groups whose contact may be at the target."""
        there = set(self._at_target(_keys(chain.from_iterable(groups.values()))).get_column(KEY))
        return {match: members for match, members in groups.items() if not there.isdisjoint(members)}

    def _at_target(self, keys: pl.Series) -> pl.DataFrame:
        """``@key``, ``@match`` of what these keys may have there, by the match fields of now."""
        if keys.is_empty():
            return pl.DataFrame(schema={KEY: pl.String, MATCH: pl.String})
        return matches_now(self._taken.detail(self._state, self._source, keys), self._state, self._source, self._schema)

    def _refused(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """``@key``, ``@match`` of the contacts that the target refused and that are not sent again."""
        keys = _keys(key for key, _ in self._state.ledger.rejected(self._source))
        if keys.is_empty():
            return contacts.select(KEY, MATCH).clear()
        known = self._taken.ledger(self._state, self._source, keys)
        known = with_rejected_again(known, self._state, self._source, self._schema)
        still = known.filter(pl.col("@status") == REFUSED).select(KEY, DIGEST)
        return contacts.select(KEY, DIGEST, MATCH).join(still, on=[KEY, DIGEST], how="semi").drop(DIGEST)


def _keys(keys: Iterable[str]) -> pl.Series:
    return pl.Series(KEY, list(keys), dtype=pl.String)


def matches_now(detail: pl.DataFrame, state: State, source: str, schema: Schema) -> pl.DataFrame:
    """``@key``, ``@match`` of contacts (``DETAIL_SCHEMA``) that may be at the target, by the match fields of now.

    A contact that another one has overwritten since is not there any more.
    """
    if schema_changed(state, source, schema, ()):
        detail = rematched(renamed(detail, state, schema, BEFORE), schema)
    unsure = detail.filter((pl.col("@status") != ACCEPTED) & pl.col(ID).is_not_null()).get_column(ID)
    gone = (pl.col("@status") != ACCEPTED) & pl.col(ID).is_in(list(state.holdings.true_ids(unsure.to_list())))
    there = (pl.col(ID).is_not_null() & ~gone) | (pl.col(ID).is_null() & (pl.col("@status") == "p"))
    return detail.filter(there).select(KEY, pl.col(OLD_MATCH).alias(MATCH))


def _unusable(reading: Reading, named: Sequence[str] | None, grouped: Iterable[str]) -> pl.Series:
    """The keys of which nothing is known by this read: no row of theirs can be used, or none was found but may be."""
    keys = reading.lean.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if keys.height:
        used = reading.lean.filter(pl.col(STATE) == CONTACT)
        keys = keys.join(used.select(KEY), on=KEY, how="anti")
    return pl.concat([keys.to_series(), maybe_there(reading, named, grouped)]).unique(maintain_order=True)
