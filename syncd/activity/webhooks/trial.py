"""Tries deliveries: what counts is what arrived, not what the API says of it; and exchanges the secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syncd.activity.webhooks.admin import Admin
from syncd.activity.webhooks.api import Endpoint
from syncd.activity.webhooks.rows import ACTIVE, RETIRED
from syncd.errors import ConfigError

NONE = "there is no endpoint of this state: syncd webhook create makes one"

PATIENCE = 30.0
"""Seconds to wait for a delivery: no sender takes longer for its first attempt."""
LOOK = 0.2
"""Seconds between two looks."""
SKEW = 1.0
"""Seconds by which a delivery may seem to come before it was asked for."""


@dataclass(frozen=True, slots=True)
class Tried:
    """``said``: what the API says of the delivery. ``arrived``: whether the receiver has stored it."""

    endpoint: str
    said: dict[str, Any]
    arrived: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """``new``: the endpoint with the new secret, which has ``delivered`` or not. ``old``: the deleted numbers."""

    new: Endpoint
    old: tuple[str, ...]
    delivered: bool


def tried(admin: Admin) -> Tried:
    """Have a test delivered and look whether it arrives.

    Raises:
        ConfigError: there is no endpoint.
        SyncdError: the API does not answer.
    """
    there = admin.tidied()
    # One that a person has made delivers to the same address.
    by_hand = [each for each in there.values() if each.url == admin.place.url]
    found = [endpoint for _, endpoint in admin.active(there)] or by_hand
    if not found:
        raise ConfigError(NONE)
    number = found[-1].id
    begun = admin.clock() - SKEW
    said = admin.api.test(number)
    return Tried(number, said, _awaited(admin, lambda: admin.rows.test_arrived(begun)))


def rotated(admin: Admin, *, at_once: bool = False) -> Rotated:
    """Make a second endpoint with a new secret, and delete the first as soon as the second has delivered.

    ``at_once``: no old secret is accepted any more, also for deliveries under way.

    Raises:
        ConfigError: there is no endpoint.
        SyncdError: the API does not answer.
    """
    ours = admin.active(admin.tidied())
    if not ours:
        raise ConfigError(NONE)
    # A second one is there if an earlier rotation has not ended; without its secret it would never deliver.
    new = ours[-1][1] if len(ours) > 1 and admin.has_secret(ours[-1][0]) else admin.make()
    secret = next(row.secret_ref for row in admin.rows.all(ACTIVE) if row.id == new.id)
    if not admin.rows.has_delivered(secret):
        admin.api.test(new.id)
        if not _awaited(admin, lambda: admin.rows.has_delivered(secret)):
            return Rotated(new, (), delivered=False)
    old = [(row, endpoint.id) for row, endpoint in ours if endpoint.id != new.id]
    for row, number in old:
        admin.api.delete(number)
        admin.retire(row)
    # Also those of earlier rotations: which of the old secrets has leaked is not known here.
    for row in admin.rows.all(RETIRED) if at_once else ():
        admin.drop(row)
    return Rotated(new, tuple(number for _, number in old), delivered=True)


def _awaited(admin: Admin, arrived: Callable[[], bool]) -> bool:
    left = PATIENCE
    while not arrived():
        if left <= 0:
            return False
        admin.wait(LOOK)
        left -= LOOK
    return True
