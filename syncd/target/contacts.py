"""The Vocatech contacts API: fields, list, upsert, delete, with an outcome for each row (guide: Contacts).

It sends and reads, and stores nothing. A batch that is refused as a whole, and rows whose outcome an answer leaves
unknown, are sent again in halves down to single rows, so that one bad row never costs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.outcomes import Accepted, Refused, Unknown, has_form, judge, left_undone
from syncd.core.refusal_text import reason
from syncd.core.remote import Key, Remote, match_keys, number, texts
from syncd.core.schema import Schema, parse_fields
from syncd.errors import SchemaError, TargetMoved, TargetRefused, TargetUnavailable
from syncd.rest import Answer, Client
from syncd.target.halving import DeleteAnswer, DeleteResult, Look, SplitDelete, SplitUpsert, UpsertAnswer, UpsertResult

__all__ = ["Accepted", "DeleteResult", "Refused", "Remote", "Target", "Unknown", "UpsertAnswer", "UpsertResult"]

BATCH = 500
"""The most contacts of one request, and of one page (guide: Contacts, steps 2 and 3)."""

_REFUSALS = frozenset({400, 409, 413, 414, 422})  # these statuses refuse the rows, and halves of them may pass
_ELSEWHERE = frozenset({404, 405, 410})  # these statuses mean that the server has no such path
_READS = 4  # how often the list is read at most if it changes while it is read
_SHUFFLED = 16  # the same if the count stays equal: then only the order changes, and each reading finds more
_CHANGED = -1  # stands for the count of a list whose pages gave different counts
_SEARCH_PAGES = 4
SEARCHED = _SEARCH_PAGES * BATCH
"""The most contacts that a search returns; if it returns so many, it may have left some out."""


class Target:
    """The contacts of one company. ``total`` is how many the last list had, None before."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.total: int | None = None

    @property
    def sent(self) -> int:
        """How many requests were sent so far, every attempt."""
        return self._client.sent

    def fields(self) -> Schema:
        """Read the company's contact fields: one request.

        Raises:
            SchemaError: the answer is not a list of fields, or there is nothing at this address.
            SyncdError: as :meth:`syncd.rest.Client.request`.

        """
        try:
            answer = self._client.request("GET", "/contacts/fields")
        except TargetMoved as moved:
            raise SchemaError(str(moved)) from None
        except TargetRefused as refused:
            if refused.status not in _ELSEWHERE:
                raise
            # No such path: some other server than the API answers at this address.
            raise SchemaError(
                f"there is no /contacts/fields at the address of Vocatech (status {refused.status}): "
                "check target.base_url, its path too (the default ends in /v1)"
            ) from None
        _need_json(answer, "the list of fields")
        try:
            return parse_fields(answer.body)
        except (ValueError, TypeError, OverflowError):
            raise SchemaError(
                "Vocatech's list of contact fields is not of the documented form: check target.base_url"
            ) from None

    def contacts(self, progress: Callable[[int], object] = lambda _read: None) -> list[Remote]:
        """Read every contact, each once: one request for 500 contacts, and all again if the list shifted meanwhile.

        ``progress`` is called after each page with the number of contacts that were read.

        Raises:
            TargetUnavailable: no reading was complete.

        """
        found: dict[int, Remote] = {}
        total: int | None = None
        for times in range(1, _SHUFFLED + 1):
            reading = self._read_list(progress)
            # Contacts of several readings add up only while the count stays the same: then none came or went.
            steady = reading.total == total not in {None, _CHANGED}
            if not steady:
                found, total = {}, reading.total
            found |= reading.found
            if len(found) == total or (total is None and not reading.repeats):
                self.total = len(found)
                return list(found.values())
            if times >= _READS and not (steady and reading.repeats):
                break
        raise TargetUnavailable(
            f"Vocatech's list of contacts came out incomplete {times} times (it changed, or its count is wrong): "
            "try again later",
            in_doubt=False,
        )

    def _read_list(self, progress: Callable[[int], object]) -> _Reading:
        """Read all pages once, up to the last page, an empty page, or a page that equals the page before it."""
        found: dict[int, Remote] = {}
        totals: set[int] = set()
        before: tuple[Remote, ...] | None = None
        page, size = 1, 0
        while True:
            sheet = self._page(page)
            fresh = {contact.id: contact for contact in sheet.contacts if contact.id not in found}
            found |= fresh
            size += sheet.size
            progress(len(found))
            totals |= {sheet.total} if sheet.total is not None else set()
            # If no answer says how many pages there are, a page without new contacts is the last.
            over = not fresh if sheet.pages is None else page >= sheet.pages
            if over or not sheet.size or sheet.contacts == before:
                break
            before = sheet.contacts
            page += 1
        changed = len(totals) > 1
        return _Reading(found, _CHANGED if changed else next(iter(totals), None), repeats=size != len(found))

    def ids(self, *, most: int) -> frozenset[int] | None:
        """Return every contact's id; None if the list has more than ``most`` pages, without reading them."""
        pages = self._page(1).pages
        return frozenset(contact.id for contact in self.contacts()) if pages is not None and pages < most else None

    def first_page(self) -> tuple[list[Remote], bool]:
        """Return up to 500 contacts by one request, and whether these are all contacts of the company."""
        sheet = self._page(1)
        return list(sheet.contacts), sheet.pages <= 1 if sheet.pages is not None else sheet.size < BATCH

    def search(self, text: str, pages: int = _SEARCH_PAGES) -> list[Remote]:
        """Return contacts that may have ``text`` in a field: the caller has to compare.

        They are at most :data:`SEARCHED`, or 500 for each of ``pages``, if there are fewer pages.
        """
        found: dict[int, Remote] = {}
        for page in range(1, pages + 1):
            sheet = self._page(page, text)
            found.update((contact.id, contact) for contact in sheet.contacts)
            if not sheet.size or (sheet.pages is not None and page >= sheet.pages):
                break
        return list(found.values())

    def _page(self, page: int, text: str | None = None) -> _Page:
        params: dict[str, str | int] = {"page": page, "limit": BATCH}
        if text is not None:
            params["search"] = text
        # Some servers answer 404 for a page behind the last: then the list ends. For the first page it is an error.
        answer = self._client.request("GET", "/contacts", params=params, returned={404} if page > 1 else ())
        if answer.status == 404:
            return _Page((), 0, page, None)
        _need_json(answer, "the list of contacts")
        return _read_page(answer.body)

    def upsert(
        self, contacts: Sequence[Mapping[str, str]], schema: Schema, again: Callable[[], None] | None = None
    ) -> UpsertAnswer:
        """Create or update at most 500 contacts by one call; ``again`` as in :meth:`syncd.rest.Client.request`.

        Raises:
            ValueError: there are none or too many, or a contact lacks a match value (it could match any contact).
            SyncdError: as :meth:`syncd.rest.Client.request`.

        """
        if not 0 < len(contacts) <= BATCH:
            raise ValueError(f"{len(contacts)} contacts cannot be sent at once: 1 to {BATCH} can")
        keys = match_keys(contacts, schema)
        if None in keys:
            raise ValueError("a contact without a match value is never sent")
        body = {"contacts": [{"fields": dict(contact)} for contact in contacts]}
        answer = self._client.request("POST", "/contacts", json=body, returned=_REFUSALS, again=again, finish=True)
        return _upserted(answer, keys, schema)

    def upsert_all(
        self, contacts: Sequence[Mapping[str, str]], schema: Schema, look: Look = lambda _rows: None
    ) -> UpsertResult:
        """Create or update at most 500 contacts, by as many calls as it takes to know the outcome of each.

        If the target refuses ``b`` rows, there are at most 2·b·9+1 calls. The first call has all rows. An error that
        ends the work early is returned with the outcomes that are known by then, not raised; other rows are Unknown.

        ``look`` is called with the positions of rows that an earlier call may have brought to the target, before they
        are sent again: afterwards nobody can see any more what stood there. If it raises, the work ends.

        Raises:
            ValueError: as :meth:`upsert`.

        """
        return SplitUpsert(self, contacts, schema, look).run()

    def delete(self, ids: Sequence[int]) -> DeleteAnswer:
        """Delete at most 500 contacts by one call; an id that does not exist counts as deleted.

        Raises:
            ValueError: there are no ids (that might delete all contacts) or too many, or a number is no id.
            SyncdError: as :meth:`syncd.rest.Client.request`.

        """
        if not 0 < len(ids) <= BATCH or any(number(id_) != id_ for id_ in ids):
            raise ValueError(f"1 to {BATCH} ids can be deleted at once")
        # The guide has two forms: "id" for one contact, "ids" for several.
        body: dict[str, Any] = {"id": ids[0]} if len(ids) == 1 else {"ids": list(ids)}
        answer = self._client.request("DELETE", "/contacts", json=body, returned=_REFUSALS | {404}, finish=True)
        return _deleted(answer, ids)

    def delete_all(self, ids: Sequence[int]) -> DeleteResult:
        """Delete at most 500 contacts; a list that is refused is sent again in halves, down to single ids.

        Raises:
            ValueError: as :meth:`delete`.

        """
        return SplitDelete(self, ids).run()


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of the list; ``size`` counts its entries, with those that are no contacts."""

    contacts: tuple[Remote, ...]
    size: int
    pages: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of the list. ``total``: its own count, None or ``_CHANGED``; ``repeats``: contacts came twice."""

    found: Mapping[int, Remote]
    total: int | None
    repeats: bool


