"""``syncd notify``: tries the notifications, and sends those that wait."""

from __future__ import annotations

import time
from pathlib import Path

from syncd.commands.settings import loaded
from syncd.errors import ConfigError
from syncd.report.exit_code import code_for


def test(config: Path | None) -> int:
    """Send a test to everybody, print for each whether it was delivered, and return the exit code."""
    from syncd.report.screen import Screen
    from syncd.watch.notify import try_all
    from syncd.watch.sending import UNKNOWN

    settings = loaded(config)
    # A test that reaches nobody would look like a success.
    if not settings.notify.tells and settings.notify.heartbeat is None:
        raise ConfigError(f"{settings.path}: there is nobody to tell: add notify.to, notify.sms or notify.heartbeat")
    screen = Screen()
    outcomes = try_all(settings)
    for name, why in outcomes:
        mark = ("✗", "bold red") if why else ("✓", "green")
        screen.line(mark, f" {name}: {why or 'sent'}", hanging=4)
    reasons = {why for _, why in outcomes if why}
    # An address of an unknown form never works; every other failure may be over later.
    return code_for(unknown_address=UNKNOWN in reasons, not_delivered=reasons)


def send(config: Path | None) -> int:
    """Send what began or ended and is not sent yet, and return the exit code."""
    from syncd.watch.notify import tell

    return code_for(not_delivered=tell(loaded(config), clock=time.time))
