"""``make bench``: syncd beside a keyed pandas script on the same machine, in one table, with what is asked of it.

Whole processes are measured: wall time from start to end, memory at its most. Each figure is the best of several
rounds, and the rounds take turns, so that a busy minute of the machine falls on all of them. What each process finds
is compared with what the data are known to hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from company import Company, sandbox
from database import CHANGED, Database, database, reader
from measure import Measured, measure
from snapshots import Truth, make, newcomers

HERE = Path(__file__).parent
PORT = 18_931
"""Of the sandbox that the kept state belongs to: a state file speaks of one target."""


@dataclass
class Best:
    """The best of several rounds: ``seconds``, ``busy`` and ``megabytes`` each for itself."""

    seconds: float = float("inf")
    busy: float = float("inf")
    megabytes: float = float("inf")

    def add(self, measured: Measured) -> None:
        self.seconds = min(self.seconds, measured.seconds)
        self.busy = min(self.busy, measured.busy)
        self.megabytes = min(self.megabytes, measured.megabytes)


def expect(what: str, found: object, wanted: object) -> None:
    """End the benchmark when something was found that is not so: then its figures mean nothing."""
    if found != wanted:
        raise SystemExit(f"{what}: found {found}, but it is {wanted}")


def counts(measured: Measured) -> dict[str, int]:
    """What a run says it found."""
    report: dict[str, Any] = json.loads(measured.output)
    found: dict[str, int] = report["sources"][0]["counts"]
    return found


def warm(folder: Path, url: str, data: Path, truth: Truth) -> Company:
    """A company whose target holds the first snapshot; its state is kept from one benchmark to the next."""
    company = Company(folder, url)
    company.export(data / "before.csv")
    if not (folder / "loaded").exists():
        print(f"first load of {truth.active:,} contacts …", end=" ", flush=True)
        load = company.run()
        expect("contacts at the target", company.contacts(), truth.active)
        (folder / "loaded").touch()
        rate = truth.active / load.seconds
        print(f"{load.seconds:.1f} s, {load.megabytes:,.0f} MB, {rate:,.0f} contacts/s", flush=True)
    return company


def pandas(data: Path, truth: Truth) -> Measured:
    """The baseline."""
    script = [sys.executable, str(HERE / "pandas_diff.py"), str(data / "before.csv"), str(data / "after.csv")]
    measured = measure([*script, "tenant_id"])
    wanted = {"added": truth.added, "removed": truth.removed, "changed": truth.changed}
    expect("pandas", json.loads(measured.output), wanted)
    return measured


def changes(company: Company, data: Path, truth: Truth) -> Measured:
    """A dry run of the second snapshot over the state of the first."""
    company.export(data / "after.csv")
    measured = company.run("--json", "--dry-run")
    found = counts(measured)
    same = truth.active - truth.changed - truth.removed
    wanted = {"create": truth.added, "update": truth.changed, "delete": truth.removed, "unchanged": same}
    expect("syncd, changes", {kind: found[kind] for kind in wanted}, wanted)
    return measured


def unchanged(company: Company, data: Path, truth: Truth) -> Measured:
    """A run of a file that is what it was."""
    company.export(data / "before.csv")
    measured = company.run("--json")
    expect("syncd, unchanged", counts(measured)["unchanged"], truth.active)
    return measured


def push(snapshot: Path, rows: int) -> tuple[Measured, float]:
    """Load ``rows`` new contacts into an empty sandbox; the process, and the seconds that its server saw batches."""
    with tempfile.TemporaryDirectory() as folder, sandbox() as url:
        company = Company(Path(folder), url)
        company.export(snapshot)
        measured = company.run()
        expect("contacts at the target", company.contacts(), rows)
        return measured, company.push_seconds()


def read_table(company: Company, truth: Truth) -> Measured:
    """A run that reads a whole table in which nothing has changed."""
    measured = company.run("--json")
    expect("syncd, SQL", counts(measured)["unchanged"], truth.active)
    return measured


def read_changes(company: Company) -> Measured:
    """A dry run that reads the changed rows of a table."""
    measured = company.run("--json", "--dry-run")
    expect("syncd, incremental", (counts(measured)["update"], counts(measured)["delete"]), (CHANGED, 0))
    return measured


def rounds_of_sql(base: Database, loaded: Company, truth: Truth, options: argparse.Namespace) -> dict[str, Best]:
    """Measure what is read from PostgreSQL, beside psql."""
    best = {name: Best() for name in ("psql", "sql", "start", "incremental")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = reader(folder / "whole", loaded, base, incremental=False)
        partly = reader(folder / "partly", loaded, base, incremental=True)
        base.change()
        for number in range(1, options.rounds + 1):
            print(f"SQL round {number} of {options.rounds} …", flush=True)
            best["psql"].add(base.copied(folder))
            best["sql"].add(read_table(whole, truth))
            best["start"].add(partly.command("status"))
            best["incremental"].add(read_changes(partly))
    return best


def rounds(options: argparse.Namespace, folder: Path, truth: Truth) -> tuple[dict[str, Best], float]:
    """Measure everything ``options.rounds`` times, in turns; the best of each, and of the seconds of pushing."""
    best = {name: Best() for name in ("pandas", "changes", "unchanged", "push")}
    pushing = float("inf")
    new = folder / f"new-{options.push}.csv"
    if not new.exists():
        newcomers(new, options.push)
    with sandbox(options.port) as url:
        company = warm(folder / "company", url, folder, truth)
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds} …", flush=True)
            best["pandas"].add(pandas(folder, truth))
            best["changes"].add(changes(company, folder, truth))
            best["unchanged"].add(unchanged(company, folder, truth))
            measured, seconds = push(new, options.push)
            best["push"].add(measured)
            pushing = min(pushing, seconds)
        with database(folder / "before.csv") as base:
            if base:
                best |= rounds_of_sql(base, company, truth, options)
    return best, pushing


def table(best: dict[str, Best], pushing: float, options: argparse.Namespace) -> bool:
    """Print the figures beside what is asked of them; whether all are met."""
    base, missed = best["pandas"], []
    lines = [("", "seconds", "of pandas", "asked", "CPU s", "MB", "of pandas", "asked")]
    for name, what, time_bar, memory_bar in (
        ("pandas", f"pandas: merge two snapshots of {options.rows:,} rows", None, None),
        ("changes", "syncd run --dry-run: the same 1 % of changes", 0.4, 0.5),
        ("unchanged", "syncd run: an unchanged file", 0.2, None),
        ("push", f"syncd run: {options.push:,} new contacts", None, None),
    ):
        each = best[name]
        time, memory = each.seconds / base.seconds, each.megabytes / base.megabytes
        missed += [f"time of {name}"] if time_bar and time > time_bar else []
        missed += [f"memory of {name}"] if memory_bar and memory > memory_bar else []
        times = (f"{each.seconds:.2f}", f"{time:.2f}", f"≤ {time_bar}" if time_bar else "")
        sizes = (f"{each.megabytes:,.0f}", f"{memory:.2f}", f"≤ {memory_bar}" if memory_bar else "")
        lines.append((what, *times, f"{each.busy:.2f}", *sizes))
    show(lines)
    whole, alone = options.push / best["push"].seconds, options.push / pushing
    print(f"\npushed: {whole:,.0f} contacts/s over the whole process (asked: ≥ 15,000), {alone:,.0f} while pushing")
    missed += ["contacts/s"] if whole < 15_000 else []
    missed += sql_table(best) if "sql" in best else ["everything of SQL: no PostgreSQL server answers"]
    print(f"missed: {', '.join(missed)}" if missed else "all that is asked is met")
    return not missed


def sql_table(best: dict[str, Best]) -> list[str]:
    """Print the figures of SQL sources; return what is missed."""
    most = 2 * best["psql"].seconds + best["changes"].seconds
    quick = best["start"].seconds + 1
    bars = {"sql": (most, 700), "incremental": (quick, 700)}
    titles = {
        "psql": "psql: \\copy the same rows from PostgreSQL to a file",
        "sql": "syncd run: the rows from PostgreSQL, nothing to do",
        "start": "syncd status: what starting takes",
        "incremental": f"syncd run --dry-run: {CHANGED} changed rows of them",
    }
    lines = [("", "seconds", "asked", "CPU s", "MB", "asked")]
    for name, title in titles.items():
        each, (time, size) = best[name], bars.get(name, (0.0, 0))
        asked = (f"≤ {time:.2f}", f"≤ {size}") if time else ("", "")
        lines.append((title, f"{each.seconds:.2f}", asked[0], f"{each.busy:.2f}", f"{each.megabytes:,.0f}", asked[1]))
    show(lines)
    missed = [f"time of {name}" for name, (time, _) in bars.items() if best[name].seconds > time]
    return missed + [f"memory of {name}" for name, (_, size) in bars.items() if best[name].megabytes > size]


def show(lines: Sequence[Sequence[str]]) -> None:
    """Print columns, numbers at the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print()
    for first, *rest in lines:
        print(first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)))


def main() -> int:
    """Make what is missing, measure, print; 1 when something that is asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each snapshot (default: 1,000,000)")
    parser.add_argument("--push", type=int, default=100_000, help="new contacts to push (default: 100,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default: 3)")
    parser.add_argument("--port", type=int, default=PORT, help="of the sandbox that the kept state belongs to")
    parser.add_argument("--fresh", action="store_true", help="make the data and the state anew")
    options = parser.parse_args()
    folder = HERE / "data" / str(options.rows)
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    truth = make(folder, options.rows)
    best, pushing = rounds(options, folder, truth)
    return 0 if table(best, pushing, options) else 1


if __name__ == "__main__":
    sys.exit(main())
