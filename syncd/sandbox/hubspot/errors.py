"""What HubSpot answers when it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sandbox.replies import Reply

CORRELATION = "00000000-0000-4000-8000-000000005550"
"""The id that a person would give to the vendor's support."""


def refusal(status: int, category: str, message: str, **more: Any) -> Reply:
    """An error with the vendor's envelope; ``more`` are further members."""
    body = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category, **more}
    return Reply(status, body)


def failure(category: str, message: str, *, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """One of the errors inside the answer to a batch."""
    own = {"status": "error", "category": category, "message": message, "context": context}
    return {**own, "errors": [], "links": {}}


class Refused(Exception):
    """The request is refused as a whole."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.reply = refusal(status, category, message, **more)


def invalid(message: str) -> Refused:
    """The request is not one that can be answered (400)."""
    return Refused(400, "VALIDATION_ERROR", message)


def missing_scopes(scopes: Sequence[str]) -> Refused:
    """The key lacks a scope (403)."""
    message = "This app hasn't been granted all required scopes to make this call."
    detail = {"message": "One or more of the following scopes are required.", "context": {}}
    context = {"requiredGranularScopes": list(scopes)}
    return Refused(403, "MISSING_SCOPES", message, errors=[{**detail, "context": context}])


def limited(policy: str, headers: Mapping[str, str]) -> Reply:
    """Too many requests (429): ``SECONDLY``, ``TEN_SECONDLY_ROLLING`` or ``DAILY``."""
    which = {"SECONDLY": "secondly", "TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "DAILY": "daily"}[policy]
    body = {
        "status": "error",
        "message": f"You have reached your {which} limit.",
        "errorType": "RATE_LIMIT",
        "category": "RATE_LIMITS",
        "correlationId": CORRELATION,
        "policyName": policy,
    }
    return Reply(429, body, headers=headers)
