"""``GET /calls``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from syncd.sandbox.activity.model import Call, Segment
from syncd.sandbox.activity.paging import Pages, choice
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.ranges import Calendar
from syncd.sandbox.activity.rows import Said, seconds_or_ever
from syncd.sandbox.replies import Reply

Chosen = tuple[Sequence[tuple[Call, Segment | None]], float]
"""The rows of a call (with the leg, if each leg is a row), and until when this is right."""


class Calls:
    """Answers the list of calls."""

    def __init__(self, phones: Phones, dialects: Mapping[str, str]) -> None:
        self.phones = phones
        self.dialects = dialects
        self._pages = Pages(dialects, "calls")

    def reply(self, query: Mapping[str, str]) -> Reply:
        """Return the page that ``query`` asks for.

        Raises:
            Refused: a parameter is not understood, or a dialect refuses it.

        """
        with self.phones.lock:
            now = self.phones.now()
            begin, end, first, last = Calendar(self.dialects, self.phones.zone).moments(query, now)
            invalid = int(self.dialects["invalid_status"])
            direction = choice(query, "direction", ("incoming", "outgoing"), invalid)
            status = choice(query, "status", ("answered", "missed"), invalid)
            honoured = self.dialects["call_search"] == "honoured"
            search = (query.get("search") or None) if honoured else None
            rules = tuple(self.dialects[name] for name in ("call_listed", "call_rows", "listed_for"))
            found = self.phones.calls.select(
                (begin, end, direction, status, search, rules),
                (begin, end),
                now,
                lambda call: self._chosen(call, now, direction, status, search),
            )
            said = Said.by(self.dialects, self.phones.media)
            asked = {"start_date": first, "end_date": last, "direction": direction, "status": status, "search": search}
            return self._pages.reply(query, asked, found, lambda each: said.row(each[0], now, each[1]))

    def _chosen(self, call: Call, now: float, direction: str, status: str, search: str | None) -> Chosen:
        if direction not in ("any", call.direction) or (search is not None and not _is_found(call, search)):
            return (), inf
        if call.is_over(now) and not self._by_legs and call.gone == inf and self._is_listed_for_ever:
            row = (call, None)
            return ([row] if status == "any" or status == _status(row, now) else ()), inf
        begin, end = self._listed(call)
        if not begin <= now < end:
            return (), begin if now < begin else inf
        until = min((at for at in (end, *call.moments()) if at > now), default=inf)
        legs: list[Segment | None] = [None]
        if self._by_legs:
            legs = [leg for leg in call.legs if leg.start <= now]
        rows = [(call, leg) for leg in legs]
        return [row for row in rows if status in ("any", _status(row, now))], until

    @property
    def _by_legs(self) -> bool:
        return self.dialects["call_rows"] == "legs"

    @property
    def _is_listed_for_ever(self) -> bool:
        return self.dialects["listed_for"] == "ever" and self.dialects["call_listed"] in ("end", "start")

    def _listed(self, call: Call) -> tuple[float, float]:
        """Return from when until when lists have a call."""
        rule = self.dialects["call_listed"]
        begin = call.start if rule == "start" else call.end + (0.0 if rule == "end" else float(rule))
        return begin, min(call.gone, call.end + seconds_or_ever(self.dialects["listed_for"]))


def _status(row: tuple[Call, Segment | None], now: float) -> str | None:
    call, leg = row
    segments = [leg] if leg else call.segments
    if any(each.answered is not None and each.answered <= now for each in segments):
        return "answered"
    return "missed" if max(each.end for each in segments) <= now else None


def _is_found(call: Call, search: str) -> bool:
    wanted = search.casefold()
    names = (call.id, call.remote_name, *(segment.name for segment in call.segments))
    # A whole extension: 10 is not to find 101 to 109.
    return any(wanted in name.casefold() for name in names) or any(each.extension == search for each in call.segments)
