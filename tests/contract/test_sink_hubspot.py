"""The contract of sinks, for a HubSpot account with unique properties and for one without."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from connectors.hubspot.sink import HubSpotSink
from connectors.hubspot.sink_fields import KINDS
from syncd.sandbox.hubspot.records import Record
from syncd.sink import Item, Outcome, html_of
from tests.contract.sinks import Fields, SinkContract, SinkWorld
from tests.worlds.hubspot_sink import Ask, Timeline

BODIES = ("hs_call_body", "hs_communication_body")
OF_OURS = ("vocatech_id", "hs_call_external_id")


class Noting(HubSpotSink):
    """Notes whose records it has made: without a unique property a message's record does not tell."""

    def __init__(self, world: HubSpotWorld, **more: Any) -> None:
        super().__init__("crm", world.timeline.sink.options, world.timeline.rules, **more)
        self._world = world

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        outcomes = super().deliver(items)
        self._world.made |= {str(each.remote_id): each.identity for each in outcomes}
        return outcomes


class HubSpotWorld:
    """An account, the fields of its records as they were sent, and a way to make it wait for long.

    ``waits``: the sinks wait in real time. ``made``: whose each record is.
    """

    def __init__(self, unique: str, *, waits: bool) -> None:
        self.timeline = Timeline(0, prepared=False, dialects={"unique": unique})
        self.timeline.sink.prepare()
        self.waits = waits
        self.made: dict[str, str] = {}

    def sink(self) -> HubSpotSink:
        clock = self.timeline.clock
        moved = {} if self.waits else {"clock": clock, "timer": clock, "sleep": clock.sleep}
        return Noting(self, transport=httpx.MockTransport(self._answer), **moved)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        return self.timeline.meddle(request, self.timeline.ask)

    def records(self) -> Sequence[tuple[str, Fields]]:
        portal = self.timeline.fake.portal
        tables = [table for kind in KINDS.values() if (table := portal.table(kind))]
        return [self._record(table.kind, table.records[number]) for table in tables for number in table.live]

    def _record(self, kind: str, record: Record) -> tuple[str, Fields]:
        fields = {name: value for name, value in record.values.items() if name not in OF_OURS and value is not None}
        identity = next((str(record.values[name]) for name in OF_OURS if name in record.values), None)
        # The account writes a time with its milliseconds.
        shown = {**fields, "hs_timestamp": str(fields["hs_timestamp"]).replace(".000Z", "Z")}
        return identity or self.made[f"{kind}/{record.id}"], shown

    def contacts_of(self, identity: str) -> Sequence[str]:
        return [str(each) for each in self.timeline.linked()[0]]

    def contact(self) -> str:
        return str(self.timeline.contacts.add({"firstname": "Ann"}))

    def break_down(self) -> None:
        def refuse(request: httpx.Request, _: Ask) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        self.timeline.meddle = refuse

    @contextmanager
    def stalled(self) -> Iterator[threading.Event]:
        """Answer that nobody may ask for a minute, and let the sink wait for as long as it is told."""
        waiting = threading.Event()

        def limit(_request: httpx.Request, _ask: Ask) -> httpx.Response:
            waiting.set()
            return httpx.Response(429, headers={"Retry-After": "60"}, json={"policyName": "TEN_SECONDLY_ROLLING"})

        before, self.timeline.meddle = self.timeline.meddle, limit
        try:
            yield waiting
        finally:
            self.timeline.meddle = before


class HubSpotContract(SinkContract):
    unique = "custom"

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> SinkWorld:
        return HubSpotWorld(self.unique, waits="cancel" in request.node.name)

    def shows(self, fields: Fields, text: str) -> bool:
        # A body is HTML, and long ones are cut.
        shown = html_of(text.strip())[:50_000]
        return any(shown in str(fields.get(name, "")) for name in BODIES) or not shown


class TestHubSpot(HubSpotContract):
    pass


class TestHubSpotWithoutUniqueProperties(HubSpotContract):
    unique = "none"

    def test_a_check_and_a_preparation_write_no_record(self, world: SinkWorld) -> None:
        with world.sink() as sink:
            # It says each time that HubSpot makes no unique property.
            assert [note.good for note in [*sink.prepare(), *sink.prepare()]] == [False] * 4
        assert world.records() == []