def _need_json(answer: Answer, what: str) -> None:
    if not answer.is_json:
        raise TargetUnavailable(f"Vocatech did not send {what}: {answer.problem}; try again later", in_doubt=False)


def _read_page(body: Any) -> _Page:
    items = body.get("contacts") if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise TargetUnavailable(
            "Vocatech's list of contacts is not of the documented form: check target.base_url", in_doubt=False
        )
    if len(items) > BATCH:
        raise TargetUnavailable(
            f"Vocatech sent {len(items):,} contacts on one page, though {BATCH} were asked for: check target.base_url",
            in_doubt=False,
        )
    # Without usable counts the list is read until a page brings nothing new.
    meta = body["meta"] if isinstance(body.get("meta"), dict) else {}
    found = tuple(contact for item in items if (contact := _remote(item)))
    return _Page(found, len(items), _count(meta.get("total_pages")), _count(meta.get("total_contacts")))


def _remote(item: Any) -> Remote | None:
    id_ = number(item.get("id")) if isinstance(item, dict) else None
    return Remote(id_, texts(item["fields"])) if id_ and isinstance(item.get("fields"), dict) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _upserted(answer: Answer, keys: Sequence[Key | None], schema: Schema) -> UpsertAnswer:
    refused = answer.status >= 400
    outcomes = judge(keys, answer.body, schema)
    proved = any(not isinstance(outcome, Unknown) for outcome in outcomes)
    # The refusal of a request with one row can be about no other row.
    if refused and not proved and len(keys) == 1:
        why = reason(answer.body, schema) if answer.is_json else f"refused by Vocatech with status {answer.status}"
        return UpsertAnswer((Refused(why),), answer.status)
    if not has_form(answer.body) and not refused:
        problem = answer.problem or "the answer is not of the documented form"
        return UpsertAnswer((Unknown(problem),) * len(keys), answer.status, unreadable=problem)
    return UpsertAnswer(tuple(outcomes), answer.status, undone=left_undone(outcomes, answer.body, refused=refused))


