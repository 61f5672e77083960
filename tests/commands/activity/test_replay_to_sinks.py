"""``syncd activity replay --sink``: calls and messages of some days once more to one sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.delivery_world import DeliveryWorld, delivery_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    """A company with two calls that were delivered."""
    with delivery_world(tmp_path, monkeypatch) as found:
        found.at_real_time()
        found.call("c1")
        found.call("c2")
        found.deliver()
        monkeypatch.chdir(tmp_path)
        yield found


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_records_of_which_no_field_differs_are_counted_and_not_listed(
    world: DeliveryWorld, syncd: Command, options: tuple[str, ...]
) -> None:
    world.call("c1", remote_name="Ann Lee")
    _, out, _ = syncd("activity", "replay", "--sink", "crm", *options)
    assert "(no field differs)" not in out
    assert "call:c1" in out
    assert "call:c2" not in out
    assert "  1 record sent again as they are: no field differs" in out.splitlines()
    assert "more" not in out


def test_a_sink_that_is_not_there_ends_it_before_anything_is_printed(world: DeliveryWorld, syncd: Command) -> None:
    code, out, err = syncd("activity", "replay", "--sink", "nope")
    assert (code, out) == (2, "")
    assert errors(err) == ["there is no sink 'nope'; there are: crm"]
