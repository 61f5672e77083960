"""The ways in which a list goes on from page to page. Pure.

A pager says which variables, or which address, the next request has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin

from connectors.http_parts.paths import find, truthy
from syncd.rest import Listed


@dataclass(frozen=True, slots=True)
class Step:
    """The next request: ``values`` of template variables, or a whole ``url``.

    ``first_id``: the id that the page must begin with; another id means that records moved during the read.
    """

    values: Mapping[str, str | int] = field(default_factory=dict)
    url: str | None = None
    first_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its records, the id of each (None: it has none), and the parts that a pager looks into.

    ``headers`` have lower-case names. ``url`` is the address that was asked, against which relative links resolve.
    """

    records: Sequence[Any] | Listed
    ids: Sequence[str | None]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


class Pager(Protocol):
    """One way of paging."""

    def first(self) -> Step:
        """Return the first request."""

    def after(self, step: Step, page: Page, /) -> Step | None:
        """Return the request after ``step`` was answered by ``page``; None if that was the last page."""


# A short page is never taken for the last one: a server may filter a page after it has cut it. Tokens end by being
# absent, offsets and page numbers by an empty page.
@dataclass(frozen=True, slots=True)
class OnePage:
    """The whole list is one answer."""

    def first(self) -> Step:
        return Step()

    def after(self, _step: Step, _page: Page, /) -> Step | None:
        return None


@dataclass(frozen=True, slots=True)
class TokenPages:
    """An answer holds the token of the next page at ``source`` (a path, or ``header:NAME``); absent on the last."""

    source: str

    def first(self) -> Step:
        return Step()

    def after(self, _step: Step, page: Page, /) -> Step | None:
        token = value_at(self.source, page)
        return Step({"token": token}) if token is not None else None


@dataclass(frozen=True, slots=True)
class NextUrlPages:
    """An answer holds the address of the next page at ``source`` (a path, or ``header:link``); absent on the last."""

    source: str

    def first(self) -> Step:
        return Step()

    def after(self, _step: Step, page: Page, /) -> Step | None:
        value = value_at(self.source, page)
        if value is None:
            return None
        link = _next_link(value) if self.source.lower() == "header:link" else str(value)
        # The host is not checked here: the client refuses an address of another origin.
        return Step(url=urljoin(page.url, link)) if link else None


@dataclass(frozen=True, slots=True)
class OffsetPages:
    """Pages begin after so many records; ``start`` is the first offset."""

    start: int = 0

    def first(self) -> Step:
        return Step({"offset": self.start})

    def after(self, step: Step, page: Page, /) -> Step | None:
        offset, size = int(step.values["offset"]), len(page.records)
        # Begin one record early, with the last record of this page. If another record comes first, records were added
        # or removed in between, and the list may have moved past some of them.
        if size > 1:
            return Step({"offset": offset + size - 1}, first_id=page.ids[-1])
        # A page of one record may be only that overlap: look once behind it.
        return Step({"offset": offset + 1}) if size else None


@dataclass(frozen=True, slots=True)
class NumberPages:
    """Pages have numbers; the first is ``start``."""

    start: int = 1

    def first(self) -> Step:
        return Step({"page": self.start})

    def after(self, step: Step, page: Page, /) -> Step | None:
        return Step({"page": int(step.values["page"]) + 1}) if page.records else None


@dataclass(frozen=True, slots=True)
class KeysetPages:
    """A page holds the records after the id ``last_id``, in the order of ids; an empty page ends the list."""

    begin: str | int | None = None

    def first(self) -> Step:
        return Step({"last_id": self.begin} if self.begin is not None else {})

    def after(self, _step: Step, page: Page, /) -> Step | None:
        last = page.ids[-1] if page.ids else None
        if last is None:
            return None
        # A JSON body needs a number as a number; "007" must stay a text to be found again.
        return Step({"last_id": int(last) if re.fullmatch(r"0|[1-9]\d{0,17}", last) else last})


def value_at(source: str, page: Page) -> Any:
    """Return the value at ``source``, a path or ``header:NAME``; None for no value and for an empty one."""
    if source.lower().startswith("header:"):
        return page.headers.get(source[len("header:") :].strip().lower()) or None
    value = find(source, page.body)
    return value if truthy(value) else None


def _next_link(header: str) -> str | None:
    """Return the address of the next page in a Link header (RFC 8288), or None."""
    for part in re.finditer(r"<([^>]*)>((?:\s*;[^,<]*)*)", header):
        if re.search(r';\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)', part[2], re.IGNORECASE):
            return part[1]
    return None
