"""The session of the work on calls and messages: its clients, their shares of the windows, and the target's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from syncd.activity.server_time import ServerTime
from syncd.activity.session import ActivitySession, open_activity
from syncd.errors import ConfigError, SourceBusy, Stopped
from syncd.rest import Answer, Client
from syncd.run.session import Watcher
from syncd.state import State
from tests.worlds.world import World, company

NOW = 1_800_000_000.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        made.target |= {"limits": ["10/1m"], "reports": ["8/1m"], "messaging": ["2/10m"]}
        made.activity = {}
        yield made


def get(client: Client) -> Answer:
    return client.request("GET", "/contacts/fields")


def counted(world: World) -> dict[str, int]:
    with State(world.folder / "syncd.db") as state:
        tiers = state.rows("SELECT tier, count(*) FROM request WHERE pause = 0 GROUP BY tier")
    return dict(tiers)


def test_a_list_counts_in_two_tiers_and_everything_else_in_one(world: World) -> None:
    with open_activity(world.settings()) as session:
        get(session.reports)
        get(session.reports)
        get(session.default)
        get(session.media)
        assert session.sent == 4
    assert counted(world) == {"reports": 2, "default": 4}


def used_up(session: ActivitySession, client: Client) -> int:
    """Send requests until one would have to wait, and return how many were sent."""
    before = client.sent
    with pytest.raises(Stopped):
        [get(client) for _ in range(100)]
    session.stopping.clear()
    return client.sent - before


@pytest.fixture
def session(world: World) -> Iterator[ActivitySession]:
    world.activity = {"pull": {"share": "50%"}, "recordings": {"share": "30%"}}
    stopping = threading.Event()
    # The watcher's functions are bound when the budgets are made.
    watcher = Watcher(waiting=lambda _seconds: stopping.set())
    with open_activity(world.settings(), stopping=stopping, watcher=watcher) as opened:
        yield opened


def test_lists_and_media_leave_room_for_contacts(session: ActivitySession) -> None:
    assert used_up(session, session.media) == 3
    # Half of the eight lists, though with the three before they are more than half of the ten requests of all kinds.
    assert used_up(session, session.reports) == 4
    assert used_up(session, session.media) == 0
    assert used_up(session, session.default) == 3


def test_a_stop_ends_it(session: ActivitySession) -> None:
    session.halt_if_asked()
    session.stopping.set()
    with pytest.raises(Stopped):
        session.halt_if_asked()


def test_a_dry_run_stores_nothing(world: World) -> None:
    with open_activity(world.settings(), dry_run=True) as session, session.leased():
        get(session.reports)
        assert session.store.activities.digests("call", ["1"]) == {}
        assert [left for _, left in session.media_budget.left()] == [9]
    assert not (world.folder / "syncd.db").exists()
    assert not (world.folder / "activity.db").exists()


def test_without_the_key_it_says_what_to_add(world: World) -> None:
    world.activity = None
    with pytest.raises(ConfigError, match=r"add activity: \{\}"), open_activity(world.settings()):
        pass


def test_one_process_at_a_time_does_it(world: World) -> None:
    settings = world.settings()
    with open_activity(settings) as one, open_activity(settings) as other, one.leased():
        held = other.leased()
        with pytest.raises(SourceBusy):
            held.__enter__()


def test_runs_have_names_of_their_own(world: World) -> None:
    settings = world.settings()
    with open_activity(settings) as one, open_activity(settings) as other:
        assert one.run != other.run


def test_the_targets_time_comes_from_every_answer(world: World) -> None:
    with open_activity(world.settings(), clock=lambda: time.time() - 90) as session:
        assert (session.server.skew, session.server.trouble) == (None, "")
        answer = get(session.default)
        assert session.server.skew is not None
        assert 88 <= session.server.skew <= 92
        assert session.server.trouble == "warning"
        assert abs(session.server.of(answer) - time.time()) < 3
        assert abs(session.server.now() - time.time()) < 3


def dated(seconds: float) -> Answer:
    return Answer(500, headers={"date": formatdate(NOW + seconds, usegmt=True)})


@pytest.mark.parametrize(
    ("ahead", "trouble"),
    [(0, ""), (59, ""), (-59, ""), (62, "warning"), (-62, "warning"), (202, "alarm"), (-202, "alarm")],
)
def test_a_clock_that_is_off_is_told_before_deliveries_are_refused(ahead: float, trouble: str) -> None:
    server = ServerTime(lambda: NOW)
    server.judge(dated(ahead))
    assert server.trouble == trouble


def test_an_answer_without_a_date_changes_nothing() -> None:
    server = ServerTime(lambda: NOW)
    server.judge(dated(100))
    for headers in ({}, {"date": "yesterday"}):
        server.judge(Answer(200, headers=headers))
        assert server.of(Answer(200, headers=headers)) == NOW + 100.5


def test_a_429_of_a_list_lets_only_lists_wait(world: World) -> None:
    waits: list[float] = []
    with open_activity(world.settings(), watcher=Watcher(waiting=waits.append)) as session:
        world.sandbox.arm({"kind": "status", "status": 429, "retry_after": "1", "times": 1})
        get(session.reports)
        assert max(waits) == pytest.approx(1, abs=0.3)
        ends = session.state.rows("SELECT tier FROM request WHERE pause = 1")
    assert ends == [("reports",)]
