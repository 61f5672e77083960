"""Whatever happens in an account, a reader who follows every read holds exactly its contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import SourceUnavailable
from syncd.sandbox.faults import Drop
from syncd.source import Needs
from tests.worlds.hubspot_source import DAY, MINUTES, WITH_COMPANY, Crm

Step = tuple[str, int, int]
Held = dict[str, Mapping[str, Any]]

BY_TENANT = Needs(("tenant",), frozenset({"tenant", "firstname", "company.name"}))


def live(crm: Crm, number: int) -> int | None:
    """Return the id of one of the contacts, or None if there are none."""
    there = crm.contacts.live
    return there[number % len(there)] if there else None


def edit(crm: Crm, which: int, value: int) -> None:
    if number := live(crm, which):
        crm.contacts.edit(number, {"firstname": f"Name {value}"})


def add(crm: Crm, which: int, value: int) -> None:
    number = crm.contacts.add({"firstname": f"New {value}"})
    crm.contacts.records[number].values["tenant"] = f"t{number}"
    crm.fake.portal.link(number, 1 + which % 2, primary=True)


def archive(crm: Crm, which: int, value: int) -> None:
    if number := live(crm, which):
        crm.contacts.archive(number)


def restore(crm: Crm, which: int, value: int) -> None:
    binned = crm.contacts.bin()
    if binned:
        crm.contacts.restore(binned[which % len(binned)].id)


def purge(crm: Crm, which: int, value: int) -> None:
    if number := live(crm, which):
        crm.contacts.purge(number)


def merge(crm: Crm, which: int, value: int) -> None:
    first, second = live(crm, which), live(crm, value)
    if first and second and first != second:
        crm.fake.portal.merge(first, second)


def rename(crm: Crm, which: int, value: int) -> None:
    crm.companies.edit(1 + which % 2, {"name": f"Company {value}"})


def read(crm: Crm, which: int, value: int) -> None:
    follow(crm)


def broken(crm: Crm, which: int, value: int) -> None:
    """Read while the connection breaks."""
    crm.fake.arm(Drop(path=("list", "search", "batch", "associations")[which % 4], after=value % 3, times=6))
    try:
        follow(crm)
    except SourceUnavailable:
        pass
    finally:
        crm.fake.backend.faults.disarm()


STEPS: Mapping[str, Callable[[Crm, int, int], None]] = {
    each.__name__: each for each in (edit, add, archive, restore, purge, merge, rename, read, broken)
}


def follow(crm: Crm, *, later: float = 20 * MINUTES) -> None:
    """Read, and apply the result to the held rows as a run does: rows, then merged, deleted and absent keys."""
    held = crm.held
    key = crm.needs.key[0]
    crm.read_rows(later=later)
    end = crm.end
    rows = {str(row[key]): row for row in crm.rows}
    if end.proof == "complete":
        held.clear()
    held.update(rows)
    for old in [*end.merged, *end.deleted]:
        assert old not in rows
        held.pop(old, None)
    if end.present is not None:
        there = set(end.present.get_column(key))
        for gone in held.keys() - there:
            del held[gone]


def there(crm: Crm) -> Held:
    """Return the contacts of the account as rows, by key."""
    found: Held = {}
    for number in crm.contacts.live:
        values = {**crm.contacts.shown(crm.contacts.records[number]), "hs_object_id": str(number)}
        linked = next((company for company, types in crm.fake.portal.linked("contacts", number) if 1 in types), None)
        values["company.name"] = crm.companies.records[linked].values["name"] if linked else None
        row = {name: values.get(name) for name in crm.needs.columns}
        found[str(row[crm.needs.key[0]])] = row
    return found


@pytest.mark.parametrize("needs", [WITH_COMPANY, BY_TENANT], ids=["id", "tenant"])
@pytest.mark.parametrize("merges", ["new", "primary"])
@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 30), st.integers(0, 30)), max_size=25),
    pages=st.sampled_from(["full", "short"]),
)
def test_who_follows_the_reads_holds_the_contacts(needs: Needs, merges: str, steps: list[Step], pages: str) -> None:
    crm = Crm(0, needs=needs, dialects={"merge": merges, "pages": pages})
    crm.contacts.types["tenant"] = "string"
    crm.companies.add_all([{"name": "Elm"}, {"name": "Oak"}])
    for number in range(5):
        add(crm, number, number)
    follow(crm)
    for name, which, value in steps:
        crm.clock.now += 61
        STEPS[name](crm, which, value)
    follow(crm, later=DAY)
    assert crm.held == there(crm)
