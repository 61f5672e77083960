"""A company whose phones are pulled from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.phone_company import Open, PhoneCompany


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Open]:
    """Opens a company; the names and values are the dialects of its sandbox."""
    with ExitStack() as stack:

        def opened(**dialects: Any) -> PhoneCompany:
            entered: AbstractContextManager[PhoneCompany] = PhoneCompany(tmp_path, **dialects).open()
            return stack.enter_context(entered)

        yield opened
