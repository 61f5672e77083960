from collections.abc import Sequence

import pytest

from syncd.errors import SourceUnavailable
from syncd.sandbox.faults import Drop
from syncd.source import Connector, Needs
from tests.contract.suite import COLUMNS, ConnectorContract, Row, World
from tests.worlds.hubspot_source import DAY, Crm


class HubSpotWorld:
    """An account whose contacts have the suite's columns as properties; the property ``id`` is the key."""

    def __init__(self, version: str) -> None:
        self.crm = Crm(needs=Needs(("id",), frozenset(COLUMNS)), options={"api_version": version})
        self.crm.page_rows = 20
        self.crm.contacts.types |= dict.fromkeys(COLUMNS, "string")
        self.crm.fake.portal.dialects.choose("pages", "short")

    def fill(self, rows: Sequence[Row]) -> None:
        contacts = self.crm.contacts
        known = {contacts.records[number].values["id"]: number for number in contacts.live}
        for row in rows:
            number = known.pop(row["id"], None)
            if number is None:
                contacts.add(row)
            elif contacts.records[number].values != row:
                contacts.edit(number, row)
        for number in known.values():
            contacts.archive(number)

    def meanwhile(self, rows: Sequence[Row]) -> None:
        self.fill(rows)

    def remove(self) -> None:
        self.crm.fake.arm(Drop(times=None))

    def connector(self) -> Connector:
        self.crm.clock.now += DAY / 2
        return self.crm.connector()


class TestHubSpot(ConnectorContract):
    @pytest.fixture(params=["2026-09", "v3"])
    def world(self, request: pytest.FixtureRequest) -> World:
        return HubSpotWorld(request.param)

    def test_what_breaks_off_is_tried_again(self, world: World) -> None:
        assert isinstance(world, HubSpotWorld)
        world.crm.fake.arm(Drop(times=2))
        world.fill([{"id": "1", "name": "Ann", "note": ""}])
        assert world.connector().check() == list(COLUMNS)
        world.crm.fake.arm(Drop(times=None))
        with pytest.raises(SourceUnavailable, match="broke the connection off"):
            world.connector().check()
