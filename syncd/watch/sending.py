"""Sends one message to everybody: the only place of Apprise, in a process of its own.

``python -m syncd.watch.sending`` reads a :data:`Message` as JSON from standard input, so that a list of processes shows
no address and no key. It prints a line for each destination as soon as the outcome is known. The process that started
it kills it when it takes too long: a mail server that does not answer holds nobody up.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
"""``title``, ``body``, ``short`` (of a few words, for an SMS), and where it goes: ``to`` (name to Apprise URL), ``sms``
(``base_url``, ``key``, ``from``, ``to``: name to number), ``ping`` (name to URL). With ``looks_only`` nothing is sent
to Apprise's addresses: the outcome is whether it knows them."""

SECONDS = 15.0
"""How long one destination may take to answer."""


UNKNOWN = "Apprise knows no such address: check its form"
"""Why a destination is not reached that only a person can mend."""


def main() -> None:
    """Send what standard input says; each printed line is ``{"name": …, "ok": …, "why": …}``."""
    message = json.loads(sys.stdin.read())
    printing = threading.Lock()

    def tell(name: str, send: Callable[[], str]) -> None:
        why = _why(send)
        with printing:
            sys.stdout.write(json.dumps({"name": name, "ok": not why, "why": why}) + "\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=tell, args=each, daemon=True) for each in _ways(message)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)  # whatever a plug-in has left running


def _why(send: Callable[[], str]) -> str:
    """What ``send`` says went wrong; of an exception its kind, since its words may hold an address."""
    try:
        return send()
    except Exception as error:  # noqa: BLE001 (a plug-in may raise anything)
        return type(error).__name__


def _ways(message: Message) -> list[tuple[str, Callable[[], str]]]:
    ways: list[tuple[str, Callable[[], str]]] = []
    for name, url in message.get("to", {}).items():
        ways.append((name, lambda url=url: _by_apprise(url, message)))  # type: ignore[misc]
    sms = message.get("sms") or {}
    for name, number in sms.get("to", {}).items():
        ways.append((name, lambda number=number: _by_sms(sms, number, message["short"])))  # type: ignore[misc]
    for name, url in message.get("ping", {}).items():
        ways.append((name, lambda url=url: _ping(url)))  # type: ignore[misc]
    return ways


def _sender(url: str) -> Any:
    """What sends to the address, or None where Apprise knows no such address."""
    import apprise

    logging.getLogger("apprise").addHandler(logging.NullHandler())
    asset = apprise.AppriseAsset(async_mode=False, app_id="syncd", app_desc="syncd", app_url="")
    sender = apprise.Apprise(asset=asset)
    return sender if sender.add(url) else None


def _by_apprise(url: str, message: Message) -> str:
    import apprise

    sender = _sender(url)
    if sender is None or message.get("looks_only"):
        return UNKNOWN if sender is None else ""
    sent = sender.notify(title=message["title"], body=message["body"], body_format=apprise.NotifyFormat.TEXT)
    return "" if sent else "it was not taken: check the address, its password or token, and the network"


def _by_sms(sms: Mapping[str, Any], number: str, text: str) -> str:
    """By Vocatech's own API (guide: Messages)."""
    body = {"platform": "text", "from": sms["from"], "to": number, "message": text}
    return _call(sms["base_url"], {"Authorization": f"Bearer {sms['key']}"}, "POST", "/messages", body)


def _ping(url: str) -> str:
    return _call(url, {}, "GET", "", None)


def _call(base_url: str, headers: Mapping[str, str], method: str, path: str, body: Any) -> str:
    """One request, tried once: whoever sent the message tries again later, also after a 429."""
    from syncd.errors import SyncdError
    from syncd.rest import Client

    stopping = threading.Event()
    client = Client(
        base_url, headers=headers, timeout=SECONDS, stopping=stopping, sleep=lambda _: stopping.set(), attempts=1
    )
    with client:
        try:
            client.request(method, path, json=body)
        except SyncdError as error:
            return "it must wait (status 429)" if stopping.is_set() else _status(error)
    return ""


def _status(error: Exception) -> str:
    status = getattr(error, "status", None)
    return f"it was refused with status {status}" if status else "it could not be reached, or refused the key"


if __name__ == "__main__":
    main()
