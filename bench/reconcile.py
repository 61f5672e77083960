"""Reads a whole company back: ``syncd reconcile`` of many contacts, a hundredth of which people edited or deleted.

Prints the seconds beyond those that the server took, the memory and the requests; 1 when more is used than asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from company import KEY, Company, sandbox
from run import expect
from snapshots import newcomers

SECONDS, MEGABYTES, EDITED = 10.0, 500.0, 100


def page_seconds(url: str, pages: int) -> float:
    """The seconds that the server takes to send all pages to a client that does nothing with them."""
    started = time.perf_counter()
    for page in range(1, pages + 1):
        request = urllib.request.Request(
            f"{url}/contacts?page={page}&limit=500", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()
    return time.perf_counter() - started


def spoil(url: str, ids: list[int]) -> None:
    """Delete these contacts as somebody else would."""
    for start in range(0, len(ids), 500):
        body = json.dumps({"ids": ids[start : start + 500]}).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/contacts", data=body, method="DELETE", headers=headers)
        urllib.request.urlopen(request).close()


def main() -> int:
    """Load a sandbox, measure a comparison without and one with drift, print; 1 when something asked for is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="contacts of the company (default: 100,000)")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as folder, sandbox() as url:
        company = Company(Path(folder), url)
        new = Path(folder) / "new.csv"
        newcomers(new, options.rows)
        company.export(new)
        company.run()
        expect("contacts at the target", company.contacts(), options.rows)
        pages = -(-options.rows // 500)
        for what, gone in (("no drift", 0), ("1 % deleted", options.rows // EDITED)):
            spoil(url, list(range(1, gone + 1)))
            server = page_seconds(url, pages)
            measured = company.command("reconcile", "--json")
            found = json.loads(measured.output)
            expect(f"missing, {what}", found["sources"][0]["counts"]["missing"], gone)
            beyond = measured.seconds - server
            print(
                f"reconcile {options.rows:,} contacts, {what}: {measured.seconds:.1f} s, of which the server "
                f"{server:.1f}; {beyond:.1f} beyond (asked: ≤ {SECONDS:g}); {measured.megabytes:,.0f} MB "
                f"(asked: ≤ {MEGABYTES:g}); {found['requests']} requests for {pages} pages"
            )
            missed += [what] if beyond > SECONDS or measured.megabytes > MEGABYTES else []
    print(f"missed: {', '.join(missed)}" if missed else "all that is asked is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
