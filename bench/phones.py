"""Numbers in a text: a dry run of an export of which one number in twenty stands in a text, beside plain numbers.

The two exports take turns. Prints both and their ratio; 1 when the texts take more time than asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from company import Company, sandbox
from run import Best, counts, expect
from snapshots import newcomers

MOST = 1.5
TEXTS = ("Unit {0}B {1}", "{1} after 5", "Apt {0} {1}", "call {1} M-F 9-5", "{1} ext. {0}", "room {0}, {1}")
"""``{0}`` is a number of one or two digits, ``{1}`` the telephone number."""
EVERY = 20


def with_texts(plain: Path, path: Path) -> None:
    """Write the export ``plain`` with every twentieth mobile number in a text."""
    with plain.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as file:
        file.write(next(lines))
        for number, line in enumerate(lines):
            fields = line.split(",")
            if number % EVERY == 0:
                text = TEXTS[number // EVERY % len(TEXTS)].format(number % 97, fields[5])
                fields[5] = f'"{text}"'
            file.write(",".join(fields))


def main() -> int:
    """Make the exports, measure them in turns, print; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the export (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the best of each counts (default: 3)")
    options = parser.parse_args()
    best = {"plain": Best(), "texts": Best()}
    with tempfile.TemporaryDirectory() as name, sandbox() as url:
        folder = Path(name)
        newcomers(folder / "plain.csv", options.rows)
        with_texts(folder / "plain.csv", folder / "texts.csv")
        company = Company(folder / "company", url)
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds} …", flush=True)
            for kind, each in best.items():
                company.export(folder / f"{kind}.csv")
                measured = company.run("--json", "--dry-run")
                expect("new contacts", counts(measured)["create"], options.rows)
                each.add(measured)
    for kind, each in best.items():
        print(f"{kind}: {each.seconds:.2f} s, {each.busy:.2f} CPU s, {each.megabytes:,.0f} MB")
    ratio = best["texts"].seconds / best["plain"].seconds
    print(f"texts take {ratio:.2f} of the time of plain numbers (asked: ≤ {MOST})")
    return ratio > MOST


if __name__ == "__main__":
    sys.exit(main())
