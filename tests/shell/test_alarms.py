"""What a person must hear of: which alarm stands when, and what status, its check and the metrics say of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.budget import Window
from syncd.cli import main
from syncd.config import Notify
from syncd.errors import ConfigError
from syncd.state import State
from syncd.watch.alarms import KINDS, alarms_of
from syncd.watch.endpoints import Endpoints
from syncd.watch.settings import Watch, WatchedSource, max_age_of, watch_of
from syncd.watch.status import company_status
from tests.shell.world import World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
WELL = {
    "source": "tenants",
    "age": 60,
    "waiting_for": 60,
    "max_age": 3600.0,
    "failures": 0,
    "failure": None,
    "held": [],
    "rejected": 0,
    "invalid": 0,
}
REFUSED = {"kind": "AccessDenied", "message": "Vocatech refused the key (status 401): check target.api_key"}
HOLD = {"gate": "deletes.share", "kind": "delete", "count": 30, "detail": "30 of 100", "approved": False}


def kinds(**more: Any) -> list[str]:
    return [alarm.kind for alarm in alarms_of([{**WELL, **more}], Watch("", "", failures=2))]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"waiting_for": 3601}, ["stale"]),
        ({"waiting_for": 3601, "age": None}, ["stale"]),
        ({"waiting_for": 3601, "max_age": None}, []),
        ({"waiting_for": None, "age": None}, []),
        ({"failures": 1, "failure": {"kind": "SourceError", "message": "gone"}}, []),
        ({"failures": 2, "failure": {"kind": "SourceError", "message": "gone"}}, ["failing"]),
        ({"failures": 2, "failure": REFUSED}, ["key"]),
        ({"held": [HOLD]}, ["held"]),
        ({"held": [{**HOLD, "approved": True}]}, []),
        ({"rejected": 10, "invalid": 100}, []),
        ({"rejected": 11, "invalid": 101}, ["rejected", "invalid"]),
        ({"waiting_for": 9999, "held": [HOLD], "rejected": 11}, ["stale", "held", "rejected"]),
    ],
)
def test_an_alarm_stands_as_long_as_its_cause_does(more: dict[str, Any], expected: list[str]) -> None:
    assert kinds(**more) == expected


def test_a_refused_key_is_one_alarm_of_the_company() -> None:
    both = [{**WELL, "failure": REFUSED, "failures": 3}, {**WELL, "source": "staff", "failure": REFUSED, "failures": 3}]
    [alarm] = alarms_of(both, Watch("", ""))
    assert (alarm.source, alarm.kind, alarm.text) == ("", "key", REFUSED["message"])


def test_every_kind_may_be_told_and_is_by_default() -> None:
    assert Notify().about == KINDS


def test_keys_that_a_canary_gate_names_are_not_told() -> None:
    hold = {**HOLD, "gate": "deletes.canary", "detail": "not in the source: 100042 (canaries)"}
    [alarm] = alarms_of([{**WELL, "held": [hold]}], Watch("", ""))
    assert "100042" not in alarm.text


def test_a_run_that_was_asked_to_stop_has_not_failed(world: World) -> None:
    world.write([ANN])
    world.run()
    world.stopping.set()
    with pytest.raises(Exception, match="stop"):
        world.run(full=True)
    assert look(world)["alarms"] == []


def look(world: World, later: float = 0.0) -> dict[str, Any]:
    import time

    return company_status(watch_of(world.settings()), time.time() + later)


def test_failing_begins_with_a_failed_run_and_ends_with_a_good_one(world: World) -> None:
    world.run()
    assert [alarm["kind"] for alarm in look(world)["alarms"]] == ["failing"]
    world.write([ANN])
    world.run()
    assert look(world)["healthy"]


def test_a_killed_run_is_a_failed_one_until_the_next(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.begin_run("killed", "tenants", "config")
    [source] = look(world)["sources"]
    assert (source["last"]["outcome"], source["failures"]) == ("broken off", 1)
    assert [alarm["text"] for alarm in look(world)["alarms"]] == [
        "the last run failed: it was broken off before its end"
    ]


def test_data_is_stale_when_its_last_good_run_is_too_long_ago(world: World) -> None:
    world.sources["tenants"]["max_age"] = "1h"
    world.write([ANN])
    world.run()
    assert look(world, 3500)["healthy"]
    [alarm] = look(world, 3700)["alarms"]
    assert (alarm["source"], alarm["kind"]) == ("tenants", "stale")


@pytest.mark.parametrize(
    ("schedule", "seconds"), [("15m", 86_400.0), ("2d", 518_400.0), ("0 7 * * mon", None), (None, None)]
)
def test_how_old_data_may_be_follows_from_the_interval(
    world: World, schedule: str | None, seconds: float | None
) -> None:
    if schedule:
        world.sources["tenants"]["schedule"] = schedule
    assert max_age_of(world.settings().sources["tenants"]) == seconds


def test_a_watch_travels_as_json() -> None:
    watch = Watch(
        "c", "s", windows=(Window(60, 60.0),), sources=(WatchedSource("a", 3.0), WatchedSource("b")), digest="07:30"
    )
    assert Watch.from_json(json.loads(json.dumps(watch.to_json()))) == watch


@pytest.fixture
def syncd(world: World, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        world.settings()
        capsys.readouterr()
        code = main(["--config", str(world.folder / "syncd.yaml"), *arguments])
        return code, capsys.readouterr().out

    return call


def test_status_check_is_one_line_and_an_exit_code(world: World, syncd: Callable[..., tuple[int, str]]) -> None:
    world.write([ANN])
    world.run()
    assert syncd("status", "--check") == (0, "healthy\n")
    (world.folder / "tenants.csv").unlink()
    world.run()
    code, out = syncd("status", "--check")
    assert (code, out.count("\n")) == (3, 1)
    assert out.startswith("tenants: failing: the last run failed: ")
    found = json.loads(syncd("status", "--check", "--json")[1])
    assert (found["healthy"], len(found["problems"])) == (False, 1)


def test_a_source_that_should_have_run_and_has_not_is_not_healthy(
    world: World, syncd: Callable[..., tuple[int, str]]
) -> None:
    world.sources["tenants"]["schedule"] = "15m"
    assert syncd("status", "--check") == (3, "tenants: has not run yet\n")


def test_a_state_file_that_cannot_be_read_is_not_healthy(world: World, syncd: Callable[..., tuple[int, str]]) -> None:
    (world.folder / "syncd.db").write_text("no database at all, but long enough to be one" * 30)
    code, out = syncd("status", "--check")
    assert code == 3
    assert "this is no state file of syncd" in out


def test_status_tells_what_a_run_under_way_still_has_to_send(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.begin_run("now", "tenants", "config")
        state.lease("tenants", f"{socket.gethostname()}:1:x", 60)
        state.note_progress("now", "tenants", requests=3, planned=2003)
    world.target["limits"] = ["60/1m", "1000/1h"]
    [source] = look(world)["sources"]
    assert source["forecast"]["requests"] == 2000
    assert source["forecast"]["seconds"] > 3600


def test_a_run_notes_how_far_it_is(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state, state.read() as connection:
        [(planned, requests)] = connection.exec_driver_sql("SELECT planned, requests FROM run").all()
    assert planned == requests == 3  # the fields, the list, one batch


@contextmanager
def served(watch: Watch, **more: Any) -> Iterator[Endpoints]:
    endpoints = Endpoints(watch, **more)
    endpoints.start()
    try:
        yield endpoints
    finally:
        endpoints.stop()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def get(endpoints: Endpoints, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoints.address[1]}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_metrics_say_how_each_source_stands_and_name_nobody(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    (world.folder / "tenants.csv").unlink()
    world.run()
    world.settings()
    watch = watch_of(world.settings())
    watch = Watch(**{**{name: getattr(watch, name) for name in watch.__slots__}, "listen": f"127.0.0.1:{free_port()}"})
    with served(watch) as endpoints:
        code, text = get(endpoints, "/metrics")
        assert code == 200
        assert 'syncd_contacts{source="tenants"} 2.0' in text
        assert 'syncd_alarm{kind="failing",source="tenants"} 1.0' in text
        assert "syncd_healthy 0.0" in text
        assert not any(each in text for each in ("Ann", "2125550101"))
        assert get(endpoints, "/healthz") == (200, "alive\n")
        assert get(endpoints, "/readyz") == (503, "tenants: failing\n")
        assert get(endpoints, "/etc")[0] == 404


def test_health_is_that_of_the_daemons_loop(tmp_path: Path) -> None:
    watch = Watch("c", str(tmp_path / "none.db"), listen=f"127.0.0.1:{free_port()}")
    alive = [True]
    with served(watch, alive=lambda: alive[0]) as endpoints:
        assert get(endpoints, "/readyz") == (200, "ready\n")
        alive[0] = False
        assert get(endpoints, "/healthz")[0] == 503


def test_a_unix_socket_is_for_its_owner_and_group_and_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"
    for _ in range(2):  # the second finds no remains of the first
        with served(Watch("c", str(tmp_path / "none.db"), listen=str(path))):
            assert path.stat().st_mode & 0o777 == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert b"alive" in client.makefile("rb").read()
        assert not path.exists()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        watch = Watch("c", str(tmp_path / "s"), listen=f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(ConfigError, match="cannot listen there"):
            Endpoints(watch)


def test_looking_on_takes_little_memory(tmp_path: Path) -> None:
    code = (
        "import resource, syncd.watch.endpoints as e\n"
        "from pathlib import Path; from syncd.watch.settings import Watch, WatchedSource\n"
        f"s = e.StatusCache(Watch('c', {str(tmp_path / 'none.db')!r}, sources=(WatchedSource('a'),))); s.now()\n"
        "print(int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize() // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 45_000
