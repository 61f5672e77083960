"""The points that the guide leaves open, as switches: the sandbox can be a target of every reading.

``DIALECTS`` is the whole list; the command's help and the README are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from syncd.core.wording import nearest
from syncd.errors import ConfigError

SECONDS = "SECONDS"
"""Stands among a dialect's values for any number of seconds."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One open point. The first of ``values`` is the default; ``point`` is its number in the list of open points."""

    # Values are texts, statuses too: they come from a command line.

    values: tuple[str, ...]
    point: str
    meaning: str

    def allows(self, value: str) -> bool:
        return value in self.values or (SECONDS in self.values and _is_seconds(value))


def _is_seconds(value: str) -> bool:
    return value.replace(".", "", 1).isdecimal() and value.isascii()


def _open(point: str, values: str, meaning: str) -> Dialect:
    return Dialect(tuple(values.split()), point, meaning)


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        # How a pushed contact finds the stored one, and what an update does.
        "rekey": _open(
            "M1", "never integration", "a contact of the same integration reference is updated, whatever it matches"
        ),
        "empty_match": _open(
            "M2", "error match create", "a row with an empty match field: refused, equals the empty, new"
        ),
        "no_match_field": _open(
            "M3", "create all error", "a company without match fields: always new, all match, refused"
        ),
        "match_many": _open("M4", "first newest all error", "which of several matching contacts is updated"),
        "match_case": _open("M5", "exact fold", "whether match values that differ in case are one"),
        "match_letters": _open(
            "M5",
            "exact unaccented plain",
            "whether match values are one without accents, or by their letters and digits alone",
        ),
        "match_kept": _open("M5", "sent stored", "the match value of an updated contact: as sent, or as it was stored"),
        "match_trim": _open("M5", "exact trimmed", "whether match values that differ in outer white space are one"),
        "match_unicode": _open("M5", "exact nfc", "whether match values that differ in Unicode form are one"),
        "match_phone": _open(
            "M5", "set ordered raw", "a phone match field: numbers in any order, in this order, as it was sent"
        ),
        "update": _open("M6", "merge replace", "fields left out of an update: kept or cleared"),
        "returned": _open("M6", "stored sent", "fields in the answer to a push: all that are stored, or those sent"),
        "clear": _open("M7", "empty both null ignored", "what clears a field: '', '' and null, null, nothing"),
        "duplicate_in_batch": _open("M8", "update create error", "a second row of one match value in a batch"),
        "unknown_field": _open("M9", "drop error", "a field that the company has not: left out, or the row is refused"),
        "field_case": _open("M9", "exact fold", "whether field names are found in any case"),
        "field_id": _open("M10", "unknown accepted", "whether a field's number may stand for its name"),
        # The answer to a batch.
        "failed_status": _open(
            "B1", "200 201 207 400 422", "status with refused rows (201: when any was created, else 200)"
        ),
        "failed_body": _open(
            "B1", "summary error", "body of a 400 or 422 with refused rows: the usual one, or an error's"
        ),
        "errors": _open(
            "B2",
            "index0 index1 row nested unindexed strings contact fields none",
            "an item of errors[]: {index, message} from 0 or 1, {row, error} from 1, {index, error: "
            "{…}}, {message}, text, {contact: {fields}, message}, {fields, error}; none: errors[] stays empty",
        ),
        "contacts": _open(
            "B3",
            "compact shuffled full echoed",
            "contacts[]: the successes, in order or not; with null for a refused row; with the "
            "refused row's own fields",
        ),
        "atomic": _open("B4", "partial all", "rows beside a refused one: stored, or nothing is"),
        "over_batch": _open(
            "B6", "refused 413 cut", "more than 500 rows: the invalid status, 413, or the first 500 are taken"
        ),
        "body_size": _open("B6", "unlimited 64kb", "how large a request may be; over it: 413"),
        "value_length": _open("B6", "unlimited cut refused", "a value of over 255 characters"),
        "errors_summary": _open("B7", "counted zero extra", "summary.errors: right, always 0, one more than there are"),
        "unchanged": _open("B8", "updated unchanged", "the action of a row that changes nothing"),
        # Deletes.
        "delete_status": _open("D1", "204 200", "a delete's answer: without a body, or 200 with JSON"),
        "delete_unknown": _open(
            "D2",
            "ok 404 partial all_or_nothing",
            "an unknown id: as if deleted; 404 though the others are deleted; 200 that lists it (404 "
            "for a single id); 404 and nothing is deleted",
        ),
        "delete_cap": _open("D3", "500 100", "the largest number of ids"),
        "revive": _open(
            "D4", "never created updated", "a pushed contact that was deleted gets its old id back, called so"
        ),
        "delete_empty": _open(
            "D5", "error noop everything", "a delete without ids: refused, does nothing, deletes everything"
        ),
        "delete_body": _open("D6", "read lost", "whether the body of a DELETE reaches the server"),
        # Phones.
        "phone_us": _open("P1", "kept 10 11", "US numbers: digits as sent, a leading 1 cut, a leading 1 added to ten"),
        "extension": _open(
            "P3", "append drop error", "an extension (x12): its digits appended, cut, or the row refused"
        ),
        "bad_phone": _open("P4", "keep empty error", "a number too short, too long or with letters"),
        "phone_order": _open("P5", "keep sorted", "the order of a field's numbers"),
        "phone_count": _open("P6", "unlimited cut refused", "a field of more than 3 numbers"),
        "phone_comma": _open("P6", "joins splits", "a comma: part of one number, or between two"),
        # Listing.
        "list_order": _open(
            "G1", "id newest updated unstable", "the order of the list; unstable: another start each time"
        ),
        "search": _open("G2", "substring prefix exact", "how search compares"),
        "search_phone": _open("G2", "stored digits", "whether search finds a phone in any notation"),
        "past_end": _open("G3", "empty 404", "a page past the last"),
        "over_limit": _open("G3", "clamp 400 422", "a limit over 500"),
        "no_pages": _open("G3", "0 1", "total_pages of an empty list"),
        "empty_fields": _open("G5", "blank absent", "a field without a value: '' or left out"),
        "read_lag": _open("G6", "0 SECONDS", "how long a write stays unseen in the list"),
        # Refusals.
        "retry_after": _open("E2", "seconds date absent", "the Retry-After header of a 429"),
        "invalid_status": _open("E4", "400 422", "the status of a request that is refused as a whole"),
    }
)
"""Every dialect by name."""


