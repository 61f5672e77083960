"""Changes that were marked and never sent are not in doubt: the ledger is as before the mark."""

from __future__ import annotations

from pathlib import Path

from syncd.core.change import CallOutcome
from syncd.rest import Client
from syncd.run.session import open_session
from syncd.state import State
from syncd.state.journal import Settled
from syncd.sync import run_source
from syncd.target.contacts import Target
from tests.worlds.journal import change
from tests.worlds.runs import stopped_while_it_waits
from tests.worlds.tenants import ANN, BOB, CY
from tests.worlds.world import World


def journal(world: World) -> list[tuple[str, str]]:
    with State(world.folder / "syncd.db") as state:
        return state.rows("SELECT key, outcome FROM change ORDER BY id")


def ledger(world: World) -> list[tuple[str, str]]:
    with State(world.folder / "syncd.db") as state:
        return [(key, status) for key, _, status in state.ledger.digests("tenants").rows()]


def test_a_stop_while_waiting_for_the_keys_limits_leaves_nothing_unknown(world: World) -> None:
    world.write([ANN, BOB])
    report = stopped_while_it_waits(world, ["2/1m"])
    assert (report.unknown, world.posts()) == (0, 0)
    assert (journal(world), ledger(world)) == ([], [])
    assert world.run().counts["create"] == 2


def test_a_stop_before_an_update_leaves_the_contact_as_it_was_known(world: World) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    assert stopped_while_it_waits(world, ["1/1h"]).unknown == 0
    assert ledger(world) == [("1", "accepted"), ("2", "accepted"), ("3", "accepted")]
    assert world.run().counts["update"] == 1


def test_a_stop_before_a_delete_leaves_the_contact_as_it_was_known(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN])
    assert stopped_while_it_waits(world, ["1/1h"]).unknown == 0
    assert ledger(world) == [("1", "accepted"), ("2", "accepted")]
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"1"}


def test_a_target_that_cannot_be_reached_leaves_nothing_unknown(world: World) -> None:
    world.write([ANN])
    world.run()
    world.write([ANN, BOB])
    with (
        open_session(world.settings(), sleep=lambda _: None) as session,
        Client("http://127.0.0.1:9/v1", headers={}, attempts=1) as nobody,
    ):
        fields = session.target.fields()
        session.target = Target(nobody)
        session.target.fields = lambda: fields  # type: ignore[method-assign]  # it was there a moment ago
        report = run_source(session, session.settings.sources["tenants"])
    assert (report.exit_code, report.unknown) == (4, 0)
    assert journal(world) == [("1", "accepted")]


def test_what_a_call_in_between_overwrote_is_not_taken_for_known(tmp_path: Path) -> None:
    with State(tmp_path / "syncd.db") as state:
        [first] = state.journal.mark("run", "s", [change("a", "m", "update", 5)])
        state.journal.record([Settled(first, CallOutcome.ACCEPTED, 5)])
        [unsent] = state.journal.mark("run", "s", [change("a", "m", "update", 5)])
        [other] = state.journal.mark("run", "t", [change("b", "m", "update", 5)])
        state.journal.record([Settled(other, CallOutcome.ACCEPTED, 5)])
        state.journal.unmark([unsent])
        assert state.ledger.pending_keys("s") == {"a"}
