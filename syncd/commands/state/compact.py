"""``syncd state compact``: makes the state file small."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.running import Report, reported
from syncd.commands.settings import loaded
from syncd.commands.state.asking import need_state
from syncd.core.wording import counted, sized

if TYPE_CHECKING:
    from syncd.report.screen import Screen


def compact(config: Path | None, *, as_json: bool) -> int:
    """Compact the file, print how much that gave back, and return the exit code."""

    def work(_stopping: threading.Event) -> Report:
        from syncd.state import State
        from syncd.state.hand.compact import compact as make_small

        settings = loaded(config, keyless=True)
        need_state(settings)
        with State(settings.state) as state:
            return {"state": str(settings.state), **asdict(make_small(state))}

    return reported(work, _show, as_json=as_json)


def _show(screen: Screen, found: Report) -> None:
    screen.line(f"{found['state']}: {sized(found['before'])} before, {sized(found['after'])} now.")
    if found["forgotten"]:
        screen.line(f"{counted(found['forgotten'], 'row')} older than the history is kept for went.")
    if found["waits"]:
        screen.line("Another process still reads what was there before: the rest is given back when it is done.")
