"""A company whose contacts and calls a test makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.callers import Callers


@pytest.fixture
def callers(tmp_path: Path) -> Iterator[Callers]:
    """A company with one old contact, whose state has been kept for months."""
    with Callers.open(tmp_path) as opened:
        yield opened
