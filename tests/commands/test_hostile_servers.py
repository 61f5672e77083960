"""``syncd run`` and servers that are meant to hurt: its memory stays small, and a signal ends it soon."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.sandbox.server import Sandbox
from syncd.state import State
from tests.examples import SOAKING
from tests.worlds.commands import environment
from tests.worlds.hostile import Hostile, answer, bomb, endless, head, hostile
from tests.worlds.patience import BUSY, PATIENCE, until
from tests.worlds.world import FIELDS, TENANTS, World

MOST = 200
"""Megabytes that the whole process may take."""

CONTACT = json.dumps({"id": 7, "fields": {"External ID": "7", "Name": "Pat Example", "Note": "x" * 200}}).encode()
GZIP = "Content-Encoding: gzip"
SOON = 2.0 + BUSY
"""Seconds from a signal to the end; two are promised."""


class Run:
    """``syncd run`` in a process of its own, whose greatest memory is watched."""

    def __init__(self, folder: Path, *words: str) -> None:
        line = [sys.executable, "-m", "syncd", *(words or ("run",))]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=folder)
        self.megabytes = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        # Not from the process's usage at its end: that begins with the memory of the process that started it.
        status = Path(f"/proc/{self.process.pid}/status")
        with suppress(OSError, StopIteration):
            while True:
                peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
                self.megabytes = int(peak.split()[1]) // 1024
                time.sleep(0.01)

    def ended(self) -> tuple[int, str]:
        """Return the exit code and what was printed on stderr."""
        try:
            _, err = self.process.communicate(timeout=2 * PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, err

    def signalled(self, number: int = signal.SIGTERM) -> tuple[float, int]:
        """Send a signal; return the seconds until the process has ended, and its exit code."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code, _ = self.ended()
        return time.monotonic() - begun, code


def configured(folder: Path, base_url: str, source: dict[str, Any], **target: Any) -> None:
    (folder / "tenants.csv").write_text("id,name,phone\n" + "".join(f"{n},P {n},2125550100\n" for n in range(40)))
    target = {"api_key": "test-key", "base_url": base_url, "limits": [], **target}
    text = json.dumps({"target": target, "state": "syncd.db", "sources": {"tenants": {**TENANTS, **source}}})
    (folder / "syncd.yaml").write_text(text)
    # The process would take as long for its migrations as for most of these runs.
    State(folder / "syncd.db").close()


def rest(url: str, **options: Any) -> dict[str, Any]:
    options = {"base_url": url, "request": {"path": "/people"}, "records": {"path": "people"}, **options}
    return {"connector": "rest", "options": options}


BODIES = {
    "a bomb": lambda it: answer(it, bomb(300), GZIP),
    "packed twice": lambda it: answer(it, bomb(300, times=2), "Content-Encoding: gzip, gzip, br"),
    "an endless list": lambda it: endless(it, b'{"people": [', CONTACT + b",", 300),
    "an endless text": lambda it: endless(it, b'{"people": ["', b"x", 300),
    "a dense list": lambda it: answer(it, b'{"people": [' + b"{}," * 20_000_000 + b"{}]}"),
    "a page of 20,000": lambda it: answer(it, b'{"contacts": [' + CONTACT + (b"," + CONTACT) * 20_000 + b"]}"),
}

# One record of each: what makes it heavy is another thing each time.
RECORDS = {
    "many keys": lambda: b",".join(b'"k%08d":1' % number for number in range(2_800_000)),
    "nested lists": lambda: b'"name":[' + b"[[1]]," * 6_000_000 + b"1]",
    "a long text": lambda: b'"name":"' + b"x" * 60_000_000 + b'"',
    "a wide text": lambda: b'"name":"' + b"x" * 12_000_000 + "\U0001f600".encode() + b'"',
    "escapes": lambda: b'"name":"' + b"\\ud83d\\ude00" * 3_000_000 + b'"',
    "numbers": lambda: b'"name":[' + b"1e1," * 10_000_000 + b"1]",
}


def cases(few: Iterable[str], all_of_them: Iterable[str]) -> list[str]:
    """Return a case of each kind, or all of them in a soak: each is a process that reads as much as it may."""
    return list(all_of_them if SOAKING else few)


# That each other kind is refused, tests/rest/test_listed.py tests in this process.
@pytest.mark.parametrize("name", cases(["many keys", "a wide text"], RECORDS))
def test_a_record_of_a_source_cannot_fill_the_memory(tmp_path: Path, name: str) -> None:
    body = b'{"people": [{"id":1,' + RECORDS[name]() + b"}]}"
    with (
        Sandbox(key="test-key", fields=FIELDS, limits=None) as target,
        hostile(lambda connection, _: answer(connection, body)) as server,
    ):
        configured(tmp_path, target.url, rest(server.url))
        run = Run(tmp_path, "run", "--dry-run")
        code, err = run.ended()
    assert (code, "Traceback" in err, "raise max_answer" in err) == (4, False, True), err
    assert run.megabytes <= MOST


