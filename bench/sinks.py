"""Delivers many calls to PostgreSQL with the sink ``sql``, beside a script that inserts row by row.

A call has three segments and a contact. The script gets a tenth of the calls, and is shown as if it had all. Prints
seconds and memory; returns 1 when more is used than asked, when the script is faster, or when a second delivery changes
a row. Does nothing where no PostgreSQL server lets us make a database.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from measure import Measured, measure

ROOT = Path(__file__).parent.parent
SECONDS, OF_THE_SINK, MEGABYTES = 10.0, 6.0, 400.0
PART = 10
TABLES = ("calls", "call_segments", "activity_contacts")


def rows(calls: int) -> Iterator[dict[str, Any]]:
    """Yield invented calls, evenly over thirty days."""
    for number in range(calls):
        begin = f"2026-03-{number * 30 // calls + 1:02}T{number % 10 + 8:02}:{number % 60:02}:00Z"
        segment = {"type": "extension", "name": "Front desk", "extension": "101", "start_time": begin,
                   "duration": 20.5, "answered": True, "media_id": None, "path": None}  # fmt: skip
        yield {
            "kind": "call", "id": f"call_{number * 7919 % 10**9:09}", "direction": "incoming", "status": "answered",
            "outcome": "Answered", "remote_number": f"1212555{number % 10_000:04}", "remote_name": f"Caller {number}",
            "own_number": "12125550100", "extension": "101", "extension_name": "Front desk", "start_time": begin,
            "answer_time": begin, "end_time": begin, "duration": 60, "talk": 41.5,
            "summary": f"Asks for an appointment, the {number}th this month." if number % 2 else None,
            "transcription": None, "segments": [{"n": n, **segment} for n in (1, 2, 3)], "first_by": "webhook",
            "settled": True, "missing_since": None, "attribution": "matched",
            "contacts": [{"source": "crm", "key": str(number % 5_000)}],
        }  # fmt: skip


def deliver(url: str, calls: int) -> dict[str, float]:
    """Deliver all calls as new; return the seconds for wording them, and those of the sink."""
    from syncd.__main__ import RARELY
    from syncd.sink import Item, SinkRules, sink_class

    # As every command of syncd does.
    gc.set_threshold(*RARELY)
    kind = sink_class("sql")
    sink = kind("bench", kind.OPTIONS.model_validate({"url": url}), SinkRules())
    spent = {"render": 0.0, "deliver": 0.0}
    left = rows(calls)
    while batch := list(islice(left, sink.wants().batch)):
        begun = time.perf_counter()
        fields = [sink.render(row) for row in batch]
        rendered = time.perf_counter()
        items = [
            Item(f"call:{row['id']}", "call", "create", of_row, digest=0, day=row["start_time"][:10])
            for row, of_row in zip(batch, fields, strict=True)
        ]
        given = time.perf_counter()
        outcomes = sink.deliver(items)
        spent["deliver"] += time.perf_counter() - given
        spent["render"] += rendered - begun
        if any(outcome.status != "accepted" for outcome in outcomes):
            raise RuntimeError("not all calls were accepted")
    sink.close()
    return spent


def insert(url: str, calls: int) -> dict[str, float]:
    """Insert or update row by row, as scripts do: one transaction, one statement a row."""
    begun = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for row in rows(calls):
            fields = {name: value for name, value in row.items() if name not in {"kind", "segments", "contacts"}}
            cursor.execute(upsert("calls", list(fields), ["id"]), list(fields.values()))
            for segment in row["segments"]:
                names = ["call_id", *segment]
                cursor.execute(upsert("call_segments", names, ["call_id", "n"]), [row["id"], *segment.values()])
            for n, contact in enumerate(row["contacts"], 1):
                names = ["kind", "channel", "activity_id", "n", *contact]
                values = ["call", "", row["id"], n, *contact.values()]
                cursor.execute(upsert("activity_contacts", names, names[:4]), values)
    return {"insert": time.perf_counter() - begun}


def upsert(table: str, names: Sequence[str], key: Sequence[str]) -> str:
    """Return the statement for one row."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    marks = ", ".join(["%s"] * len(names))
    columns, unique = ", ".join(names), ", ".join(key)
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({unique}) DO UPDATE SET {changed}"


@contextmanager
def database() -> Iterator[str | None]:
    """Make a database while the block lasts; None where no server lets us."""
    server = os.environ.get("SYNCD_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
    name = f"syncd_bench_{os.getpid()}"
    try:
        run(f"{server}/postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    except psycopg.Error:
        yield None
        return
    try:
        yield f"{server}/{name}"
    finally:
        run(f"{server}/postgres", f"DROP DATABASE {name} WITH (FORCE)")


def run(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def versions(url: str) -> list[list[tuple[Any, ...]]]:
    """Return where each row stands and which transaction wrote it: an update changes both."""
    digest = "md5(string_agg(ctid::text || xmin::text || xmax::text, ',' ORDER BY ctid))"
    return [run(url, f"SELECT count(*), {digest} FROM {table}") for table in TABLES]


def child(what: str, url: str, calls: int) -> Measured:
    """Run one of the functions as a process."""
    return measure([sys.executable, __file__, "--calls", str(calls), "--child", what, "--url", url])


def show(what: str, found: Measured, note: str, *, factor: int = 1) -> None:
    """Print a line of the result."""
    seconds, busy = found.seconds * factor, found.busy * factor
    print(f"{what:<26} {seconds:6.1f} s  {busy:6.1f} s busy  {found.megabytes:5.0f} MB  {note}")


def main() -> int:
    """Measure, print; 1 when something asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--child", choices=["deliver", "insert"])
    parser.add_argument("--url")
    options = parser.parse_args()
    if options.child:
        sys.path.insert(0, str(ROOT))
        print(json.dumps({"deliver": deliver, "insert": insert}[options.child](options.url, options.calls)))
        return 0
    with database() as url:
        if url is None:
            print("no PostgreSQL server lets us make a database: nothing is measured")
            return 0
        return compared(url, options.calls)


def compared(url: str, calls: int) -> int:
    """Measure the sink twice and the script once, and print."""
    first = child("deliver", url, calls)
    before = versions(url)
    again = child("deliver", url, calls)
    ok = versions(url) == before and before[0][0][0] == calls
    for what, found in (("sink sql, %s calls", first), ("again, nothing changed", again)):
        spent = json.loads(found.output)
        note = f"of these {spent['deliver']:.1f} s in the sink, {spent['render']:.1f} s for the wording"
        show(what.replace("%s", f"{calls:,}"), found, note)
        ok = ok and found.seconds <= SECONDS and spent["deliver"] <= OF_THE_SINK and found.megabytes <= MEGABYTES
    run(url, f"TRUNCATE {', '.join(TABLES)}")
    script = child("insert", url, calls // PART)
    seconds = json.loads(script.output)["insert"] * PART
    show("a script, INSERT per row", script, f"{seconds / first.seconds:.1f} times as long", factor=PART)
    print("no row was changed by the second delivery" if ok else "a bar was missed")
    return 0 if ok and first.seconds < seconds else 1


if __name__ == "__main__":
    sys.exit(main())
