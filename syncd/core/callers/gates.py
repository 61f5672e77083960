"""Decide which changes wait because of the numbers that their contacts would get or lose.

A number that a contact has at the target is no news, whatever a plan says of the contact otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import polars as pl

from syncd.core.callers.forbidden import emergency_numbers
from syncd.core.callers.numbers import NUMBER, numbers_of
from syncd.core.columns import KEY
from syncd.core.compare import BEFORE, KIND, decoded
from syncd.core.gates import holds
from syncd.core.plan import Held
from syncd.core.settings.rules import NumberLimits
from syncd.core.wording import counted, percent

SAME_GATE = "numbers.same"
"""Holds creates and updates that would give many contacts one number, as a column that was filled down does."""

LOST_GATE = "numbers.lost"
"""Holds updates that would take their numbers from many contacts, or change the numbers' country."""

FORBIDDEN_GATE = "numbers.forbidden"
"""Holds changes that would give a contact one of the company's own numbers, or an emergency number."""

CONTACTS_GATE = "numbers.contacts"
"""Holds changes that would give one number to too many contacts."""

NAMED = frozenset((SAME_GATE, FORBIDDEN_GATE, CONTACTS_GATE))
"""The gates whose rows a person has to look at to know which number it is."""

FEWEST_SAME = 10
"""Fewer contacts may get one number, whatever part of a small plan they are: a family, or a small office."""

FEWEST_KNOWN = 20
"""Of fewer known numbers, more than half may well change in one run."""

_AT = "@at"
_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What a plan is judged by. ``own``: the company's own numbers, in all forms; ``region``: of the source."""

    limits: NumberLimits = field(default_factory=NumberLimits)
    own: frozenset[str] = frozenset()
    region: str = "US"


@dataclass(frozen=True, slots=True)
class NumberChanges:
    """What changes do to the numbers of contacts, as frames of ``@key`` and ``number``.

    ``came``: numbers that a contact gets and does not have at the target. ``went``: numbers that an update or a move
    takes from its contact. ``had``: how many numbers the updated and moved contacts have.
    """

    came: pl.DataFrame
    went: pl.DataFrame
    had: int

    def may_be_too_many(self, limits: NumberLimits) -> bool:
        """Return whether the numbers that go can be too many of those that are known, however many these are."""
        return self.went.height > limits.lost * max(self.had, FEWEST_KNOWN)


def number_changes(changes: pl.DataFrame, phones: Collection[str]) -> NumberChanges:
    """Return what these changes (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields) do to numbers.

    ``phones``: the names of the target's phone fields.
    """
    upserts = changes.filter(pl.col(KIND) != "delete")
    # The numbers of a first load would take more memory than all its other data.
    pages = [_page(upserts.slice(at, _PAGE), sorted(phones)) for at in range(0, max(upserts.height, 1), _PAGE)]
    came, went = (pl.concat([getattr(page, name) for page in pages]) for name in ("came", "went"))
    return NumberChanges(came, went, sum(page.had for page in pages))


def _page(upserts: pl.DataFrame, names: list[str]) -> NumberChanges:
    # Positions take less time to compare than keys.
    upserts = upserts.with_row_index(_AT)
    known = upserts.filter(pl.col(BEFORE).is_not_null() & (pl.col(BEFORE) != "{}"))
    # Of most contacts of a first load, nothing is known.
    new = upserts if known.is_empty() else upserts.join(known.select(_AT), on=_AT, how="anti")
    was = known.select(_AT, decoded(pl.col(BEFORE), names)).unnest(BEFORE) if names else known.select(_AT)
    # A change that does not name a field leaves the field's numbers to the contact.
    stays = [pl.coalesce(known[name], was[name]) if name in known.columns else was[name] for name in names]
    had, has = numbers_of(was, [_AT], names), numbers_of(known.select(_AT).with_columns(stays), [_AT], names)
    came = pl.concat([numbers_of(new, [_AT], names), _without(has, had)])
    edits = had.join(known.filter(pl.col(KIND).is_in(["update", "move"])).select(_AT), on=_AT, how="semi")
    keys = upserts.get_column(KEY)
    return NumberChanges(_with_keys(came, keys), _with_keys(_without(edits, has), keys), edits.height)


