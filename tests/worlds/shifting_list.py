"""A server with a list of people that shifts while it is read, as the list of a Django REST API does.

Page numbers are places in the list of that moment. A row that goes at the front and a row that comes at the end move
another row from a page that comes later to a page that was read: no page shows it, and the count agrees.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.worlds.quick_answers import QuickAnswers

Answer = tuple[int, Any]

LINK = "header:Link"


def paged(query: dict[str, str], **page: Any) -> dict[str, Any]:
    """Return the options of a list that goes on in one way."""
    return {"request": {"path": "/people", "query": query}, "page": page}


WAYS: dict[str, dict[str, Any]] = {
    "number": paged({"page": "{page}"}, by="number", more="next", total="count"),
    "number to an empty page": paged({"page": "{page}", "empty": "yes"}, by="number"),
    "offset": paged({"offset": "{offset}"}, by="offset"),
    "next_url with page numbers": paged({}, by="next_url", total="count", **{"from": "next"}),
    "next_url with offsets": paged({"offset": "0"}, by="next_url", total="count", **{"from": "next"}),
    "links in a header": paged({}, by="next_url", **{"from": LINK}),
    "token": paged({"token": "{token}"}, by="token", total="count", **{"from": "token"}),
}
"""Ways of paging in which a row may slip."""

BY_ID = {"request": {"path": "/people/{id}"}}
BY_IDS = {"request": {"path": "/people", "query": {"ids": "{ids}"}}, "records": {"path": "results"}}


@dataclass
class Shifting:
    """The people by id, in the order of the list, and what happens after each page of it that is read.

    ``after_page``: called with the number of pages that were read. ``lookups``: the answer to a request for one person,
    by id, if it is not the usual one. ``changed``: who is shown if somebody asks for the changes since a moment.
    ``broken``: every request is refused.
    ``pages`` and ``asked``: the requests for the list, and the ids that were asked for.
    """

    people: dict[str, str] = field(default_factory=dict)
    size: int = 4
    after_page: Callable[[int], None] | None = None
    lookups: dict[str, Answer] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    broken: bool = False
    pages: int = 0
    asked: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def fill(self, count: int) -> None:
        self.people = {str(number): f"Name {number}" for number in range(1, count + 1)}

    def goes_and_comes(self, count: int = 1) -> None:
        """Let rows go at the front and as many come at the end."""
        for id_ in list(self.people)[:count]:
            del self.people[id_]
        for _ in range(count):
            self.come()

    def come(self) -> None:
        number = 1 + max(map(int, self.people), default=0)
        self.people[str(max(number, 1_000))] = "New"

    def once(self, happens: Callable[[], None], page: int = 1) -> None:
        """Let something happen after one page of the list in the next run."""
        # The first page that a run asks for shows the columns; then it reads the list.
        begin = self.pages + 1

        def after(pages: int) -> None:
            if pages == begin + page:
                happens()

        self.after_page = after

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        self.paths.append(path)
        if self.broken:
            return 400, {"detail": "Out of order."}, {}
        if path.startswith("/people/"):
            return (*self._one(path.removeprefix("/people/")), {})
        if "ids" in asked:
            ids = asked["ids"].split(",")
            self.asked += ids
            return 200, {"results": [self._record(id_) for id_ in ids if id_ in self.people]}, {}
        if "since" in asked:
            return 200, {"results": [self._record(id_) for id_ in self._changed(asked)]}, {}
        return self._page(asked)

    def _changed(self, asked: dict[str, str]) -> list[str]:
        return [id_ for id_ in self.changed if id_ in self.people] if asked.get("page", "1") == "1" else []

    def _page(self, asked: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        offset = int(asked.get("offset", (int(asked.get("token") or asked.get("page") or 1) - 1) * self.size))
        if "above" in asked:
            ids = [id_ for id_ in sorted(self.people, key=int) if int(id_) > int(asked["above"])][: self.size]
        else:
            ids = list(self.people)[offset : offset + self.size]
        after = offset + self.size
        number = after // self.size + 1
        link = f"{self.url}/people?" + (f"offset={after}" if "offset" in asked else f"page={number}")
        more = after < len(self.people) or "empty" in asked
        body = {"count": len(self.people), "results": [self._record(id_) for id_ in ids]}
        body |= {"next": link if more else None, "token": str(number) if more else None}
        self.pages += 1
        if self.after_page:
            self.after_page(self.pages)
        return 200, body, {"Link": f'<{link}>; rel="next"'} if more else {}

    def _one(self, id_: str) -> Answer:
        self.asked.append(id_)
        if id_ in self.lookups:
            return self.lookups[id_]
        return (200, self._record(id_)) if id_ in self.people else (404, {"detail": "Not found."})

    def _record(self, id_: str) -> dict[str, str]:
        return {"id": id_, "name": self.people[id_], "phone": f"212555{int(id_):04}"}


@contextmanager
def shifting() -> Iterator[Shifting]:
    """Serve an empty list."""
    server = Shifting()

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            status, body, headers = server.answer(
                url.path, {name: values[0] for name, values in parse_qs(url.query).items()}
            )
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def source(server: Shifting, way: str | dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return a configured source that reads the list in one of :data:`WAYS`, or with these options."""
    said = WAYS[way] if isinstance(way, str) else way
    return {
        "connector": "rest",
        "options": {"base_url": server.url, "records": {"path": "results"}, **said, **options},
        "key": "id",
        "mapping": {"External ID": "id", "Name": "name", "Phone": ["phone"]},
        "deletes": {"at_most": {"count": 1000, "share": "100%", "free": 100}},
    }
