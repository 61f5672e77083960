"""``syncd notify``: tries the notifications, and sends those that wait."""

from __future__ import annotations

import time

from syncd.commands.groups.alone import group
from syncd.commands.options import Common, command
from syncd.commands.settings import loaded
from syncd.errors import ConfigError
from syncd.report.exit_code import code_for

app = group("Who is told what.")


@command(app)
def test(common: Common) -> int:
    """Send a test to everybody whom the configuration names, and show what became of it."""
    from syncd.report.screen import Screen
    from syncd.watch.notify import try_all
    from syncd.watch.sending import UNKNOWN

    settings = loaded(common.config)
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


@command(app)
def send(common: Common) -> int:
    """Tell what began or ended and nobody was told of yet; runs and the daemon do it by themselves."""
    from syncd.watch.notify import tell

    return code_for(not_delivered=tell(loaded(common.config), clock=time.time))
