"""Opens what the commands about the endpoint need: the settings, the activity store and the API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.store.store import ActivityStore
from syncd.activity.webhooks.admin import Admin, Place
from syncd.activity.webhooks.api import Api
from syncd.activity.webhooks.rows import Rows
from syncd.budget import Budget
from syncd.config import Settings
from syncd.errors import ConfigError, Stopped
from syncd.log import hide
from syncd.run.session import client_of
from syncd.state import State


@contextmanager
def opened(settings: Settings, stopping: threading.Event) -> Iterator[Admin]:
    """Open the store and the API for the endpoint that the settings want.

    Raises:
        ConfigError: nothing is received, or there is no public address.
    """
    receive = settings.activity.receive if settings.activity else None
    if settings.activity is None or receive is None:
        raise ConfigError(f"{settings.path}: nothing is received: add receive: {{url: …, secret_file: …}} to activity:")
    if receive.url is None:
        raise ConfigError(f"{settings.path}: receive.url: is not there: write the public address of the receiver")
    given = [each.reveal() for each in receive.secret]
    hide(given)
    place = Place(receive.name, receive.url, receive.events, receive.extensions, receive.secret_file)
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state))
        store = stack.enter_context(ActivityStore(settings.activity.store))
        budget = Budget(state.requests, settings.target.limits, stopping=stopping)
        client = stack.enter_context(client_of(settings.target, budget, stopping))
        secrets = Secrets(given, str(receive.secret_file or ""))
        yield Admin(Api(client), Rows(store), place, secrets, wait=_waiting(stopping))


def _waiting(stopping: threading.Event) -> Callable[[float], object]:
    def wait(seconds: float) -> None:
        if stopping.wait(seconds):
            raise Stopped("asked to stop; what was begun is noted, and the next syncd webhook goes on with it")

    return wait
