"""The ways in which lists go on from page to page; pure.

A pager says which variables (or which address) the next request has. A short page is never taken for the last one:
tokens end by being absent, offsets and numbers by an empty page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urljoin

from connectors.http_parts.paths import find, truthy


@dataclass(frozen=True, slots=True)
class Step:
    """What the next request asks for: ``values`` of template variables, or a whole ``url``.

    ``expects``: the id that must come first, or something was moved while the list was read.
    """

    values: Mapping[str, str | int] = field(default_factory=dict)
    url: str | None = None
    expects: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its records with the id of each (None: it has none), and what a pager looks into.

    ``headers`` have lower-case names; ``url`` is the address that was asked, from which relative links lead.
    """

    records: Sequence[Any]
    ids: Sequence[str | None]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


class Pager(Protocol):
    """One way of paging."""

    def first(self) -> Step:
        """The first request."""

    def after(self, step: Step, page: Page, /) -> Step | None:
        """The request after ``step`` was answered by ``page``; None when that was the last."""


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
        token = found_at(self.source, page)
        return Step({"token": token}) if token is not None else None


@dataclass(frozen=True, slots=True)
class NextUrlPages:
    """An answer holds the address of the next page at ``source`` (a path, or ``header:link``); absent on the last.

    A relative address leads on from the one that was asked. Whether it is of the same host is for the client to judge.
    """

    source: str

    def first(self) -> Step:
        return Step()

    def after(self, _step: Step, page: Page, /) -> Step | None:
        told = found_at(self.source, page)
        if told is None:
            return None
        link = _linked(told) if self.source.lower() == "header:link" else str(told)
        return Step(url=urljoin(page.url, link)) if link else None


@dataclass(frozen=True, slots=True)
class OffsetPages:
    """Pages begin after so many records.

    Each but the first begins one record early, with the last one of the page before. If another comes first, records
    were added or removed while the list was read, and some may have slipped by. ``start`` is the first offset.
    """

    start: int = 0

    def first(self) -> Step:
        return Step({"offset": self.start})

    def after(self, step: Step, page: Page, /) -> Step | None:
        offset, size = int(step.values["offset"]), len(page.records)
        if size > 1:
            return Step({"offset": offset + size - 1}, expects=page.ids[-1])
        return Step({"offset": offset + 1}) if size else None  # nothing but the overlap: look once behind it


@dataclass(frozen=True, slots=True)
class NumberPages:
    """Pages have numbers, the first is ``start``."""

    start: int = 1

    def first(self) -> Step:
        return Step({"page": self.start})

    def after(self, step: Step, page: Page, /) -> Step | None:
        return Step({"page": int(step.values["page"]) + 1}) if page.records else None


@dataclass(frozen=True, slots=True)
class KeysetPages:
    """A page holds what comes after the id ``last_id``, in the order of ids; it ends by an empty page."""

    begin: str | int | None = None

    def first(self) -> Step:
        return Step({"last_id": self.begin} if self.begin is not None else {})

    def after(self, _step: Step, page: Page, /) -> Step | None:
        last = page.ids[-1] if page.ids else None
        if last is None:
            return None
        return Step({"last_id": int(last) if re.fullmatch(r"0|[1-9]\d{0,17}", last) else last})


def found_at(source: str, page: Page) -> Any:
    """What an answer holds at ``source``, a path or ``header:NAME``; None for nothing."""
    if source.lower().startswith("header:"):
        return page.headers.get(source[len("header:") :].strip().lower()) or None
    found = find(source, page.body)
    return found if truthy(found) else None


def _linked(header: str) -> str | None:
    """The address of the next page in a Link header (RFC 8288), or None."""
    for part in re.finditer(r"<([^>]*)>((?:\s*;[^,<]*)*)", header):
        if re.search(r';\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)', part[2], re.IGNORECASE):
            return part[1]
    return None
