"""``DELETE /contacts``: by ``{"id": 1}`` or ``{"ids": [1, 2]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sandbox.replies import Refused, Reply
from syncd.sandbox.store import Store


def delete(store: Store, body: Any) -> Reply:
    """Delete the contacts that ``body`` names, durably; None means that there was no body.

    Raises:
        Refused: a dialect refuses the request.

    """
    with store.lock:
        single = isinstance(body, Mapping) and "id" in body
        ids = _ids_of(store, body)
        if not ids:
            return _without_ids(store)
        known = [number for number in dict.fromkeys(ids) if number in store.rows]
        unknown = [number for number in ids if number not in store.rows]
        # Without unknown ids every reading of the guide is the same.
        rule = store.dialects["delete_unknown"] if unknown else "ok"
        if rule == "all_or_nothing" or (single and rule == "partial"):
            raise Refused(404, "Contact not found.", rows=len(ids))
        _remove(store, known)
        # The worst reading: the answer says that nothing was found, and the others are gone.
        if rule == "404":
            raise Refused(404, "Contact not found.", rows=len(ids))
        return _answer(store, ids, known, unknown if rule == "partial" else [])


def _ids_of(store: Store, body: Any) -> list[int]:
    invalid = int(store.dialects["invalid_status"])
    if body is None or body == {}:
        return []
    if not isinstance(body, Mapping) or not {"id", "ids"} & set(body):
        raise Refused(invalid, "Either id or ids is required.")
    ids = [body["id"]] if "id" in body else body["ids"]
    # True is an int in Python, and type() tells them apart.
    if not isinstance(ids, list) or not all(type(number) is int for number in ids):
        raise Refused(invalid, "Ids must be integers.")
    cap = int(store.dialects["delete_cap"])
    if len(ids) > cap:
        raise Refused(invalid, f"At most {cap} contacts can be deleted at once.", rows=len(ids))
    return ids


def _without_ids(store: Store) -> Reply:
    rule = store.dialects["delete_empty"]
    if rule == "error":
        raise Refused(int(store.dialects["invalid_status"]), "Either id or ids is required.")
    everything = list(store.rows) if rule == "everything" else []
    _remove(store, everything)
    return _answer(store, everything, everything, [])


def _remove(store: Store, ids: Sequence[int]) -> None:
    if ids:
        store.write({}, ids)


def _answer(store: Store, ids: Sequence[int], deleted: Sequence[int], unknown: Sequence[int]) -> Reply:
    if store.dialects["delete_status"] == "204" and not unknown:
        return Reply(204, rows=len(ids))
    body = {
        "summary": {"total": len(ids), "deleted": len(deleted), "errors": len(unknown)},
        "deleted": list(deleted),
        "errors": [{"id": number, "message": "Contact not found."} for number in unknown],
    }
    return Reply(200, body, rows=len(ids))
