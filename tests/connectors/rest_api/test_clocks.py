"""Windows of time are the server's: its clock and ours may differ."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import httpx
import pytest

from tests.worlds.rest_api_world import TIME, World

MINUTE, DAY = 60.0, 86_400.0


class Server:
    """A list of records, which the server dates by its own clock; it is ``ahead`` seconds ahead of ours."""

    def __init__(self, ahead: float, *, dated: bool = True) -> None:
        self.ahead, self.dated = ahead, dated
        self.records: dict[int, float] = {}
        self.world = World(self.answer, **TIME)
        self.put(1)
        self.world.now += 10 * MINUTE

    @property
    def now(self) -> float:
        return self.world.now + self.ahead

    def put(self, id_: int) -> None:
        self.records[id_] = self.now

    def answer(self, request: httpx.Request) -> Any:
        since = float(request.url.params.get("since") or 0)
        until = float(request.url.params.get("until") or self.now + DAY * 9)
        found = [{"id": id_, "at": at} for id_, at in self.records.items() if since <= at <= until]
        headers = {"date": formatdate(self.now, usegmt=True)} if self.dated else {}
        return httpx.Response(200, json=found, headers=headers)


@pytest.mark.parametrize("ahead", [-DAY, -30 * MINUTE, 0.0, 30 * MINUTE, DAY])
def test_a_change_is_read_by_the_next_read_whichever_clock_is_ahead(ahead: float) -> None:
    server = Server(ahead)
    server.world.connector.check()
    _, end = server.world.read()
    for id_ in (2, 3):
        server.world.now += 10 * MINUTE
        server.put(id_)
        server.world.now += 5 * MINUTE
        rows, end = server.world.read(end.cursor)
        assert ([row["id"] for row in rows], end.proof) == ([str(id_)], "partial")


def test_a_cursor_of_a_clock_that_was_ahead_is_not_used() -> None:
    server = Server(0.0, dated=False)
    server.world.now += DAY
    _, end = server.world.read()
    server.world.now -= DAY
    server.put(2)
    rows, end = server.world.read(end.cursor)
    assert ([row["id"] for row in rows], end.proof) == (["1", "2"], "complete")
