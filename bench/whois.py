"""Times ``syncd whois`` on a ledger of a million contacts: whole processes, with their start.

Run it as ``python bench/whois.py [--contacts N] [--rounds N]``. Asked are a number of one contact, a number that moved,
and a number that nobody has. What the index of numbers takes to be made, and to follow a hundredth of the contacts, is
told too. Returns 1 when more is used than asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from attribution import NOW, SCHEMA, build, number
from measure import measure

from syncd.state import State

SECONDS, MEGABYTES = 0.6, 150.0
CONFIGURATION = {
    "target": {"api_key": "${SYNCD_BENCH_NO_KEY}", "base_url": "https://127.0.0.1:9/v1"},
    "state": "syncd.db",
    "sources": {
        "tenants": {"connector": "csv", "options": {"path": "x.csv"}, "key": "id", "mapping": {"External ID": "id"}}
    },
}


def prepare(folder: Path, contacts: int) -> None:
    """Make a state with its index, and print the seconds that the index took."""
    build(folder / "syncd.db", contacts)
    (folder / "syncd.yaml").write_text(json.dumps(CONFIGURATION))
    with State(folder / "syncd.db", clock=lambda: NOW) as state:
        begun = time.perf_counter()
        state.holders.refresh(SCHEMA.phones, display="Contact", run="r")
        made = time.perf_counter() - begun
        # Every hundredth contact gets another name.
        state.execute("UPDATE contact SET fields = replace(fields, 'Person', 'Tenant') WHERE key LIKE '%00'")
        begun = time.perf_counter()
        state.holders.refresh(SCHEMA.phones, display="Contact", run="r")
        print(json.dumps({"made": made, "followed": time.perf_counter() - begun}))


def main() -> int:
    """Measure, print; 1 when something asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        prepare(options.folder, options.contacts)
        return 0
    with tempfile.TemporaryDirectory() as name:
        made = measure([sys.executable, __file__, "--folder", name, "--contacts", str(options.contacts)])
        index = json.loads(made.output)
        print(f"index of {options.contacts:,} contacts: {index['made']:.2f} s; a hundredth: {index['followed']:.2f} s")
        print(f"  the process that made both: {made.megabytes:.0f} MB")
        asked = {"one contact": 7, "a number that moved": 0, "nobody": 13 * options.contacts}
        worst = 0.0, 0.0
        for what, at in asked.items():
            command = [sys.executable, "-m", "syncd", "whois", number(at, options.contacts), "--json"]
            command += ["--config", str(Path(name) / "syncd.yaml")]
            rounds = [measure(command) for _ in range(options.rounds)]
            seconds, size = min(each.seconds for each in rounds), max(each.megabytes for each in rounds)
            found = json.loads(rounds[0].output)
            worst = max(worst[0], seconds), max(worst[1], size)
            told = f"{len(found['contacts'])} now, {len(found['before'])} before"
            print(
                f"{what:<20} {seconds:5.2f} s (asked: ≤ {SECONDS}), {size:4.0f} MB (asked: ≤ {MEGABYTES:.0f}); {told}"
            )
    return 0 if worst[0] <= SECONDS and worst[1] <= MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