@pytest.mark.parametrize("name", cases(["packed twice", "a dense list", "a page of 20,000"], BODIES))
def test_the_target_cannot_fill_the_memory(tmp_path: Path, name: str) -> None:
    def script(connection: socket.socket, request: str) -> None:
        BODIES[name](connection) if request.endswith("/contacts") else answer(connection, {"fields": FIELDS})

    with hostile(script) as server:
        configured(tmp_path, server.url, {})
        run = Run(tmp_path)
        code, err = run.ended()
    assert (code, "Traceback" in err) == (4, False), err
    assert run.megabytes <= MOST


@pytest.mark.parametrize("name", cases(["a bomb"], ["a bomb", "an endless list", "a dense list"]))
def test_a_source_cannot_fill_the_memory(tmp_path: Path, name: str) -> None:
    with (
        Sandbox(key="test-key", fields=FIELDS, limits=None) as target,
        hostile(lambda connection, _: BODIES[name](connection)) as server,
    ):
        configured(tmp_path, target.url, rest(server.url))
        run = Run(tmp_path)
        code, err = run.ended()
    assert (code, "Traceback" in err) == (4, False), err
    assert run.megabytes <= MOST


def dripping(server: Hostile, connection: socket.socket) -> None:
    connection.sendall(head())
    while not server.wait(0.1):
        connection.sendall(b"1\r\n \r\n")


def continuing(server: Hostile, connection: socket.socket) -> None:
    while not server.wait(0.001):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


WAITS = [
    ("run", dripping, signal.SIGTERM),
    ("reconcile", dripping, signal.SIGTERM),
    ("check", continuing, signal.SIGINT),
    ("run", continuing, signal.SIGTERM),
    ("run", dripping, signal.SIGINT),
    ("fields", dripping, signal.SIGTERM),
]


@pytest.mark.parametrize(("command", "way", "number"), WAITS if SOAKING else WAITS[1:3])
def test_a_signal_ends_a_wait_for_the_target(
    tmp_path: Path, way: Callable[[Hostile, socket.socket], None], number: int, command: str
) -> None:
    with hostile(lambda connection, _: way(server, connection)) as server:
        configured(tmp_path, server.url, {})
        run = Run(tmp_path, command)
        until(lambda: server.asked)
        seconds, _ = run.signalled(number)
    assert seconds < SOON


def test_a_signal_ends_a_wait_for_a_source(tmp_path: Path) -> None:
    with (
        Sandbox(key="test-key", fields=FIELDS, limits=None) as target,
        hostile(lambda connection, _: dripping(server, connection)) as server,
    ):
        configured(tmp_path, target.url, rest(server.url))
        run = Run(tmp_path)
        until(lambda: server.asked)
        seconds, code = run.signalled()
    assert (code, seconds < SOON) == (4, True)


def test_a_signal_ends_a_wait_for_a_sign_in(tmp_path: Path) -> None:
    with (
        Sandbox(key="test-key", fields=FIELDS, limits=None) as target,
        hostile(lambda connection, _: dripping(server, connection)) as server,
    ):
        grant = {"token_url": f"{server.url}/token", "grant": "client_credentials", "client_id": "me"}
        grant |= {"client_secret": "test-secret", "tokens": "tokens.json"}
        configured(tmp_path, target.url, rest(server.url, auth={"oauth2": grant}))
        run = Run(tmp_path)
        until(lambda: server.asked == ["POST /token"])
        seconds, code = run.signalled()
    assert (code, seconds < SOON) == (4, True)


def test_a_write_that_was_begun_is_recorded_after_a_signal(world: World) -> None:
    run: list[Run] = []

    def script(connection: socket.socket, request: str) -> None:
        if request.endswith("/fields"):
            answer(connection, {"fields": FIELDS})
        elif request.startswith("GET"):
            answer(connection, {"contacts": [], "meta": {"total_pages": 0, "total_contacts": 0}})
        else:
            run[0].process.send_signal(signal.SIGTERM)
            server.wait(2.5)  # longer than a command may take after a signal
            there = {"External ID": "1", "Name": "P", "Phone": "2125550100", "Note": ""}
            answer(connection, {"contacts": [{"contact": {"id": 9, "fields": there}, "action": "created"}]})

    with hostile(script) as server:
        configured(world.folder, server.url, {})
        (world.folder / "tenants.csv").write_text("id,name,phone\n1,P,2125550100\n")
        run.append(Run(world.folder))
        code, err = run[0].ended()
    assert "Traceback" not in err
    assert code in {0, 4}
    with world.state() as state:
        assert state.ledger.pending_keys("tenants") == frozenset()
        assert state.ledger.known("tenants") == 1


def test_a_request_has_a_deadline(tmp_path: Path) -> None:
    with hostile(lambda connection, _: dripping(server, connection)) as server:
        configured(tmp_path, server.url, {}, deadline="1s")
        code, err = Run(tmp_path).ended()
    assert code == 4
    assert "when its time was up (deadline)" in err
    assert server.asked == ["GET /contacts/fields"]
