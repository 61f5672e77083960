"""Proves the way from the public address to the store; see :mod:`.probe` for its stages."""

from __future__ import annotations

from syncd.activity.webhooks.admin import Admin
from syncd.activity.webhooks.probe import Finding, probe
from syncd.errors import ConfigError

STORED_WITHIN = 2.0
"""Seconds after the answer: an event is durable before it, but another process may hold the file for a moment."""


def checked(admin: Admin) -> list[Finding]:
    """Return the stages that a signed event passes.

    Raises:
        ConfigError: there is no secret yet.
    """
    secrets = admin.secrets.now()
    if not secrets:
        raise ConfigError("receive: there is no secret yet: syncd webhook create writes it into receive.secret_file")

    def arrived(identity: str) -> bool:
        left = STORED_WITHIN
        while not admin.rows.event_arrived(identity) and left > 0:
            admin.wait(0.1)
            left -= 0.1
        return admin.rows.event_arrived(identity)

    return probe(admin.place.url, secrets[0], admin.rows.company(), arrived)
