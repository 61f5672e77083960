"""A receiver of webhooks on this machine that notes what arrives, and answers what it is told to."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.worlds.quick_answers import QuickAnswers


@dataclass
class Arrived:
    """One request: its headers, and its body as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """Return whether the guide's own recipe finds the signature to be right."""
        parts = dict(part.split("=", 1) for part in self.headers["X-Vocatech-Signature"].split(","))
        signed = f"t={parts['t']}.".encode() + self.body
        return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() == parts["v1"]


@dataclass
class Receiver:
    """What has arrived so far. ``statuses`` are the next answers, then 204; ``seconds`` is how long each takes."""

    url: str = ""
    arrived: list[Arrived] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    seconds: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    def events(self) -> list[str]:
        return [each.event["event_type"] for each in self.arrived]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Receive on a free port while the context is open."""
    found, lock = Receiver(), threading.Lock()

    class Handler(QuickAnswers, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                found.arrived.append(Arrived(dict(self.headers), body))
                status = found.statuses.pop(0) if found.statuses else 204
                found.at_once += 1
                found.most_at_once = max(found.most_at_once, found.at_once)
            time.sleep(found.seconds)
            with lock:
                found.at_once -= 1
            self.send_response(status)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
