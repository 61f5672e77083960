"""Sources that a test edits in every way that their users know, and the configurations that read them by changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

from syncd.sandbox.hubspot.server import HubSpot
from tests.worlds.quick_answers import QuickAnswers

NAMES = ("Ann", "Bob", "Cy", "nobody", "")
"""``nobody`` is excluded, and an empty name makes the row invalid."""

RULES: dict[str, Any] = {
    "where": "coalesce(name, '') <> 'nobody'",
    "deletes": {"at_most": {"share": "100%", "count": 1000}},
    "updates": {"at_most": {"share": "100%"}},
}
NAME = {"from": "name", "empty": "reject"}


class Edited(Protocol):
    """A source. ``OPS``: the names of its methods that edit it; each takes two small numbers."""

    OPS: ClassVar[tuple[str, ...]]

    def config(self) -> dict[str, Any]:
        """Return the configuration of the source."""


class SqlPeople:
    """A table of a database, whose changes have numbers in place of times."""

    OPS: ClassVar[tuple[str, ...]] = (
        "add",
        "add_old",
        "edit",
        "double",
        "double_old",
        "mark",
        "unmark",
        "drop",
        "drop_key",
        "rename",
    )

    def __init__(self, server: Any) -> None:
        self.server = server
        self.tick = 100
        self.rows = 0
        server.run(
            "DROP TABLE IF EXISTS people",
            "CREATE TABLE people (n int PRIMARY KEY, id varchar(20), name varchar(20), changed int, gone int)",
        )
        self._insert("anchor", "Ann", self._next())

    def config(self) -> dict[str, Any]:
        cursor = {"column": "changed", "type": "number", "overlap": 0}
        query = "SELECT id, name, changed, gone FROM people ORDER BY n"
        options = {"url": self.server.url, "query": query, "cursor": cursor, "deleted": "gone", "sweep": 0}
        return {**RULES, "connector": "sql", "options": options, "key": "id",
                "mapping": {"External ID": "id", "Name": NAME}}  # fmt: skip

    def _next(self) -> int:
        self.tick += 1
        return self.tick

    def _insert(self, key: str, name: str, changed: int) -> None:
        self.rows += 1
        self.server.run(f"INSERT INTO people VALUES ({self.rows}, '{key}', '{name}', {changed}, 0)")

    def _row(self, which: int) -> int:
        rows = self.server.run("SELECT n FROM people WHERE id <> 'anchor' ORDER BY n")
        return int(rows[which % len(rows)][0]) if rows else 0

    def _key(self, which: int) -> str:
        found = self.server.run(f"SELECT id FROM people WHERE n = {self._row(which)}")
        return str(found[0][0]) if found else f"k{which}"

    def _set(self, which: int, values: str, *, stamped: bool = True) -> None:
        stamp = f", changed = {self._next()}" if stamped else ""
        self.server.run(f"UPDATE people SET {values}{stamp} WHERE n = {self._row(which)}")

    def add(self, which: int, value: int) -> None:
        self._insert(f"k{which}", NAMES[value % len(NAMES)], self._next())

    def add_old(self, which: int, value: int) -> None:
        """Add a row with an old stamp: an import that keeps dates."""
        self._insert(f"o{which}", NAMES[value % len(NAMES)], value)

    def edit(self, which: int, value: int) -> None:
        self._set(which, f"name = '{NAMES[value % len(NAMES)]}'")

    def double(self, which: int, value: int) -> None:
        self._insert(self._key(which), NAMES[value % len(NAMES)], self._next())

    def double_old(self, which: int, value: int) -> None:
        self._insert(self._key(which), NAMES[value % len(NAMES)], value)

    def mark(self, which: int, value: int) -> None:
        """Mark a row as deleted."""
        self._set(which, "gone = 1")

    def unmark(self, which: int, value: int) -> None:
        """Restore every row with that key as it was, dates and all."""
        self.server.run(f"UPDATE people SET gone = 0, changed = {value} WHERE gone = 1 AND id = '{self._key(which)}'")

    def drop(self, which: int, value: int) -> None:
        """Delete the row of a key that has no other row."""
        key = self._key(which)
        [[count]] = self.server.run(f"SELECT count(*) FROM people WHERE id = '{key}'")
        if count == 1:
            self.drop_key(which, value)

    def drop_key(self, which: int, value: int) -> None:
        self.server.run(f"DELETE FROM people WHERE id = '{self._key(which)}'")

    def rename(self, which: int, value: int) -> None:
        """Give a row another key."""
        self._set(which, f"id = 'r{value}'")


class HubSpotPeople:
    """An account whose clock is far from this machine's."""

    OPS: ClassVar[tuple[str, ...]] = ("add", "edit", "archive", "restore", "purge", "merge", "rename_company", "later")

    def __init__(self, crm: HubSpot, clock: list[float]) -> None:
        self.crm, self._clock = crm, clock
        self.contacts, self.companies = crm.portal.contacts, crm.portal.companies
        self.companies.add_all([{"name": "Elm"}, {"name": "Oak"}])
        self.anchor = self.contacts.add({"firstname": "Ann"})
        self._clock[0] += 61

    def config(self) -> dict[str, Any]:
        options = {"service_key": self.crm.key, "base_url": self.crm.url, "overlap": 0, "sweep": 0}
        mapping = {"External ID": "hs_object_id", "Name": {**NAME, "from": "firstname"}, "Note": "company.name"}
        where = RULES["where"].replace("name", "firstname")
        return {**RULES, "where": where, "connector": "hubspot", "options": options, "key": "hs_object_id",
                "mapping": mapping}  # fmt: skip

    def _one(self, which: int) -> int | None:
        live = [each for each in self.contacts.live if each != self.anchor]
        return live[which % len(live)] if live else None

    def later(self, which: int = 0, value: int = 0) -> None:
        # A date in an answer has whole seconds.
        self._clock[0] += 61

    def add(self, which: int, value: int) -> None:
        number = self.contacts.add({"firstname": NAMES[value % len(NAMES)]})
        self.crm.portal.link(number, 1 + which % 2, primary=True)

    def edit(self, which: int, value: int) -> None:
        if number := self._one(which):
            self.contacts.edit(number, {"firstname": NAMES[value % len(NAMES)]})

    def archive(self, which: int, value: int) -> None:
        if number := self._one(which):
            self.contacts.archive(number)

    def restore(self, which: int, value: int) -> None:
        if binned := self.contacts.bin():
            self.contacts.restore(binned[which % len(binned)].id)

    def purge(self, which: int, value: int) -> None:
        if number := self._one(which):
            self.contacts.purge(number)

    def merge(self, which: int, value: int) -> None:
        first, second = self._one(which), self._one(value)
        if first and second and first != second:
            self.crm.portal.merge(first, second)

    def rename_company(self, which: int, value: int) -> None:
        self.companies.edit(1 + which % 2, {"name": f"Company {value}"})


