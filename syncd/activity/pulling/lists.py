"""One page of ``GET /calls`` or ``GET /messages`` (guide: Calls, Messages, Pagination)."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

import orjson

from syncd.core.activity.days.proof import Sheet
from syncd.core.activity.days.windows import Days, strays
from syncd.core.activity.instants import seconds
from syncd.core.activity.observations import Kind, identity_of, whole_of
from syncd.errors import TargetRefused, TargetUnavailable
from syncd.rest import Answer

LIMIT = 500
"""The most rows of one page (guide: Calls)."""

PATHS: Mapping[Kind, str] = {"call": "/calls", "message": "/messages"}

_TIMES: Mapping[Kind, tuple[str, ...]] = {"call": ("start_time",), "message": ("sent_time", "sent_at")}
_REFUSALS = frozenset({400, 413, 422})  # these statuses refuse the days or the page
_BEYOND = 404  # some servers answer so for a page behind the last
_BITS = (1 << 64) - 1

Per = Literal["call", "leg"]
"""Whether the list has a row for each call, or one for each leg of a call (open point A4)."""


class Row(NamedTuple):
    """A row: the key of its activity, None if it names none; the row's identity if rows are legs; its digest."""

    key: str | None
    leg: str | None
    digest: int
    raw: Any


@dataclass(frozen=True, slots=True)
class Page:
    """A page. ``at``: the server's time of it. ``counts``: total, number of pages and rows of a page, as it states.

    ``times``: of the rows, but for those that lie far outside the days that were asked for; ``outside``: how many do.
    """

    number: int
    rows: tuple[Row, ...] = field(repr=False)
    times: tuple[float, ...]
    at: float
    counts: tuple[int | None, int | None, int | None]
    outside: int = 0

    def sheet(self, per: Per) -> Sheet:
        """Return the page as the proof sees it; ``per``: what a row of the list is."""
        keys = tuple(row.key if per == "call" else row.leg for row in self.rows)
        total, pages, limit = self.counts
        return Sheet(self.number, keys, tuple(row.digest for row in self.rows), self.times, total, pages, limit)

    def digests(self) -> dict[str, int]:
        """Return a digest of all rows of each activity."""
        found: dict[str, int] = {}
        for row in self.rows:
            if row.key is not None:
                found[row.key] = found.get(row.key, 0) + row.digest
        return {key: _signed(digest) for key, digest in found.items()}


class Lists(Protocol):
    """Whoever answers for the lists: the client of the Reports tier, or a rehearsal. ``sent``: requests so far."""

    @property
    def sent(self) -> int: ...

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        returned: Container[int] = (),
    ) -> Answer: ...


class Listing:
    """A list of the API. ``time_of`` tells when an answer was given, by the server's clock."""

    def __init__(self, client: Lists, kind: Kind, time_of: Callable[[Answer], float]) -> None:
        self.kind: Kind = kind
        self._client = client
        self._time_of = time_of

    def page(self, days: Days, number: int = 1, *, limit: int = LIMIT, search: str = "") -> Page | None:
        """Return a page of the list of ``days``; None if the server refuses these days, or this page of them.

        ``search``: only calls with this id, name or extension; messages cannot be searched (guide: Calls).

        Raises:
            TargetUnavailable: the answer is no list.
            SyncdError: as :meth:`syncd.rest.Client.request`.

        """
        params: dict[str, str | int] = {"start_date": days.first, "end_date": days.last, "page": number, "limit": limit}
        params |= {"search": search} if search else {}
        returned = _REFUSALS | {_BEYOND} if number > 1 else _REFUSALS
        answer = self._client.request("GET", PATHS[self.kind], params=params, returned=returned)
        if answer.status == _BEYOND:
            return Page(number, (), (), self._time_of(answer), (None, None, None))
        if answer.status in _REFUSALS:
            if not answer.is_json:
                raise TargetRefused(f"GET {PATHS[self.kind]} was refused: {answer.problem}", status=answer.status)
            return None
        return self._read(answer, days, number)

    def _read(self, answer: Answer, days: Days, number: int) -> Page:
        what = PATHS[self.kind]
        if not answer.is_json:
            raise TargetUnavailable(f"Vocatech did not send the list {what}: {answer.problem}; try again later")
        items = answer.body.get(what[1:]) if isinstance(answer.body, dict) else None
        if not isinstance(items, list):
            raise TargetUnavailable(f"Vocatech's list {what} is not of the documented form: check target.base_url")
        meta = answer.body["meta"] if isinstance(answer.body.get("meta"), dict) else {}
        counts = (
            whole_of(meta.get(f"total_{what[1:]}")),
            whole_of(meta.get("total_pages")),
            whole_of(meta.get("limit")),
        )
        rows = tuple(_row(self.kind, item) for item in items)
        times = _times(self.kind, items)
        far = strays(days, times)
        near = tuple(moment for moment, is_far in zip(times, far, strict=True) if not is_far)
        return Page(number, rows, near, self._time_of(answer), counts, sum(far))


def _row(kind: Kind, item: Any) -> Row:
    key = identity_of(kind, item)
    leg = key if kind == "message" or key is None else f"{key}\x1f{item.get('start_time')}\x1f{item.get('extension')}"
    # orjson writes what it has read; a row that it did not read has a number or a text that it cannot write.
    try:
        content = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        content = repr(item).encode(errors="replace")
    return Row(key, leg, int.from_bytes(blake2b(content, digest_size=8).digest(), signed=True), item)


def _times(kind: Kind, items: list[Any]) -> tuple[float, ...]:
    rows = (item for item in items if isinstance(item, dict))
    found = (next((row[name] for name in _TIMES[kind] if row.get(name)), None) for row in rows)
    return tuple(moment for text in found if (moment := seconds(text)) is not None)


def _signed(number: int) -> int:
    """Return the number as SQLite takes it: 64 bits with a sign."""
    number &= _BITS
    return number - (1 << 64) if number >> 63 else number
