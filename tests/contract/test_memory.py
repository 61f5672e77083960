from collections.abc import Sequence

import pytest

from syncd.source import Connector
from tests.contract.memory import Memory, MemoryOptions, Store
from tests.contract.suite import ANN, BOB, COLUMNS, ConnectorContract, Row, World, drain, rows_of


class MemoryWorld:
    def __init__(self) -> None:
        self.store = Store(COLUMNS, key="id")

    def fill(self, rows: Sequence[Row]) -> None:
        self.store.fill(rows)

    def meanwhile(self, rows: Sequence[Row]) -> None:
        self.fill(rows)

    def remove(self) -> None:
        self.store.available = False

    def connector(self) -> Connector:
        return Memory("memory", MemoryOptions(store=self.store))


class TestMemory(ConnectorContract):
    @pytest.fixture
    def world(self) -> World:
        return MemoryWorld()

    def test_only_what_changed_is_read_again(self, world: World) -> None:
        world.fill([ANN, BOB])
        _, first = drain(world.connector())
        world.fill([{**ANN, "note": "edited"}, BOB])
        pages, end = drain(world.connector(), first.cursor)
        assert [row["id"] for row in rows_of(pages)] == ["1"]
        assert end.proof == "partial"
