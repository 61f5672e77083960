"""``syncd notify``: tries the notifications, and tells what waits to be told."""

from __future__ import annotations

import time
from pathlib import Path

from syncd.commands.settings import loaded
from syncd.errors import ConfigError
from syncd.report.endings import TEMPORARY, USAGE


def test(config: Path | None) -> int:
    """Send a test to everybody and print what became of each.

    4 if somebody was not reached, 2 if that is for an address which is none.
    """
    from syncd.report.screen import Screen
    from syncd.watch.notify import try_all
    from syncd.watch.sending import UNKNOWN

    settings = loaded(config)
    if not settings.notify.tells and settings.notify.heartbeat is None:
        raise ConfigError(f"{settings.path}: there is nobody to tell: add notify.to, notify.sms or notify.heartbeat")
    screen = Screen()
    outcomes = try_all(settings)
    for name, why in outcomes:
        mark = ("✗", "bold red") if why else ("✓", "green")
        screen.line(mark, f" {name}: {why or 'sent'}", hanging=4)
    reasons = {why for _, why in outcomes if why}
    return (USAGE if UNKNOWN in reasons else TEMPORARY) if reasons else 0


def send(config: Path | None) -> int:
    """Tell what began or ended and nobody was told of yet; 4 if somebody was not reached."""
    from syncd.watch.notify import tell

    return TEMPORARY if tell(loaded(config), clock=time.time) else 0
