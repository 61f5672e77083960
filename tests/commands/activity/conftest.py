"""A company whose calls and messages were pulled by the command."""

from __future__ import annotations

import pytest

from tests.worlds.commands import Command
from tests.worlds.phone_day import PhoneDay
from tests.worlds.world import World


@pytest.fixture
def phone_day(company: World, syncd: Command) -> PhoneDay:
    """Three calls and two messages of 2026-03-10, pulled."""
    return PhoneDay.pulled(company, syncd)
