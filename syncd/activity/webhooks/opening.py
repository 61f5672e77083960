"""Opens what the commands about the endpoint need: the settings, the activity store and the API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.session import open_activity
from syncd.activity.webhooks.admin import Admin, Place
from syncd.activity.webhooks.api import Api
from syncd.activity.webhooks.rows import Rows
from syncd.config import Settings
from syncd.core.activity.facts import ENDPOINT
from syncd.errors import ConfigError, SourceBusy, Stopped
from syncd.log import hide

LEASE = "webhook:"
"""The name under which the endpoint is leased; no source can have it."""


@contextmanager
def opened(settings: Settings, stopping: threading.Event, *, alone: bool) -> Iterator[Admin]:
    """Open the store and the API for the endpoint that the settings want.

    ``alone``: no other process may do so meanwhile, or each would make an endpoint.

    Raises:
        ConfigError: nothing is received, or there is no public address.
        SourceBusy: another process does it.
    """
    receive = settings.activity.receive if settings.activity else None
    if receive is None:
        raise ConfigError(f"{settings.path}: nothing is received: add receive: {{url: …, secret_file: …}} to activity:")
    if receive.url is None:
        raise ConfigError(f"{settings.path}: receive.url: is not there: write the public address of the receiver")
    given = [each.reveal() for each in receive.secret]
    hide(given)
    place = Place(receive.name, receive.url, receive.events, receive.extensions, receive.secret_file)
    secrets = Secrets(given, str(receive.secret_file or ""))
    with open_activity(settings, stopping=stopping) as session:
        held = session.leases.held(LEASE, _refuse) if alone else nullcontext()
        with held:
            try:
                yield Admin(Api(session.default), Rows(session.store), place, secrets, wait=_waiting(stopping))
            finally:
                if alone:
                    # What the last look saw may be changed now.
                    session.store.facts.set(ENDPOINT, None)


def _refuse(holder: str) -> None:
    pid = holder.split(":")[1]
    raise SourceBusy(f"another syncd webhook is at work (process {pid}): try again when it is done")


def _waiting(stopping: threading.Event) -> Callable[[float], object]:
    def wait(seconds: float) -> None:
        if stopping.wait(seconds):
            raise Stopped("asked to stop; what was begun is noted, and the next syncd webhook goes on with it")

    return wait
