"""Who holds the numbers that a plan touches, as the ledger tells it before the plan is carried out."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.callers.effects import CROWD
from syncd.report.source_report import SourceReport, callers_of
from syncd.state.numbers.holders import Holders
from tests.worlds.world import FIELDS, TENANTS, World

SHARED = "2125550100"


def told(report: SourceReport) -> dict[str, tuple[str, list[str], list[str]]]:
    return {each["number"]: (each["kind"], each["old"], each["new"]) for each in callers_of([report]).rows()}


@pytest.fixture
def crowd(world: World) -> World:
    """Many contacts have one number, and each one has a number of its own."""
    rows = [(str(key), f"Tenant {key}", f"{SHARED};21255501{key + 10}") for key in range(CROWD + 2)]
    # Ten contacts that get one number at once would be held.
    for part in (rows[:5], rows):
        world.write(part)
        world.run()
    world.write([("0", "Ann Lee", rows[0][2]), ("1", "Tenant 1", "2125550111"), *rows[2:]])
    return world


@pytest.mark.parametrize("indexed", [True, False])
def test_of_a_number_of_many_contacts_no_contact_is_read(crowd: World, *, indexed: bool) -> None:
    if not indexed:
        with crowd.state() as state:
            state.execute("DELETE FROM fact WHERE name = 'numbers.standing'")
    report = crowd.run(dry_run=True)
    assert report.touched is not None
    assert report.touched.crowds.rows() == [(SHARED, CROWD)]
    assert report.touched.others.is_empty()
    assert told(report) == {"2125550110": ("change", ["Tenant 0"], ["Ann Lee"])}


def test_a_number_that_all_but_one_lose_is_no_crowd_s_any_more(crowd: World) -> None:
    crowd.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    rest = [(str(key), f"Tenant {key}", f"21255501{key + 10}") for key in range(1, CROWD + 2)]
    crowd.write([("0", "Tenant 0", SHARED), *rest])
    report = crowd.run(dry_run=True)
    kind, old, new = told(report)[SHARED]
    assert (kind, len(old), new) == ("resolved", CROWD + 2, ["Tenant 0"])


def test_a_first_load_asks_the_ledger_for_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    contacts = Holders.contacts

    def counted(self: Holders, who: Any) -> Any:
        asked.append(who.height)
        return contacts(self, who)

    monkeypatch.setattr(Holders, "contacts", counted)
    monkeypatch.delattr(Holders, "of")
    monkeypatch.delattr(Holders, "crowds")
    world.write([("1", "Ann Lee", "2125550101"), ("2", "Bo Park", "2125550102")])
    assert len(told(world.run(dry_run=True))) == 2
    assert sum(asked) == 0


def test_a_contact_that_was_sent_under_a_former_name_of_the_phone_field_has_its_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write([("1", "Ann Lee", "2125550101"), ("2", "Bo Park", "2125550102"), ("3", "Cy Diaz", "2125550103")])
    world.run()
    # What the target answers of Bo has a field that is not mapped, so it is kept beside what was sent.
    world.sandbox.store.edit(2, {"Note": "VIP"})
    world.write([("1", "Ann Lee", "2125550101"), ("2", "Bo Ray", "2125550102"), ("3", "Cy Diaz", "2125550103")])
    world.run()
    names = {"Phone": "Mobile", "Name": "Who"}
    world.sandbox.store.set_fields([{**each, "name": names.get(str(each["name"]), each["name"])} for each in FIELDS])
    world.sources["tenants"] = {**TENANTS, "mapping": {"External ID": "id", "Who": "name", "Mobile": ["phone"]}}
    rest = [("2", "Bo Ray", "2125550102"), ("3", "Cy Diaz", "2125550103")]
    world.write([("1", "Ann Lee", "2125550101;2125550102;2125550103"), *rest])
    both = {
        number: ("ambiguous", [old], ["Ann Lee", old])
        for number, old in (("2125550102", "Bo Ray"), ("2125550103", "Cy Diaz"))
    }
    assert told(world.run(dry_run=True)) == both
    assert told(world.run()) == both
    # The index has all names that the field ever had, so nobody reads the whole ledger.
    monkeypatch.delattr(Holders, "_every")
    world.write([("1", "Ann Lee", "2125550101"), *rest])
    assert told(world.run()) == {
        number: ("resolved", ["Ann Lee", old], [old]) for number, (_, [old], _) in both.items()
    }
