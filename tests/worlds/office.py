"""Notifications for tests: a sender that keeps its messages, a company that notifies it, and a web server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from syncd.watch.notify import after_run, tell
from tests.worlds.quick_answers import QuickAnswers
from tests.worlds.world import World

HOOK, MAIL, PING = "json://sink.example.com/hook", "mailto://u:secret@mail.example.com", "https://ping.example.com/abc"


class Post:
    """Keeps every message instead of sending it; ``down`` holds the destinations that it cannot reach."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.down: set[str] = set()

    def __call__(self, message: Mapping[str, Any], _seconds: float) -> Mapping[str, str]:
        self.sent.append(message)
        sms = (message.get("sms") or {}).get("to", {})
        to = {**message.get("to", {}), **sms, **message.get("ping", {})}
        return {name: "down" if address in self.down else "" for name, address in to.items()}

    def titles(self) -> list[str]:
        return [message["title"].partition(": ")[2] for message in self.sent]


class Office:
    """A company that sends its alarms to ``post``; ``later`` moves the clock forward by seconds."""

    def __init__(self, world: World, post: Post, **notify: Any) -> None:
        self.world, self.post = world, post
        world.notify = {"to": [HOOK], **notify}
        self.later = 0.0

    def clock(self) -> float:
        return time.time() + self.later

    def tell(self, *, good: bool = False) -> int:
        return tell(self.world.settings(), clock=self.clock, send=self.post, good=good)

    def run(self) -> None:
        report = self.world.run(full=True)
        after_run(self.world.settings(), good=report.exit_code in (0, 3), clock=self.clock, send=self.post)


@contextmanager
def sink() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A web server that keeps the requests it gets."""
    got: list[dict[str, Any]] = []

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            got.append({"path": self.path, "key": self.headers["Authorization"], **json.loads(body)})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self) -> None:
            got.append({"path": self.path})
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()
