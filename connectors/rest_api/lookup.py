"""Ask for single records by their ids: which still exist, and which are gone.

An answer without a record proves something only if the same way of asking finds a record that is surely there, the
*witness*: with a wrong path every record would seem gone, and a filter that the server ignores shows others.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of
from connectors.rest_api.forms import LookupForm
from connectors.rest_api.parts import combine
from connectors.rest_api.reading import Columns, Reading
from connectors.rest_api.session import EMPTY, FullNeeded
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.source import Rows

NUMBER = re.compile(r"0|[1-9]\d{0,17}")
"""An id that is a number."""


@dataclass(slots=True)
class Lookup:
    """Looks records up; ``witnesses``: ids of records that a list has just shown."""

    reading: Reading
    form: LookupForm
    columns: Columns
    witnesses: Sequence[str]

    def rows(self, ids: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        """Yield the records with these ids, and return the ids that are gone.

        Raises:
            SourceInvalid: no witness is found, so that no answer proves anything.

        """
        self.prove()
        gone: set[str] = set()
        size = self.form.chunk if self._by_ids else 1
        for start in range(0, len(ids), size):
            asked = ids[start : start + size]
            try:
                found = self._several(asked) if self._by_ids else self._one(asked[0])
            except SourceUnavailable:
                # The server is in trouble. Of the other ids nothing is known.
                break
            except (SourceInvalid, SourceDenied, FullNeeded):
                continue
            gone |= set(asked) - found.keys()
            if found:
                yield self.reading.rows_of(list(found.values()), self.columns)
        # Between the first witness and here the server may have begun to answer 404 to everything.
        if gone:
            self.prove()
        return frozenset(gone)

    def prove(self) -> None:
        """Find a witness by the lookup.

        Raises:
            SourceInvalid: there is none, or none is found.

        """
        for id_ in dict.fromkeys(self.witnesses):
            # A witness may be deleted at any moment, so another one is tried.
            if id_ in (self._several([]) if self._by_ids else self._one(id_)):
                return
        raise SourceInvalid(
            f"{self.reading.session.name}: lookup does not find a record that the list has just shown: correct lookup"
        )

    @property
    def _by_ids(self) -> bool:
        return "ids" in self.form.request.names()

    def _one(self, id_: str) -> dict[str, Any]:
        """Return the record, or the one that it was merged into, by its id; nothing if it is gone."""
        found = self._ask({"id": _value(id_)})
        others = found.keys() - {id_}
        # Only the path of an address surely says which record is asked for: a server may ignore a part of a query.
        if others and not (self.form.by_path and len(found) == 1):
            raise SourceInvalid(f"{self.reading.session.name}: lookup shows other records: correct lookup.request")
        return found

    def _several(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return those of the records that exist, by id."""
        found: dict[str, Any] = {}
        missing, asked = list(ids), -1
        # An answer may be a first page only. Ask for the missing ids again, until an answer brings none of them.
        while len(missing) != asked:
            asked = len(missing)
            witnesses = list(dict.fromkeys(self.witnesses))
            answer = self._ask({"ids": [_value(id_) for id_ in (*missing, *witnesses)]})
            if answer.keys() - {*missing, *witnesses} or not answer.keys() & set(witnesses):
                raise SourceInvalid(
                    f"{self.reading.session.name}: lookup does not show the records that were asked for, and no "
                    "others: correct lookup.request"
                )
            found |= answer
            missing = [id_ for id_ in missing if id_ not in answer]
        return found if not ids else {id_: found[id_] for id_ in ids if id_ in found}

    def _ask(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the live records of an answer by id; those that say that they are deleted are left out."""
        parts = [self._part(values, fields) for fields in self.reading.field_lists(self.columns.read)]
        # Asked for in parts, a record exists if every part has it.
        whole = set.intersection(*(set(part) for part in parts))
        return {id_: reduce(combine, [part[id_] for part in parts]) for id_ in parts[0] if id_ in whole}

    def _part(self, values: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
        session = self.reading.session
        said = {**values, **({"fields": list(fields)} if fields else {})}
        answer = session.ask_alone(self.form.request.template(), said, absent=self.form.gone)
        if answer.verdict in {"empty", "skip"} or answer.status in EMPTY:
            return {}
        found = find(self.form.records.path, answer.body)
        records = found if isinstance(found, list) else [found]
        ids = self._ids(records)
        if None in ids:
            raise SourceInvalid(
                f"{session.name}: the answer to a lookup has no record with an id at {self.form.records.id!r}: "
                "correct lookup.records"
            )
        return {id_: each for id_, each in zip(ids, records, strict=True) if id_ and not self.reading.is_deleted(each)}

    def _ids(self, records: Iterable[Any]) -> list[str | None]:
        own = self.form.records.id
        return [
            self.reading.id_of(each) if self.reading.is_deleted(each) else ids_of([each], own)[0] for each in records
        ]


def _value(id_: str) -> str | int:
    # A JSON body needs a number as a number; "007" must stay a text to be found again.
    return int(id_) if NUMBER.fullmatch(id_) else id_
