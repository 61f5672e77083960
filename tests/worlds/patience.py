"""How long a test waits for what has to come."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

PATIENCE = 120.0
"""Seconds. A test that passes waits as long as it takes; a busy machine takes long, which is no failure."""

BUSY = 4.0
"""Seconds that a busy machine may add to a promised time. What is broken takes far longer."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until ``holds`` returns something true. A connection that breaks means "not yet": who sends tries again."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if holds():
                return
        assert time.monotonic() < deadline, f"it does not hold after {seconds:g} seconds"
        time.sleep(0.02)
