"""Whole runs over a REST source: what its server says is changed, gone or merged is so at the target."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.shell.world import World


class Crm:
    """A server with people, by id; each change has a number, which stands for its time."""

    def __init__(self) -> None:
        self.tick = 1
        self.people: dict[str, dict[str, Any]] = {}
        self.changed: dict[str, int] = {}
        self.gone: dict[str, int] = {}
        self.paths: list[str] = []
        self.shrinks = False
        self.url = ""

    def put(self, id_: str, name: str, phone: str = "2125550100") -> None:
        self.tick += 1
        self.people[id_] = {"id": id_, "name": name, "phones": [{"n": phone}, {"n": "2125550199"}]}
        self.changed[id_] = self.tick
        self.gone.pop(id_, None)

    def drop(self, id_: str) -> None:
        self.tick += 1
        del self.people[id_]
        self.gone[id_] = self.tick

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        self.paths.append(path)
        since = int(asked.get("since", 0))
        found: list[Any] = [each for id_, each in self.people.items() if self.changed[id_] > since]
        if since:
            found += [{"id": id_, "gone": True} for id_, at in self.gone.items() if at > since]
        begin = int(asked.get("offset", 0))
        if self.shrinks and begin:
            self.people.pop(next(iter(self.people)))
            found = list(self.people.values())
        return {"data": found[begin : begin + 3], "sync": str(self.tick)}


@pytest.fixture
def crm() -> Iterator[Crm]:
    crm = Crm()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            content = json.dumps(crm.answer(url.path, asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    crm.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield crm
    server.shutdown()
    server.server_close()


@pytest.fixture
def rest(world: World, crm: Crm) -> World:
    world.sources["tenants"].update(
        connector="rest",
        mapping={"External ID": "id", "Name": "name", "Phone": ["phones.n"]},
        deletes={"at_most": {"free": 100}},
        options={
            "base_url": crm.url,
            "request": {"path": "/people", "query": {"offset": "{offset}", "since": "{cursor}"}},
            "records": {"path": "data"},
            "page": {"by": "offset"},
            "columns": {"id": "id", "name": "name", "phones.n": "phones[].n"},
            "changes": {"by": "token", "from": "sync"},
            "deletes": {"inline": {"when": "gone"}},
        },
    )
    return world


def names(world: World) -> dict[str, str]:
    return {id_: fields["Name"] for id_, fields in world.there().items()}


def test_what_changed_is_pushed_and_nothing_else_is_read(rest: World, crm: Crm) -> None:
    for number in range(1, 9):
        crm.put(str(number), f"Name {number}")
    assert rest.run().counts["create"] == 8
    assert rest.there()["1"]["Phone"] == "2125550100;2125550199"
    crm.put("3", "Ann")
    crm.put("9", "Bob")
    crm.drop("5")
    report = rest.run()
    assert (report.read, report.rows) == ("partial", 2)
    assert {kind: report.counts[kind] for kind in ("create", "update", "delete")} == {
        "create": 1,
        "update": 1,
        "delete": 1,
    }
    assert (names(rest)["3"], names(rest)["9"], "5" in names(rest)) == ("Ann", "Bob", False)
    assert rest.run().counts["update"] == 0


def test_a_list_that_shifts_while_it_is_read_deletes_nothing(rest: World, crm: Crm) -> None:
    for number in range(1, 9):
        crm.put(str(number), f"Name {number}")
    rest.run()
    crm.shrinks = True
    report = rest.run(full=True)
    assert report.read == "unproved"
    assert report.counts["delete"] == 0
    assert len(names(rest)) == 8
    crm.shrinks = False
    rest.run()
    assert set(names(rest)) == set(crm.people)
