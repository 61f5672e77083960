"""What becomes of contacts when the target's fields change: renamed, or counted among the match fields or not."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.state import State
from tests.shell.test_sync import ANN, BOB, CY
from tests.shell.test_undo import undo
from tests.shell.world import FIELDS, World


def fields(names: dict[str, str] | None = None, match: tuple[str, ...] = ("External ID",)) -> list[dict[str, Any]]:
    """The company's fields, some of them renamed, with these match fields (by their old names)."""
    new = names or {}
    return [
        {**field, "name": new.get(str(field["name"]), field["name"]), "is_match": field["name"] in match}
        for field in FIELDS
    ]


@pytest.fixture
def known(world: World) -> World:
    """Ann and Bob are at the target."""
    world.write([ANN, BOB])
    world.run()
    return world


def mapped(world: World, **names: str) -> None:
    mapping = world.sources["tenants"]["mapping"]
    world.sources["tenants"]["mapping"] = {
        names.get(name.replace(" ", "_"), name): rule for name, rule in mapping.items()
    }


def approve(world: World, digest: str) -> None:
    with State(world.folder / "syncd.db") as state:
        assert state.approve("tenants", digest)


def test_a_mapped_field_that_was_renamed_is_named_with_its_new_name(known: World) -> None:
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    report = known.run()
    assert report.exit_code == 2
    assert (
        "sources.tenants.mapping.Name: the contact field 'Name' was renamed at the target and is called 'Full name'"
        in (str(report.error))
    )


def test_a_renamed_field_costs_no_request_once_the_mapping_names_it(known: World) -> None:
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    mapped(known, Name="Full name")
    writes = known.writes()
    report = known.run()
    assert (report.exit_code, report.counts["unchanged"], known.writes()) == (0, 2, writes)
    known.write([("1", "Ann Brown", "2125550101"), BOB])
    assert [change["fields"] for change in known.run().changes()] == [
        {"Full name": {"old": "Ann Smith", "new": "Ann Brown"}}
    ]


def test_a_renamed_match_field_holds_nothing(known: World) -> None:
    known.sandbox.store.set_fields(fields({"External ID": "Ref"}))
    report = known.run()
    assert str(report.error).count("\n") == 0
    assert "the contact field 'External ID' was renamed at the target and is called 'Ref' now" in str(report.error)
    mapped(known, External_ID="Ref")
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    report = known.run()
    assert (report.exit_code, report.held, report.counts["update"]) == (0, (), 1)
    assert known.there("Ref")["2"]["Name"] == "Robert Jones"


def test_a_removed_match_field_holds_the_source_until_it_is_approved(world: World) -> None:
    world.sandbox.store.set_fields(fields(match=("External ID", "Name")))
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.set_fields(fields())
    world.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    report = world.run()
    [held] = report.held
    assert (held.gate, held.count) == ("schema.match", 2)
    assert "match fields were External ID, Name and are now External ID" in held.detail
    assert world.there()["2"]["Name"] == "Bob Jones"
    approve(world, held.digest)
    assert world.run().exit_code == 0
    assert {key: each["Name"] for key, each in world.there().items()} == {
        "1": "Ann Smith",
        "2": "Robert Jones",
        "3": "Cy Lee",
    }
    assert world.run(full=True).counts["unchanged"] == 3


def test_a_match_field_that_is_not_mapped_refuses_the_push(known: World) -> None:
    known.sandbox.store.set_fields(fields(match=("External ID", "Note")))
    report = known.run()
    assert report.exit_code == 2
    assert "the match field 'Note' is not mapped" in str(report.error)


def test_what_was_done_under_a_fields_former_name_can_be_undone(known: World) -> None:
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    known.run()
    known.sandbox.store.set_fields(fields({"Name": "Full name"}))
    mapped(known, Name="Full name")
    report = undo(known)
    assert (report.exit_code, report.warnings[:-1]) == (0, [])
    assert known.there()["2"]["Full name"] == "Bob Jones"


def test_an_undo_waits_where_the_match_fields_changed(known: World) -> None:
    known.write([ANN])
    known.run()
    known.sandbox.store.set_fields(fields(match=("External ID", "Name")))
    report = undo(known)
    assert [held.gate for held in report.held] == ["schema.match"]
    assert set(known.there()) == {"1"}
