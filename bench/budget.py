"""Three processes share one key: how much of what its windows allow do they use, and are they ever told to wait?

The sandbox counts the guide's windows sixty times faster (60 a second, 1,000 a minute, 20,000 in 24 minutes). The
processes send 1,500 requests together, each as fast as its budget lets it, with the client, the budget and the state
file of real runs. Exits with 1 if a request was answered with 429, or less than 98 % was used. Takes about 70 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from syncd.budget import Budget, Window
from syncd.rest import Client
from syncd.sandbox.server import KEY, Sandbox
from syncd.state import State

WINDOWS = (Window(60, 1.0), Window(1000, 60.0), Window(20_000, 1440.0))
REQUESTS, PROCESSES, IN_FLIGHT = 1_500, 3, 4
LEAST = 0.98
READY = 3.0
"""Seconds that the processes have to start."""


def work(state: Path, url: str, requests: int) -> None:
    """Send ``requests`` requests, four at once, as a run does."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        State(state) as opened,
        Client(url, headers=headers, budget=Budget(opened.requests, WINDOWS)) as client,
        ThreadPoolExecutor(IN_FLIGHT) as pool,
    ):
        sys.stdin.readline()  # all of them begin at once
        list(pool.map(lambda _: client.request("GET", "/contacts/fields"), range(requests)))


def ideal() -> float:
    """Seconds from the first to the last request of somebody who is told exactly when each place becomes free."""
    places: list[float] = []
    for number in range(REQUESTS):
        free = [places[number - most] + seconds for most, seconds in WINDOWS if number >= most]
        places.append(max(free, default=0.0))
    return places[-1]


def main() -> int:
    """Let the processes work, and say what the server saw."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(limits=WINDOWS) as sandbox:
        state = Path(folder) / "syncd.db"
        State(state).close()
        command = [sys.executable, __file__, str(state), sandbox.url, str(REQUESTS // PROCESSES)]
        running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(PROCESSES)]
        time.sleep(READY)
        for process in running:
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        failed = sum(process.wait() != 0 for process in running)
        seen = sandbox.requests
    refused = sum(entry.status == 429 for entry in seen)
    taken = seen[-1].at - seen[0].at
    used = ideal() / taken
    print(
        f"{len(seen):,} requests by {PROCESSES} processes in {taken:.2f} s; the windows allow them in {ideal():.2f} s"
    )
    print(f"{used:.1%} of what the windows allow was used ({LEAST:.0%} must be); {refused} answers 429 (none may be)")
    return int(bool(failed or refused or used < LEAST))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
