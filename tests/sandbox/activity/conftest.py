"""Fixtures: a company's phones without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.worlds.phones_in_memory import PhoneWorld


@pytest.fixture
def world() -> Iterator[PhoneWorld]:
    with closing(PhoneWorld()) as held:
        yield held
