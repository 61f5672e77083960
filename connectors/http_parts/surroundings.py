"""What a connector and a sink need of the world around them: the network, the clocks and the waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The network, the clock (Unix seconds), the timer (monotonic seconds) and the waits; tests replace them.

    ``sleep`` None: real waits, which ``stopping`` ends.
    """

    transport: Any = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], object] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    timer: Callable[[], float] = time.monotonic

    @property
    def wait(self) -> Callable[[float], object]:
        """Wait for so many seconds, and return whether a stop ended the wait."""
        return self.sleep or self.stopping.wait
