"""Sends one message to every destination, in a process of its own. No other module uses Apprise.

``python -m syncd.watch.sending`` reads a :data:`Message` as JSON from standard input, so the machine's process list
shows no address and no key. It prints one line for each destination when its outcome is known. The process that
started it kills it after ``notify.timeout``, so a mail server that does not answer delays nobody.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from syncd.errors import SyncdError
from syncd.surroundings.certificates import named_authorities
from syncd.surroundings.proxies import proxy_for

Message = Mapping[str, Any]
"""``title``, ``body``, ``short`` (a few words, for an SMS), and the destinations: ``to`` (name to Apprise URL), ``sms``
(``base_url``, ``key``, ``from``, ``to``: name to number), ``ping`` (name to URL). ``seconds``: how long the sending may
take. With ``only_check`` nothing is sent to Apprise's addresses: the outcome is whether Apprise knows them."""

SECONDS = 15.0
"""How long one destination may take to answer."""

MAX_ANSWER = 1_000_000
"""The most bytes of an answer that are read."""

MEMORY = 192 << 20
"""The most bytes of data that the process may have: Apprise reads an answer whole, however long it is."""

STACK = 1 << 20
"""The bytes of a thread's stack, which count too."""

UNKNOWN = "Apprise knows no such address: check its form"
"""The reason of a destination that stays unreachable until a person corrects it."""


LIMITED = "it must wait (status 429)"
"""The reason of a text message that came too early."""


def main() -> None:
    """Send the message on standard input; each printed line is ``{"name": …, "why": …}``."""
    message = json.loads(sys.stdin.read())
    ends = time.monotonic() + message.get("seconds", SECONDS)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    threading.stack_size(STACK)
    printing = threading.Lock()

    def deliver(name: str, send: Callable[[], str]) -> None:
        try:
            why = send()
        except MemoryError:
            why = "its answer is too long"
        except SyncdError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 (a plug-in may raise anything)
            # Only the class: the message may hold an address.
            why = type(error).__name__
        with printing:
            sys.stdout.write(json.dumps({"name": name, "why": why}) + "\n")
            sys.stdout.flush()

    # A thread for each destination: a slow one must not use up the time of the others.
    threads = [threading.Thread(target=deliver, args=each, daemon=True) for each in _sends(message)]
    for thread in threads:
        thread.start()
    # The process that started this one may be gone, and a server may send its answer byte by byte.
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    # A plug-in may leave a thread running that would keep the process alive.
    os._exit(0)


def _sends(message: Message) -> list[tuple[str, Callable[[], str]]]:
    sms = message.get("sms") or {}
    return [
        *((name, partial(_by_apprise, url, message)) for name, url in message.get("to", {}).items()),
        *((name, partial(_by_sms, sms, number, message["short"])) for name, number in sms.get("to", {}).items()),
        *((name, partial(_call, url, {}, "GET", "", None)) for name, url in message.get("ping", {}).items()),
    ]


def _by_apprise(url: str, message: Message) -> str:
    import apprise

    # Without a handler, logging would print Apprise's warnings, which may name an address, to stderr.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    asset = apprise.AppriseAsset(async_mode=False, app_id="syncd", app_desc="syncd", app_url="")
    sender = apprise.Apprise(asset=asset)
    if not sender.add(url):
        return UNKNOWN
    if message.get("only_check"):
        return ""
    # Apprise's own clients say nothing of a variable that they cannot use.
    named_authorities()
    proxy_for("https://apprise.invalid")
    sent = sender.notify(title=message["title"], body=message["body"], body_format=apprise.NotifyFormat.TEXT)
    return "" if sent else "it was not taken: check the address, its password or token, and the network"


def _by_sms(sms: Mapping[str, Any], number: str, text: str) -> str:
    """Send a text message by Vocatech's own API (guide: Messages)."""
    body = {"platform": "text", "from": sms["from"], "to": number, "message": text}
    return _call(sms["base_url"], {"Authorization": f"Bearer {sms['key']}"}, "POST", "/messages", body)


def _call(base_url: str, headers: Mapping[str, str], method: str, path: str, body: Any) -> str:
    """Send one request, once; the caller tries again later."""
    from syncd.rest import Bounds, Client

    stopping = threading.Event()
    # The client sleeps only after a 429 that it would try again: a sleep that sets `stopping` ends it instead.
    bounds = Bounds(SECONDS, SECONDS, MAX_ANSWER)
    client = Client(
        base_url, headers=headers, bounds=bounds, stopping=stopping, sleep=lambda _: stopping.set(), attempts=1
    )
    with client:
        try:
            client.request(method, path, json=body)
        except SyncdError as error:
            return LIMITED if stopping.is_set() else _refusal(error)
    return ""


def _refusal(error: Exception) -> str:
    status = getattr(error, "status", None)
    return f"it was refused with status {status}" if status else "it could not be reached, or refused the key"


if __name__ == "__main__":
    main()
