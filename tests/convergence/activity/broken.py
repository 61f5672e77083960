"""Breaks a rule, and shows that a history which needs the rule catches it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.convergence.activity.machine import Activity
from tests.convergence.activity.worlds import Opening

Break = Callable[[pytest.MonkeyPatch], None]
History = Callable[[Activity], None]


def assert_caught(break_it: Break, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail unless the history holds, and no longer does once a rule is broken."""
    _play(history)
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        _play(history)


def _play(history: History) -> None:
    machine = Activity()
    # Long enough for two readings of each day, and shorter than a soak's.
    machine.quiet = (1, 11, 12, 12, 12, 1, 12, 12)
    try:
        machine.begin(Opening({}, limit=3))
        history(machine)
        machine._converge()
    finally:
        machine.end()
