"""Go through a list page by page, and find out whether records may be missing. Pure, given a way to fetch.

A code connector composes it with a way of paging::

    walk = Walk(TokenPages("paging.next.after"), fetch)
    for page in walk.pages():
        ...  # page.records holds each record once
    walk.flaws  # empty: the list was read completely

where ``fetch(step)`` sends the request of ``step`` and returns a page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.http_parts.paths import find, truthy
from connectors.rest_api.paging import KeysetPages, NumberPages, OffsetPages, Page, Pager, Step, value_at
from syncd.rest import Listed

_LAST_KEY = re.compile(r'(?:(?P<above>.+)\.)?(?P<name>"[^"]*"|[A-Za-z_]\w*)')
"""A path, and the key at its end."""

MOST_PAGES = 100_000
"""The most pages of one list, if the configuration says nothing smaller."""


@dataclass(slots=True)
class Walk:
    """Goes through the pages of one list, yields each record once, and notes in ``flaws`` why some may be missing.

    ``asked``: how many pages were asked for. ``count``: how many records were yielded. ``largest``: the most records of
    a page. ``repeats``: a record came twice.

    Args:
        pager: how the list goes on.
        fetch: sends the request of a step and returns its page.
        more: a path whose value says whether there is another page; a false value ends the list.
        total: a path to the number of records, for a server whose number is reliable.
        begin: the first request, if it is not the pager's own.
        most: the most records that the server shows of this list; to reach it is a flaw.
        max_pages: the most pages that are asked for.
        size: how many records a page was asked to have.
        closing: a path to a value that only a last page has.
        every: yield a record each time it comes: for a stream of changes, whose last version counts.
        twice: read the list again at the end; it must be the same.
        may_slip: why a record may slip from one page to another while the list is read; empty: it cannot.

    """

    pager: Pager
    fetch: Callable[[Step], Page]
    more: str | None = None
    total: str | None = None
    begin: Step | None = None
    most: int | None = None
    max_pages: int = MOST_PAGES
    twice: bool = False
    size: int | None = None
    closing: str | None = None
    every: bool = False
    may_slip: str = ""
    flaws: list[str] = field(default_factory=list)
    asked: int = 0
    count: int = 0
    largest: int = 0
    repeats: bool = False

    @property
    def slips(self) -> str:
        """Why a record may have slipped between the pages that were read, although each of them came."""
        # A list that came in one answer has no place between two pages.
        return self.may_slip if self.asked > 1 else ""

    def pages(self) -> Iterator[Page]:
        """Yield every page without the records of earlier pages; at least one page."""
        seen: set[str] = set()
        order = hashlib.sha256()
        totals: set[int] = set()
        for step, page in self._steps():
            ids = {id_ for id_ in page.ids if id_ is not None}
            # No list of numbers for the first page, which may be the whole list.
            fresh = [at for at, id_ in enumerate(page.ids) if id_ not in seen] if seen else range(len(page.ids))
            stuck = bool(page.records) and not fresh and not self.every
            if seen:
                seen |= ids
            else:
                seen = ids
            kept = page if self.every else _only(page, fresh, ids)
            # The record by which an offset page overlaps the page before is expected twice.
            overlap = step.first_id is not None and page.ids[:1] == [step.first_id]
            self.repeats |= len(kept.records) + overlap < len(page.records)
            self.largest = max(self.largest, len(kept.records))
            self.count += len(kept.records)
            order.update(_order_of(kept))
            totals |= {int(total)} if self.total and _is_count(total := find(self.total, page.body)) else set()
            yield kept
            if stuck and not (step.first_id is not None and len(page.records) == 1):
                self.flaws.append("a page came twice, so the server may ignore the parameter that asks for the next")
                return
        self._judge(totals, order.digest())

    def _steps(self) -> Iterator[tuple[Step, Page]]:
        step: Step | None = self.begin or self.pager.first()
        asked: set[tuple[Any, ...]] = set()
        for _ in range(self.max_pages):
            if step is None:
                return
            asked.add(_identity(step))
            self.asked += 1
            page = self.fetch(step)
            self._compare(step, page)
            yield step, page
            if len(asked) == 1:
                self._check_first_page(page)
            step = self._next(step, page)
            if step and _identity(step) in asked:
                self.flaws.append("the server gave the same next page twice")
                return
        self.flaws.append(f"there are more than {self.max_pages:,} pages")

    def _compare(self, step: Step, page: Page) -> None:
        """Note a flaw if the ids of a page are not those that the step asked for."""
        if step.first_id is not None and (not page.ids or page.ids[0] != step.first_id):
            self.flaws.append("records were added or removed while the list was read")
        if isinstance(self.pager, KeysetPages | OffsetPages) and page.ids and page.ids[-1] is None:
            self.flaws.append("a record has no id, so the next page cannot be asked for")
        if isinstance(self.pager, KeysetPages) and not _ascend(page.ids):
            self.flaws.append("a page is not in the order of the ids")

    def _check_first_page(self, page: Page) -> None:
        """Note a flaw if the page is full and the place of the next token is not in the answer at all."""
        # A misspelt page.from would otherwise read the first page only, and every other contact would be deleted.
        source = getattr(self.pager, "source", "")
        known = self.more or self.total or (self.closing and truthy(find(self.closing, page.body)))
        full = self.size is not None and len(page.records) >= self.size
        if source and full and not known and not _has_place(source, page):
            self.flaws.append(
                f"the only page is full, and the answer has nothing at {source!r}, the place of the next page: "
                "correct page.from"
            )

    def _next(self, step: Step, page: Page) -> Step | None:
        following = self.pager.after(step, page)
        if self.more is None:
            return following
        more = truthy(find(self.more, page.body))
        if more and following is None:
            self.flaws.append("the server says that there is another page, but not where")
        return following if more else None

    def _judge(self, totals: set[int], order: bytes) -> None:
        if self.most is not None and self.count >= self.most:
            self.flaws.append(f"this list shows {self.most:,} records at most")
        if totals and totals != {self.count}:
            total = " and ".join(f"{each:,}" for each in sorted(totals))
            self.flaws.append(f"there were {self.count:,} records and the server says {total}")
        if self.repeats and isinstance(self.pager, NumberPages | OffsetPages):
            self.flaws.append("a record was on two pages, so another may have been on none")
        # If a record is removed while numbered pages are read, another one slips into a page that was read before, and
        # no page shows it. Only a second read can tell.
        if self.twice and self.count and not self.flaws:
            again = replace(self, twice=False, flaws=[], count=0)
            second = hashlib.sha256()
            for page in again.pages():
                second.update(_order_of(page))
            if second.digest() != order or again.flaws:
                self.flaws.append("the list differed when it was read a second time")


def _order_of(page: Page) -> bytes:
    # A NUL ends each id, and an empty page adds nothing: only the records count, not how they fall into pages.
    return "\0".join(map(str, page.ids)).encode(errors="surrogatepass") + b"\0" * bool(page.ids)


def _only(page: Page, fresh: Sequence[int], ids: set[str]) -> Page:
    """Return the page with its fresh records alone, each once."""
    if len(fresh) == len(page.records) == len(ids):
        return page
    once: dict[Any, int] = {}
    for index in fresh:
        id_ = page.ids[index]
        once.setdefault(index if id_ is None else id_, index)
    kept = list(once.values())
    records = page.records
    chosen = records.only(kept) if isinstance(records, Listed) else [records[at] for at in kept]
    return replace(page, records=chosen, ids=[page.ids[at] for at in kept])


def _identity(step: Step) -> tuple[Any, ...]:
    return (step.url, *sorted(step.values.items()))


def _ascend(ids: Sequence[str | None]) -> bool:
    """Return whether ids are in order: numbers by their value, others letter by letter."""
    known = [id_ for id_ in ids if id_ is not None]
    # As texts, "10" comes before "9".
    keys: list[Any] = [int(id_) for id_ in known] if all(map(str.isdecimal, known)) else known
    return keys == sorted(keys)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _has_place(source: str, page: Page) -> bool:
    """Return whether an answer has the key at the end of ``source``, even with a null."""
    if value_at(source, page) is not None:
        return True
    parts = _LAST_KEY.fullmatch(source)
    if parts is None:
        return False
    # The text before the last dot may be no expression by itself.
    with suppress(ValueError):
        place = find(parts["above"] or "@", page.body)
        return isinstance(place, dict) and parts["name"].strip('"') in place
    return False
