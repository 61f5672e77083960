"""A server that counts requests in three tiers of windows, and processes that share its key, on one clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from syncd.budget import Budget, Together, Window
from tests.worlds.request_log import Clock, MemoryLog

Tiers = Mapping[str, Sequence[Window]]
Places = Budget | Together


class TimedClock(Clock):
    """A clock that does what is due on its way forward."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[float, Callable[[], None]]] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        ends = self.now + seconds
        while early := sorted((at, number) for number, (at, _) in enumerate(self.due) if at <= ends):
            at, number = early[0]
            _, act = self.due.pop(number)
            self.now = max(self.now, at)
            act()
        self.now = ends


class TieredServer:
    """Counts what arrives: ``reports`` counts in the default tier too; ``refused`` is what would have been a 429."""

    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers
        self.clock = TimedClock()
        self.logs = {tier: MemoryLog() for tier in tiers}
        self.arrived: dict[str, list[float]] = {tier: [] for tier in tiers}
        self.refused: list[str] = []

    def process(self, *, share: float = 1.0) -> dict[str, Places]:
        """Return the budgets of a new process, one for each kind of request."""
        made = {tier: self._budget(tier, share) for tier in self.tiers}
        return {**made, "reports": Together(made["reports"], self._budget("default", share))}

    def _budget(self, tier: str, share: float) -> Budget:
        return Budget(self.logs[tier], self.tiers[tier], share=share, clock=self.clock, sleep=self.clock.sleep)

    def send(self, places: Places, kind: str, there: float, back: float) -> None:
        """Send a request that is ``there`` seconds on its way, and its answer ``back`` seconds."""
        place = places.take()
        left = self.clock.now
        self.clock.due.append((left + there, lambda: self._arrive(kind)))
        self.clock.due.append((left + there + back, lambda: places.answered(place)))

    def _arrive(self, kind: str) -> None:
        for tier in ("default", "reports") if kind == "reports" else (kind,):
            seen = self.arrived[tier]
            seen.append(self.clock.now)
            for window in self.tiers[tier]:
                if sum(at > self.clock.now - window.seconds for at in seen) > window.requests:
                    self.refused.append(tier)
