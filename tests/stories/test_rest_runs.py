"""Whole runs over a REST source: changed, deleted and merged rows of its server reach the target."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.worlds.quick_answers import QuickAnswers
from tests.worlds.world import World


class Crm:
    """A server with people by id; each change has a number in place of a time."""

    def __init__(self) -> None:
        self.tick = 1
        self.people: dict[str, dict[str, Any]] = {}
        self.changed: dict[str, int] = {}
        self.gone: dict[str, int] = {}
        self.into: dict[str, str] = {}
        self.paths: list[str] = []
        self.shrinks = False
        self.url = ""

    def put(self, id_: str, name: str, phone: str = "2125550100") -> None:
        self.tick += 1
        self.people[id_] = {
            "id": id_,
            "ref": f"ref-{id_}",
            "name": name,
            "phones": [{"n": phone}, {"n": "2125550199"}],
        }
        self.changed[id_] = self.tick
        self.gone.pop(id_, None)

    def drop(self, id_: str) -> None:
        self.tick += 1
        del self.people[id_]
        self.gone[id_] = self.tick

    def merge(self, loser: str, survivor: str) -> None:
        """Merge two people into one; if the id is new, that person has the values of the removed one."""
        before = self.people[loser]
        self.drop(loser)
        self.into[loser] = survivor
        self.people[survivor] = {**(self.people.get(survivor) or before), "id": survivor}
        self.changed[survivor] = self.tick

    def purge(self, id_: str) -> None:
        """Delete a person without a trace."""
        del self.people[id_]

    def answer(self, path: str, asked: dict[str, str]) -> Any:
        self.paths.append(path)
        since = int(asked.get("since", 0))
        found: list[Any] = [each for id_, each in self.people.items() if self.changed[id_] > since]
        if since:
            found += [
                {"id": id_, "gone": True, "into": self.into.get(id_)} for id_, at in self.gone.items() if at > since
            ]
        begin = int(asked.get("offset", 0))
        if self.shrinks and begin:
            self.people.pop(next(iter(self.people)))
            found = list(self.people.values())
        return {"data": found[begin : begin + 3], "sync": str(self.tick)}


@pytest.fixture
def crm() -> Iterator[Crm]:
    crm = Crm()

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            content = json.dumps(crm.answer(url.path, asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

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
            "columns": {"id": "id", "ref": "ref", "name": "name", "phones.n": "phones[].n"},
            "changes": {"by": "token", "from": "sync"},
            "deletes": {"inline": {"when": "gone", "into": "into"}},
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


def ids_there(world: World) -> dict[str, int]:
    return {each["fields"]["External ID"]: each["id"] for each in world.sandbox.store.contacts()}


def three(rest: World, crm: Crm) -> dict[str, int]:
    """Sync three people whose match value a merge does not change; return the ids of their contacts."""
    rest.sources["tenants"]["mapping"]["External ID"] = "ref"
    for id_ in ("1", "2", "3"):
        crm.put(id_, f"Name {id_}")
    rest.run()
    return ids_there(rest)


def test_of_two_that_are_merged_the_one_that_is_left_keeps_its_contact(rest: World, crm: Crm) -> None:
    before = three(rest, crm)
    crm.merge("1", "2")
    report = rest.run()
    assert (report.read, report.counts["create"], report.counts["delete"]) == ("partial", 0, 1)
    assert ids_there(rest) == {ref: before[ref] for ref in ("ref-2", "ref-3")}


def test_who_has_a_new_id_after_a_merge_is_no_new_contact(rest: World, crm: Crm) -> None:
    before = three(rest, crm)
    crm.merge("1", "9")
    report = rest.run()
    assert (report.read, report.counts["create"], report.counts["delete"]) == ("partial", 0, 0)
    assert ids_there(rest) == before
    crm.drop("9")
    rest.run()
    assert set(ids_there(rest)) == {"ref-2", "ref-3"}


def test_who_vanishes_without_a_trace_is_found_by_the_sweep_and_deleted_through_the_gates(
    rest: World, crm: Crm
) -> None:
    three(rest, crm)
    crm.purge("3")
    assert rest.run().counts["delete"] == 0
    rest.sources["tenants"]["options"]["deletes"]["sweep"] = {"every": "0s"}
    rest.sources["tenants"]["deletes"] = {"at_most": {"count": 0, "share": "100%", "free": 0}}
    report = rest.run()
    assert [held.gate for held in report.held] == ["deletes.count"]
    with rest.state() as state:
        state.holds.approve("tenants", report.held[0].digest)
    assert rest.run().counts["delete"] == 1
    assert set(ids_there(rest)) == {"ref-1", "ref-2"}


def test_a_run_that_breaks_off_goes_on_where_the_last_whole_one_stopped(rest: World, crm: Crm) -> None:
    three(rest, crm)
    crm.put("2", "Ann")
    crm.drop("3")
    rest.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": None})
    assert rest.run().error
    rest.sandbox.disarm()
    report = rest.run()
    assert (report.error, report.counts["update"], report.counts["delete"]) == (None, 1, 1)
    assert {fields["Name"] for fields in rest.there().values()} == {"Name 1", "Ann"}


HALF = "Zo\ud83d"


def test_a_row_with_half_a_character_is_invalid_and_its_contact_stays(rest: World, crm: Crm) -> None:
    for number in range(1, 9):
        crm.put(str(number), f"Name {number}")
    rest.run()
    crm.put("3", HALF)
    crm.put("4", "Ann")
    crm.purge("5")
    for _ in range(2):
        report = rest.run(full=True)
        [bad] = report.to_json()["invalid"]
        assert (bad["key"], bad["at"]) == ("3", "tenants:3")
        assert "half of a character" in bad["reason"]
    # The key of the row is known, so no other contact can be its own.
    assert (names(rest)["3"], names(rest)["4"], "5" in names(rest)) == ("Name 3", "Ann", False)


def test_a_key_with_half_a_character_holds_the_deletes(rest: World, crm: Crm) -> None:
    for number in range(1, 9):
        crm.put(str(number), f"Name {number}")
    rest.run()
    crm.people["3"]["id"] = HALF
    crm.purge("5")
    report = rest.run(full=True)
    assert report.counts["delete"] == 0
    assert report.counts["invalid"] == 1
    assert set(names(rest)) == {str(number) for number in range(1, 9)}


def test_a_deleted_key_with_half_a_character_is_nobodys(rest: World, crm: Crm) -> None:
    for number in range(1, 9):
        crm.put(str(number), f"Name {number}")
    rest.run()
    crm.put(HALF, "Nobody")
    crm.drop(HALF)
    assert rest.run().counts["delete"] == 0
