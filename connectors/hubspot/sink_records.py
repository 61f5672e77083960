"""Writes records in batches. One wrong input of a batch never costs the others, nor a wrong field the record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.account import Session
from connectors.hubspot.answers import REFUSED
from connectors.hubspot.api import BATCH_SIZE, Api, Record, results_of
from connectors.hubspot.sink_fields import BODY, CALLS, CHANNEL, OPTIONAL, TIME, is_same, stored_otherwise
from connectors.hubspot.sink_links import LINK_TYPES, link_type
from syncd.errors import SourceUnavailable
from syncd.rest import Answer
from syncd.sink import compact, cut_html

EXTERNAL_ID = "hs_call_external_id"
TRACE = "objectWriteTraceId"
NOT_FOUND = "OBJECT_NOT_FOUND"

SHORTEST = 1_000
"""A body of so many characters is not the reason of a refusal."""

DELETED = "the record was deleted in HubSpot, and stays so"

_NAMED = re.compile(r'"name"\s*:\s*"(\w+)"')


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to write.

    ``values``: HubSpot's own values. ``id``: the record's id, of an update. ``links``: the ids of the contacts of a new
    record. ``dropped``: the fields that were left out, or cut, and what is there instead.
    """

    identity: str
    values: Mapping[str, str]
    id: str = ""
    links: tuple[str, ...] = ()
    dropped: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an entry. ``id``: the record's id, "" if it was refused, for ``reason``. ``known``: it was there.

    ``links``: the contacts that it was made with. ``stored``: what the record holds where that is not what was sent.
    """

    id: str = ""
    reason: str = ""
    known: bool = False
    links: tuple[str, ...] = ()
    stored: Mapping[str, Any] = field(default_factory=dict)


Results = dict[str, Written]
"""What became of entries, by their identities; an entry that is missing may have been written."""

Input = Callable[[Entry], Mapping[str, Any]]


class Records:
    """Writes the records of one kind. ``unique``: the property that holds the identity; "" if there is none.

    Every method fills ``results`` as it goes on, so that an error leaves there what was done before it.
    """

    def __init__(self, session: Session, kind: str, unique: str) -> None:
        self._session = session
        self._api = Api(session)
        self._path = session.paths.objects(kind)
        self.kind = kind
        self.unique = unique

    def upsert(self, entries: Sequence[Entry], results: Results) -> None:
        """Make the records, or write those that are there; again and again if need be."""
        self._send("upsert", entries, self._upserted, results)

    def update(self, entries: Sequence[Entry], results: Results) -> None:
        """Write records that are there."""
        self._send("update", entries, lambda each: {"id": each.id, "properties": each.values}, results)

    def create(self, entries: Sequence[Entry], results: Results) -> None:
        """Make the records with their links; a request whose answer is lost is not sent again."""
        self._send("create", entries, self._created, results)

    def named(self, identities: Sequence[str], properties: Iterable[str]) -> dict[str, Record]:
        """Return the records that there are of these identities, by the unique property."""
        found: dict[str, Record] = {}
        for start in range(0, len(identities), BATCH_SIZE):
            body = {
                "idProperty": self.unique,
                "inputs": [{"id": each} for each in identities[start : start + BATCH_SIZE]],
                "properties": sorted({self.unique, *properties}),
                "propertiesWithHistory": [],
            }
            answer = self._session.ask("POST", f"{self._path}/batch/read", json=body)
            for each in results_of(answer):
                found[str(find(f"properties.{self.unique}", each))] = each
        return found

    def archive(self, ids: Sequence[str]) -> list[str]:
        """Move records to the bin, and return the ids of those that are not there any more."""
        if not ids:
            return []
        body = {"inputs": [{"id": each} for each in ids]}
        answer = self._session.ask("POST", f"{self._path}/batch/archive", json=body, refusable=True, finish=True)
        if answer.verdict != REFUSED:
            return list(ids)
        if len(ids) == 1:
            return list(self._api.read(self.kind, ids, ()).gone)
        half = len(ids) // 2
        return self.archive(ids[:half]) + self.archive(ids[half:])

    def _upserted(self, entry: Entry) -> Mapping[str, Any]:
        values = {**entry.values, self.unique: entry.identity}
        return {"id": entry.identity, "idProperty": self.unique, "properties": values}

    def _created(self, entry: Entry) -> Mapping[str, Any]:
        own = {EXTERNAL_ID: entry.identity} if self.kind == CALLS else {}
        types = [link_type(LINK_TYPES[self.kind])]
        links = [{"to": {"id": each}, "types": types} for each in entry.links]
        return {"properties": {**entry.values, **own}, "associations": links}

    def _send(self, how: str, entries: Sequence[Entry], make: Input, results: Results) -> None:
        for start in range(0, len(entries), BATCH_SIZE):
            self._batch(how, entries[start : start + BATCH_SIZE], make, results)

    def _batch(self, how: str, entries: Sequence[Entry], make: Input, results: Results) -> None:
        if not entries:
            return
        answer = self._ask(how, entries, make)
        if answer.verdict == REFUSED:
            if len(entries) == 1:
                self._lighten(how, entries[0], answer, make, results)
                return
            # By halves, until the wrong input is alone. A batch that is refused has written nothing.
            half = len(entries) // 2
            self._batch(how, entries[:half], make, results)
            self._batch(how, entries[half:], make, results)
            return
        left = self._matched(entries, results_of(answer), results)
        for each, error in self._errors(entries, answer):
            if each.identity in left:
                left.pop(each.identity)
                self._lighten(how, each, replace(answer, body=error), make, results)
        if left:
            self._settle(how, list(left.values()), answer, make, results, whole=len(left) == len(entries))

    def _ask(self, how: str, entries: Sequence[Entry], make: Input) -> Answer:
        inputs = [{**make(each), TRACE: str(at)} for at, each in enumerate(entries)]
        # An upsert or an update that is sent again changes nothing more; a create would make a second record.
        again = _not_again if how == "create" else None
        path = f"{self._path}/batch/{how}"
        return self._session.ask("POST", path, json={"inputs": inputs}, refusable=True, finish=True, again=again)

    def _matched(self, entries: Sequence[Entry], found: Sequence[Record], results: Results) -> dict[str, Entry]:
        """Note the written entries in ``results``, and return those that no record of the answer belongs to."""
        # The answer is in no order, so its order tells nothing.
        left = {each.identity: each for each in entries}
        only = entries[0] if len(entries) == len(found) == 1 else None
        for record in found:
            entry = only or self._entry_of(record, entries, left)
            if entry is not None:
                left.pop(entry.identity, None)
                results[entry.identity] = self._written(entry, record)
        return left

    def _entry_of(self, record: Record, entries: Sequence[Entry], left: Mapping[str, Entry]) -> Entry | None:
        trace = str(record.get(TRACE))
        if trace.isdecimal() and int(trace) < len(entries):
            return entries[int(trace)]
        shown = record.get("properties") or {}
        identity = shown.get(self.unique) or shown.get(EXTERNAL_ID)
        if identity and identity in left:
            return left[identity]
        id_ = str(record.get("id"))
        return next((each for each in left.values() if id_ == each.id or self.is_shown(each.values, shown)), None)

    def is_shown(self, values: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
        """Return whether a record shows the time, the channel and the text of a message, which tell it from others."""
        if self.kind == CALLS:
            return False
        names = (TIME, CHANNEL, BODY[self.kind])
        return all(shown.get(name) and is_same(name, shown[name], compact(values.get(name))) for name in names)

    def _written(self, entry: Entry, record: Record) -> Written:
        stored = stored_otherwise(entry.values, record.get("properties") or {})
        stored = {**entry.dropped, **stored}
        return Written(str(record.get("id")), known=record.get("new") is False, links=entry.links, stored=stored)

    def _errors(self, entries: Sequence[Entry], answer: Answer) -> list[tuple[Entry, Mapping[str, Any]]]:
        """Return the entries that the answer refuses by name, each with its error."""
        traced = [
            (str(trace), error)
            for error in find("errors", answer.body) or ()
            for trace in _list(find(f"context.{TRACE}", error))
        ]
        return [(entries[int(at)], error) for at, error in traced if at.isdecimal() and int(at) < len(entries)]

    def _settle(
        self, how: str, left: Sequence[Entry], answer: Answer, make: Input, results: Results, *, whole: bool
    ) -> None:
        """Find out what became of entries that the answer does not name."""
        if how == "create":
            # The answer names records without saying which is which; a read by their ids tells it.
            ids = [str(each.get("id")) for each in results_of(answer)]
            shown = self._api.read(self.kind, ids, (EXTERNAL_ID, TIME, CHANNEL, BODY[self.kind]))
            self._matched(left, shown.found, results)
            return
        if how == "upsert":
            known = self.named([each.identity for each in left], ())
            for each in left:
                if each.identity in known:
                    results[each.identity] = self._written(each, known[each.identity])
            left = [each for each in left if each.identity not in known]
        if not find("errors", answer.body):
            return
        if len(left) == 1:
            self._lighten(how, left[0], answer, make, results)
            return
        # The errors do not say whose they are: alone, or in a smaller batch, an entry shows it.
        half = (len(left) + 1) // 2 if whole else len(left)
        self._batch(how, left[:half], make, results)
        self._batch(how, left[half:], make, results)

    def _lighten(self, how: str, entry: Entry, answer: Answer, make: Input, results: Results) -> None:
        """Send a refused entry without the fields that it can do without, then with half of its text, and so on."""
        while True:
            if _is_gone(answer) and entry.id:
                results[entry.identity] = Written(reason=DELETED)
                return
            lighter = self._lighter(entry, answer)
            if lighter is None:
                results[entry.identity] = Written(reason=f"HubSpot refused it{self._session.judge.words(answer)}")
                return
            entry = lighter
            answer = self._ask(how, [entry], make)
            if answer.verdict != REFUSED and not find("errors", answer.body):
                left = self._matched([entry], results_of(answer), results)
                if left:
                    self._settle(how, [entry], answer, make, results, whole=True)
                return

    def _lighter(self, entry: Entry, answer: Answer) -> Entry | None:
        """Return the entry without what its refusal may be about; None if nothing can be left out."""
        named = set(_NAMED.findall(str(find("message", answer.body)).replace("\\", ""))) & entry.values.keys()
        body = BODY[self.kind]
        optional = [each for each in OPTIONAL if each in entry.values and (not named or each in named)]
        if entry.links and not named:
            # A contact may be gone: links are made afterwards, one by one.
            return replace(entry, links=())
        if optional:
            values = {name: value for name, value in entry.values.items() if name not in optional}
            return replace(entry, values=values, dropped={**entry.dropped, **dict.fromkeys(optional)})
        text = entry.values.get(body, "")
        if len(text) > SHORTEST and (not named or body in named):
            shorter = cut_html(text, len(text) // 2)
            return replace(entry, values={**entry.values, body: shorter}, dropped={**entry.dropped, body: shorter})
        return None


def _is_gone(answer: Answer) -> bool:
    return bool(find("category", answer.body) == NOT_FOUND)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _not_again() -> None:
    raise SourceUnavailable("HubSpot did not answer whether it made the records: they are looked for later")
