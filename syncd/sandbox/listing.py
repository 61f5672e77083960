"""``GET /contacts``: pages of the company's contacts, and search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from syncd.sandbox.answers import shown
from syncd.sandbox.fields import Row
from syncd.sandbox.phones import NOT_DIGITS
from syncd.sandbox.replies import Refused, Reply
from syncd.sandbox.store import Store

CAP = 500
"""The most contacts of one page (guide: Contacts, step 2)."""


class Listing:
    """Answers the list."""

    def __init__(self, store: Store) -> None:
        self.store = store
        # If the order is unstable, each answer begins elsewhere. Steps of one size would lead readings in a circle.
        self._starts = Random(5)  # noqa: S311  needs to be repeatable, not secret

    def reply(self, query: Mapping[str, str]) -> Reply:
        """Return the page that ``query`` (page, limit, search) asks for.

        Raises:
            Refused: page or limit is not a number from 1, or a dialect refuses it.

        """
        with self.store.lock:
            dialects = self.store.dialects
            page, limit = number_of(query, "page", 1, dialects), page_size(query, CAP, dialects)
            search = query.get("search") or None
            rows = self.store.seen()
            ids = self._found(rows, search)
            # -(-a // b) rounds up.
            pages = max(-(-len(ids) // limit), int(self.store.dialects["no_pages"]))
            if page > max(pages, 1) and self.store.dialects["past_end"] == "404":
                raise Refused(404, "Page not found.")
            contacts = [
                {"id": number, "fields": shown(self.store, rows[number])}
                for number in self._ordered(ids)[(page - 1) * limit : page * limit]
            ]
            body = {
                "query": {"page": page, "limit": limit, "search": search},
                "contacts": contacts,
                "meta": {"page": page, "limit": limit, "total_pages": pages, "total_contacts": len(ids)},
            }
            return Reply(200, body, rows=len(contacts))

    def _found(self, rows: Mapping[int, Row], search: str | None) -> Sequence[int]:
        ids = self.store.ids() if rows is self.store.rows else sorted(rows)
        if search is None:
            return ids
        hit = _finder(search, self.store.dialects["search"])
        phones = self.store.fields.phones if self.store.dialects["search_phone"] == "digits" else frozenset()
        # A search with a phone's punctuation finds the stored digits.
        phone_hit = _finder(NOT_DIGITS.sub("", search), self.store.dialects["search"])
        return [
            number
            for number in ids
            if any(hit(value) or (at in phones and phone_hit(value)) for at, value in enumerate(rows[number]) if value)
        ]

    def _ordered(self, ids: Sequence[int]) -> Sequence[int]:
        order = self.store.dialects["list_order"]
        if order == "newest":
            return ids[::-1]
        if order == "updated":
            return sorted(ids, key=lambda number: (-self.store.touched.get(number, 0), number))
        if order == "unstable" and ids:
            start = self._starts.randrange(len(ids))
            return [*ids[start:], *ids[:start]]
        return ids


def number_of(query: Mapping[str, str], name: str, default: int, dialects: Mapping[str, str]) -> int:
    """Return a parameter that is a number from 1.

    Raises:
        Refused: it is something else.

    """
    text = query.get(name) or str(default)
    # int() also takes "+1", " 1", "1_0" and digits of other scripts.
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise Refused(int(dialects["invalid_status"]), f"{name} must be a number from 1.")
    return int(text)


def page_size(query: Mapping[str, str], cap: int, dialects: Mapping[str, str]) -> int:
    """Return how many rows a page has that ``query`` asks for; ``cap`` is the most.

    Raises:
        Refused: the limit is no number from 1, or a dialect refuses one over the cap.

    """
    limit = number_of(query, "limit", 100, dialects)
    rule = dialects["over_limit"]
    if limit > cap and rule != "clamp":
        raise Refused(int(rule), f"limit must not be over {cap}.")
    return min(limit, cap)


def _finder(search: str, rule: str) -> Callable[[str], bool]:
    wanted = search.casefold()
    # A search for words has no digits: an empty text would be found in every phone.
    if not wanted:
        return lambda _: False
    if rule == "prefix":
        return lambda value: value.casefold().startswith(wanted)
    if rule == "exact":
        return lambda value: value.casefold() == wanted
    return lambda value: wanted in value.casefold()
