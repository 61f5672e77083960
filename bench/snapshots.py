"""Two snapshots of one company's export, a hundredth of whose rows differ, and an export of newcomers; always the same.

Nothing of it is anybody's: the names are drawn from twenty, the numbers are of the exchange 555.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

HEADER = "tenant_id,first_name,last_name,company,email,mobile,home_phone,work_phone,status\n"
FIRST = ("Ann", "Bob", "Cy", "Dee", "Eve", "Flo", "Gus", "Hal", "Ida", "Jo")
LAST = ("Smith", "Jones", "Lee", "Brown", "Diaz", "Chan", "Park", "Cole", "Ross", "Vega")
EVERY = 100
"""Of so many rows one differs: 8 of 10 of those are changed, 1 is removed, 1 added."""


@dataclass(frozen=True)
class Truth:
    """What a comparison must find. ``active``: the rows of the first snapshot that ``where`` leaves."""

    rows: int
    active: int
    added: int = 0
    removed: int = 0
    changed: int = 0


def make(folder: Path, rows: int) -> Truth:
    """Write ``before.csv`` and ``after.csv`` of ``rows`` rows each into ``folder``, once, and return what differs."""
    noted = folder / "truth.json"
    if not noted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        active = _write(folder / "before.csv", _rows(rows))
        _write(folder / "after.csv", _later(rows))
        kinds = [_fate(number) for number in range(0, rows, EVERY)]
        truth = Truth(rows, active, kinds.count("removed"), kinds.count("removed"), kinds.count("changed"))
        noted.write_text(json.dumps(asdict(truth)))
    return Truth(**json.loads(noted.read_text()))


def newcomers(path: Path, rows: int) -> None:
    """Write an export of ``rows`` active tenants."""
    _write(path, (_row(number, Random(number), "active") for number in range(rows)))


def _write(path: Path, rows: Iterable[str]) -> int:
    """Write the rows and return how many are active."""
    active = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for row in rows:
            active += row.endswith(",active\n")
            file.write(row)
    return active


def _rows(count: int) -> Iterator[str]:
    random = Random(1)
    for number in range(count):
        status = "former" if number % 20 == 19 else "active"
        yield _row(number, random, status)


def _later(count: int) -> Iterator[str]:
    """The same rows as of :func:`_rows`, but for one in :data:`EVERY`."""
    for number, row in enumerate(_rows(count)):
        fate = _fate(number)
        if fate == "changed":
            # The last digit of the mobile number, which stands before the next to last two commas but one.
            fields = row.split(",")
            fields[5] = fields[5][:-1] + str((int(fields[5][-1]) + 1) % 10)
            yield ",".join(fields)
        elif fate != "removed":
            yield row
    removed = sum(_fate(number) == "removed" for number in range(0, count, EVERY))
    random = Random(2)
    for number in range(count, count + removed):
        yield _row(number, random, "active")


def _fate(number: int) -> str:
    if number % EVERY:
        return "same"
    return "removed" if number // EVERY % 9 == 0 else "changed"


def _row(number: int, random: Random, status: str) -> str:
    first, last, digits = random.choice(FIRST), random.choice(LAST), random.randrange(10**7)
    home = "" if digits % 3 else f"+1 646 555 {digits % 9999:04}"
    return (
        f"{number},{first},{last},Company {number % 5000},{first}.{last}{number}@example.com,"
        f"(212) 555-{digits % 10_000:04},{home},718555{digits % 10_000:04},{status}\n"
    )
