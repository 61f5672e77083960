"""Turn HubSpot's records into rows of text, and choose the properties to ask for. Every value is a text or null."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from connectors.http_parts.records import Damage, text_of, text_series
from syncd.source import Needs

ID = "hs_object_id"
MERGED = "hs_merged_object_ids"
# Contacts have hs_lastmodifieddate too, but a search by it finds none of them.
MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
"""The property that holds when a record was last changed."""

COMPANY = "company."
"""The beginning of the names of columns that come from the contact's primary company."""

_MILLISECONDS = re.compile(r"-?\d+(\.\d+)?")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the rows, in order, and the types of the properties behind them.

    ``types``: of the properties of contacts. ``company_types``: of the properties of companies.
    """

    names: tuple[str, ...]
    key: tuple[str, ...]
    types: Mapping[str, str]
    company_types: Mapping[str, str]

    @property
    def contact_properties(self) -> list[str]:
        """The properties to ask of contacts."""
        own = [name for name in self.names if not name.startswith(COMPANY)]
        # Ask for the id and the date too: HubSpot leaves its default properties out if others are asked for.
        return list(dict.fromkeys((ID, MODIFIED["contacts"], MERGED, *own)))

    @property
    def company_properties(self) -> list[str]:
        return [name.removeprefix(COMPANY) for name in self.names if name.startswith(COMPANY)]

    @property
    def key_properties(self) -> list[str]:
        return list(dict.fromkeys((ID, *self.key)))

    @property
    def keyed_by_id(self) -> bool:
        """Whether the key of a row is the record's id; then deleted and merged ids are keys."""
        return self.key == (ID,)

    def frame(
        self, records: Sequence[Values], companies: Mapping[str, Values], damage: Damage | None = None
    ) -> pl.DataFrame:
        """Return the records as rows; ``companies``: the properties of a contact's company, by the contact's id."""
        # The height is for an account without properties: polars takes a frame without columns for empty.
        return pl.DataFrame(
            [text_series(name, self._column(name, records, companies), damage) for name in self.names],
            height=len(records),
        )

    def keys(self, records: Sequence[Values]) -> pl.DataFrame:
        """Return the columns of the key of these records."""
        return pl.DataFrame([text_series(name, self._column(name, records, {})) for name in self.key])

    def _column(self, name: str, records: Sequence[Values], companies: Mapping[str, Values]) -> list[str | None]:
        if name == ID:
            return [str(each["id"]) for each in records]
        if name.startswith(COMPANY):
            inner = name.removeprefix(COMPANY)
            company_of = [companies.get(str(each["id"]), {}) for each in records]
            return _formatted(self.company_types.get(inner, ""), [each.get(inner) for each in company_of])
        return _formatted(self.types.get(name, ""), [(each.get("properties") or {}).get(name) for each in records])


def choose(needs: Needs, contacts: Mapping[str, str], companies: Mapping[str, str]) -> Columns:
    """Return the columns that the configuration uses, or every property of contacts if those are unknown.

    ``contacts``, ``companies``: the types of the properties by name.
    """
    names = tuple(sorted(needs.columns)) or tuple(sorted(contacts))
    return Columns(names, needs.key or (ID,), contacts, companies)


def unknown(names: Collection[str], contacts: Mapping[str, str], companies: Mapping[str, str]) -> list[str]:
    """Return the names that are no property."""
    # Without this check a misspelt name would be a column of nulls: HubSpot leaves unknown properties out silently.
    known = {*contacts, *(COMPANY + name for name in companies)}
    return sorted(name for name in names if name not in known)


def uses_companies(needs: Needs) -> bool:
    """Return whether the configuration uses a column of the contact's company."""
    return any(name.startswith(COMPANY) for name in needs.columns)


# Moments come as milliseconds or in ISO 8601, depending on the version of the API. They get one form here, so that
# another version changes no contact.
def _formatted(kind: str, values: Sequence[Any]) -> list[str | None]:
    texts = [text_of(value) for value in values]
    formatter = {"date": _date, "datetime": _time}.get(kind)
    return [text and formatter(text) for text in texts] if formatter else texts


def _date(text: str) -> str:
    # A day in milliseconds is midnight UTC; in a local time zone it could become the day before.
    moment = _moment(text) if _MILLISECONDS.fullmatch(text) else None
    return moment.date().isoformat() if moment else text


def _time(text: str) -> str:
    moment = _moment(text)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else text


def _moment(text: str) -> datetime | None:
    """Return the moment in UTC; None if ``text`` is neither milliseconds nor ISO 8601."""
    try:
        if _MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text) / 1000, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def milliseconds(text: Any) -> int | None:
    """Return a moment of HubSpot's as milliseconds since 1970; None if ``text`` is no moment."""
    moment = _moment(str(text))
    return round(moment.timestamp() * 1000) if moment else None
