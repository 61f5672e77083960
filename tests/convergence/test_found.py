"""Histories that the convergence machine once found to come out wrong, each by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell.world import World, company

HEADER = "row,id,name,phone"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


@pytest.fixture
def merging(world: World) -> World:
    """A company whose contacts of one match value become one, with all numbers."""
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    return world


def test_a_number_of_a_merged_contact_that_changes_is_sent(merging: World) -> None:
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=HEADER)
    merging.run()
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550103")], header=HEADER)
    assert merging.run().counts["update"] == 1
    assert merging.there()["7"]["Phone"] == "2125550101;2125550103"
    assert merging.run().counts["update"] == 0


def test_a_row_whose_key_another_row_has_is_not_merged(merging: World) -> None:
    rows = [("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102"), ("a", "7", "Ann", "2125550199")]
    merging.write(rows, header=HEADER)
    merging.run()
    assert merging.there()["7"]["Phone"] == "2125550101;2125550102"
