"""A receiver in a process of its own, and a sender that signs as Vocatech does."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from syncd.activity.receiving.body import PATIENCE as SLOWEST
from syncd.activity.receiving.child import plain_of
from syncd.activity.store.store import ActivityStore
from syncd.config import load
from syncd.core.activity.signature import HEADER, signed
from tests.worlds.commands import environment
from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port

SECRET = b"s-5550100"
PATH = "/vocatech"
URL = f"https://hooks.example.com{PATH}"


def event(identity: str = "evt_1", kind: str = "call.ended", company: Any = 123, **data: Any) -> dict[str, Any]:
    """An event as the guide shows it; without ``data`` its subject is named after its id."""
    return {
        "id": identity,
        "event_type": kind,
        "timestamp": "2026-03-10T14:30:45+00:00",
        "company_id": company,
        "data": data or {"call_id": f"call of {identity}", "remote_name": "Jane Smith", "remote_number": "5551234567"},
    }


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; the host is its path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Receiver:
    """One company's receiver: ``start`` it, ``deliver`` to it, and look at what is ``stored``.

    ``whole``: whether it starts as a user's does, with a child that reads the configuration and makes the store, which
    takes three times as long; else it finds a store, and its settings in a file that ``configure`` writes, and waits
    for slow clients for ``patience`` seconds.
    """

    whole = False
    patience = SLOWEST

    def __init__(self, folder: Path, **receive: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.receive: dict[str, Any] = {
            "listen": f"127.0.0.1:{self.port}",
            "url": URL,
            "secret_file": "webhook.secret",
            **receive,
        }
        self.activity: dict[str, Any] = {"store": "activity.db"}
        self.target: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "receiver.log"
        (folder / "webhook.secret").write_bytes(SECRET + b"\n")

    @property
    def store(self) -> Path:
        return self.folder / str(self.activity["store"])

    def configure(self) -> Path:
        path = self.folder / "receive.yaml"
        source = {"connector": "csv", "options": {"path": "tenants.csv"}, "key": "id", "mapping": {"Name": "name"}}
        target = {"api_key": "test-key", **self.target}
        written = {"target": target, "state": "syncd.db", "sources": {"tenants": source}}
        path.write_text(json.dumps({**written, "activity": {**self.activity, "receive": self.receive}}))
        if not self.whole:
            plain = plain_of(load(path, keyless=True))
            ActivityStore(Path(plain.store)).close()
            (self.folder / "receive.json").write_text(plain.to_json())
        return path

    def start(self, *, ready: bool = True) -> None:
        config = self.configure()
        line = [sys.executable, "-m", "syncd", "receive", "--config", str(config)]
        if not self.whole:
            line[2:] = ["tests.worlds.quick_receiver", str(self.folder / "receive.json"), str(self.patience)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(line, stderr=log, env=environment(**self.variables), cwd=self.folder)
        if ready:
            self.await_health()

    def await_health(self, status: int = 200) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.running().poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                if self.ask("GET", "/healthz")[0] == status:
                    return
            except OSError:
                pass
            time.sleep(0.02)

    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def signal(self, number: signal.Signals) -> None:
        self.running().send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.running().wait(PATIENCE)

    def end(self) -> None:
        """End it whatever it does, if it was started."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)

    def connection(self) -> http.client.HTTPConnection:
        listen: str = self.receive["listen"]
        if "/" in listen:
            return UnixConnection(listen)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        with closing(self.connection()) as line:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def post(self, body: bytes, header: str | None, path: str = PATH) -> int:
        return self.ask("POST", path, body, {HEADER: header} if header is not None else {})[0]

    def deliver(self, event: Any, secret: bytes = SECRET, *, late: float = 0, path: str = PATH) -> int:
        """Deliver an event, signed ``late`` seconds ago; return the status."""
        body = json.dumps(event).encode()
        return self.post(body, signed(body, secret, int(time.time() - late)), path)

    def rows(self, sql: str = "SELECT id, outcome FROM event ORDER BY received, id") -> list[Any]:
        with closing(sqlite3.connect(self.store)) as store:
            return store.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.store)) as store, store:
            store.execute(sql)

    def stored(self) -> dict[str, str]:
        """The outcome of each stored event, by id."""
        return dict(self.rows())

    def fact(self, name: str) -> str | None:
        found = self.rows(f"SELECT value FROM fact WHERE name = '{name}'")
        return found[0][0] if found else None

    def lines(self, event: str = "delivery refused") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def memory(self) -> float:
        """The memory of the process in MB."""
        status = Path(f"/proc/{self.running().pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def receiving(folder: Path, *, whole: bool = False, **receive: Any) -> Iterator[Receiver]:
    """A receiver that is up."""
    one = Receiver(folder, **receive)
    one.whole = whole
    try:
        one.start()
        yield one
    finally:
        one.end()
