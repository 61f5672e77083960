"""Sends one text message, at most once: mark, call, record. A message whose answer is lost is never sent again.

The list of messages says later whether it went out: see :mod:`syncd.activity.messaging.settle`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any

from syncd.activity.session import ActivitySession
from syncd.activity.store.messaging import Outgoing, OutgoingState
from syncd.core.activity.numbers import LONGEST_EXTENSION, canonical
from syncd.errors import ConfigError, SyncdError, TargetRefused, TargetUnavailable
from syncd.rest import Answer

LONGEST = 1_600
"""The most characters of a message."""

_REFUSALS = frozenset({400, 404, 409, 413, 422})


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to send. ``own``, ``remote``: digits."""

    own: str
    remote: str
    text: str

    @property
    def digest(self) -> str:
        """What is stored in place of the text."""
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message. ``state``: ``sent`` · ``refused`` · ``pending`` · ``valid`` (it was only tested)."""

    state: OutgoingState | str
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        return {"state": self.state, "reason": self.reason}


def text_digest(text: str) -> str:
    """Return a digest of a text: SHA-256, hex."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def draft(own: str, remote: str, text: str, region: str) -> Draft:
    """Return the message to send; numbers are written in any way. ``region``: an ISO 3166 code.

    Raises:
        ConfigError: a number is none, or the text is empty or too long.
    """
    if not text.strip():
        raise ConfigError("the message is empty: write its text in quotes")
    if len(text) > LONGEST:
        raise ConfigError(f"the message has {len(text):,} characters, and {LONGEST:,} are allowed: shorten it")
    return Draft(digits_of_option("--from", own, region), digits_of_option("--to", remote, region), text)


def send(session: ActivitySession, message: Draft, *, test: bool = False) -> Sent:
    """Send a message, or with ``test`` only ask whether it could be sent.

    Raises:
        ConfigError: a message like it may have been sent a moment ago.
        TargetUnavailable: it is not known whether it was sent; the next pulls will show it.
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    if session.store.is_forgotten(message.remote):
        return Sent("refused", "the number was forgotten")
    if session.store.opt_outs.is_out(message.remote):
        return _refused(session, message, "the number wants no messages (opt-out)", test=test)
    if test:
        return _tested(session, message)
    # In one transaction: of two processes that send the same, one is refused.
    with session.store.write():
        if any(_is_like(message, each) for each in session.store.outgoing.in_doubt()):
            raise ConfigError(
                "the same text to this number is on its way, and whether it arrived is not known yet: wait for syncd "
                "activity pull to find it (syncd message list shows it)"
            )
        marked = _marked(session, message)
    try:
        answer = _post(session, message)
    except TargetRefused as error:
        return _recorded(session, marked, "refused", f"Vocatech refuses it (status {error.status})")
    except SyncdError as error:
        if not error.in_doubt:
            session.store.outgoing.settle(replace(marked, state="refused", reason="it was not sent"))
            raise
        raise TargetUnavailable(
            "whether the message was sent is not known, so it is not sent again: syncd activity pull finds out, and "
            "syncd message list shows it"
        ) from error
    if answer.status in _REFUSALS:
        return _recorded(session, marked, "refused", f"Vocatech refuses it (status {answer.status})")
    return _recorded(session, marked, "sent", None)


def _post(session: ActivitySession, message: Draft, **more: Any) -> Answer:
    body = {"platform": "text", "from": message.own, "to": message.remote, "message": message.text, **more}
    return session.messaging.request(
        "POST", "/messages", json=body, returned=_REFUSALS, again=_never_twice, finish=True
    )


def _never_twice() -> None:
    raise TargetUnavailable("a message that may have been sent is not sent again")


def _tested(session: ActivitySession, message: Draft) -> Sent:
    answer = _post(session, message, test=True)
    body = answer.body if answer.is_json and isinstance(answer.body, dict) else {}
    if answer.status in _REFUSALS or body.get("valid") is False:
        return Sent("refused", "Vocatech would refuse it: check both numbers and the text")
    return Sent("valid")


def _refused(session: ActivitySession, message: Draft, reason: str, *, test: bool) -> Sent:
    return Sent("refused", reason) if test else _recorded(session, _marked(session, message), "refused", reason)


def _marked(session: ActivitySession, message: Draft) -> Outgoing:
    marked = Outgoing(secrets.token_hex(8), message.own, message.remote, message.digest, session.clock())
    session.store.outgoing.put(marked)
    return marked


def _recorded(session: ActivitySession, marked: Outgoing, state: OutgoingState, reason: str | None) -> Sent:
    session.store.outgoing.settle(replace(marked, state=state, reason=reason))
    return Sent(state, reason)


def _is_like(message: Draft, other: Outgoing) -> bool:
    return (message.own, message.remote, message.digest) == (other.own, other.remote, other.text)


def digits_of_option(option: str, text: str, region: str) -> str:
    """Return the digits of a phone number that an option names.

    Raises:
        ConfigError: it is none.
    """
    digits = canonical(text, region)
    if len(digits) <= LONGEST_EXTENSION:
        raise ConfigError(f"{option}: this is no phone number: write it with its area code, such as +1 212 555 0101")
    return digits
