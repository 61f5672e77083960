"""The fixture of the configuration's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.config_world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty folder for configuration files; the only connector is a small fake."""
    return World(tmp_path, monkeypatch)
