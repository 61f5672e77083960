"""The small values of ``activity:``: times that may be for ever, folders' sizes, the receiver's addresses, secrets.

Each reader raises :class:`ValueError` as those of :mod:`syncd.config.values` do.
"""

from __future__ import annotations

import re

from syncd.config.values import Secret, parse_address, parse_place, parse_timeout
from syncd.core.settings import durations
from syncd.core.settings.sizes import parse_size

MOST_ROOM = 1 << 50
"""The most bytes that a folder of recordings may be given."""

RETRIED = 86_400.0
"""The shortest time (seconds) that events are kept: a delivery is repeated for hours, and must be known again."""


def parse_keep(value: str | float) -> float | None:
    """Return the seconds of a duration above 0, or None for ``forever``.

    Raises:
        ValueError: it is neither.

    """
    if str(value).strip().lower() == "forever":
        return None
    if durations.seconds_in(value) is None:
        raise ValueError("is not a duration: write 90d, 12h or forever")
    return parse_timeout(value)


def parse_keep_events(value: str | float) -> float | None:
    """Return what :func:`parse_keep` returns, at least :data:`RETRIED`.

    Raises:
        ValueError: it is no duration, or too short.

    """
    seconds = parse_keep(value)
    if seconds is not None and seconds < RETRIED:
        raise ValueError("is too short: a repeated delivery must be known again; write 1d or more")
    return seconds


def parse_room(value: str | float) -> int:
    """Return the bytes that a folder may hold.

    Raises:
        ValueError: it is no size.

    """
    return parse_size(value, most=MOST_ROOM)


def parse_receiver(value: str | float) -> str:
    """Return the place where the receiver listens: ``HOST:PORT`` or the path of a Unix socket.

    Raises:
        ValueError: it is neither.

    """
    return parse_place(value, socket="/run/syncd/webhooks.sock")


def parse_webhook_url(value: str | float) -> str:
    """Return the public address of the receiver: https, or http to this machine.

    Raises:
        ValueError: it has another scheme, no host, or a user, a query or a fragment.

    """
    # A sandbox on this machine delivers to http too.
    clear = "is not https, and Vocatech delivers to https only: write https://HOST/PATH"
    return parse_address(value, clear=clear)


def parse_webhook_secret(value: str | float) -> Secret:
    """Return the secret of an endpoint.

    Raises:
        ValueError: it is empty, or has a space or a character beyond ASCII.

    """
    if not re.fullmatch(r"[!-~]+", str(value)):
        raise ValueError("is no secret of a webhook: write the secret_key that Vocatech gave, without spaces")
    return Secret(str(value))
