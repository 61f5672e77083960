"""Finds out, by the list of messages, whether a message went out whose answer was lost."""

from __future__ import annotations

from dataclasses import replace

from syncd.activity.messaging.send import text_digest
from syncd.activity.session import ActivitySession

EARLY = 120.0
"""Seconds by which the list may date a message earlier than it was marked: two clocks."""

UNSEEN, LOOKS = 600.0, 2
"""A message that so many lists lack, so many seconds after it was marked, was not sent."""

KEPT = 90 * 86_400.0
"""Seconds for which what became of messages is remembered."""


def settle(session: ActivitySession) -> None:
    """Decide what a list that was just read decides. Nobody else may pull meanwhile: see ``leased``."""
    store = session.store
    for message in store.outgoing.in_doubt():
        keys = store.outgoing.seen(message, message.at - EARLY)
        found = next((key for key in keys if _body_digest(session, key) == message.text), None)
        looks = message.looks + 1
        if found is not None:
            store.outgoing.settle(replace(message, state="sent", message=found))
        elif looks >= LOOKS and session.clock() - message.at >= UNSEEN:
            store.outgoing.settle(replace(message, state="not seen", looks=looks))
        else:
            store.outgoing.settle(replace(message, looks=looks))
    store.outgoing.drop(session.clock() - KEPT)


def _body_digest(session: ActivitySession, key: str) -> str | None:
    channel, _, identity = key.partition(":")
    record = session.store.activities.message(channel, identity)
    body = record.row["body"] if record else None
    return None if body is None else text_digest(body)
