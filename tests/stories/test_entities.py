"""Names with HTML entities, from the row to the target."""

from __future__ import annotations

from tests.worlds.world import World

ROWS = [(str(number), f"O&#39;Brien &amp; Sons {number}", "") for number in range(3)]


def test_entities_are_sent_as_they_are_with_a_warning_and_as_characters_with_decode(world: World) -> None:
    world.write(ROWS)
    report = world.run()
    assert world.there()["0"]["Name"] == "O&#39;Brien &amp; Sons 0"
    [warning] = [each for each in report.warnings if "HTML" in each]
    assert warning.startswith("at least 3 cells of the column name hold HTML entities such as &amp;")
    assert any("HTML" in each for each in world.run().warnings)
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "decode": "html"}
    report = world.run()
    assert (report.counts["update"], report.warnings) == (3, [])
    assert world.there()["0"]["Name"] == "O'Brien & Sons 0"
