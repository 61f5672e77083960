"""What ``GET /webhooks/failures`` shows, in each form that it may have: the guide has none (open point A10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.core.activity.instants import seconds

_LISTS = ("failures", "data", "items", "results")
_PAYLOADS = ("payload", "event", "body", "data")
_IDS = ("event_id", "id", "delivery_id")
_TYPES = ("event_type", "type")
_TIMES = ("event_timestamp", "timestamp", "created_at", "failed_at")


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed delivery.

    ``key``: what tells it from others. ``event``: the event itself, if it is shown. ``type``, ``at``: of the event, as
    far as shown; ``at`` in Unix seconds. ``webhook``: the id of the endpoint.
    """

    key: str
    event: Mapping[str, Any] | None = None
    type: str | None = None
    at: float | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of failed deliveries; ``pages``: how many there are, None if it does not say so."""

    failures: tuple[Failure, ...]
    pages: int | None = None


def failures_of(body: Any) -> Shown | None:
    """Return the failures that an answer shows; None if it is no list of them."""
    meta = body.get("meta") if isinstance(body, Mapping) else None
    pages = meta.get("total_pages") if isinstance(meta, Mapping) else None
    items = body
    if isinstance(body, Mapping):
        items = next((body[name] for name in _LISTS if isinstance(body.get(name), list)), None)
    if not isinstance(items, list):
        return None
    found = (_failure(item) for item in items)
    return Shown(tuple(each for each in found if each is not None), pages if isinstance(pages, int) else None)


def _failure(item: Any) -> Failure | None:
    if isinstance(item, str | int):
        return Failure(str(item))
    if not isinstance(item, Mapping):
        return None
    payloads = (item, *(item[name] for name in _PAYLOADS if isinstance(item.get(name), Mapping)))
    event = next((each for each in payloads if _is_event(each)), None)
    moments = (seconds(each.get(name)) for each in (event or {}, item) for name in _TIMES)
    at = next((moment for moment in moments if moment is not None), None)
    key = _text(event, ("id",)) if event else _text(item, _IDS)
    return Failure(
        # A delivery without an id is told by all that is shown of it.
        key=key or repr(sorted((str(name), str(value)) for name, value in item.items())),
        event=event,
        type=_text(event or item, _TYPES),
        at=at,
        webhook=_text(item, ("webhook_id", "endpoint_id")),
    )


def _is_event(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("id"), str) and isinstance(item.get("event_type"), str) and "data" in item


def _text(item: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    found = (item[name] for name in names if isinstance(item.get(name), str | int) and item[name] != "")
    return next((str(value) for value in found), None)
