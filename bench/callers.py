"""What it takes to say of a plan whose name a phone shows: dry runs of 1 % of changes, with callers and without them.

Whole processes are measured, in turns; the best of several rounds counts. Prints seconds and memory; 1 when more is
used than asked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from company import Company, sandbox
from measure import Measured, measure
from run import Best, expect

HERE = Path(__file__).parent
PORT = 18_934
"""Of the sandbox that the kept state belongs to: a state file speaks of one target."""

MORE = 0.15
"""The time that callers may add."""

WITHOUT = (
    "import sys, syncd.report.run_outcome as outcome, syncd.cli; outcome.report_callers = lambda *_: None;"
    " sys.exit(syncd.cli.main(sys.argv[1:]))"
)
"""A process that does not look at callers."""

HEADER = "tenant_id,first_name,last_name,company,email,mobile,home_phone,work_phone,status\n"
FIRST = ("Ann", "Bob", "Cy", "Dee", "Eve", "Flo", "Gus", "Hal", "Ida", "Jo")
LAST = ("Smith", "Jones", "Lee", "Brown", "Diaz", "Chan", "Park", "Cole", "Ross", "Vega")
EVERY = 100
FATES = ("renamed", "shares", "removed", "moved")
"""What becomes of one row in :data:`EVERY`, in turns."""


def number(place: int) -> str:
    """An invented number; each place below eight millions has its own."""
    return f"({200 + place // 10_000}) 555-{place % 10_000:04}"


def row(place: int, fate: str = "") -> str:
    """One row; every third person has two numbers."""
    last = LAST[place // 10 % 10] + ("-New" if fate == "renamed" else "")
    mobile = number(place + (2_000_000 if fate == "moved" else 0))
    home = number(place + 4_000_000) if place % 3 == 0 else ""
    work = number(place + 1) if fate == "shares" else ""
    first = FIRST[place % 10]
    return f"{place},{first},{last},Company {place % 5000},{first}{place}@example.com,{mobile},{home},{work},active\n"


def later(rows: int, counts: Counter[str]) -> Iterator[str]:
    """The rows of the second export; ``counts``: what becomes of callers."""
    for place in range(rows):
        fate = FATES[place // EVERY % 4] if place % EVERY == 0 else ""
        numbers = 2 if place % 3 == 0 else 1
        if fate == "renamed":
            counts["change"] += numbers
        elif fate == "shares":
            counts["ambiguous"] += 1
        elif fate == "removed":
            counts["lose"] += numbers
            continue
        elif fate == "moved":
            counts["lose"] += 1
            counts["gain"] += 1
        yield row(place, fate)


def exports(folder: Path, rows: int) -> Counter[str]:
    """Write ``before.csv`` and ``after.csv``; return what becomes of callers from one to the other."""
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    for name, lines in (("before.csv", map(row, range(rows))), ("after.csv", later(rows, counts))):
        with (folder / name).open("w", encoding="utf-8") as file:
            file.write(HEADER)
            file.writelines(lines)
    return counts


DRY = ("--dry-run", "--json")


def without(company: Company) -> Measured:
    """A dry run that does not look at callers."""
    config = str(company.folder / "syncd.yaml")
    return measure([sys.executable, "-c", WITHOUT, "--log-level", "warning", "--config", config, "run", *DRY])


def main() -> int:
    """Load a sandbox once, measure dry runs with and without callers, print; 1 when it takes more than asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="contacts of the company (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default: 3)")
    parser.add_argument("--port", type=int, default=PORT, help="of the sandbox that the kept state belongs to")
    parser.add_argument("--fresh", action="store_true", help="make the data and the state anew")
    options = parser.parse_args()
    folder = HERE / "data" / f"callers-{options.rows}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    counts = exports(folder, options.rows)
    best = {"with": Best(), "without": Best()}
    with sandbox(options.port) as url:
        company = Company(folder / "company", url)
        if not (folder / "loaded").exists():
            company.export(folder / "before.csv")
            load = company.run("--json")
            gained = json.loads(load.output)["callers"]["counts"]["gain"]
            expect("numbers at the target", gained, options.rows + -(-options.rows // 3))
            print(
                f"first load of {options.rows:,} contacts: {load.seconds:.1f} s, {load.megabytes:,.0f} MB", flush=True
            )
            (folder / "loaded").touch()
        company.export(folder / "after.csv")
        for _ in range(options.rounds):
            best["without"].add(without(company))
            measured = company.run(*DRY)
            expect("callers", Counter(json.loads(measured.output)["callers"]["counts"]), counts)
            best["with"].add(measured)
    more = best["with"].seconds / best["without"].seconds - 1
    for name, each in best.items():
        print(f"dry run of 1 % of {options.rows:,}, {name} callers: {each.seconds:.2f} s, {each.megabytes:,.0f} MB")
    print(f"callers take {more:.1%} more time (asked: ≤ {MORE:.0%})")
    return 1 if more > MORE else 0


if __name__ == "__main__":
    sys.exit(main())
