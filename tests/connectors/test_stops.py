"""A connector that waits for its source's rate limit ends the wait if the run is asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

from connectors.http_parts.surroundings import Surroundings
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.options import HubSpotOptions
from connectors.rest_api.connector import RestApi
from connectors.rest_api.options import RestOptions
from syncd.errors import Stopped
from syncd.source import Connector, Needs
from tests.worlds.patience import BUSY, PATIENCE

NEEDS = Needs(("id",), frozenset({"id"}))


def rest(transport: httpx.MockTransport) -> Connector:
    options = RestOptions.model_validate(
        {
            "base_url": "https://crm.example.com",
            "request": {"path": "/people"},
        }
    )
    return RestApi("crm", options, NEEDS, around=Surroundings(transport=transport))


def hubspot(transport: httpx.MockTransport) -> Connector:
    options = HubSpotOptions.model_validate({"service_key": "pat-na1-12345678"})
    return HubSpot("crm", options, Needs(("hs_object_id",), frozenset({"hs_object_id"})), transport=transport)


@pytest.mark.parametrize("made", [rest, hubspot])
def test_a_stop_ends_the_wait_for_a_busy_server(made: Callable[[httpx.MockTransport], Connector]) -> None:
    asked = threading.Event()

    def busy(_request: httpx.Request) -> httpx.Response:
        asked.set()
        return httpx.Response(429, headers={"Retry-After": "50"}, json={"policyName": "TEN_SECONDLY_ROLLING"})

    connector = made(httpx.MockTransport(busy))
    ends: list[BaseException] = []

    def read() -> None:
        try:
            next(connector.read(None))
        except Stopped as stopped:
            ends.append(stopped)

    reading = threading.Thread(target=read)
    reading.start()
    assert asked.wait(PATIENCE)
    connector.cancel()
    reading.join(2 + BUSY)
    assert not reading.is_alive()
    assert ends
