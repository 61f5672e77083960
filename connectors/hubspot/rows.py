"""HubSpot's records as rows of text: which properties are asked for, and how their values are written.

Every value is a text or null. Dates and times come as milliseconds or in ISO 8601, as the version has it: they leave
here in one form, so that another version makes no contact another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from connectors.http_parts.records import text_of
from syncd.source import Needs

ID = "hs_object_id"
MERGED = "hs_merged_object_ids"
MODIFIED: Mapping[str, str] = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
"""When a record was changed. Contacts have the other property too, and nothing is found by it."""

COMPANY = "company."
"""What the columns of the contact's primary company begin with."""

_MILLISECONDS = re.compile(r"-?\d+(\.\d+)?")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the rows, in order, and the types of the properties behind them.

    ``types``: of contacts; ``company_types``: of companies.
    """

    names: tuple[str, ...]
    key: tuple[str, ...]
    types: Mapping[str, str]
    company_types: Mapping[str, str]

    @property
    def of_contacts(self) -> list[str]:
        """The properties to ask of contacts: what an answer holds without asking is left out of it when one asks."""
        own = [name for name in self.names if not name.startswith(COMPANY)]
        return list(dict.fromkeys((ID, MODIFIED["contacts"], MERGED, *own)))

    @property
    def of_companies(self) -> list[str]:
        return [name.removeprefix(COMPANY) for name in self.names if name.startswith(COMPANY)]

    @property
    def of_keys(self) -> list[str]:
        return list(dict.fromkeys((ID, *self.key)))

    @property
    def of_bin(self) -> list[str]:
        return [ID, MERGED]

    @property
    def keyed_by_id(self) -> bool:
        """Whether a row's key is its record's id, so that what HubSpot says of ids is said of keys."""
        return self.key == (ID,)

    def frame(self, records: Sequence[Values], companies: Mapping[str, Values]) -> pl.DataFrame:
        """The records as rows; ``companies``: the properties of a contact's company, by the contact's id."""
        return pl.DataFrame(
            [pl.Series(name, self._column(name, records, companies), pl.String) for name in self.names],
            height=len(records),
        )

    def keys(self, records: Sequence[Values]) -> pl.DataFrame:
        """The columns of the key of these records."""
        return pl.DataFrame([pl.Series(name, self._column(name, records, {}), pl.String) for name in self.key])

    def _column(self, name: str, records: Sequence[Values], companies: Mapping[str, Values]) -> list[str | None]:
        if name == ID:
            return [str(each["id"]) for each in records]
        if name.startswith(COMPANY):
            inner = name.removeprefix(COMPANY)
            held = [companies.get(str(each["id"]), {}) for each in records]
            return _written(self.company_types.get(inner, ""), [each.get(inner) for each in held])
        return _written(self.types.get(name, ""), [(each.get("properties") or {}).get(name) for each in records])


def choose(needs: Needs, contacts: Mapping[str, str], companies: Mapping[str, str]) -> Columns:
    """The columns of the rows: what the configuration uses, or every property of contacts if that is not known."""
    names = tuple(sorted(needs.columns)) or tuple(sorted(contacts))
    return Columns(names, needs.key or (ID,), contacts, companies)


def unknown(names: Collection[str], contacts: Mapping[str, str], companies: Mapping[str, str]) -> list[str]:
    """The names that are no property: HubSpot leaves them out of its answers without a word."""
    there = {*contacts, *(COMPANY + name for name in companies)}
    return sorted(name for name in names if name not in there)


def uses_companies(needs: Needs) -> bool:
    """Whether a column of the contact's company is used."""
    return any(name.startswith(COMPANY) for name in needs.columns)


def _written(kind: str, values: Sequence[Any]) -> list[str | None]:
    texts = [text_of(value) for value in values]
    write = {"date": _date, "datetime": _time}.get(kind)
    return [text and write(text) for text in texts] if write else texts


def _date(text: str) -> str:
    """A day, never moved by a time zone: as milliseconds it is midnight UTC."""
    moment = _moment(text) if _MILLISECONDS.fullmatch(text) else None
    return moment.date().isoformat() if moment else text


def _time(text: str) -> str:
    moment = _moment(text)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else text


def _moment(text: str) -> datetime | None:
    """The moment in UTC; None if it is neither milliseconds nor ISO 8601."""
    try:
        if _MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def milliseconds(text: Any) -> int | None:
    """A moment of HubSpot's as milliseconds since 1970; None if it is none."""
    moment = _moment(str(text))
    return round(moment.timestamp() * 1000) if moment else None