class Dialects(Mapping[str, str]):
    """The present value of each dialect of ``table``. ``on_change`` is called after each change."""

    # A dialect may change while the sandbox runs, so every request asks again; only the index is built from them.

    def __init__(
        self,
        chosen: Mapping[str, str] | None = None,
        *,
        table: Mapping[str, Dialect] = DIALECTS,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.table = table
        self._values = {name: dialect.values[0] for name, dialect in table.items()}
        self.on_change = on_change
        for name, value in (chosen or {}).items():
            self.choose(name, value)

    def choose(self, name: str, value: str) -> None:
        """Set one dialect.

        Raises:
            ConfigError: there is no such dialect or value; the message lists the known ones.

        """
        problem = _problem(name, value, self.table)
        if problem:
            raise ConfigError(problem)
        self._values[name] = value
        self.on_change()

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _problem(name: str, value: str, table: Mapping[str, Dialect] = DIALECTS) -> str | None:
    """Return why this dialect cannot have this value, with the known ones; None if it can."""
    if name not in table:
        return f"no dialect is called {name!r}{nearest(name, table)}; there are: {', '.join(table)}"
    known = table[name].values
    if not table[name].allows(value):
        return f"the dialect {name} has no value {value!r}{nearest(value, known)}; it has: {', '.join(known)}"
    return None


def parse_dialects(texts: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts.

    Raises:
        ConfigError: a text does not have this form, or is not known; the message names all of them.

    """
    chosen: dict[str, str] = {}
    problems: list[str] = []
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        problem = _problem(name, value) if equals else f"{text!r} is not a dialect: write NAME=VALUE"
        if problem:
            problems.append(problem)
        chosen[name] = value
    if problems:
        raise ConfigError(*problems)
    return chosen


def dialect_help() -> str:
    """Return every dialect with its values, meaning and point: ``name=default|other``, then ``meaning (point)``."""
    words = {name: f"{name}={'|'.join(dialect.values)}" for name, dialect in DIALECTS.items()}
    return "\n".join(f"{words[name]}\n    {dialect.meaning} ({dialect.point})" for name, dialect in DIALECTS.items())
