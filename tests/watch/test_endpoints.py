"""The endpoints for metrics and health: what they say, where they listen, and who may connect."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import ConfigError
from syncd.watch.endpoints import Endpoints
from syncd.watch.settings import Watch, watch_of
from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port
from tests.worlds.world import World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")


@contextmanager
def served(watch: Watch, **more: Any) -> Iterator[Endpoints]:
    endpoints = Endpoints(watch, **more)
    endpoints.start()
    try:
        yield endpoints
    finally:
        endpoints.stop()


def get(endpoints: Endpoints, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoints.address[1]}{path}", timeout=PATIENCE) as answer:
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
    for _ in range(2):  # the second socket can have the path, because the first one was removed
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
