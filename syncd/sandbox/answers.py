"""The answer to a push: status, ``summary``, ``contacts[]`` and ``errors[]``, in every dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from syncd.sandbox.fields import Row
from syncd.sandbox.push import Done, Failed, Outcome
from syncd.sandbox.replies import TYPES, Reply, error
from syncd.sandbox.store import Store

Failure = tuple[int, Any, str]
"""A refused row: its position in the request from 0, the row as sent, the message."""


def answer(store: Store, rows: Sequence[Any], outcomes: Sequence[Outcome]) -> Reply:
    """Return the answer to a push of ``rows``; ``outcomes`` holds one outcome for each row."""
    pairs = list(zip(rows, outcomes, strict=True))
    failures = [(at, row, outcome.message) for at, (row, outcome) in enumerate(pairs) if isinstance(outcome, Failed)]
    counts = {
        action: sum(isinstance(outcome, Done) and outcome.action == action for outcome in outcomes)
        for action in ("created", "updated", "unchanged")
    }
    status = _status(store, failed=bool(failures), created=bool(counts["created"]))
    if status >= 400 and store.dialects["failed_body"] == "error":
        return error(status, "The contacts are not valid.", rows=len(rows))
    # The guide's summary has no number for rows that change nothing: they count as updated.
    body = {
        "summary": {
            "total": len(rows),
            "created": counts["created"],
            "updated": counts["updated"] + counts["unchanged"],
            "errors": _error_count(store, len(failures)),
        },
        "contacts": _contacts(store, pairs),
        "errors": [item for failure in failures for item in ERROR_SHAPES[store.dialects["errors"]](*failure)],
    }
    return Reply(status, body, rows=len(rows))


def _status(store: Store, *, failed: bool, created: bool) -> int:
    usual = 201 if created else 200
    if not failed:
        return usual
    status = int(store.dialects["failed_status"])
    return usual if status == 201 else status


def _error_count(store: Store, count: int) -> int:
    return {"counted": count, "zero": 0, "extra": count + 1}[store.dialects["errors_summary"]]


def _contacts(store: Store, pairs: Sequence[tuple[Any, Outcome]]) -> list[dict[str, Any]]:
    shape = store.dialects["contacts"]
    items = list(_items(store, pairs, shape))
    if shape == "shuffled":
        # Neither the request's order nor its reverse, and the same each time.
        return items[1::2] + items[0::2]
    return items


def _items(store: Store, pairs: Sequence[tuple[Any, Outcome]], shape: str) -> Iterator[dict[str, Any]]:
    for row, outcome in pairs:
        if isinstance(outcome, Done):
            # Several contacts, if the dialect `match_many` updates all that match.
            for number, stored in outcome.stored:
                fields = _shown_of(store, stored, outcome.sent)
                yield {"contact": {"id": number, "fields": fields}, "action": outcome.action}
        elif shape == "full":
            yield {"contact": None, "action": "error"}
        elif shape == "echoed":
            yield {"contact": {"id": None, "fields": _fields_of(row)}, "action": "error"}


def _shown_of(store: Store, row: Row, sent: frozenset[int] | None) -> dict[str, str]:
    fields = shown(store, row)
    if sent is None:
        return fields
    names = {store.fields.names[position] for position in sent}
    return {name: value for name, value in fields.items() if name in names}


def shown(store: Store, row: Row) -> dict[str, str]:
    """Return a contact's fields as every answer shows them."""
    return store.fields.shown(row) if store.dialects["empty_fields"] == "blank" else store.fields.filled(row)


def _fields_of(row: Any) -> Any:
    # A refused row may be anything that JSON can hold.
    return row.get("fields") if isinstance(row, Mapping) else row


ERROR_SHAPES: Mapping[str, Callable[[int, Any, str], list[Any]]] = {
    "index0": lambda at, _, message: [{"index": at, "message": message}],
    "index1": lambda at, _, message: [{"index": at + 1, "message": message}],
    "row": lambda at, _, message: [{"row": at + 1, "error": message}],
    "nested": lambda at, _, message: [{"index": at, "error": {"code": 422, "type": TYPES[422], "message": message}}],
    "unindexed": lambda _, __, message: [{"message": message}],
    "strings": lambda _, __, message: [message],
    "contact": lambda _, row, message: [{"contact": {"fields": _fields_of(row)}, "message": message}],
    "fields": lambda _, row, message: [{"fields": _fields_of(row), "error": message}],
    "none": lambda _, __, ___: [],
}
"""The items of ``errors[]`` about a refused row, by the dialect ``errors``."""
