"""A whole reading of a list: every page, the rows taken in as they come, and a verdict on what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from syncd.activity.pulling.lists import Listing, Page, Per, Row
from syncd.core.activity.days.proof import TWICE, Verdict, added_up
from syncd.core.activity.days.windows import Days, are_other_days
from syncd.errors import TargetUnavailable

TIMES = 3
"""How often a list is read at most until a reading is whole."""

SHUFFLED = 8
"""The same for a list whose order changes from page to page: each reading finds more."""

Take = Callable[[Page], object]
"""Takes the rows of a page in, at once: they are true, whatever becomes of the reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading. ``per``: what its rows turned out to be. ``ids``: the keys of its activities. ``limit``: of a page.

    ``times``: from the earliest to the latest time of its rows, None without rows. ``at``: the server's time.
    """

    verdict: Verdict
    per: Per
    ids: frozenset[str]
    limit: int | None
    times: tuple[float, float] | None
    at: float


class DaysRefused(Exception):
    """The server refuses so many days at once."""


class DaysIgnored(TargetUnavailable):
    """The server lists other days than were asked for."""


def read_whole(listing: Listing, days: Days, take: Take, per: Per) -> Reading:
    """Read the list of ``days`` until a reading is whole, at most :data:`TIMES` times; return the last reading.

    Readings whose rows come twice since the order changes from page to page add up, as long as the count is the same.

    Raises:
        DaysRefused: the server refuses these days.
        DaysIgnored: it lists other days than these; the rows of the page are taken in.
        SyncdError: as :meth:`Listing.page`.

    """
    readings: list[list[Page]] = []
    while True:
        readings.append(_read(listing, days, take))
        reading = _reading(readings, per)
        if not reading.verdict.why or len(readings) >= (SHUFFLED if reading.verdict.why == TWICE else TIMES):
            return reading


def checked(page: Page, days: Days, take: Take) -> None:
    """Take a page in, and make sure that it is one of ``days``.

    Raises:
        DaysIgnored: it is not.
    """
    take(page)
    if are_other_days(page.outside, len(page.times)):
        raise DaysIgnored(
            f"Vocatech lists calls or messages of other days than {days}, for which it was asked: no day can be proved "
            "to be whole, and only the first page is read; ask Vocatech's support about start_date and end_date",
            in_doubt=False,
        )


def _read(listing: Listing, days: Days, take: Take) -> list[Page]:
    pages: list[Page] = []
    # A page is stored while the next one is on its way.
    with ThreadPoolExecutor(1) as other:
        taken: Future[object] | None = None
        while True:
            page = listing.page(days, len(pages) + 1)
            if taken:
                taken.result()
            if page is None and not pages:
                raise DaysRefused
            # A list that breaks off says by its count that there are more rows.
            if page is None:
                break
            taken = other.submit(checked, page, days, take)
            is_double = bool(pages) and page.rows and _keys(page) == _keys(pages[-1])
            pages.append(_slim(page))
            if is_double or _is_last(pages) or are_other_days(page.outside, len(page.times)):
                break
        if taken:
            taken.result()
    return pages


def _is_last(pages: Sequence[Page]) -> bool:
    last, rows = pages[-1], sum(len(page.rows) for page in pages)
    # Pages may be counted for another number of rows than they have.
    is_short = bool(last.rows) and rows < (last.counts[0] or 0)
    return last.sheet("leg").is_last and not is_short


def _slim(page: Page) -> Page:
    """Return the page without its raw rows, so that a long list needs little memory."""
    rows = tuple([Row(row.key, row.leg, row.digest, None) for row in page.rows])
    return replace(page, rows=rows)


def _keys(page: Page) -> list[str | None]:
    return [row.leg for row in page.rows]


def _reading(readings: Sequence[Sequence[Page]], per: Per) -> Reading:
    pages = [page for reading in readings for page in reading]
    verdict = _verdict(readings, per)
    if verdict.why and per == "call":
        # Several rows of one call may be its legs.
        by_leg = _verdict(readings, "leg")
        if not by_leg.why:
            verdict, per = by_leg, "leg"
    ids = frozenset(row.key for page in pages for row in page.rows if row.key is not None)
    times = [moment for page in pages for moment in page.times]
    return Reading(verdict, per, ids, pages[-1].counts[2], (min(times), max(times)) if times else None, pages[-1].at)


def _verdict(readings: Sequence[Sequence[Page]], per: Per) -> Verdict:
    return added_up([[page.sheet(per) for page in reading] for reading in readings])
