"""When a source runs: the two forms of a schedule, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Every:
    """Run again ``seconds`` after the last start."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cron:
    """Run at the times of ``text``, five cron fields; ``timezone``: an IANA name, or None for the machine's own."""

    # The days of the week are names here: cron counts them from Sunday, and APScheduler from Monday.
    text: str
    timezone: str | None = None


Schedule = Every | Cron

Never = Literal["never"]

NIGHTLY = Cron("0 3 * * *")
"""When a source is reconciled if its configuration does not say: at night, in the machine's time zone."""
