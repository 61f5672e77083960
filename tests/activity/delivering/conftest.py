"""Calls and messages that are delivered to sinks in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.sink import SINKS
from tests.worlds.delivery_world import DeliveryWorld
from tests.worlds.memory_sink import PLACES


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    monkeypatch.setitem(dict_of_sinks(), "memory", "tests.worlds.memory_sink:MemorySink")
    yield DeliveryWorld(tmp_path)
    PLACES.clear()


def dict_of_sinks() -> dict[str, str]:
    """Return the table of sinks, which only tests change."""
    assert isinstance(SINKS, dict)
    return SINKS
