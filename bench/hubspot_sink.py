"""Delivers calls to a HubSpot account on this machine: how many a second, and with how many requests.

The account is the process of ``syncd sandbox --hubspot`` without limits. Each call has a summary and one contact. Then
summaries of all come late, and are written into the records. Exits with 1 if a call takes more than its share of two
writing requests for a hundred calls, or if fewer than 1,500 calls a second are delivered.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from connectors.hubspot.options import HubSpotSinkOptions
from connectors.hubspot.sink import HubSpotSink
from syncd.core.activity.sent import compacted, digest_of
from syncd.sink import Item, SinkRules

LEAST, CONTACTS, BATCH = 1_500, 100, 100
READING = {"batch", "properties", "list", "search", "labels"}


@contextmanager
def account() -> Iterator[tuple[str, str]]:
    """Serve an account; its address and key."""
    command = [sys.executable, "-m", "syncd", "sandbox", "--hubspot", "--port", "0", "--limits", "none"]
    process = subprocess.Popen([*command, "--seed", str(CONTACTS)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        found = re.search(r"(http://\S+) with the key (\S+)\.", process.stdout.readline())
        assert found
        yield found[1], found[2]
    finally:
        process.terminate()
        process.wait()


def requests_of(url: str) -> Counter[str]:
    """Return the requests since the last time, by operation."""
    with urllib.request.urlopen(f"{url}/_sandbox/requests") as answer:
        log = json.load(answer)["requests"]
    urllib.request.urlopen(urllib.request.Request(f"{url}/_sandbox/requests", method="DELETE")).close()
    return Counter(each["operation"] for each in log)


def row(number: int, **more: Any) -> dict[str, Any]:
    """Return an invented call."""
    return {
        "kind": "call",
        "id": f"c{number}",
        "direction": "incoming",
        "status": "answered",
        "remote_number": f"212555{number % 10_000:04}",
        "remote_name": f"Ann {number}",
        "own_number": "2125550199",
        "extension": "101",
        "start_time": f"2026-03-10T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "duration": number % 600,
        "summary": "They agreed to meet next week and to bring the papers. " * 5,
        **more,
    }


def item(sink: HubSpotSink, number: int, change: Any, known: dict[str, str], **more: Any) -> Item:
    """Return the item of a call, to be made or to be updated."""
    fields, identity = sink.render(row(number, **more)), f"call:c{number}"
    contacts = (str(number % CONTACTS + 1),) if change == "create" else ()
    sent = compacted(sink.render(row(number))) if change == "update" else {}
    return Item(identity, "call", change, fields, digest_of(fields), "2026-03-10", known.get(identity), contacts, sent)


def deliver(sink: HubSpotSink, items: Sequence[Item], known: dict[str, str]) -> None:
    """Deliver by batches; each item must be accepted, and nothing may pass for an edit of a person."""
    for start in range(0, len(items), BATCH):
        for outcome in sink.deliver(items[start : start + BATCH]):
            assert outcome.status == "accepted", outcome
            assert not outcome.kept, outcome
            known[outcome.identity] = outcome.remote_id or ""


def main() -> int:
    """Deliver, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000, help="so many calls (default: 10,000)")
    options = parser.parse_args()
    missed, known = [], dict[str, str]()
    with account() as (url, key):
        own = HubSpotSinkOptions(base_url=url, service_key=SecretStr(key))
        # The sink keeps the limits of a free account, 90 requests in ten seconds; on a fast clock they are none.
        sink = HubSpotSink("crm", own, SinkRules(contacts="crm"), timer=lambda: time.monotonic() * 10_000)
        with sink:
            sink.prepare()
            requests_of(url)
            for what, change, more in (
                ("new calls", "create", {}),
                ("late summaries", "update", {"summary": "Late."}),
            ):
                started, used = time.perf_counter(), time.process_time()
                items = [item(sink, number, change, known, **more) for number in range(options.calls)]
                deliver(sink, items, known)
                rate = options.calls / (time.perf_counter() - started)
                busy = time.process_time() - used
                asked = requests_of(url)
                writes = sum(count for name, count in asked.items() if name not in READING)
                print(
                    f"{what}: {rate:,.0f} a second, this process was busy for {busy:.1f} s; {writes} requests write,",
                    end=" ",
                )
                print(f"{asked.total() - writes} read")
                batches = -(-options.calls // BATCH)
                missed += [f"{what}: {writes} writes"] if writes > batches * (2 if change == "create" else 1) else []
                missed += [f"{what}: {rate:,.0f} a second"] if change == "create" and rate < LEAST else []
    for each in missed:
        print(f"MISSED {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
