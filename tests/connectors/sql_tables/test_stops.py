"""A stop ends a delivery soon, whatever the server does, and nothing is half written."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from syncd.errors import SinkUnavailable
from tests.contract.sink_rows import call
from tests.contract.sinks import accepted, item
from tests.worlds.frozen_server import FrozenServer
from tests.worlds.sql_tables import rows_in, sink_on

WITHIN = 2.0 + 1.5
"""Two seconds, and what a busy machine adds."""


def stopped(url: str, frozen: FrozenServer) -> float:
    """Deliver, stop once the server is frozen, and return the seconds until the delivery ends."""
    ended: list[Exception] = []
    with sink_on(url) as sink:

        def work() -> None:
            try:
                sink.deliver([item(sink, call(2))])
            except SinkUnavailable as error:
                ended.append(error)

        delivering = threading.Thread(target=work, daemon=True)
        delivering.start()
        assert frozen.frozen.wait(10)
        asked = time.monotonic()
        sink.cancel()
        delivering.join(10)
        assert not delivering.is_alive()
        seconds = time.monotonic() - asked
    assert "stopped" in str(ended[0])
    return seconds


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mssql"])
def test_a_server_that_takes_the_connection_and_never_answers(scheme: str) -> None:
    with FrozenServer(0) as frozen:
        assert stopped(f"{scheme}://u@127.0.0.1:{frozen.port}/d", frozen) < WITHIN


@pytest.mark.parametrize(("name", "word"), [("postgres", b"COMMIT"), ("mariadb", b"COMMIT")])
def test_a_server_that_freezes_at_the_end(request: pytest.FixtureRequest, name: str, word: bytes) -> None:
    server: Any = request.getfixturevalue(name)
    with sink_on(server.url) as sink:
        sink.prepare()
        sink.erase([f"call:c{number}" for number in range(1, 400)])
        accepted(sink, call(1))
    with FrozenServer(server.port, word) as frozen:
        url = server.url.replace(f":{server.port}", f":{frozen.port}") + "?sslmode=disable"
        assert stopped(url, frozen) < WITHIN
    assert [row["id"] for row in rows_in(server, "calls")] == ["c1"]


def test_after_a_stop_nothing_is_begun(pg: Any) -> None:
    with sink_on(pg.url) as sink:
        sink.cancel()
        with pytest.raises(SinkUnavailable, match="stopped"):
            sink.deliver([item(sink, call())])
        with pytest.raises(SinkUnavailable, match="stopped"):
            sink.check()