@contextmanager
def hubspot_people(ahead: float, **dialects: str) -> Iterator[HubSpotPeople]:
    clock = [1_780_000_000.0 + ahead]
    with HubSpot(limits=None, clock=lambda: clock[0], dialects=dialects) as crm:
        yield HubSpotPeople(crm, clock)


class RestPeople:
    """A server with people by id; each change has a number in place of a time."""

    OPS: ClassVar[tuple[str, ...]] = ("add", "add_old", "edit", "drop", "restore", "purge")

    def __init__(self) -> None:
        self.tick = 100
        self.people: dict[str, tuple[int, str]] = {"anchor": (1, "Ann")}
        self.gone: dict[str, tuple[int, int, str]] = {}
        self.url = ""

    def config(self) -> dict[str, Any]:
        request = {"path": "/people", "query": {"since": "{cursor}"}}
        options = {
            "base_url": self.url,
            "request": {"path": "/people"},
            "records": {"path": "data"},
            "changes": {"by": "token", "from": "sync", "request": request},
            "deletes": {"inline": {"when": "gone"}, "sweep": {"every": 0}},
            "columns": {"id": "id", "name": "name"},
        }
        return {**RULES, "connector": "rest", "options": options, "key": "id",
                "mapping": {"External ID": "id", "Name": NAME}}  # fmt: skip

    def _key(self, which: int) -> str:
        keys = sorted({*self.people} - {"anchor"})
        return keys[which % len(keys)] if keys else ""

    def _put(self, key: str, value: int, *, stamped: bool = True) -> None:
        self.tick += 1
        self.people[key] = (self.tick if stamped else 0, NAMES[value % len(NAMES)])
        self.gone.pop(key, None)

    def add(self, which: int, value: int) -> None:
        self._put(f"k{which}", value)

    def add_old(self, which: int, value: int) -> None:
        if f"o{which}" not in self.people:
            self._put(f"o{which}", value, stamped=False)

    def edit(self, which: int, value: int) -> None:
        if key := self._key(which):
            self._put(key, value)

    def drop(self, which: int, value: int) -> None:
        if key := self._key(which):
            self.tick += 1
            self.gone[key] = (self.tick, *self.people.pop(key))

    def restore(self, which: int, value: int) -> None:
        """Put a deleted record back as it was, dates and all."""
        if self.gone:
            key = sorted(self.gone)[which % len(self.gone)]
            _, changed, name = self.gone.pop(key)
            self.people[key] = (changed, name)

    def purge(self, which: int, value: int) -> None:
        self.people.pop(self._key(which), None)

    def answer(self, asked: dict[str, str]) -> Any:
        since = int(asked.get("since") or 0)
        found: list[dict[str, Any]] = [
            {"id": key, "name": name} for key, (at, name) in self.people.items() if at >= since
        ]
        found += [{"id": key, "gone": True} for key, (at, *_) in self.gone.items() if since and at > since]
        return {"data": found, "sync": str(self.tick)}


@contextmanager
def rest_people() -> Iterator[RestPeople]:
    people = RestPeople()

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            body = json.dumps(people.answer(asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        people.url = f"http://127.0.0.1:{server.server_port}"
        yield people
        server.shutdown()
