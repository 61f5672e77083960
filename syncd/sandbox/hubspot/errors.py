"""The refusals of HubSpot's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sandbox.replies import Reply

CORRELATION = "00000000-0000-4000-8000-000000005550"
"""The id of an answer, which a person gives to the vendor's support."""


def refusal(status: int, category: str, message: str, **more: Any) -> Reply:
    """Return an error in the vendor's envelope; ``more`` are further members."""
    body = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category, **more}
    return Reply(status, body)


def failure(category: str, message: str, *, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return one error for the answer to a batch."""
    # The specification's members, the empty ones too: a reader may rely on them.
    own = {"status": "error", "category": category, "message": message, "context": context}
    return {**own, "errors": [], "links": {}}


class Refused(Exception):
    """The request is refused as a whole."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.reply = refusal(status, category, message, **more)


def invalid(message: str) -> Refused:
    """Return the refusal of a wrong request (400)."""
    return Refused(400, "VALIDATION_ERROR", message)


def missing_scopes(scopes: Sequence[str]) -> Refused:
    """Return the refusal of a key that lacks a scope (403)."""
    # The names of the scopes stand in the context alone, where a reader must look for them.
    message = "This app hasn't been granted all required scopes to make this call."
    detail = {"message": "One or more of the following scopes are required.", "context": {}}
    context = {"requiredGranularScopes": list(scopes)}
    return Refused(403, "MISSING_SCOPES", message, errors=[{**detail, "context": context}])


def limited(policy: str, headers: Mapping[str, str]) -> Reply:
    """Return the refusal of too many requests (429); ``policy``: SECONDLY, TEN_SECONDLY_ROLLING or DAILY."""
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
