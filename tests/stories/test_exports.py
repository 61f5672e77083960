"""Exports of other programs through a whole run: what is sent, what waits, and what the report says."""

from __future__ import annotations

import pytest

from tests.worlds.commands import Command
from tests.worlds.world import World

ROWS = [(str(n), f"Person {n}", f"21255501{n:02d}") for n in range(20)]


def parts_of(world: World, *names: str) -> None:
    """Write the rows into these parts, four rows each."""
    (world.folder / "parts").mkdir(exist_ok=True)
    for number, name in enumerate(names):
        world.write(ROWS[4 * number : 4 * number + 4], f"parts/{name}")
    world.sources["tenants"]["options"] = {"path": "parts"}
    world.sources["tenants"]["deletes"] = {"at_most": {"share": "50%"}}


FIVE = ("a.csv", "b.csv", "c.csv", "d.csv", "e.csv")


def test_a_part_that_is_missing_holds_the_deletes_of_its_rows(world: World) -> None:
    parts_of(world, *FIVE)
    world.run()
    (world.folder / "parts" / "c.csv").unlink()
    for _ in range(2):
        report = world.run()
        assert [(held.gate, len(held.keys)) for held in report.held] == [("deletes.parts", 4)]
        assert "c.csv" in report.held[0].detail
        assert len(world.there()) == 20
        assert report.exit_code == 3
    world.write(ROWS[8:12], "parts/c.csv")
    assert world.run().exit_code == 0


def test_an_approval_deletes_the_rows_of_a_part_that_is_gone_for_good(world: World, syncd: Command) -> None:
    parts_of(world, *FIVE)
    world.run()
    (world.folder / "parts" / "c.csv").unlink()
    digest = world.run().held[0].digest
    config = str(world.folder / "syncd.yaml")
    assert syncd("approve", "tenants", digest, "--config", config)[0] == 0
    assert world.run().counts["delete"] == 4
    # The part is forgotten: a row of another part may leave without a question.
    world.write(ROWS[:3], "parts/a.csv")
    report = world.run()
    assert (report.held, report.counts["delete"]) == ((), 1)


@pytest.mark.parametrize(("path", "option"), [("parts", "any"), ("parts/*.csv", "any")])
def test_parts_that_may_change_hold_nothing(world: World, path: str, option: str) -> None:
    parts_of(world, *FIVE)
    world.sources["tenants"]["options"] = {"path": path, "parts": option}
    world.run()
    (world.folder / "parts" / "c.csv").unlink()
    assert world.run().counts["delete"] == 4


def test_parts_with_other_names_every_day_hold_nothing(world: World) -> None:
    parts_of(world, "2026-11-28-1.csv", "2026-11-28-2.csv")
    world.run()
    for old in (world.folder / "parts").iterdir():
        old.unlink()
    world.write(ROWS[:4], "parts/2026-11-29-1.csv")
    world.write(ROWS[4:7], "parts/2026-11-29-2.csv")
    report = world.run()
    assert (report.held, report.counts["delete"]) == ((), 1)


def test_a_read_that_is_not_proved_does_not_forget_a_part(world: World) -> None:
    parts_of(world, *FIVE)
    world.run()
    (world.folder / "parts" / "c.csv").unlink()
    whole = (world.folder / "parts" / "a.csv").read_text()
    (world.folder / "parts" / "a.csv").write_text(whole.removesuffix('"\n'))
    world.run()
    (world.folder / "parts" / "a.csv").write_text(whole)
    assert [held.gate for held in world.run().held] == ["deletes.parts"]


def test_lines_of_text_at_the_end_name_the_option_where_they_hold_deletes(world: World) -> None:
    world.write(ROWS)
    world.run()
    world.write(ROWS[:-1])
    with (world.folder / "tenants.csv").open("a") as file:
        file.write('"Copyright (c) 2026 example.com"\n"Confidential"\n')
    report = world.run()
    assert [held.gate for held in report.held] == ["deletes.keyless"]
    assert "footer" in report.held[0].detail
    assert "footer" in report.invalid[-1]["reason"]
    world.sources["tenants"]["options"]["footer"] = 2
    report = world.run()
    assert (report.held, report.invalid, report.counts["delete"]) == ((), [], 1)


def test_invisible_marks_are_counted_once_and_change_nothing(world: World) -> None:
    world.write(ROWS)
    world.run()
    marked = [(f"\u200f{key}\u00ad", f"Pers\u200bon {key}", phone) for key, _, phone in ROWS[:3]]
    world.write([*marked, *ROWS[3:]])
    for _ in range(2):
        report = world.run()
        assert (report.counts["unchanged"], report.exit_code) == (20, 0)
        warned = [warning for warning in report.warnings if "invisible marks" in warning]
        assert len(warned) == 1
        assert "3 rows" in warned[0]
        assert "tenants.csv:2" in warned[0]


def test_names_keep_the_joiners_of_their_script(world: World) -> None:
    world.write([("1", "نیک\u200cنام", "2125550101"), ("2", "J\u200dane 👩\u200d💻", "2125550102")])
    world.run()
    assert {each["Name"] for each in world.there().values()} == {"نیک\u200cنام", "Jane 👩\u200d💻"}


def test_cells_that_mean_no_value_are_warned_of(world: World) -> None:
    world.write([(key, "\\N", phone) for key, _, phone in ROWS[:10]])
    (world.folder / "tenants.csv").write_text((world.folder / "tenants.csv").read_text().replace('"', ""))
    assert any("null: '\\N'" in warning for warning in world.run().warnings)
    world.sources["tenants"]["options"]["null"] = "\\N"
    report = world.run()
    assert (report.counts["update"], report.warnings) == (10, [])
