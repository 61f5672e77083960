"""A server whose lists hold whatever a test gives them, page by page, as a stranger's server might."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.worlds.quick_answers import QuickAnswers


def day(ago: int) -> str:
    """Return the UTC date of ``ago`` days ago."""
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def odd_call(identity: Any, **fields: Any) -> dict[str, Any]:
    """Return the row of a call of two days ago; ``fields`` replace its own."""
    times = {"start_time": f"{day(2)}T12:00:00Z", "end_time": f"{day(2)}T12:00:30Z"}
    return {"call_id": identity, "direction": "incoming", "status": "answered", **times, "duration": 30, **fields}


@dataclass
class OddLists:
    """``calls``, ``messages``: the rows of two days ago. ``most``: rows of a page. ``meta``: changes the ``meta``."""

    url: str = ""
    calls: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    meta: Callable[[dict[str, Any]], Any] = lambda meta: meta
    most: int = 500
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, target: str) -> Any:
        """Return the body of the answer to ``GET target``."""
        place = urlsplit(target)
        query, name = dict(parse_qsl(place.query)), place.path.rpartition("/")[2]
        self.asked.append({"list": name, **query})
        within = query.get("start_date", "") <= day(2) <= query.get("end_date", "")
        rows = {"calls": self.calls, "messages": self.messages}.get(name, []) if within else []
        number, limit = int(query.get("page", 1)), min(self.most, int(query.get("limit", 500)))
        meta = {"page": number, "limit": limit, "total_pages": -(-len(rows) // limit), f"total_{name}": len(rows)}
        return {"query": {}, name: rows[(number - 1) * limit : number * limit], "meta": self.meta(meta)}


@contextmanager
def odd_lists() -> Iterator[OddLists]:
    """Serve lists on a port of loopback."""
    lists = OddLists()

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(lists.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        lists.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield lists
        server.shutdown()
