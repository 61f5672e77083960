"""The receiver under load: how many events a second it stores durably, how long one waits, and its memory.

First 50 connections deliver as fast as they are answered; then 200 events a second come at their moments, whatever
became of those before. The receiver is the process of ``syncd receive``; each event is on the disk before its answer.
Exits with 1 if it stores less than 500 a second, if one of a hundred waits longer than 50 ms at 200 a second, or if the
process takes more than 45 MB.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

from syncd.core.activity.signature import HEADER, signed

SECRET = "s-5550100"
CONNECTIONS, EVENTS = 50, 10_000
RATE, SECONDS, LINES = 200, 20, 40
LEAST, LONGEST, MOST = 500, 0.050, 45.0


class Sender:
    """Delivers events like the guide's over connections that stay, and keeps how long each took."""

    def __init__(self, port: int, name: str) -> None:
        self.port, self.name = port, name
        self.waits: list[float] = []
        self.sent = 0

    def request(self) -> bytes:
        """Return the next delivery."""
        self.sent += 1
        data = {
            "call_id": f"{self.name}-{self.sent}",
            "direction": "incoming",
            "extension": "101",
            "extension_name": "John Doe",
            "remote_name": "Jane Smith",
            "remote_number": "5551234567",
            "group_number": "5559876543",
            "start_time": "2026-03-10T14:30:00.000Z",
            "end_time": "2026-03-10T14:31:10.000Z",
            "duration": 70,
        }
        event = {"id": f"evt_{self.name}_{self.sent}", "event_type": "call.ended", "company_id": 123, "data": data}
        body = json.dumps({**event, "timestamp": "2026-03-10T14:31:11+00:00"}).encode()
        header = signed(body, SECRET.encode(), int(time.time()))
        head = f"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{HEADER}: {header}\r\n\r\n"
        return head.encode() + body

    async def deliver(self, line: tuple[asyncio.StreamReader, asyncio.StreamWriter], since: float) -> None:
        """Deliver one event; it waits since then."""
        reader, writer = line
        writer.write(self.request())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 204"), answer
        self.waits.append(time.perf_counter() - since)

    async def lines(self, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open connections."""
        return [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(count)]


async def flood(sender: Sender) -> float:
    """Deliver as fast as possible; return the events a second."""

    async def work(line: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        while sender.sent < EVENTS:
            await sender.deliver(line, time.perf_counter())

    lines = await sender.lines(CONNECTIONS)
    begun = time.perf_counter()
    await asyncio.gather(*map(work, lines))
    return sender.sent / (time.perf_counter() - begun)


async def drizzle(sender: Sender) -> None:
    """Deliver so many a second, each at its moment."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for line in await sender.lines(LINES):
        free.put_nowait(line)

    async def one(moment: float) -> None:
        line = await free.get()
        await sender.deliver(line, moment)
        free.put_nowait(line)

    begun = time.perf_counter()
    works: list[Awaitable[None]] = []
    for number in range(RATE * SECONDS):
        moment = begun + number / RATE
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        works.append(asyncio.create_task(one(moment)))
    await asyncio.gather(*works)


def percentile(waits: Sequence[float], part: float) -> float:
    """Return the wait that this part of all stays below."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * part))]


def until(holds: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def healthy(port: int) -> bool:
    """Return whether the receiver can store."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def megabytes(pid: int) -> float:
    """Return the memory that a process holds now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024 / 1e6


def configured(folder: Path, port: int) -> Path:
    """Write a configuration and return it."""
    source = {"connector": "csv", "options": {"path": "t.csv"}, "key": "id", "mapping": {"Name": "name"}}
    receive = {"listen": f"127.0.0.1:{port}", "secret": SECRET}
    written = {"target": {"api_key": "k"}, "state": "syncd.db", "sources": {"tenants": source}}
    file = folder / "syncd.yaml"
    file.write_text(json.dumps({**written, "activity": {"store": "activity.db", "receive": receive}}))
    return file


def main() -> int:
    """Measure, print, and compare with the bars."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as name:
        folder = Path(name)
        line = [sys.executable, "-m", "syncd", "--log-level", "warning", "receive", "--config"]
        process = subprocess.Popen([*line, str(configured(folder, port))])
        try:
            until(lambda: healthy(port))
            fast, paced = Sender(port, "flood"), Sender(port, "drizzle")
            rate = asyncio.run(flood(fast))
            asyncio.run(drizzle(paced))
            memory = megabytes(process.pid)
        finally:
            process.terminate()
            process.wait()
        with closing(sqlite3.connect(folder / "activity.db")) as store:
            [(stored,)] = store.execute("SELECT count(*) FROM event").fetchall()
    long = percentile(paced.waits, 0.99)
    print(f"{rate:,.0f} durable events a second over {CONNECTIONS} connections (bar: {LEAST})")
    print(f"at {RATE} a second: half within {percentile(paced.waits, 0.5) * 1000:.1f} ms, ", end="")
    print(f"99 % within {long * 1000:.1f} ms (bar: {LONGEST * 1000:.0f}), all within {max(paced.waits) * 1000:.1f} ms")
    print(f"{memory:.1f} MB (bar: {MOST:.0f}); {stored:,} of {fast.sent + paced.sent:,} events stored")
    is_good = rate >= LEAST and long <= LONGEST and memory <= MOST and stored == fast.sent + paced.sent
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