def _deleted(answer: Answer, ids: Sequence[int]) -> DeleteAnswer:
    # Only with JSON: another 404 comes from a proxy or a wrong address, and proves nothing about the contact.
    if answer.status == 404 and len(ids) == 1 and answer.is_json:
        return DeleteAnswer(frozenset(ids), answer.status)
    if answer.status >= 400:
        return DeleteAnswer(frozenset(), answer.status, f"refused by Vocatech with status {answer.status}")
    # A success without a body is usual for DELETE.
    empty = answer.problem == "the answer was empty"
    if not answer.is_json and not empty:
        return DeleteAnswer(frozenset(), answer.status, answer.problem)
    gone = frozenset(ids) if empty else _gone(answer.body, ids)
    return DeleteAnswer(gone, answer.status, "" if len(gone) == len(ids) else "Vocatech reported an error for it")


def _gone(body: Any, ids: Sequence[int]) -> frozenset[int]:
    """Return the ids for which the body of a success names no error."""
    body = body if isinstance(body, dict) else {}
    summary = body["summary"] if isinstance(body.get("summary"), dict) else {}
    errors = body.get("errors")
    if not (errors or summary.get("errors") or body.get("error")):
        return frozenset(ids)
    items = errors if isinstance(errors, list) else []
    named = {number(item.get("id")) for item in items if isinstance(item, dict)}
    # Only if every error names an id of the request, the other ids are certainly gone.
    sure = len(named) == len(items) > 0 and named <= set(ids) and not body.get("error")
    return frozenset(ids) - frozenset(named) if sure else frozenset()
