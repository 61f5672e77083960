"""What the daemon does besides runs: its endpoints, and notifications about alarms that no run sees."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path

from syncd.daemon.onlooker import Onlooker
from syncd.daemon.timetable import Timetable, timetable_of
from syncd.state import State
from syncd.watch.settings import Watch, WatchedSource, watch_of
from syncd.watch.status import is_news
from tests.worlds.office import Office, Post
from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port
from tests.worlds.world import World

ANN = ("1", "Ann", "2125550101")


def timetable(watch: Watch) -> Timetable:
    return timetable_of(json.dumps(Timetable(watch.config, watch.state, 2, (), watch).to_json()))


def test_the_watch_travels_with_the_timetable() -> None:
    watch = Watch("c", "s", sources=(WatchedSource("a", 3.0),), about=("stale",), listen="127.0.0.1:1")
    assert timetable(watch).watch == watch


def test_there_is_news_until_it_was_noted_and_again_when_it_is_over(world: World) -> None:
    post = Post()
    office = Office(world, post)
    world.run()
    watch = watch_of(world.settings())
    assert is_news(watch, time.time())
    office.tell()
    assert not is_news(watch, time.time())
    world.write([ANN])
    world.run()
    assert is_news(watch, time.time())


def test_it_has_people_told_once_when_data_grows_old_though_nothing_runs(world: World, tmp_path: Path) -> None:
    Office(world, Post())
    world.sources["tenants"]["max_age"] = "1h"
    world.write([ANN])
    world.run()
    mark = tmp_path / "told"
    moment = [0.0]
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'a').write('x')"]
    onlooker = Onlooker(command, clock=lambda: time.time() + moment[0], elapsed=lambda: moment[0])
    onlooker.loaded(timetable(watch_of(world.settings())))
    onlooker.beat(None)
    onlooker.stopped()
    assert not mark.exists()
    moment[0] = 4000.0
    onlooker.beat(None)
    onlooker.beat(None)
    onlooker.stopped()
    assert mark.read_text() == "x"


def test_it_serves_where_the_configuration_says_and_moves_on_a_reload(world: World) -> None:
    first, second = free_port(), free_port()
    onlooker = Onlooker(["true"])
    for port in (first, second):
        onlooker.loaded(timetable(Watch("c", str(world.folder / "syncd.db"), listen=f"127.0.0.1:{port}")))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE) as answer:
            assert answer.read() == b"alive\n"
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", first)) != 0
    onlooker.stopped()


def test_a_port_that_is_taken_does_not_stop_the_daemon(world: World) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        onlooker = Onlooker(["true"])
        watch = Watch("c", str(world.folder / "syncd.db"), listen=f"127.0.0.1:{other.getsockname()[1]}")
        onlooker.loaded(timetable(watch))
        onlooker.beat(None)
        onlooker.stopped()


def test_a_state_file_that_cannot_be_read_does_not_stop_the_daemon(world: World) -> None:
    path = world.folder / "syncd.db"
    State(path).close()
    path.write_text("no database at all" * 100)
    onlooker = Onlooker(["true"])
    onlooker.loaded(timetable(Watch("c", str(path), notifies=True)))
    onlooker.beat(None)
