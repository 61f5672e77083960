"""A daemon service with its own clock, processes and signals: a day takes a moment."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from syncd.daemon.children import Ended
from syncd.daemon.service import Service
from syncd.daemon.systemd import ServiceManager
from syncd.daemon.timetable import Job, Timetable
from syncd.daemon.watcher import Watcher


class Clock:
    """A clock in seconds: ``wall`` is the time of day, which a test may set; ``steady`` only goes forward."""

    def __init__(self, wall: float) -> None:
        self.wall, self.steady = wall, 0.0

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class FakeLoader:
    """Loads one answer after the other, and the last one for every later load."""

    def __init__(self, *answers: Timetable | int) -> None:
        self.answers = list(answers)
        self.loading = False

    def start(self) -> None:
        self.loading = True

    def collect(self) -> Timetable | int | None:
        if not self.loading:
            return None
        self.loading = False
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def cancel(self) -> None:
        self.loading = False

    def next_deadline(self) -> float | None:
        return 0.0 if self.loading else None


@dataclass
class FakeChildren:
    """Processes that take ``seconds`` of the clock's time and end with ``code``, or earlier if asked to stop."""

    clock: Clock
    seconds: Callable[[Job], float] = lambda _: 5.0
    code: Callable[[Job], int] = lambda _: 0
    begun: list[tuple[str, float]] = field(default_factory=list)
    most: int = 0
    killed: bool = False
    _ends: dict[str, tuple[Job, float, int]] = field(default_factory=dict)

    def start(self, job: Job) -> int:
        assert job.name not in self._ends, "it runs already"
        self.begun.append((job.name, self.clock.wall))
        self._ends[job.name] = (job, self.clock.steady + self.seconds(job), self.code(job))
        self.most = max(self.most, len(self._ends))
        return 4711

    def collect(self) -> list[Ended]:
        found = [each for each in self._ends.values() if each[1] <= self.clock.steady]
        for job, _, _ in found:
            del self._ends[job.name]
        return [Ended(job, code) for job, _, code in found]

    def watch_over(self) -> list[Job]:
        return []

    def ask_all_to_stop(self) -> None:
        for name, (job, ends, _) in self._ends.items():
            self._ends[name] = (job, min(ends, self.clock.steady + 2), 4)

    def kill_all(self) -> None:
        self.killed = self.killed or bool(self._ends)
        self._ends.clear()

    def next_deadline(self) -> float | None:
        return min((ends for _, ends, _ in self._ends.values()), default=None)

    def names(self) -> list[str]:
        return list(self._ends)


class FakeSignals:
    """Moves the clock instead of waiting; ``script``: signals and calls, each with its steady time."""

    def __init__(self, clock: Clock, script: Iterable[tuple[float, int | Callable[[], None]]]) -> None:
        self.clock = clock
        self.script = sorted(script, key=lambda each: each[0])

    def wait(self, seconds: float, *_: object) -> list[int]:
        assert seconds <= 30.0
        if not self.script or self.script[0][0] > self.clock.steady + seconds:
            self.clock.go_on(seconds or 0.01)
            return []
        moment, what = self.script.pop(0)
        self.clock.go_on(max(0.0, moment - self.clock.steady))
        if callable(what):
            what()
            return []
        return [what]


class Heard(Watcher):
    """Records every event that the service reports."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def loaded(self, timetable: Timetable) -> None:
        self.told.append(("loaded", len(timetable.jobs)))

    def not_loaded(self, code: int) -> None:
        self.told.append(("not loaded", code))

    def started(self, job: Job) -> None:
        self.told.append(("started", job.name))

    def ended(self, ended: Ended) -> None:
        self.told.append(("ended", ended.code))

    def stopping(self) -> None:
        self.told.append(("stopping", None))

    def stopped(self) -> None:
        self.told.append(("stopped", None))


class Day:
    """A service under test: ``run`` serves for ``hours``; ``begun`` lists each started job with its time."""

    def __init__(self, now: float, *answers: Timetable | int, **children: Any) -> None:
        self.clock = Clock(now)
        self.loader = FakeLoader(*answers)
        self.children = FakeChildren(self.clock, **children)
        self.script: list[tuple[float, int | Callable[[], None]]] = []
        self.heard = Heard()
        self.manager = ServiceManager({})
        self.chance: Callable[[], float] = lambda: 0.0

    def run(self, hours: float) -> int:
        service = Service(
            self.loader,  # type: ignore[arg-type]
            self.children,  # type: ignore[arg-type]
            chance=self.chance,
            manager=self.manager,
            watchers=[self.heard],
            clock=lambda: self.clock.wall,
            elapsed=lambda: self.clock.steady,
        )
        script = [*self.script, (hours * 3600, signal.SIGTERM)]
        return service.run(FakeSignals(self.clock, script))  # type: ignore[arg-type]

    @property
    def begun(self) -> list[tuple[str, float]]:
        return self.children.begun
