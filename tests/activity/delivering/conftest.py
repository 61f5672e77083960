"""Calls and messages that are delivered to sinks in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.delivery_world import DeliveryWorld, delivery_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    with delivery_world(tmp_path, monkeypatch) as found:
        yield found
