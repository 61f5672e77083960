"""Decides which deliveries wait for a person. The gates look at all changes of a sink before anything is sent.

A gate holds its own part, says its numbers, and opens for an approval of exactly its list. Each change waits in one
list. A list that is held stays as it is, and what comes later is measured anew: the calls of now go on while a backfill
waits, and the digest that a person approves does not change with each call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from syncd.core.activity.delivering.plan import APPROVED, UNDONE
from syncd.core.activity.delivering.settled import DOUBT
from syncd.core.plan import Held, HeldKind
from syncd.core.settings.sinks import DAY, SinkLimits
from syncd.core.wording import counted, percent

FLOOD, OLD, UNKNOWN = "activity.flood", "activity.old", "activity.unknown"
LOST_STATE, MAPPING, LEADS = "activity.lost_state", "activity.mapping", "leads.count"

KINDS: Mapping[str, HeldKind] = {
    **dict.fromkeys((FLOOD, OLD, LOST_STATE, UNDONE, DOUBT), "create"),
    UNKNOWN: "associate",
    MAPPING: "update",
    LEADS: "lead",
}
"""Every gate with what it holds."""

CANARIES = 20
"""So many creates are looked for at a sink whose deliveries are not known here."""

LEAST = 20
"""A share of unknown numbers among fewer activities says nothing."""

UNUSUAL, TIMES = 0.3, 2.0
"""The share of unknown numbers above which it is unusual, if it is also so many times that of the week before."""

CHANGES = {
    "identity": pl.String,
    "kind": pl.String,
    "key": pl.String,
    "change": pl.String,
    "at": pl.Float64,
    "day": pl.String,
    "associates": pl.Boolean,
    "status": pl.String,
    "reason": pl.String,
}
"""The columns of a plan. ``identity``: as the sink knows it. ``at``: when the activity was, in Unix seconds.
``associates``: contacts are to be associated. ``status``, ``reason``: of the delivery as it is noted; "" for none."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of ``of`` activities have an unknown number."""

    unknown: int = 0
    of: int = 0

    def plus(self, *, is_unknown: bool) -> Share:
        """Return it with one activity more."""
        return Share(self.unknown + is_unknown, self.of + 1)

    @property
    def share(self) -> float:
        return self.unknown / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the gates know of a run. ``now``: Unix seconds.

    ``records``: deliveries that were accepted before. ``rewords``: the wording of the sink has changed since.
    ``reopens``: its limits have. ``found``: canaries that the sink has, although their deliveries are not known here.
    ``shares``: of unknown numbers, now, without what :data:`UNKNOWN` holds, and in the week before.
    ``leads``: so many contacts a day pass. ``can_tell``: the sink can say whether it has a record; of one that cannot,
    ``lost``: up to when it may have been sent what is not known here, in Unix seconds; 0: never.
    """

    now: float
    limits: SinkLimits
    records: int = 0
    rewords: bool = False
    reopens: bool = False
    found: int = 0
    shares: tuple[Share, Share] = (Share(), Share())
    leads: int = 0
    can_tell: bool = True
    lost: float = 0.0

    @property
    def measured(self) -> bool:
        """Whether there are enough numbers to say that no longer unusually many are unknown."""
        now, before = self.shares
        return now.of >= LEAST and before.of > 0


@dataclass(frozen=True, slots=True)
class Gated:
    """``todo``: the changes to make, the oldest first. ``waiting``: those that gates hold, with ``gate``.

    ``without_contacts``: nothing is associated in this run.
    """

    todo: pl.DataFrame
    waiting: pl.DataFrame
    without_contacts: bool = False


def gate(changes: pl.DataFrame, world: Circumstances) -> Gated:
    """Hold what the gates hold of ``changes`` (:data:`CHANGES`)."""
    odd = is_unusual(world.shares)
    if changes.is_empty():
        return Gated(changes, changes.with_columns(gate=pl.lit(None, dtype=pl.String)), without_contacts=odd)
    ordered = changes.sort("at", "identity").with_columns(_gate_of(changes, world, odd=odd).alias("gate"))
    waits = pl.col("gate").is_not_null()
    return Gated(ordered.filter(~waits).drop("gate"), ordered.filter(waits), without_contacts=odd)


def _gate_of(changes: pl.DataFrame, world: Circumstances, *, odd: bool) -> pl.Expr:
    limits = world.limits
    free = ~pl.col("reason").is_in([*APPROVED])
    creates = free & (pl.col("change") == "create")
    updates = free & (pl.col("change") == "update") & (pl.col("status") != "pending")
    # A call that was begun is settled: nothing new comes of it.
    begun = pl.col("status") == "pending"
    first = [
        (creates & ~begun & (pl.col("at") <= world.lost), LOST_STATE),
        (creates & (pl.col("status") == "undone"), UNDONE),
        *((creates & (pl.col("status") == "held") & (pl.col("reason") == name), name) for name in (DOUBT, LOST_STATE)),
        (creates & ~begun & pl.lit(world.found > 0), LOST_STATE),
        (creates & ~begun & (pl.col("at") < world.now - limits.older), OLD),
    ]
    others = creates & ~begun
    for condition, _ in first:
        others &= ~condition
    parts = [
        *first,
        (_too_many(changes, others, world), FLOOD),
        (_rewritten(changes, updates, world), MAPPING),
        (free & (pl.col("change") == "associate") & _is_unsure(world, odd=odd), UNKNOWN),
    ]
    return pl.coalesce(*(pl.when(condition).then(pl.lit(name)) for condition, name in parts))


def _too_many(changes: pl.DataFrame, creates: pl.Expr, world: Circumstances) -> pl.Expr:
    """Return which creates wait since they are too many; those that wait already are not counted again."""
    standing = creates & (pl.col("status") == "held") & (pl.col("reason") == FLOOD)
    if world.reopens:
        return creates & pl.lit(_number(changes, creates) > world.limits.creates)
    fresh = creates & ~standing
    return standing | (fresh & pl.lit(_number(changes, fresh) > world.limits.creates))


def _rewritten(changes: pl.DataFrame, updates: pl.Expr, world: Circumstances) -> pl.Expr:
    """Return which updates wait since another wording asks for too many."""
    standing = updates & (pl.col("status") == "held") & (pl.col("reason") == MAPPING)
    asked = updates if world.rewords else standing
    if not (world.rewords or world.reopens):
        return standing
    return asked & pl.lit(_number(changes, asked) > world.limits.share * world.records)


def _is_unsure(world: Circumstances, *, odd: bool) -> pl.Expr:
    """Return which contacts may be wrong. What waits already goes on once enough numbers show that all is well."""
    standing = (pl.col("status") == "held") & (pl.col("reason") == UNKNOWN)
    return pl.lit(odd) | (standing & pl.lit(not world.measured))


def _number(changes: pl.DataFrame, part: pl.Expr) -> int:
    return int(changes.select(part.sum()).item() or 0)


def is_unusual(shares: tuple[Share, Share]) -> bool:
    """Return whether so many numbers are unknown that the contacts, and not the callers, may be the reason."""
    now, before = shares
    if now.of < LEAST or not before.of:
        return False
    return now.share > UNUSUAL and now.share > TIMES * before.share


def list_of(name: str, identities: Iterable[str], world: Circumstances, salt: str) -> Held:
    """Return the list that a gate holds. ``salt``: what an approval of the list is for beside the list itself."""
    keys = tuple(sorted(identities))
    text = "\x1d".join((name, salt, *keys))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Held(name, KINDS[name], keys, digest, detail(name, len(keys), world))


def detail(name: str, count: int, world: Circumstances) -> str:
    """Say in words what a gate holds and why, without a person's data."""
    records, updates = counted(count, "new record"), counted(count, "record")
    links = counted(count, "association or new contact", "associations or new contacts")
    limits, (now, before) = world.limits, world.shares
    days = f"{limits.older / DAY:g} days"
    if name == MAPPING:
        share = f" of {world.records:,} ({percent(count / world.records)})" if world.records else ""
        of = f"{updates}{share} would be written again, since the sink's wording was changed"
        return f"{of}; {percent(limits.share)} is allowed (at_most.share)"
    texts = {
        FLOOD: f"{records} at once; {limits.creates:,} are allowed (at_most.creates)",
        OLD: f"{records} of calls and messages older than {days} (at_most.older)",
        UNDONE: f"{counted(count, 'record was', 'records were')} undone, and the configuration still asks for them",
        DOUBT: f"{counted(count, 'record')} may have been made: the answer was lost, and the sink does not show them; "
        "look there, since an approval makes them once more",
        LOST_STATE: f"{records} for a sink that {_known_there(world)}",
        UNKNOWN: f"{links}: {_unknown(now, before)}; are the contacts here, and the region right?",
        LEADS: f"{counted(count, 'new contact')} of unknown callers"
        + f"; {world.leads:,} a day are allowed (leads.count)" * bool(world.leads),
    }
    return texts[name]


def _known_there(world: Circumstances) -> str:
    if not world.can_tell:
        return (
            "was delivered to before, maybe under another name, although none is known here, and that cannot tell what "
            "it has; look there, since an approval makes them once more"
        )
    has = f"has {world.found or 'some'} of {CANARIES} already, although none is known here"
    return f"{has}; an approval looks for each before it is made"


def _unknown(now: Share, before: Share) -> str:
    if not now.of:
        return "unusually many numbers were unknown when these came"
    return f"{percent(now.share)} of the numbers are unknown, {percent(before.share)} in the week before"
