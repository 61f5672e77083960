"""When a reading of a list is whole, when a day is proved, and when it is read again.

One reading with the right count can still be wrong: between two pages a row that was read may go while another comes.
A second reading that finds the same rows rules that out, since what is gone does not come back: every row was there
between the two readings, and the count says that there was no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from typing import Literal

from syncd.core.activity.days.windows import ended

State = Literal["open", "read", "proved", "changed"]
"""``open``: no whole reading yet · ``read``: one whole reading · ``proved``: the next one was equal · ``changed``: it
was proved, and its list has changed since."""

Order = Literal["newest", "oldest", "unstable", ""]
"""The order of a list: newest first, oldest first, none; empty: not known."""


_HOUR = 3600.0


TWICE = "rows came twice"
"""What is wrong with a reading whose list changed its order, or grew, between two pages."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a list.

    ``keys``: the identity of each row, None for a row without one. ``digests``: of each raw row. ``times``: of the rows
    that have a time, Unix seconds. ``total``, ``pages``, ``limit``: as the server states them, None if it does not.
    """

    number: int
    keys: tuple[str | None, ...] = ()
    digests: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    total: int | None = None
    pages: int | None = None
    limit: int | None = None

    @property
    def is_last(self) -> bool:
        """Whether no page follows, as far as this page tells."""
        # Rows of which it says that they have no page may have more behind them.
        return not self.keys or bool(self.pages and self.number >= self.pages)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reading of all pages is worth: ``why`` says what is wrong with it, and is empty if it is whole.

    ``total``: as the last page states it. ``order``: of the rows' times. ``digest``: of every row and its identity.
    """

    keys: frozenset[str]
    total: int | None
    pages: int
    order: Order
    digest: str
    why: str = ""


def judged(sheets: Sequence[Sheet]) -> Verdict:
    """Judge a reading: the pages from the first to the last, in the order in which they were read."""
    keys = [key for sheet in sheets for key in sheet.keys]
    known = frozenset(key for key in keys if key is not None)
    total = sheets[-1].total if sheets else None
    return Verdict(known, total, len(sheets), _order(sheets), _digest(sheets), _flaw(sheets, keys, known))


def added_up(readings: Sequence[Sequence[Sheet]]) -> Verdict:
    """Judge several readings of one list, the newest last: where only the order of its rows changes, they add up.

    They do while the count stays the same. What came while something else went is found out by the next readings, as it
    is after a single one.
    """
    last = judged(readings[-1])
    sheets = [sheet for reading in readings for sheet in reading]
    keys = frozenset(key for sheet in sheets for key in sheet.keys if key is not None)
    if not last.why or any(judged(reading).why != TWICE for reading in readings):
        return last
    if len({sheet.total for sheet in sheets}) > 1 or len(keys) != last.total:
        return last
    return replace(last, keys=keys, digest=_digest(sheets), why="")


def _flaw(sheets: Sequence[Sheet], keys: Sequence[str | None], known: frozenset[str]) -> str:
    totals = {sheet.total for sheet in sheets}
    total = sheets[-1].total if sheets else None
    flaws = {
        "the list does not say how many rows it has": total is None or None in totals,
        "rows came or went while it was read": len(totals) > 1,
        "it has other pages than it says": not _has_its_pages(sheets),
        "a row has no id": None in keys,
        "a page came twice": any(left.keys == right.keys != () for left, right in pairwise(sheets)),
        TWICE: len(known) < len(keys),
        "it holds fewer rows than it says": len(keys) < (total or 0),
        "it holds more rows than it says": len(keys) > (total or 0),
    }
    return next((flaw for flaw, is_there in flaws.items() if is_there), "")


def _has_its_pages(sheets: Sequence[Sheet]) -> bool:
    if not sheets or len({sheet.pages for sheet in sheets}) > 1:
        return False
    # Some servers say that an empty list has one page, others that it has none.
    return len(sheets) == (sheets[-1].pages or len(sheets)) and all(
        sheet.number == number for number, sheet in enumerate(sheets, 1)
    )


def _order(sheets: Sequence[Sheet]) -> Order:
    times = [moment for sheet in sheets for moment in sheet.times]
    falls = any(left > right for left, right in pairwise(times))
    rises = any(left < right for left, right in pairwise(times))
    if falls and rises:
        return "unstable"
    return "newest" if falls else "oldest" if rises else ""


def _digest(sheets: Sequence[Sheet]) -> str:
    """Return a digest of the rows that does not depend on their order."""
    # A row of several pages counts once, as it was seen last.
    rows = {key: digest for sheet in sheets for key, digest in zip(sheet.keys, sheet.digests, strict=True)}
    return sha256("\n".join(sorted(f"{key} {digest}" for key, digest in rows.items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a day stands: ``last_read``: when it was read last, whole or not; ``since``: when its state began."""

    state: State = "open"
    last_read: float | None = None
    since: float | None = None


def after_reading(before: Standing, keys: frozenset[str] | None, verdict: Verdict, now: float) -> Standing:
    """Return how a day stands after a reading of an ended day; ``keys``: of the last whole reading before, if any."""
    state = _state_after(before.state, keys, verdict)
    # Two readings in one moment, as of a clock that stands, are two readings all the same.
    since = now if state != before.state or before.since is None else before.since
    return Standing(state, now, since)


def _state_after(before: State, keys: frozenset[str] | None, verdict: Verdict) -> State:
    if verdict.why:
        return "changed" if before == "proved" else before
    if before == "open" or keys is None:
        return "read"
    if verdict.keys == keys:
        return "proved"
    return "read" if before == "read" else "changed"


def is_due(day: str, standing: Standing, now: float, recheck: Sequence[float]) -> bool:
    """Return whether a day is to be read: when it has ended everywhere, and ``recheck`` seconds after that.

    A day that is not proved yet is read again after the shortest time of ``recheck``, then after longer and longer
    times, so that a list whose count is wrong for ever does not use up the key's requests.
    """
    end = ended(day)
    if now < end:
        return False
    read = standing.last_read
    # A clock that was set back leaves readings of the future: nobody knows when they were.
    if read is None or read < end or read > now:
        return True
    if any(read < end + seconds <= now for seconds in recheck):
        return True
    if standing.state == "proved":
        return False
    tried = max(0.0, read - (standing.since if standing.since is not None else read))
    return now - read >= max(min(recheck, default=_HOUR), tried)
