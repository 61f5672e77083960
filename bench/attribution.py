"""Times whose calls are: the index of all numbers from a state with its history, and the decisions.

Run it as ``python bench/attribution.py [--calls N] [--contacts N]``; a million of each by default. Every twentieth
number moved to another contact within the history. The work is done by a process of its own, whose memory is measured.
Returns 1 when more is used than asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from measure import measure

from syncd.activity.attributing.index import Regions, index_of
from syncd.activity.attributing.work import PAGE
from syncd.core.activity.attribution.deciding import Rules, decide
from syncd.core.schema import Field, Schema
from syncd.state import State

SECONDS, MEGABYTES = 3.0, 500.0
"""For the index and the decisions together, and of the whole process."""
BEGIN = 1_772_323_200.0
"""2026-03-01 in UTC; the contacts are made in the ten days from then, the numbers move in the twenty days after."""
DAY = 86_400.0
NOW = BEGIN + 40 * DAY
SCHEMA = Schema(
    (Field(1, "External ID", is_match=True), Field(2, "Contact"), Field(3, "Phone", is_phone=True), Field(4, "Email"))
)
_CONTACT = (
    "INSERT INTO contact (source, key, digest, status, remote_id, origin, match, fields, created_at, updated_at)"
    " VALUES ('tenants', ?, 1, 'accepted', ?, 'created', ?, ?, ?, ?)"
)
_CHANGE = (
    "INSERT INTO change (id, run, source, key, kind, new_id, match, digest, before, after, horizon, outcome, at)"
    " VALUES (?, 'r', 'tenants', ?, ?, ?, ?, 1, ?, ?, 0, 'accepted', ?)"
)


def number(n: int, contacts: int) -> str:
    """Return the digits of a number, another one for each ``n``."""
    return str(2_120_000_000 + n * 7919 % max(contacts, 7_000_000))


def fields(n: int, phone: str) -> str:
    """Return the fields of a contact."""
    found = {"External ID": str(n), "Contact": f"Person Number {n}", "Phone": phone, "Email": f"p{n}@example.com"}
    return json.dumps(found, separators=(",", ":"))


def build(path: Path, contacts: int) -> None:
    """Make a state: every contact was created; every twentieth gave its number to the next one, and got another one."""
    with State(path, clock=lambda: NOW) as state, state.write():
        state.facts.fields("tenants").set(SCHEMA.described())
        made = [BEGIN + 10 * DAY * n / contacts for n in range(contacts)]
        state.execute_many(_CONTACT, [*_contacts(contacts, made)])
        state.execute_many(_CHANGE, [*_changes(contacts, made)])
        state.put("fact", name="journal.newest", value=str(2 * contacts))


def _contacts(contacts: int, made: list[float]) -> Iterator[tuple[object, ...]]:
    for n in range(contacts):
        at = n - 1 if n % 20 == 1 else n + contacts if n % 20 == 0 else n
        yield str(n), n, str(n), fields(n, number(at, contacts)), made[n], made[n]


def _changes(contacts: int, made: list[float]) -> Iterator[tuple[object, ...]]:
    for n in range(contacts):
        yield n + 1, str(n), "create", n, str(n), None, fields(n, number(n, contacts)), made[n]
    for n in range(contacts):
        if n % 20 < 2:
            at = n - 1 if n % 20 else n + contacts
            now, before = fields(n, number(at, contacts)), fields(n, number(n, contacts))
            moved = BEGIN + 10 * DAY + 20 * DAY * (n - n % 20) / contacts
            yield contacts + n + 1, str(n), "update", n, str(n), before, now, moved


def activities(path: Path, calls: int, contacts: int) -> None:
    """Write the numbers and times of calls: over forty days, from the contacts' numbers."""
    frame = pl.DataFrame(
        {
            "number": [number(n * 31 % contacts, contacts) for n in range(calls)],
            "at": [BEGIN + 40 * DAY * n / calls for n in range(calls)],
        }
    )
    frame.with_columns(direction=pl.lit("incoming"), unknown=pl.lit(value=False)).write_ipc(path)


def work(folder: Path, count: int) -> None:
    """Do what is measured, and print what each part took."""
    begun, begun_busy = time.perf_counter(), time.process_time()
    with State(folder / "syncd.db", read_only=True, clock=lambda: NOW) as state:
        index = index_of(state, Regions({"tenants": "US"}), NOW)
    built, built_busy = time.perf_counter() - begun, time.process_time() - begun_busy
    calls = pl.scan_ipc(folder / "calls.arrow")
    taken, taken_busy, found = 0.0, 0.0, []
    rules = Rules(shared="first", late=90 * DAY, horizon=index.horizon, now=NOW)
    for start in range(0, count, PAGE):
        asked = calls.slice(start, PAGE).collect()
        loaded, loaded_busy = time.perf_counter(), time.process_time()
        decided = decide(asked, index.periods, {"2125550100"}, rules)
        taken += time.perf_counter() - loaded
        taken_busy += time.process_time() - loaded_busy
        found.append(decided.group_by("outcome", "as_of").len())
    counts = pl.concat(found).group_by("outcome", "as_of").agg(pl.col("len").sum()).sort("outcome", "as_of").rows()
    print(json.dumps({"index": [built, built_busy], "decide": [taken, taken_busy], "counts": counts}))


def main() -> int:
    """Measure, print; 1 when something asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--part", choices=("build", "work"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "build":
        build(options.folder / "syncd.db", options.contacts)
        activities(options.folder / "calls.arrow", options.calls, options.contacts)
        return 0
    if options.part == "work":
        work(options.folder, options.calls)
        return 0
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, __file__, "--folder", name, *sys.argv[1:], "--part"]
        measure([*command, "build"])
        measured = measure([*command, "work"])
    found = json.loads(measured.output)
    print(f"{options.calls:,} calls, {options.contacts:,} contacts with history")
    for name, part in (("index from the state", "index"), ("decisions", "decide")):
        print("{:<22} {:6.2f} s, {:6.2f} s busy".format(name, *found[part]))
    print(f"the whole process      {measured.seconds:6.2f} s, {measured.busy:6.2f} s busy, {measured.megabytes:.0f} MB")
    for outcome, as_of, count in found["counts"]:
        print(f"  {outcome} as of {as_of}: {count:,}")
    seconds = found["index"][0] + found["decide"][0]
    print(f"index and decisions    {seconds:6.2f} s")
    return 0 if seconds <= SECONDS and measured.megabytes <= MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
