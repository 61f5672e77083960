"""Lists read page by page, and what proves that nothing of them is missing; pure, given a way to fetch.

A code connector composes it with a way of paging::

    walk = Walk(TokenPages("paging.next.after"), fetch)
    for page in walk.pages():
        ...  # page.records holds each record once
    walk.flaws  # empty: the whole list was read, and that is proved

where ``fetch(step)`` sends the request that ``step`` describes and returns a page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.http_parts.paths import find, truthy
from connectors.rest_api.paging import KeysetPages, NumberPages, OffsetPages, Page, Pager, Step, found_at

_LAST = re.compile(r'(?:(?P<above>.+)\.)?(?P<name>"[^"]*"|[A-Za-z_]\w*)')
"""A path, and the key at its end."""


MOST_PAGES = 100_000
"""Pages of one list at most, if nothing smaller is configured."""


@dataclass(slots=True)
class Walk:
    """Goes through the pages of one list, yields each record once, and notes in ``flaws`` why some may be missing.

    ``count`` is how many were yielded, ``largest`` the size of the largest page; ``repeats``: a record came twice.

    Args:
        pager: how it goes on.
        fetch: sends the request of a step and returns its page.
        more: a path whose value says whether there is another page; ends the list, and must not contradict the token.
        total: a path to the number of records, where that number can be trusted.
        begin: the first request, if the list does not begin where the pager would.
        most: so many records, and more are not shown by this list at all; reaching them is a flaw.
        max_pages: more pages than this are not asked for.
        size: how many records a page was asked to have. If the only page has as many and the token of a next one is not
            even null, it may be looked for in the wrong place.
        closing: a path to what only a last page has.
        every: yield a record each time it comes: for a stream of changes, in which the last word counts.
        twice: read the list again at the end, and take it for whole only if it is the same: for pages with numbers,
            where a record that is removed lets another slip from one page into one that was read before.

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
    flaws: list[str] = field(default_factory=list)
    count: int = 0
    largest: int = 0
    repeats: bool = False

    def pages(self) -> Iterator[Page]:
        """Every page, without the records that were on one before; at least one page."""
        seen: set[str] = set()
        order = hashlib.sha256()
        totals: set[int] = set()
        for step, page in self._steps():
            fresh = [index for index, id_ in enumerate(page.ids) if id_ is None or id_ not in seen]
            here = {id_ for id_ in page.ids if id_ is not None}
            stuck = bool(page.records) and not fresh and not self.every
            seen |= here
            kept = page if self.every else _only(page, fresh, here)
            overlap = step.expects is not None and page.ids[:1] == [step.expects]
            self.repeats |= len(kept.records) + overlap < len(page.records)
            self.largest = max(self.largest, len(kept.records))
            self.count += len(kept.records)
            order.update("\0".join(map(str, kept.ids)).encode() + b"\0" * bool(kept.ids))
            totals |= {int(told)} if self.total and _is_count(told := find(self.total, page.body)) else set()
            yield kept
            if stuck and not (step.expects is not None and len(page.records) == 1):
                self.flaws.append("a page came twice, so the server may not take what was asked for the next one")
                return
        self._judge(totals, order.digest())

    def _steps(self) -> Iterator[tuple[Step, Page]]:
        step: Step | None = self.begin or self.pager.first()
        asked: set[tuple[Any, ...]] = set()
        for _ in range(self.max_pages):
            if step is None:
                return
            asked.add(_identity(step))
            page = self.fetch(step)
            self._compare(step, page)
            yield step, page
            if len(asked) == 1:
                self._suspect(page)
            step = self._next(step, page)
            if step and _identity(step) in asked:
                self.flaws.append("the server gave the same next page twice")
                return
        self.flaws.append(f"there are more than {self.max_pages:,} pages")

    def _compare(self, step: Step, page: Page) -> None:
        """Note what the ids of a page say against what was asked."""
        if step.expects is not None and (not page.ids or page.ids[0] != step.expects):
            self.flaws.append("records were added or removed while the list was read")
        if isinstance(self.pager, KeysetPages | OffsetPages) and page.ids and page.ids[-1] is None:
            self.flaws.append("a record has no id, from which the next page would go on")
        if isinstance(self.pager, KeysetPages) and not _ascend(page.ids):
            self.flaws.append("a page is not in the order of the ids")

    def _suspect(self, page: Page) -> None:
        """Note that a first page which is full, and tells of no other one, may tell of it elsewhere."""
        source = getattr(self.pager, "source", "")
        known = self.more or self.total or (self.closing and truthy(find(self.closing, page.body)))
        full = self.size is not None and len(page.records) >= self.size
        if source and full and not known and not _is_told(source, page):
            self.flaws.append(f"the only page is full, and nothing at {source!r} tells of another: correct page.from")

    def _next(self, step: Step, page: Page) -> Step | None:
        following = self.pager.after(step, page)
        if self.more is None:
            return following
        more = truthy(find(self.more, page.body))
        if more and following is None:
            self.flaws.append("the server says that there is more, and not where")
        return following if more else None

    def _judge(self, totals: set[int], order: bytes) -> None:
        if self.most is not None and self.count >= self.most:
            self.flaws.append(f"this list shows {self.most:,} records at most")
        if totals and totals != {self.count}:
            told = " and ".join(f"{each:,}" for each in sorted(totals))
            self.flaws.append(f"there were {self.count:,} records and the server says {told}")
        if self.repeats and isinstance(self.pager, NumberPages | OffsetPages):
            self.flaws.append("a record was on two pages, so another may have been on none")
        if self.twice and self.count and not self.flaws:
            again = replace(self, twice=False, flaws=[], count=0)
            second = hashlib.sha256()
            for page in again.pages():
                second.update("\0".join(map(str, page.ids)).encode() + b"\0" * bool(page.ids))
            if second.digest() != order or again.flaws:
                self.flaws.append("the list was another one when it was read again")


def _only(page: Page, fresh: Sequence[int], here: set[str]) -> Page:
    """The page with its fresh records alone, each once."""
    if len(fresh) == len(page.records) == len(here):
        return page
    once: dict[Any, int] = {}
    for index in fresh:
        id_ = page.ids[index]
        once.setdefault(index if id_ is None else id_, index)
    kept = list(once.values())
    return replace(page, records=[page.records[at] for at in kept], ids=[page.ids[at] for at in kept])


def _identity(step: Step) -> tuple[Any, ...]:
    return (step.url, *sorted(step.values.items()))


def _ascend(ids: Sequence[str | None]) -> bool:
    """Whether ids are in order: numbers by their value, others letter by letter."""
    known = [id_ for id_ in ids if id_ is not None]
    keys: list[Any] = [int(id_) for id_ in known] if all(map(str.isdecimal, known)) else known
    return keys == sorted(keys)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_told(source: str, page: Page) -> bool:
    """Whether an answer says anything where the next token would stand, if only that there is none."""
    if found_at(source, page) is not None:
        return True
    parts = _LAST.fullmatch(source)
    if parts is None:
        return False
    with suppress(ValueError):  # what stands before the last dot may be no path by itself
        place = find(parts["above"] or "@", page.body)
        return isinstance(place, dict) and parts["name"].strip('"') in place
    return False
