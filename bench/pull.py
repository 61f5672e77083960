"""Pulls many calls with ``syncd activity pull``, beside a ``rest_api`` pipeline of dlt over the same pages.

dlt is installed into an environment that is thrown away; without a network only syncd is measured. Prints seconds,
memory and requests; returns 1 when more is used than asked.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Measured, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
SECONDS, MEGABYTES = 25.0, 250.0
EXPORT = 200.0
"""Megabytes of the export, however many calls there are."""
SYNCD = [sys.executable, "-m", "syncd"]
AGAIN = 0.3
"""Seconds of syncd's own time for an unchanged day of 5,000 calls."""


@contextmanager
def pages(calls: int, days: int) -> Iterator[str]:
    """Serve the calls, and give the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, HERE / "call_pages.py", str(port), str(calls), str(days)])
    url = f"http://127.0.0.1:{port}/v1"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/messages").close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        server.kill()
        server.wait()


def pull(folder: Path, *days: str) -> Measured:
    """Run one pull as a process."""
    command = [*SYNCD, "--config", str(folder / "syncd.yaml"), "activity", "pull", "--json"]
    return measure([*command, *(["--days", *days] if days else [])])


def configure(folder: Path, url: str, since: int) -> None:
    """Write a configuration without limits."""
    written = {
        "target": {"api_key": "bench-key", "base_url": url, "limits": []},
        "state": "syncd.db",
        "sources": {
            "none": {
                "connector": "csv",
                "options": {"path": "none.csv"},
                "key": "id",
                "mapping": {"External ID": "id"},
            }
        },
        "activity": {"since": f"{since}d"},
    }
    (folder / "syncd.yaml").write_text(json.dumps(written))


def beside(folder: Path, url: str, first: str, last: str) -> Measured | None:
    """Load the same pages with dlt; None if it cannot be installed."""
    place = folder / "dlt"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    install = [str(place / "bin" / "pip"), "install", "-q", "dlt[duckdb]", "requests"]
    if subprocess.run(install, check=False, stderr=subprocess.DEVNULL).returncode:
        return None
    return measure([str(place / "bin" / "python"), str(HERE / "dlt_calls.py"), url, first, last, str(folder)])


def show(what: str, found: Measured, note: str = "") -> None:
    """Print a line of the result."""
    print(f"{what:<34} {found.seconds:7.1f} s  {found.busy:7.1f} s busy  {found.megabytes:6.0f} MB  {note}")


def main() -> int:
    """Measure, print; 1 when something asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--alone", action="store_true", help="do not measure dlt")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, pages(options.calls, options.days) as url:
        folder = Path(name)
        configure(folder, url, options.days + 4)
        first = pull(folder)
        report = json.loads(first.output)
        show(f"syncd pull, {options.calls:,} calls", first, f"{report['requests']} requests")
        today = datetime.fromtimestamp(time.time(), UTC)
        oldest, newest = (f"{today - timedelta(days=back):%Y-%m-%d}" for back in (options.days + 3, 4))
        same = pull(folder, f"{newest}")
        again = json.loads(same.output)
        # What is left without the start of the process and the opening of the store, as a day without calls has it.
        empty = pull(folder, f"{today - timedelta(days=options.days + 30):%Y-%m-%d}")
        own, unchanged = same.busy - empty.busy, again["calls"]["unchanged"]
        note = f"{again['requests']} requests, {own:.2f} s for the day itself"
        show(f"again, a day of {unchanged:,} unchanged", same, note)
        ok = report["calls"]["new"] == options.calls and not again["calls"]["new"] + again["calls"]["changed"]
        ok = ok and first.seconds <= SECONDS and first.megabytes <= MEGABYTES
        ok = ok and own <= AGAIN * max(1, unchanged / 5000)
        written = measure([*SYNCD, "--config", f"{folder}/syncd.yaml", "activity", "export", f"{folder}/calls.parquet"])
        show("export to Parquet", written)
        ok = ok and written.megabytes <= EXPORT
        if not options.alone:
            other = beside(folder, url, oldest, newest)
            if other is None:
                print("dlt cannot be installed here")
            else:
                show("dlt rest_api to DuckDB", other, f"{other.output.strip()} rows")
                ok = ok and first.seconds < other.seconds
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
