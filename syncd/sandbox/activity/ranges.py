"""The dates that a list is asked for, as moments of the company's calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from syncd.sandbox.replies import Refused

EASTERN = "America/New_York"


class Calendar:
    """Tells from when until when a range of dates lasts; ``company`` is the company's time zone."""

    def __init__(self, dialects: Mapping[str, str], company: str) -> None:
        self.dialects = dialects
        self.company = company

    def moments(self, query: Mapping[str, str], now: float) -> tuple[float, float, str, str]:
        """Return (begin, end, first date, last date) of the range that ``query`` asks for; without dates, today.

        Raises:
            Refused: a date is none, the range is empty, or a dialect refuses it.

        """
        zone = self._zone(query)
        today = datetime.fromtimestamp(now, zone).date()
        first, last = self._date(query, "start_date", today), self._date(query, "end_date", today)
        if last < first:
            raise self._refused("end_date must not be before start_date.")
        if self.dialects["date_range"] == "31d" and (last - first).days >= 31:
            raise self._refused("The range must not be longer than 31 days.")
        if self.dialects["reach"] == "90d" and (today - first).days > 90:
            raise self._refused("start_date must not be more than 90 days ago.")
        begin = datetime(first.year, first.month, first.day, tzinfo=zone).timestamp()
        after = last + timedelta(days=1)
        return begin, datetime(after.year, after.month, after.day, tzinfo=zone).timestamp(), str(first), str(last)

    def _zone(self, query: Mapping[str, str]) -> ZoneInfo:
        asked = query.get("timezone")
        if asked and self.dialects["timezone_parameter"] == "honoured":
            try:
                return ZoneInfo(asked)
            except (ValueError, OSError, KeyError):
                raise self._refused("timezone is not known.") from None
        names = {"utc": "UTC", "eastern": EASTERN, "company": self.company}
        return ZoneInfo(names[self.dialects["calendar"]])

    def _date(self, query: Mapping[str, str], name: str, default: date) -> date:
        text = query.get(name)
        if not text:
            return default
        try:
            found = date.fromisoformat(text)
            # The day after is needed as well, and fromisoformat() takes other forms too.
            if len(text) == 10 and found < date.max - timedelta(days=1):
                return found
        except ValueError:
            pass
        raise self._refused(f"{name} must be a date (YYYY-MM-DD).")

    def _refused(self, message: str) -> Refused:
        return Refused(int(self.dialects["invalid_status"]), message)
