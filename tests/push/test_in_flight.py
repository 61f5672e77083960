"""Several batches in flight: if one of them fails, the answers to the others are recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from syncd.core.change import Change
from syncd.errors import StateBusy
from syncd.state.holdings import Holdings
from syncd.state.journal import Journal
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import World


def contacts(count: int) -> list[tuple[str, str, str]]:
    return [(str(n), f"T {n}", f"212555{n:04}") for n in range(1, count + 1)]


def pending(world: World) -> int:
    with world.state() as state:
        return len(state.ledger.pending_keys("tenants"))


def test_a_batch_is_recorded_while_another_one_waits_for_its_answer(world: World) -> None:
    world.target |= {"in_flight": 2, "timeout": "60s"}
    world.write(contacts(1_000))
    world.sandbox.arm({"kind": "hold", "method": "POST", "path": "/contacts", "times": 1, "done": True})
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(world.run)
        try:
            until(lambda: world.sandbox.holding and len(world.sandbox.store.rows) == 1_000 and pending(world) == 500)
        finally:
            world.sandbox.disarm()
        assert run.result(timeout=PATIENCE).counts["create"] == 1_000


def test_what_was_answered_is_recorded_though_nothing_more_can_be_marked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.target["in_flight"] = 1
    world.write(contacts(1_500))
    mark = Journal.mark

    def marked_once(self: Journal, run: str, source: str, changes: list[Change], **more: object) -> object:
        if any(each.key == "1" for each in changes):
            return mark(self, run, source, changes, **more)  # type: ignore[arg-type]
        raise StateBusy("no space left")

    monkeypatch.setattr(Journal, "mark", marked_once)
    with pytest.raises(StateBusy):
        world.run()
    assert (world.posts(), pending(world)) == (1, 0)
    with world.state() as state:
        assert state.ledger.digests("tenants").height == 500


def test_an_answer_that_breaks_us_costs_no_other_batch_its_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.target["in_flight"] = 3
    world.write(contacts(1_500))
    ours_among = Holdings.ours_among
    calls: list[int] = []

    def broken_once(self: Holdings, ids: list[int]) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("a defect")
        return ours_among(self, ids)

    monkeypatch.setattr(Holdings, "ours_among", broken_once)
    with pytest.raises(RuntimeError, match="a defect"):
        world.run()
    assert pending(world) == 500


def test_within_a_transaction_one_reads_what_it_wrote_and_does_not_end_it(world: World) -> None:
    with world.state() as state:
        with suppress(KeyError), state.write():
            state.facts.target_address.set("undone")
            assert state.facts.target_address.get() == "undone"
            state.facts.update_semantics.set("merge")
            raise KeyError
        assert (state.facts.target_address.get(), state.facts.update_semantics.get()) == (None, None)


def test_a_first_load_through_bad_hours_is_not_held_up_by_lists(world: World) -> None:
    world.target["in_flight"] = 1
    world.sandbox.store.add({"External ID": "0", "Name": "Own"})
    world.write(contacts(2_500))
    for after in (0, 1, 2):
        world.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": 1, "after": after, "done": True})
    assert world.run().counts["create"] == 2_500
    lists = [each for each in world.sandbox.requests if (each.method, each.path) == ("GET", "/contacts")]
    assert len(lists) == 1, "the index before the first load, and no other list"
    world.write(contacts(2_499))
    assert world.run().counts["delete"] == 1
    assert len(world.sandbox.store.rows) == 2_500


def test_what_a_refused_batch_made_all_the_same_is_ours(world: World) -> None:
    world.target["in_flight"] = 1
    world.sandbox.dialect("failed_status", "422")
    world.sandbox.dialect("failed_body", "error")
    world.sandbox.arm({"kind": "poison", "value": "T 700"})
    world.write(contacts(1_000))
    assert (world.run().counts["create"], len(world.sandbox.store.rows)) == (999, 999)
    world.sandbox.disarm()
    world.write(contacts(998))
    assert world.run().counts["delete"] == 2
