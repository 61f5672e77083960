"""Notifications: one for each change of an alarm, to every destination, and never at a run's cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from syncd.budget import Budget, Window
from syncd.state import State
from syncd.watch.notify import after_run, tell
from syncd.watch.sending import LIMITED
from tests.worlds.office import HOOK, MAIL, PING, Office, Post
from tests.worlds.world import World

ANN = ("1", "Ann", "2125550101")


@pytest.fixture
def post() -> Post:
    return Post()


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_ends(world: World, post: Post) -> None:
    office = Office(world, post)
    for _ in range(3):
        office.run()
    world.write([ANN])
    for _ in range(3):
        office.run()
    assert post.titles() == ["tenants: failing", "good again"]
    assert "tenants: failing: over, after" in post.sent[1]["body"]
    assert "syncd status --config" in post.sent[0]["body"]


def test_a_process_that_comes_later_tells_nothing_twice(world: World, post: Post) -> None:
    office = Office(world, post)
    office.run()
    assert [office.tell() for _ in range(3)] == [0, 0, 0]
    assert len(post.sent) == 1


def test_many_processes_that_see_it_at_once_tell_it_once(world: World, post: Post) -> None:
    Office(world, post)
    world.run()
    settings = world.settings()
    telling = partial(tell, settings, clock=time.time, send=post)
    threads = [threading.Thread(target=telling) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert post.titles() == ["tenants: failing"]


def test_what_could_not_be_told_is_told_later_and_only_to_whom_it_was_not(world: World, post: Post) -> None:
    office = Office(world, post, to=[HOOK, MAIL])
    post.down = {MAIL}
    office.run()
    office.tell()
    assert len(post.sent) == 1  # no second attempt at once
    office.later, post.down = 61, set()
    office.tell()
    assert [list(message["to"].values()) for message in post.sent] == [[HOOK, MAIL], [MAIL]]
    office.later = 200
    assert office.tell() == 0
    assert len(post.sent) == 2


def test_what_is_no_news_any_more_is_dropped(world: World, post: Post) -> None:
    office = Office(world, post)
    post.down = {HOOK}
    office.run()
    office.later, post.down = 90_000, set()
    office.tell()
    assert post.titles() == ["tenants: failing"]


def test_an_alarm_that_ends_before_anybody_heard_of_it_is_not_told(world: World, post: Post) -> None:
    office = Office(world, post)
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.notices.keep_alarms([("tenants", "failing", "gone")])
    world.write([ANN])
    office.run()
    assert post.sent == []


def test_held_deletes_are_told_with_their_numbers(world: World, post: Post) -> None:
    office = Office(world, post)
    world.write([(str(number), "Ann", f"21255501{number:02}") for number in range(40)])
    office.run()
    world.write([ANN])
    office.run()
    [message] = post.sent
    assert post.titles() == ["tenants: held"]
    assert "39 deletes wait for an approval (deletes.share): 39 of 40 contacts" in message["body"]


def test_data_that_grows_old_is_told_though_nothing_runs(world: World, post: Post) -> None:
    world.sources["tenants"]["max_age"] = "1h"
    world.write([ANN])
    office = Office(world, post)
    office.run()
    office.later = 4000
    office.tell()
    assert post.titles() == ["tenants: stale"]


def test_a_refused_key_is_told(world: World, post: Post) -> None:
    world.write([ANN])
    world.sandbox.arm({"kind": "status", "status": 401, "times": None})
    office = Office(world, post)
    with pytest.raises(Exception, match="refused the key"):
        world.run()
    office.tell()
    assert post.titles() == ["key"]


def test_only_what_was_asked_for_is_told(world: World, post: Post) -> None:
    office = Office(world, post, about=["stale"])
    office.run()
    assert post.sent == []


def test_several_failures_in_a_row_can_be_asked_for(world: World, post: Post) -> None:
    office = Office(world, post, failures=3)
    office.run()
    office.run()
    assert post.sent == []
    office.run()
    assert "the last 3 runs failed" in post.sent[0]["body"]


def test_a_heartbeat_follows_a_good_run_and_no_other(world: World, post: Post) -> None:
    office = Office(world, post, to=[], heartbeat=PING)
    office.run()
    assert post.sent == []
    world.write([ANN])
    office.run()
    assert [message["ping"] for message in post.sent] == [{"heartbeat": PING}]


def test_a_digest_is_sent_once_a_day(world: World, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write([ANN])
    office = Office(world, post, digest="00:00")
    for hour in range(0, 72, 3):
        office.later = hour * 3600.0
        office.tell()
        world.run()
    assert 2 <= len(post.sent) <= 3
    assert "tenants: last good run" in post.sent[0]["body"]


def test_a_digest_says_what_has_become_of_callers_since_the_last_one(world: World, post: Post) -> None:
    office = Office(world, post, digest="00:00")
    office.tell()
    world.write([ANN])
    world.run()
    world.write([("1", "Ann Park", "2125550101")])
    world.run(dry_run=True)
    world.run()
    office.later = 86_400.0
    office.tell()
    office.later *= 2
    office.tell()
    told, nothing = (message["body"] for message in post.sent)
    assert "\ncallers since the last digest: 1 gets a name, 1 changes its name\n" in told
    assert "callers" not in nothing


def test_a_text_message_is_short_and_keeps_its_distance(world: World, post: Post) -> None:
    world.target["messaging"] = ["1/2m"]
    office = Office(world, post, to=[], sms={"from": "2125550100", "to": "2125550123"})
    office.run()
    [message] = post.sent
    assert (list(message["sms"]["to"].values()), message["sms"]["key"]) == (["2125550123"], "test-key")
    assert len(message["short"]) <= 300
    world.write([ANN])
    office.run()
    assert len(post.sent) == 1
    office.later = 131
    office.tell()
    assert post.titles() == ["tenants: failing", "good again"]


def test_each_text_message_takes_a_place_in_the_windows_of_messages(world: World, post: Post) -> None:
    world.target["messaging"] = ["2/10m"]
    numbers = ["2125550121", "2125550122", "2125550123"]
    office = Office(world, post, sms={"from": "2125550100", "to": numbers})
    office.run()
    [message] = post.sent
    # The third number waits; who is told otherwise does not.
    assert (list(message["sms"]["to"].values()), list(message["to"].values())) == (numbers[:2], [HOOK])
    office.later = 500
    office.tell()
    assert len(post.sent) == 1
    office.later = 610
    office.tell()
    assert list(post.sent[1]["sms"]["to"].values()) == numbers[2:]
    assert post.sent[1]["to"] == {}


def test_what_says_nothing_takes_no_place(world: World, post: Post) -> None:
    world.target["messaging"] = ["1/10m"]
    office = Office(world, post, sms={"from": "2125550100", "to": "2125550123"})
    world.write([ANN])
    office.run()
    with world.state() as state:
        assert Budget(state.requests.tier("messaging"), [Window(1, 600.0)]).take_now() is not None


def test_a_429_lets_every_process_wait_with_its_text_messages(world: World) -> None:
    world.target["messaging"] = ["5/10m"]
    sms = {"from": "2125550100", "to": "2125550123"}
    office = Office(world, Post(), to=[], sms=sms)
    world.run()
    tell(world.settings(), clock=time.time, send=lambda message, _: dict.fromkeys(message["sms"]["to"], LIMITED))
    office.later = 100
    office.tell()
    assert office.post.sent == []
    office.later = 170
    office.tell()
    assert office.post.titles() == ["tenants: failing"]


def test_telling_never_makes_a_run_fail(world: World) -> None:
    def broken(_message: Mapping[str, Any], _seconds: float) -> Mapping[str, str]:
        raise RuntimeError(HOOK)

    Office(world, Post())
    world.run()
    after_run(world.settings(), good=False, clock=time.time, send=broken)


def test_no_address_is_in_a_log_line(world: World, post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    office = Office(world, post, to=[MAIL])
    post.down = {MAIL}
    office.run()
    out, err = capsys.readouterr()
    assert "not notified" in out + err
    assert not any(part in out + err for part in ("secret", "mail.example.com"))
