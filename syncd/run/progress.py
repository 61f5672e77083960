"""How far a run is, as bars on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from syncd.budget import describe
from syncd.run.session import Watcher

if TYPE_CHECKING:
    from rich.progress import Task, TaskID


class _Waits(ProgressColumn):
    """Shows for how long the key's limits make the run wait."""

    def __init__(self) -> None:
        # Never a second line: a line that comes and goes makes the bars jump.
        super().__init__(table_column=Column(no_wrap=True))
        self.until = 0.0

    def render(self, task: Task) -> Text:  # noqa: ARG002 (the same for every bar)
        left = self.until - time.monotonic()
        return Text(f"waiting {describe(left)} for the key's limits" if left > 0 else "", style="yellow")


@contextmanager
def watching() -> Iterator[Watcher]:
    """Give a watcher that draws bars on stderr while the block lasts; log lines stay above the bars."""
    waits = _Waits()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, waits, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        try:
            shown = _Bars(bars, waits)
            yield Watcher(reading=shown.reading, pushing=shown.pushing, waiting=shown.waiting)
        finally:
            # The bars are drawn once more at the end, and a terminal would keep them if an error ended the run.
            for task in bars.task_ids:
                bars.remove_task(task)


class _Bars:
    """A bar for each source: for its reading, then for its push."""

    def __init__(self, bars: Progress, waits: _Waits) -> None:
        self._bars = bars
        self._waits = waits
        self._tasks: dict[str, TaskID] = {}

    def reading(self, source: str, rows: int) -> None:
        self._bars.update(self._task(f"{source}: rows read"), completed=rows)

    def pushing(self, source: str, done: int, total: int) -> None:
        # The rows are all read when the first change is pushed: one bar for each source is enough.
        read = self._tasks.pop(f"{source}: rows read", None)
        if read is not None:
            self._bars.remove_task(read)
        self._bars.update(self._task(f"{source}: changes pushed"), completed=done, total=total)

    def waiting(self, seconds: float) -> None:
        self._waits.until = time.monotonic() + seconds
        if not self._tasks:
            self._task("asking the target")

    def _task(self, description: str) -> TaskID:
        if description not in self._tasks:
            self._tasks[description] = self._bars.add_task(description, total=None)
        return self._tasks[description]
