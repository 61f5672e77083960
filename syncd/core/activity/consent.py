"""Who wants no messages: a message that is exactly one of the known words says so, or takes it back."""

from __future__ import annotations

from typing import Literal

STOP = frozenset(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"))
"""The words by which somebody wants no more messages (the FCC's list, and what carriers add)."""

START = frozenset(("start", "unstop"))
"""The words by which somebody wants messages again."""


def wish_in(body: str | None) -> Literal["stop", "start"] | None:
    """Return what a message says of messages; None if it says something else.

    Case, punctuation and white space do not count: ``Opt-Out.`` is ``OPTOUT``. A word in a sentence says nothing.
    """
    word = "".join(filter(str.isalnum, (body or "").casefold()))
    return "stop" if word in STOP else "start" if word in START else None
