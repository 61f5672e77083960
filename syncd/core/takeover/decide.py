"""Decide which rows under new keys go on with vanishing contacts: few do at once, many wait for a person."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

from syncd.core.approvals import Approval, is_approved
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import ID, KIND, WHY
from syncd.core.plan import Held, list_digest
from syncd.core.settings.rules import KeyLimits
from syncd.core.takeover.key_forms import WAS, examples, what_happened
from syncd.core.takeover.pairs import EXACT, PAIRS, Pairs
from syncd.core.wording import counted, percent, shown_key

KEYS_GATE = "keys.changed"
"""Holds rows under new keys that are contacts about to vanish, and the deletes of these contacts."""

LISTED = 1_000
"""Takeovers that a report lists at most."""

UPDATES_GATE = "updates.share"
"""Holds more updates than their share."""


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What becomes of rows under new keys that are contacts about to vanish.

    ``taken``: a frame as :data:`~syncd.core.takeover.pairs.PAIRS`: the rows that take over a contact now. ``held``: the
    list that waits: the new keys, then the old ones; ``waiting``: the pairs in it. ``opened``: the list that a person
    approved. ``let_pass``: old keys whose deletes this approval lets pass as well, since nobody can tell which row
    their contact belongs to. ``what``: what has changed about the keys.
    """

    taken: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAIRS))
    held: Held | None = None
    waiting: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAIRS))
    opened: Held | None = None
    let_pass: Collection[str] = ()
    what: str = ""

    def takes(self) -> dict[str, str]:
        """Return the takeovers: old key to new key."""
        return dict(self.taken.select(WAS, KEY).iter_rows())

    def holding(self, changes: pl.DataFrame) -> list[Held]:
        """Return the list that waits, with the keys of those of the run's changes that it holds."""
        if self.held is None:
            return []
        keys = pl.Series(self.held.keys, dtype=pl.String)
        part = changes.get_column(KEY).filter(changes.get_column(KEY).is_in(keys.implode()))
        # A mode may bar all of these changes. A person is asked all the same, or the contacts would be orphans.
        return [Held(KEYS_GATE, "all", tuple(part) or self.held.keys, self.held.digest, self.held.detail)]

    def moved(self, changes: pl.DataFrame) -> pl.Series:
        """Return which changes (Boolean) only give a contact that is taken over what its new key brings."""
        if self.taken.is_empty():
            return _none_of(changes)
        exact = self.taken.filter(pl.col(EXACT)).get_column(KEY)
        return changes.get_column(KEY).is_in(exact.implode()) & changes.get_column(KIND).is_in(["update", "move"])

    def passing(self, changes: pl.DataFrame) -> pl.Series:
        """Return which changes (Boolean) are deletes that the approval lets pass."""
        if not self.let_pass:
            return _none_of(changes)
        old = pl.Series(list(self.let_pass), dtype=pl.String)
        return changes.get_column(KEY).is_in(old.implode()) & (changes.get_column(KIND) == "delete")

    def used(self, changes: pl.DataFrame, held: Collection[Held]) -> list[Held]:
        """Return the approvals that a plan uses; ``held``: the lists that it holds."""
        if self.opened is None:
            return []
        part = changes.filter(self.moved(changes))
        lists = [Held(KEYS_GATE, "all", (), self.opened.digest, self.opened.detail)]
        # If the push is broken off, the next run finds plain updates. The same person has approved these as well.
        if not part.is_empty() and all(each.gate != UPDATES_GATE for each in held):
            keys = tuple(part.get_column(KEY))
            lists.append(Held(UPDATES_GATE, "update", keys, list_digest(part), self.opened.detail))
        return lists

    def explained(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Return the changes with the reasons of those that come from a new key."""
        pairs = pl.concat([self.taken, self.waiting]).select(KEY, WAS)
        if pairs.is_empty():
            return changes
        shown = pairs.with_columns(pl.format("the row had the key {} before", _shown(WAS)).alias("@because"))
        left = pairs.select(
            pl.col(WAS).alias(KEY), pl.format("its row has the key {} now", _shown(KEY)).alias("@because")
        )
        why = pl.concat([shown.select(KEY, "@because"), left])
        both = changes.join(why, on=KEY, how="left", maintain_order="left")
        return both.with_columns(pl.coalesce(WHY, "@because").alias(WHY)).drop("@because")


def _none_of(changes: pl.DataFrame) -> pl.Series:
    return pl.Series([False]).new_from_index(0, changes.height)


def decide(
    pairs: Pairs,
    details: pl.DataFrame,
    *,
    known: int,
    limits: KeyLimits,
    unsure: str,
    approved: Collection[Approval],
) -> KeyChanges:
    """Decide what becomes of these pairs.

    Args:
        pairs: rows under new keys, and contacts about to vanish.
        details: what a list names of each of these keys: ``@key``, ``@id``, ``@digest``.
        known: contacts in the ledger.
        limits: how many take over without a question.
        unsure: why it is not sure that the contacts vanish; "" if it is.
        approved: lists that a person approved.
    """
    count = pairs.count
    if not count:
        return KeyChanges()
    what = what_happened(pairs.sure) if pairs.sure.height else "nobody can tell which row is which contact"
    few = count <= limits.free or count <= limits.share * known
    if few and not unsure:
        return KeyChanges(taken=pairs.sure, what=what)
    held = _held(pairs, details, _detail(pairs, known, limits, unsure, what))
    if not is_approved(held, approved):
        return KeyChanges(held=held, waiting=pairs.sure, what=what)
    if unsure and pairs.new.len():
        # To create these and to delete the others later would have everybody at the target twice meanwhile.
        rest = Pairs(pairs.sure.clear(), pairs.new, pairs.old)
        return KeyChanges(taken=pairs.sure, held=_held(rest, details, held.detail), opened=held, what=what)
    return KeyChanges(taken=pairs.sure, opened=held, let_pass=list(pairs.old), what=what)


def _held(pairs: Pairs, details: pl.DataFrame, detail: str) -> Held:
    keys = [*pairs.sure.get_column(KEY), *pairs.new, *pairs.sure.get_column(WAS), *pairs.old]
    named = pl.concat(
        [
            pairs.sure.select(KEY, WAS),
            pairs.new.to_frame(KEY).with_columns(pl.lit("").alias(WAS)),
            pairs.old.to_frame(WAS).select(pl.lit("").alias(KEY), WAS),
        ]
    )
    facts = pl.concat_str([pl.col(ID).fill_null(0), pl.col(DIGEST).fill_null(0)], separator="\x1e").alias("@facts")
    of_key = details.select(KEY, facts)
    both = named.join(of_key, on=KEY, how="left").join(of_key.rename({KEY: WAS, "@facts": "@were"}), on=WAS, how="left")
    empty = pl.lit("")
    line = pl.concat_str([KEY, WAS, pl.coalesce("@facts", empty), pl.coalesce("@were", empty)], separator="\x1e")
    lines = both.select(line.nchash.xxh3_64()).to_series().sort()  # type: ignore[attr-defined]
    digest = hashlib.sha256(array("Q", lines.to_list()).tobytes()).hexdigest()[:16]
    return Held(KEYS_GATE, "all", tuple(keys), digest, detail)


def _detail(pairs: Pairs, known: int, limits: KeyLimits, unsure: str, what: str) -> str:
    share = percent(pairs.count / max(known, 1))
    rows = counted(pairs.count, "row comes under a new key", "rows come under new keys")
    shown = f" ({examples(pairs.sure)})" if pairs.sure.height else ""
    why = f"; but it is not sure that these contacts have left: {unsure}" if unsure else ""
    limit = "" if unsure else f"; {percent(limits.share)} of {known:,} contacts is allowed"
    contacts, same = (
        ("contact", "it is the same contact") if pairs.count == 1 else ("contacts", "they are the same contacts")
    )
    twins = ""
    if pairs.new.len():
        twins = f"; {pairs.new.len():,} of them have the values of several contacts, so these are created anew"
    return f"{rows} ({share}), whose {contacts} would vanish: {what}{shown}{limit}{why}; approved, {same}{twins}"


def _shown(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("\x1f", "+", literal=True)


def taken_over(changes: KeyChanges) -> dict[str, Any]:
    """Return ``count``, ``what`` and ``keys`` (``key`` and ``was`` of the first) of takeovers; {} if there are none."""
    if changes.taken.is_empty():
        return {}
    first = changes.taken.head(LISTED).select(KEY, WAS).iter_rows()
    pairs = [{"key": shown_key(key), "was": shown_key(was)} for key, was in first]
    return {"count": changes.taken.height, "what": changes.what, "keys": pairs}
