"""Fixtures of the shell's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell.world import World, company


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A company without contacts, and a sandbox without request windows."""
    with company(tmp_path) as made:
        yield made
