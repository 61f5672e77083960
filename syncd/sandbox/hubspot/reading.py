"""List, batch read and single reads of records, their property definitions, the users, and the outcomes of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.sandbox.hubspot.errors import CORRELATION, Refused, failure, invalid
from syncd.sandbox.hubspot.kinds import DEFAULTS, DISPOSITIONS
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.properties import iso, milliseconds
from syncd.sandbox.hubspot.records import Record, Table
from syncd.sandbox.replies import Reply

LIST_LIMIT = 100
BATCH_LIMIT = 100
HISTORY_LIMIT = 50
OWNERS_LIMIT = 500


class Reader:
    """Reads records of a table. ``host`` is the beginning of links in answers."""

    def __init__(self, table: Table, *, dialects: Mapping[str, str], host: str) -> None:
        self.table = table
        self._dialects = dialects
        self._host = host
        self._lists = 0

    def page(self, query: Mapping[str, str]) -> Reply:
        """Return a page of the list: live or archived records, by id."""
        limit = bounded(query.get("limit"), LIST_LIMIT)
        after = query.get("after") or "0"
        if not after.isdecimal():
            raise invalid("after is not a paging token of this list")
        records = self._archived(int(after)) if query.get("archived") == "true" else self.table.after(int(after))
        found, more = self._page(records, limit)
        body: dict[str, Any] = {"results": [self.result(each, names(query.get("properties"))) for each in found]}
        if more:
            # A token is used once: after an empty page it is another text for the same place.
            body["paging"] = {"next": self._next(str(found[-1].id) if found else f"0{after}")}
        return Reply(200, body, rows=len(found))

    def read(self, number: str, query: Mapping[str, str]) -> Reply:
        """Return one record, by its id or by the id of a record that was merged into it."""
        record = self.table.find(int(number)) if number.isdecimal() else None
        if record is None:
            raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
        return Reply(200, self.result(record, names(query.get("properties"))), rows=1)

    def batch(self, query: Mapping[str, str], body: Any) -> Reply:
        """Return the records whose ids the body names."""
        inputs, properties = _inputs(body), body.get("properties")
        if not isinstance(properties, list) or not isinstance(body.get("propertiesWithHistory"), list):
            raise invalid("properties and propertiesWithHistory are lists, and both are required")
        # With the history of values a batch may be only half as large.
        limit = HISTORY_LIMIT if body["propertiesWithHistory"] else BATCH_LIMIT
        if len(inputs) > limit:
            raise invalid(f"a batch holds at most {limit} inputs")
        archived, by = query.get("archived") == "true", body.get("idProperty")
        if by is not None and by not in self.table.schema.unique:
            raise invalid(f"{by} is not a unique property of {self.table.kind}")
        if by:
            records = {value: self.table.holder(by, value) for value in inputs}
        else:
            records = {number: self._found(number, archived=archived) for number in inputs}
        results = [self.result(record, properties) for record in records.values() if record]
        lost = [number for number, record in records.items() if record is None]
        return self._batch(results, lost)

    def definitions(self) -> Reply:
        """Return every property of these records."""
        return Reply(200, {"results": self.table.schema.definitions()})

    def result(self, record: Record, properties: Sequence[str]) -> dict[str, Any]:
        """Return a record in the form of answers; unknown property names are left out."""
        # Properties that a request names replace the default ones, they are not added to them.
        wanted = properties or DEFAULTS[self.table.kind]
        values = self.table.shown(record)
        shown = {name: self._value(name, values.get(name)) for name in wanted if name in self.table.types}
        result = {
            "id": str(record.id),
            "properties": shown,
            "createdAt": iso(record.created),
            "updatedAt": iso(record.modified),
            "archived": record.archived is not None,
        }
        return result if record.archived is None else {**result, "archivedAt": iso(record.archived)}

    def shorten(self, limit: int) -> int:
        """Return how many records a page of ``limit`` holds."""
        return max(1, limit * 2 // 3) if self._dialects["pages"] == "short" else limit

    def _page(self, records: Iterable[Record], limit: int) -> tuple[list[Record], bool]:
        self._lists += 1
        # Every fifth page of short ones is empty, and has a next one all the same.
        size = 0 if self._dialects["pages"] == "short" and self._lists % 5 == 0 else self.shorten(limit)
        found: list[Record] = []
        for record in records:
            if len(found) == size:
                return found, True
            found.append(record)
        return found, False

    def _archived(self, after: int) -> Iterable[Record]:
        return (record for record in self.table.bin() if record.id > after)

    def _next(self, after: str) -> dict[str, str]:
        host = "https://elsewhere.example.com" if self._dialects["next_link"] == "foreign" else self._host
        return {"after": after, "link": f"{host}/crm/objects/{self.table.kind}?after={after}"}

    def _value(self, name: str, value: str | None) -> str | None:
        if value and self._dialects["dates"] == "ms" and self.table.types[name] == "date":
            return str(milliseconds(value))
        return value

    def _found(self, number: str, *, archived: bool) -> Record | None:
        if not number.isdecimal():
            return None
        if archived:
            return next((record for record in self.table.bin() if record.id == int(number)), None)
        return self.table.find(int(number))

    def _batch(self, results: list[dict[str, Any]], lost: list[str]) -> Reply:
        # Times that no reader may rely on.
        now = iso(0)
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if not lost:
            return Reply(200, body, rows=len(results))
        message = "Could not get some records, they may be deleted or not exist. Check that ids are valid."
        error = failure("OBJECT_NOT_FOUND", message, context={"ids": lost})
        body |= {"numErrors": 1, "errors": [error], "correlationId": CORRELATION}
        return Reply(int(self._dialects["partial"]), body, rows=len(results))


def owners(portal: Portal, query: Mapping[str, str]) -> Reply:
    """Return a page of the account's users."""
    limit, after = bounded(query.get("limit") or "100", OWNERS_LIMIT), query.get("after") or "0"
    if not after.isdecimal():
        raise invalid("after is not a paging token of this list")
    found = [(id_, email) for id_, email in portal.owners.items() if query.get("email") in (None, email)]
    page = found[int(after) : int(after) + limit]
    answer: dict[str, Any] = {"results": [_owner(*each) for each in page]}
    if int(after) + limit < len(found):
        answer["paging"] = {"next": {"after": str(int(after) + limit)}}
    return Reply(200, answer, rows=len(page))


def dispositions() -> Reply:
    """Return the outcomes that a call may have: a list, and no envelope."""
    return Reply(200, [{"id": id_, "label": label, "deleted": False} for id_, label in DISPOSITIONS.items()])


def names(text: str | None) -> list[str]:
    """Return the names in a comma-separated query parameter."""
    return [part for part in (text or "").split(",") if part]


def bounded(text: Any, most: int) -> int:
    """Return ``limit`` as a number; 10 if it is absent.

    Raises:
        Refused: it is no number from 1 to ``most``.

    """
    shown = str(10 if text is None else text)
    if not shown.isdecimal() or not 1 <= int(shown) <= most:
        raise invalid(f"limit is a number from 1 to {most}")
    return int(shown)


def _inputs(body: Any) -> list[str]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) and "id" in each for each in inputs):
        raise invalid('inputs is a list of {"id": "…"}')
    # An id that is named twice is answered once.
    return list(dict.fromkeys(str(each["id"]) for each in inputs))


def _owner(id_: str, email: str) -> dict[str, Any]:
    name = email.partition("@")[0].capitalize()
    times = {"createdAt": iso(0), "updatedAt": iso(0)}
    return {"id": id_, "email": email, "type": "PERSON", "firstName": name, "lastName": "", "archived": False, **times}
