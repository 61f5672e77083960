"""Serves the pages of many invented calls as quickly as one process can: ``python call_pages.py PORT CALLS DAYS``."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

SEGMENTS = ("AutoAttendant", "HuntGroup", "User")


def row(number: int, start: datetime) -> bytes:
    """Return a call of three segments as a list shows it."""
    stamp = start.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    journey = [
        {
            "order": order,
            "type": kind,
            "name": f"Segment {number % 7}",
            "extension": f"{100 + (number + order) % 40}",
            "start_time": stamp,
            "duration": 20 * order,
            "answered": kind == "User",
            "recording_url": f"/v1/media/rec_{number}" if kind == "User" else None,
        }
        for order, kind in enumerate(SEGMENTS, 1)
    ]
    call = {
        "call_id": f"{number:08x}-0000-4000-8000-{number:012x}",
        "direction": ("incoming", "outgoing")[number % 2],
        "status": "answered",
        "extension": f"{100 + number % 40}",
        "extension_name": f"Employee {number % 40}",
        "remote_name": f"Caller {number}",
        "remote_number": f"212555{number % 10_000:04}",
        "group_number": "9085550100",
        "start_time": stamp,
        "end_time": (start + timedelta(seconds=120)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "duration": 120,
        "journey": journey,
    }
    return json.dumps(call).encode()


class Pages(BaseHTTPRequestHandler):
    """Answers ``/calls`` by UTC days, newest first; every other list is empty."""

    protocol_version = "HTTP/1.1"
    days: ClassVar[dict[str, list[bytes]]] = defaultdict(list)

    def do_GET(self) -> None:
        """Answer a page."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = parts.path.rsplit("/", 1)[-1]
        first, last = query.get("start_date", "0"), query.get("end_date", "9")
        days = [day for day in sorted(self.days, reverse=True) if first <= day <= last] if name == "calls" else []
        found = [each for day in days for each in self.days[day]]
        page, limit = int(query.get("page", 1)), int(query.get("limit", 500))
        counts = {"page": page, "limit": limit, "total_pages": -(-len(found) // limit), f"total_{name}": len(found)}
        rows = b",".join(found[(page - 1) * limit : page * limit])
        body = b'{"query":{},"%b":[%b],"meta":%b}' % (name.encode(), rows, json.dumps(counts).encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Make the calls and serve them."""
    port, calls, days = map(int, sys.argv[1:])
    now = datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    each = calls // days
    for number in range(calls):
        day = now - timedelta(days=days + 3 - number // each)
        start = day + timedelta(seconds=8 * 3600 + number % each * 36_000 // each)
        Pages.days[f"{start:%Y-%m-%d}"].append(row(number, start))
    for rows in Pages.days.values():
        rows.reverse()
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", port), Pages).serve_forever()


if __name__ == "__main__":
    main()
