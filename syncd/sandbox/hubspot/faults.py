"""The faults of requests to HubSpot, armed beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from syncd.sandbox.faults import Drop, Empty, Fault, Html, Slow, Truncate
from syncd.sandbox.hubspot.errors import limited, refusal
from syncd.sandbox.replies import Reply


@dataclass(frozen=True, kw_only=True)
class Status(Fault):
    """An error status in HubSpot's envelope, such as 423, 477 or 502. ``retry_after`` is sent unchanged."""

    # Not the sandbox's own Status: the envelope of errors is the vendor's.

    kind: ClassVar[str] = "status"
    status: int = 500
    category: str = "INTERNAL_ERROR"
    message: str = "internal error"
    retry_after: str | None = None

    def _instead(self, worked: Reply) -> Reply:
        body = refusal(self.status, self.category, self.message).body
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return Reply(self.status, body, headers=headers, rows=worked.rows)


@dataclass(frozen=True, kw_only=True)
class Limited(Fault):
    """A 429 of one ``policy``: SECONDLY, TEN_SECONDLY_ROLLING or DAILY."""

    # Without Retry-After by default, like the vendor: the policy's name says how long to wait.

    kind: ClassVar[str] = "limited"
    policy: str = "TEN_SECONDLY_ROLLING"
    retry_after: str | None = None

    def _instead(self, worked: Reply) -> Reply:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return replace(limited(self.policy, headers), rows=worked.rows)


KINDS: Mapping[str, type[Fault]] = {kind.kind: kind for kind in (Status, Limited, Html, Empty, Drop, Truncate, Slow)}
"""Every kind of fault by its name. A fault's ``path`` is an operation: list, record, search, batch, associations,
properties, owners, dispositions, labels, token, and the writes: create, update, archive, batch_create, batch_update,
batch_upsert, batch_archive, associate, property."""
