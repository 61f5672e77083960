"""A company with phones for the tests of recordings and attachments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.media_company import MediaCompany, media_company


@pytest.fixture
def company(tmp_path: Path) -> Iterator[MediaCompany]:
    with media_company(tmp_path) as made:
        yield made
