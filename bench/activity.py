"""Times the activity store: list rows of new calls, rows that are as they were, events, and the export.

Run it as ``python bench/activity.py [CALLS]``; 200,000 calls by default.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import Observation, of_call_row, of_event

PAGE = 500
BEGIN = 1_772_323_200.0
"""2026-03-01 in UTC."""


def row(number: int, text: str | None = None) -> dict[str, Any]:
    """Return a row of a call with three segments."""
    start = BEGIN + 17.3 * number
    parts = [("AutoAttendant", "900", 0, 15), ("HuntGroup", "300", 15, 20), ("User", str(101 + number % 40), 35, 120)]
    return {
        "call_id": str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)),
        "direction": "incoming",
        "status": "answered",
        "extension": parts[-1][1],
        "extension_name": f"Person {number % 40}",
        "remote_name": f"Caller {number % 9_000}",
        "remote_number": f"+1212555{number % 9_000:04}",
        "group_number": "5559876543",
        "start_time": iso(start),
        "end_time": iso(start + 155),
        "duration": 155,
        "journey": [
            {
                "order": order,
                "type": kind,
                "name": f"{kind} {extension}",
                "extension": extension,
                "start_time": iso(start + after),
                "end_time": iso(start + after + duration),
                "duration": duration,
                "answered": kind == "User",
                "recording_url": f"https://api.vocatech.com/v1/media/rec_{number}" if kind == "User" else None,
                "summary": text if kind == "User" else None,
                "transcription": text and text * 20 if kind == "User" else None,
            }
            for order, (kind, extension, after, duration) in enumerate(parts)
        ],
    }


class Timed:
    """Notes what each step took, in wall time and in processor time."""

    def __init__(self) -> None:
        self.steps: dict[str, list[tuple[float, float]]] = {}

    def __call__(self, name: str, step: Callable[..., Any], *given: Any, **how: Any) -> Any:
        """Do a step, and note what it took."""
        wall, busy = time.perf_counter(), time.process_time()
        result = step(*given, **how)
        self.steps.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - busy))
        return result

    def show(self) -> None:
        """Print a line for each kind of step."""
        for name, taken in self.steps.items():
            walls, busy = sorted(each[0] for each in taken), sum(each[1] for each in taken)
            median = walls[len(walls) // 2] * 1000
            print(
                f"{name:<34} {len(taken):>5} times  median {median:8.1f} ms  "
                f"processor {busy / len(taken) * 1000:8.1f} ms  in all {sum(walls):7.1f} s"
            )


def pull(store: ActivityStore, calls: int, timed: Timed) -> None:
    """Take every call, page by page, as a pull does."""
    at = BEGIN + 86_400.0 * 40
    for page in range(calls // PAGE):
        rows = [row(page * PAGE + number) for number in range(PAGE)]
        seen = timed("500 rows observed", observed, rows, at)
        digests = {each.key: number for number, each in enumerate(seen)}
        timed("500 new calls taken", store.activities.take, seen, by="list", arrived=at, digests=digests)
        timed("500 rows known by digest", store.activities.digests, "call", digests)


def late(store: ActivityStore, calls: int, timed: Timed) -> None:
    """Take what comes later of the first calls: their texts, and the events of their ends."""
    at = BEGIN + 86_400.0 * 40 + 3600
    for page in range(min(20, calls // PAGE)):
        rows = [row(page * PAGE + number, "They talked about the roof. ") for number in range(PAGE)]
        timed("500 calls get their texts", store.activities.take, observed(rows, at), by="list", arrived=at)
        events = [found for each in rows if (found := of_event(ended(each), at))]
        timed("500 events taken", store.activities.take, events, by="webhook", arrived=at)


def observed(rows: Iterable[dict[str, Any]], at: float) -> list[Observation]:
    """Return what the rows say."""
    return [found for each in rows if (found := of_call_row(each, at))]


def ended(listed: dict[str, Any]) -> dict[str, Any]:
    """Return the event of the end of the call."""
    names = ("call_id", "direction", "extension", "remote_number", "start_time", "end_time", "duration")
    data = {name: listed[name] for name in names}
    return {"event_type": "call.ended", "timestamp": listed["end_time"], "data": data}


def main(calls: int) -> None:
    """Time everything on a new store, and print it."""
    timed = Timed()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "activity.db"
        with ActivityStore(path) as store:
            pull(store, calls, timed)
            late(store, calls, timed)
            timed(f"{calls} rows selected", lambda: sum(1 for _ in store.activities.select()))
        timed.show()
        print(f"{path.stat().st_size / calls:.0f} bytes a call (the first 10,000 have texts)")
    scale = 1 if sys.platform == "darwin" else 1024
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6:.0f} MB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
