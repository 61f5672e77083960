"""Creates, updates, upserts and archives records, one by one and in batches.

A batch answers for each input if each has an ``objectWriteTraceId``; else one wrong input refuses the whole batch.
Either way nothing of a refused input is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.sandbox.hubspot.errors import Refused, failure, invalid
from syncd.sandbox.hubspot.kinds import LINK_TYPES
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.properties import iso
from syncd.sandbox.hubspot.reading import BATCH_LIMIT, Reader
from syncd.sandbox.hubspot.records import Record
from syncd.sandbox.hubspot.validity import Wrong, checked, gone
from syncd.sandbox.replies import Reply

Input = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A valid input: the record to change (None: a new one), its values, and the contacts of a new record."""

    wanted: Input
    record: Record | None
    values: Mapping[str, str | None]
    contacts: Sequence[int] = ()


class Writer:
    """Writes the records that ``reader`` reads."""

    def __init__(self, reader: Reader, portal: Portal) -> None:
        self._reader = reader
        self._table = reader.table
        self._portal = portal

    def create(self, body: Any) -> Reply:
        """Make one record."""
        return self._one(body, self._new, status=201)

    def update(self, number: str, body: Any) -> Reply:
        """Change one record."""
        return self._one(body, lambda wanted: self._change({**wanted, "id": number}), status=200)

    def archive(self, number: str) -> Reply:
        """Move one record to the bin; one that is there already stays there."""
        self._archive(number)
        return Reply(204)

    def batch_create(self, body: Any) -> Reply:
        """Make the records of a batch."""
        return self._batch(_inputs(body), self._new, status=201)

    def batch_update(self, body: Any) -> Reply:
        """Change the records of a batch."""
        return self._batch(_inputs(body, "id"), self._change, status=200)

    def batch_upsert(self, body: Any) -> Reply:
        """Change the records that have the values of a unique property, and make those that are missing."""
        inputs = _inputs(body, "id", "idProperty")
        for each in inputs:
            if each["idProperty"] not in self._table.schema.unique:
                raise invalid(f"Unable to perform update/upsert by non-unique property {each['idProperty']}")
        if len({each["id"] for each in inputs}) < len(inputs):
            raise invalid("Duplicate IDs found in batch input")
        return self._batch(inputs, self._upsert, status=200, tells_new=True)

    def batch_archive(self, body: Any) -> Reply:
        """Move the records of a batch to the bin; those that do not exist are passed over."""
        for each in _ids(body):
            self._archive(each)
        return Reply(204)

    def _archive(self, number: str) -> None:
        record = self._found(number)
        if record is not None:
            self._table.archive(record.id)

    def _found(self, number: str) -> Record | None:
        return self._table.find(int(number)) if number.isdecimal() else None

    def _one(self, body: Any, judge: Any, *, status: int) -> Reply:
        if not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
            raise invalid("Invalid input JSON: properties is an object")
        try:
            write = judge(body)
        except Wrong as wrong:
            raise self._refusal(wrong) from None
        return Reply(status, self._shown(write, self._carry_out(write)), rows=1)

    def _batch(self, inputs: Sequence[Input], judge: Any, *, status: int, tells_new: bool = False) -> Reply:
        writes, errors = [], []
        for each in inputs:
            try:
                writes.append(judge(each))
            except Wrong as wrong:
                if not self._traced(inputs):
                    raise self._refusal(wrong) from None
                context = {**wrong.body["context"], "objectWriteTraceId": [each["objectWriteTraceId"]]}
                errors.append({**wrong.body, "context": context})
        results = [
            self._shown(each, self._carry_out(each)) | ({"new": each.record is None} if tells_new else {})
            for each in writes
        ]
        # The vendor answers in no order that a client could rely on.
        body: dict[str, Any] = {"status": "COMPLETE", "results": [*results[1::2], *results[0::2]]}
        body |= {"startedAt": iso(0), "completedAt": iso(0)}
        body |= {"numErrors": len(errors), "errors": errors} if errors else {}
        return Reply(207 if errors else status, body, rows=len(results))

    def _traced(self, inputs: Sequence[Input]) -> bool:
        traces = {each.get("objectWriteTraceId") for each in inputs} - {None}
        return self._portal.dialects["multi_status"] == "traced" and len(traces) == len(inputs)

    def _refusal(self, wrong: Wrong) -> Refused:
        missing = wrong.body["category"] == "OBJECT_NOT_FOUND"
        return Refused(404 if missing else 400, wrong.body["category"], wrong.body["message"])

    def _new(self, wanted: Input) -> Write:
        contacts = [self._contact(each) for each in wanted.get("associations") or ()]
        return Write(wanted, None, checked(self._portal, self._table, wanted["properties"], None), contacts)

    def _change(self, wanted: Input) -> Write:
        number, by = str(wanted["id"]), wanted.get("idProperty")
        if by is not None and by not in self._table.schema.unique:
            raise invalid(f"Unable to perform update/upsert by non-unique property {by}")
        record = self._table.holder(by, number) if by else self._found(number)
        if record is None:
            raise gone(number)
        return Write(wanted, record, checked(self._portal, self._table, wanted["properties"], record))

    def _upsert(self, wanted: Input) -> Write:
        by, value = wanted["idProperty"], str(wanted["id"])
        record = self._table.holder(by, value)
        values = {**wanted["properties"], by: value}
        return Write(wanted, record, checked(self._portal, self._table, values, record))

    def _contact(self, wanted: Any) -> int:
        try:
            number, types = int(wanted["to"]["id"]), [each["associationTypeId"] for each in wanted["types"]]
        except (KeyError, TypeError, ValueError):
            raise invalid('associations is a list of {"to": {"id": …}, "types": […]}') from None
        if types != [LINK_TYPES.get((self._table.kind, "contacts"))]:
            raise Wrong(failure("VALIDATION_ERROR", "One or more association types are not valid.", context={}))
        if self._portal.contacts.find(number) is None:
            raise Wrong(failure("VALIDATION_ERROR", "One or more associations are not valid.", context={}))
        return number

    def _carry_out(self, write: Write) -> Record:
        record = write.record
        if record is None:
            record = self._table.records[self._table.add(write.values)]
        else:
            self._table.edit(record.id, write.values)
        for contact in write.contacts:
            self._portal.engage(self._table.kind, record.id, contact)
        return record

    def _shown(self, write: Write, record: Record) -> dict[str, Any]:
        defaults = list(self._reader.result(record, ())["properties"])
        if self._portal.dialects["write_answer"] == "defaults":
            return self._reader.result(record, defaults)
        traced = {name: write.wanted[name] for name in ("objectWriteTraceId",) if name in write.wanted}
        return self._reader.result(record, [*write.values, *defaults]) | traced


def _inputs(body: Any, *needed: str) -> list[Input]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= BATCH_LIMIT:
        raise invalid(f"inputs is a list of 1 to {BATCH_LIMIT} items")
    for each in inputs:
        is_whole = isinstance(each, dict) and all(isinstance(each.get(name), str) for name in needed)
        if not is_whole or not isinstance(each.get("properties"), dict):
            raise invalid(f"Invalid input JSON: an input has {', '.join((*needed, 'properties'))}")
    return inputs


def _ids(body: Any) -> list[str]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if (
        not isinstance(inputs, list)
        or not inputs
        or not all(isinstance(each, dict) and "id" in each for each in inputs)
    ):
        raise invalid('inputs is a list of {"id": "…"}')
    if len(inputs) > BATCH_LIMIT:
        raise invalid(f"a batch holds at most {BATCH_LIMIT} inputs")
    return [str(each["id"]) for each in inputs]
