"""Routes the requests about calls, messages, media and webhooks to the part that answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.sandbox.activity.calls import Calls
from syncd.sandbox.activity.clock import PhoneClock
from syncd.sandbox.activity.media import Media
from syncd.sandbox.activity.messages import Messages
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.traffic import Contacts
from syncd.sandbox.activity.webhooks.endpoints import Webhooks
from syncd.sandbox.activity.webhooks.failures import failures, send_test
from syncd.sandbox.activity.webhooks.sender import Sender
from syncd.sandbox.faults import Faults
from syncd.sandbox.replies import Reply, error

PATHS = (
    ("/calls", ("GET",)),
    ("/messages", ("GET", "POST")),
    ("/media/{id}", ("GET",)),
    ("/webhooks", ("GET", "POST")),
    ("/webhooks/failures", ("GET",)),
    ("/webhooks/{id}", ("GET", "PATCH", "DELETE")),
    ("/webhooks/{id}/test", ("POST",)),
)
"""The paths that the desk answers, with their methods."""


class Desk:
    """The phones of a company and everything that the API tells of them."""

    def __init__(
        self, dialects: Mapping[str, str], faults: Faults, clock: PhoneClock, *, contacts: Contacts, seed: int = 1
    ) -> None:
        self.phones = Phones(clock, dialects, contacts=contacts, seed=seed)
        self.calls = Calls(self.phones, dialects)
        self.messages = Messages(self.phones, dialects)
        self.media = Media(self.phones, dialects, faults, clock.clock)
        self.webhooks = Webhooks(dialects, clock.clock)
        self.sender = Sender(self.phones, self.webhooks, dialects, faults)

    def open(self, url: str, files: str) -> None:
        """Begin at these addresses: the API's and that of the files' host."""
        self.phones.media = f"{url}/media/"
        self.media.host = files
        if self.webhooks.endpoints:
            self.sender.start()

    def close(self) -> None:
        """End: nothing more is sent."""
        self.sender.stop()

    def reply(self, method: str, path: str, query: Mapping[str, str], body: Callable[[], Any]) -> Reply:
        """Answer a request to one of the ``PATHS``; ``body`` reads its JSON.

        Raises:
            Refused: it is refused as a whole.

        """
        if not self.webhooks.endpoints:
            # Nobody is told of what has happened, and it must not pile up.
            self.sender.gather()
        family, _, rest = path.removeprefix("/").partition("/")
        if family == "calls":
            return self.calls.reply(query)
        if family == "messages":
            return self.messages.send(body()) if method == "POST" else self.messages.reply(query)
        if family == "media":
            return self.media.reply(rest)
        if rest == "failures":
            return failures(self.sender, query)
        return self._webhook(method, rest, body)

    def _webhook(self, method: str, rest: str, body: Callable[[], Any]) -> Reply:
        if not rest:
            return self.webhooks.create(body()) if method == "POST" else self.webhooks.listed()
        name, _, action = rest.partition("/")
        number = int(name) if name.isascii() and name.isdecimal() and len(name) < 18 else 0
        if action:
            return send_test(self.sender, number)
        if method == "PATCH":
            return self.webhooks.update(number, body())
        return self.webhooks.delete(number) if method == "DELETE" else self.webhooks.view(number)


def is_slow(path: str) -> bool:
    """Return whether the answer waits for somebody else, so that it must not stop the server's loop."""
    return path.startswith("/webhooks/") and path.endswith("/test")


def nothing() -> Reply:
    """Return the answer of a sandbox without phones."""
    return error(404, "Not found.")
