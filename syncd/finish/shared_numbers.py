"""Keeps what contacts go without, and lets the sources decide anew whose contacts have other numbers now."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from syncd.core.callers.numbers import NUMBER, numbers_of
from syncd.core.callers.policy import GETS, SOURCE
from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, RAW, REASON
from syncd.plan.gather import Planned
from syncd.plan.number_claims import contacts_now, decided, gone, in_question, of_ledger
from syncd.plan.shared_numbers import decides
from syncd.plan.world import World
from syncd.push.result import PushResult
from syncd.state.numbers.shared import HAS


def keep_before_push(world: World, planned: Planned) -> None:
    """Keep what contacts go without before they are sent without it: a killed run must not forget what they want."""
    shares = planned.record.shares
    if not decides(world):
        return
    state = world.state
    with state.write():
        # Until the push has ended, nobody knows who has these numbers.
        state.shared.ask_anew(_of(world, shares.numbers))
        going = ~pl.col(KEY).is_in(shares.stuck.implode())
        state.shared.keep(world.name, shares.left_out.filter(going), shares.wanted.filter(going))


def keep_after_push(world: World, planned: Planned, pushed: PushResult) -> None:
    """Keep what contacts go without now, and let those be decided anew that should have other numbers."""
    state, shares = world.state, planned.record.shares
    if not decides(world):
        state.shared.clear(world.name)
        return
    # The ledger has the keys of now.
    world = replace(world, takeovers={})
    _keep_wants(world, planned)
    found = _decided(world, planned)
    without = found.filter(~pl.col(GETS))
    other = found.filter(pl.col(HAS) != pl.col(GETS))
    ours = pl.col(SOURCE) == world.name
    with state.write():
        state.shared.reword(without.select(REASON, NUMBER, SOURCE, KEY))
        if not pushed.failure:
            state.shared.answered(world.name, pl.concat([shares.due, shares.numbers]))
        # A contact of this source that the next run would leave as it is, too, is no reason to look again.
        again = other.filter(~ours | ~_settled(world, planned)).select(SOURCE, NUMBER)
        state.shared.ask_anew(pl.concat([again, _of(world, shares.late)]))


def _keep_wants(world: World, planned: Planned) -> None:
    """Keep the wants of the contacts that are at the target as planned; forget those of all others."""
    state, shares = world.state, planned.record.shares
    wanting = pl.Series(KEY, list(state.shared.wanting(world.name)), dtype=pl.String)
    ledger = state.ledger.digests(world.name, wanting)
    accepted = ledger.filter(pl.col("@status") == Status.ACCEPTED).select(KEY, DIGEST)
    made = accepted.join(planned.verdicts.contacts(), on=[KEY, DIGEST], how="semi").get_column(KEY)
    stay = pl.concat([shares.stuck, planned.verdicts.unusable()])
    known = ledger.get_column(KEY)
    # A contact that got a number back, and was not sent, still goes without it.
    full = wanting.filter(wanting.is_in(shares.whole.implode()) & wanting.is_in(made.implode()))
    lost = shares.wanted.get_column(KEY)
    unsure = wanting.filter(
        wanting.is_in(stay.implode()) | (wanting.is_in(lost.implode()) & ~wanting.is_in(made.implode()))
    )
    gone = wanting.filter(~wanting.is_in(known.implode()))
    state.shared.forget(world.name, pl.concat([full, unsure, gone]))
    # Only its row knows what such a contact wants, so the next read that shows the row looks at it.
    state.ledger.link(world.name, unsure.to_frame(KEY).with_columns(pl.lit(None, dtype=pl.Int64).alias(RAW)))


def _decided(world: World, planned: Planned) -> pl.DataFrame:
    """Return the claims that the state knows now on the numbers in question, with what is decided of them."""
    numbers = [planned.record.shares.numbers, planned.record.shares.late]
    if world.state.shared.others_changed(world.name, planned.record.newest_change):
        # A run of another source may have sent the same numbers meanwhile, and have seen none of these contacts.
        numbers.append(numbers_of(planned.plan.upserts(), [KEY], world.schema.phones).get_column(NUMBER))
    asked = pl.concat([each.alias(NUMBER) for each in numbers]).unique()
    claims = world.state.shared.claims(asked, world.schema.phones).filter(pl.col(SOURCE).is_in(list(world.order)))
    claims = in_question(claims)
    about = of_ledger(world, contacts_now(world, claims.select(SOURCE, KEY).unique()))
    return decided(world, claims, about, world.state.shared.assigned())


def _settled(world: World, planned: Planned) -> pl.Expr:
    """Return whether a contact of the source stays as it is until its row changes."""
    if world.source.gates.mode == "create_only":
        # It is in the ledger, so it was made already.
        return pl.lit(value=True)
    refused = pl.Series(KEY, [key for key, _ in world.state.ledger.rejected(world.name)], dtype=pl.String)
    found = [planned.verdicts.unusable(), gone(planned.record.shares.world), refused]
    return pl.col(KEY).is_in(pl.concat([each.alias(KEY) for each in found]).implode())


def _of(world: World, numbers: pl.Series) -> pl.DataFrame:
    return numbers.alias(NUMBER).to_frame().select(pl.lit(world.name).alias(SOURCE), NUMBER)