def _without(numbers: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    return numbers.join(others, on=[_AT, NUMBER], how="anti")


def _with_keys(numbers: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    return numbers.select(keys.gather(numbers.get_column(_AT)), NUMBER)


def number_gates(changes: pl.DataFrame, found: NumberChanges, rules: NumberRules, known: int) -> Iterator[Held]:
    """Yield the lists that the gates of numbers hold.

    Args:
        changes: the changes of the run that count.
        found: what all changes of the run do to numbers.
        rules: what the plan is judged by.
        known: how many numbers the source's contacts have; a number of two contacts counts twice.
    """
    upserts = changes.filter(pl.col(KIND) != "delete")
    came = found.came.join(upserts.select(KEY), on=KEY, how="semi")
    yield from _common(upserts, came, rules.limits)
    yield from _forbidden(upserts, came, rules)
    went = found.went.join(upserts.select(KEY), on=KEY, how="semi")
    share = percent(went.height / max(known, 1))
    many = known >= FEWEST_KNOWN and went.height > rules.limits.lost * known
    detail = (
        f"{went.height:,} of {known:,} known numbers ({share}) would leave their contacts or change country; "
        f"{percent(rules.limits.lost)} is allowed"
    )
    yield from holds("update", _of(upserts, went), (LOST_GATE, many, detail))


def _common(upserts: pl.DataFrame, came: pl.DataFrame, limits: NumberLimits) -> Iterator[Held]:
    """Hold changes that give one number to many contacts: to a large part of the plan, or to many at all."""
    counts = came.group_by(NUMBER).len()
    same = counts.filter(pl.col("len") >= FEWEST_SAME, pl.col("len") > limits.same * upserts.height)
    part = _of(upserts, came.join(same, on=NUMBER, how="semi"))
    one = "one number" if same.height == 1 else f"one of {same.height} numbers"
    share = percent(part.height / max(upserts.height, 1))
    detail = (
        f"{part.height:,} of {upserts.height:,} created and updated contacts ({share}) would get {one}; "
        f"{percent(limits.same)} is allowed"
    )
    yield from holds("all", part, (SAME_GATE, True, detail))
    common = counts.filter(pl.col("len") > limits.contacts)
    part = _of(upserts, came.join(common, on=NUMBER, how="semi"))
    each = "a number that comes" if common.height == 1 else f"one of {common.height:,} numbers that come"
    detail = f"{counted(part.height, 'contact')} would get {each} to more than {limits.contacts:,} contacts"
    yield from holds("all", part, (CONTACTS_GATE, True, detail))


def _forbidden(upserts: pl.DataFrame, came: pl.DataFrame, rules: NumberRules) -> Iterator[Held]:
    emergency = emergency_numbers(came.get_column(NUMBER).unique(), rules.region)
    own, urgent = (_among(came, numbers) for numbers in (rules.own, emergency))
    whose = [(own, "one of the company's own numbers"), (urgent, "an emergency number")]
    counts = [(each.get_column(KEY).n_unique(), what) for each, what in whose if each.height]
    said = ", ".join(f"{counted(count, 'contact')} would get {what}" for count, what in counts)
    yield from holds("all", _of(upserts, pl.concat([own, urgent])), (FORBIDDEN_GATE, True, said))


def _among(came: pl.DataFrame, numbers: Collection[str]) -> pl.DataFrame:
    return came.filter(pl.col(NUMBER).is_in(pl.Series(sorted(numbers), dtype=pl.String).implode()))


def _of(upserts: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return the changes of the contacts of these numbers."""
    return upserts.join(numbers.select(KEY), on=KEY, how="semi", maintain_order="left")
