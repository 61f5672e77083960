"""``GET /webhooks/failures`` and ``POST /webhooks/{id}/test``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.webhooks.delivery import Attempt, Delivery
from syncd.sandbox.activity.webhooks.endpoints import NOT_FOUND
from syncd.sandbox.activity.webhooks.sender import Sender
from syncd.sandbox.listing import number_of, page_size
from syncd.sandbox.replies import Reply, error


def failures(sender: Sender, query: Mapping[str, str]) -> Reply:
    """Return the deliveries that have failed for good, oldest first.

    Raises:
        Refused: page or limit is not a number from 1.

    """
    shape = sender.dialects["failures"]
    found = list(sender.failed)
    if shape == "ids":
        return Reply(200, [attempt.event_id for attempt, _ in found], rows=len(found))
    if shape == "bare":
        return Reply(200, [_shown(sender, *each) for each in found], rows=len(found))
    page, limit = number_of(query, "page", 1, sender.dialects), page_size(query, 500, sender.dialects)
    part = found[(page - 1) * limit : page * limit]
    rows = [_shown(sender, *each) for each in part]
    if shape == "payloads":
        rows = [{**row, "payload": delivery.event} for row, (_, delivery) in zip(rows, part, strict=True)]
    elif shape == "cleared":
        sender.failed[:] = [each for each in sender.failed if each not in part]
    pages = max(-(-len(found) // limit), int(sender.dialects["no_pages"]))
    meta = {"page": page, "limit": limit, "total_pages": pages, "total_failures": len(found)}
    return Reply(200, {"query": {"page": page, "limit": limit}, "failures": rows, "meta": meta}, rows=len(rows))


def _shown(sender: Sender, attempt: Attempt, delivery: Delivery) -> dict[str, Any]:
    endpoint = sender.webhooks.endpoints.get(attempt.webhook)
    return {
        "webhook_id": attempt.webhook,
        "url": endpoint.url if endpoint else None,
        "event_id": attempt.event_id,
        "event_type": attempt.event_type,
        "event_timestamp": delivery.event["timestamp"],
        "attempts": attempt.number,
        "status_code": attempt.status or None,
        "error": attempt.error,
        "failed_at": stamp(attempt.at),
    }


def send_test(sender: Sender, number: int) -> Reply:
    """Send a ``webhook.test`` event to an endpoint, once, and return how that went. This waits for the endpoint."""
    endpoint = sender.webhooks.endpoints.get(number)
    if endpoint is None:
        return error(404, NOT_FOUND)
    data = {"message": "This is a test delivery.", "webhook_id": number}
    event = sender.announcer.envelope(sender.announcer.new_id(), "webhook.test", sender.clock.clock(), data)
    attempt = sender.send(Delivery(number, event, test=True), endpoint)
    if sender.dialects["test_answer"] == "always_ok":
        return Reply(200, {"success": True, "status_code": 200, "error": None}, rows=1)
    said = {"success": attempt.error is None, "status_code": attempt.status or None, "error": attempt.error}
    return Reply(200, said, rows=1)
