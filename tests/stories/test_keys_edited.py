"""Keys that change their form while the rows change as well: the keys alone name the contacts."""

from __future__ import annotations

from collections.abc import Callable

from syncd.report.source_report import SourceReport
from tests.worlds.world import World

Row = tuple[str, str, str]

PEOPLE: list[Row] = [(f"{n:06}", f"Tenant {n}", f"212555{n:04}") for n in range(1, 61)]


def under(rows: list[Row], key: Callable[[str], str]) -> list[Row]:
    return [(key(old), name, phone) for old, name, phone in rows]


def approve(world: World, report: SourceReport) -> None:
    with world.state() as state:
        for held in report.held:
            assert state.holds.approve("tenants", held.digest) > 0


def test_keys_that_changed_their_form_wait_also_if_each_row_was_edited(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    # As a spreadsheet shows long numbers: nothing is left of them.
    world.write([(key.lstrip("0"), f"{name} LLC", "2.13E+09") for key, name, _ in PEOPLE])
    report = world.run()
    assert (report.exit_code, report.made, len(world.there())) == (3, 0, 60)
    assert [held.gate for held in report.held] == ["keys.changed"]
    approve(world, report)
    report = world.run()
    # What was edited is a question of its own.
    assert (report.made, {held.gate for held in report.held}) == (
        0,
        {"updates.share", "updates.emptied", "numbers.lost"},
    )
    approve(world, report)
    assert world.run().counts["move"] == 60
    assert len(world.there()) == 60


def test_keys_alone_wait_if_nothing_else_is_mapped(world: World) -> None:
    world.sources["tenants"]["mapping"] = {"External ID": "id"}
    world.write(PEOPLE)
    world.run()
    world.write(under(PEOPLE, lambda key: f"{key}.0"))
    report = world.run()
    assert [(held.gate, held.count) for held in report.held] == [("keys.changed", 120)]
    approve(world, report)
    assert (world.run().counts["move"], len(world.there())) == (60, 60)


def test_new_rows_beside_leaving_contacts_are_new_if_only_few_keys_look_alike(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    world.write(PEOPLE)
    world.run()
    others = [(f"9{key}", f"Other {key}", f"646555{key[2:]}") for key, _, _ in PEOPLE[10:20]]
    alike = [(key.lstrip("0"), f"Other {key}", f"917555{key[2:]}") for key, _, _ in PEOPLE[:8]]
    world.write([*others, *alike, *PEOPLE[20:]])
    report = world.run()
    assert (report.counts["create"], report.counts["delete"], report.held) == (18, 20, ())
