"""Sends the requests of a REST sink: for one record, a search, a contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from connectors.http_parts.connection import Connection
from connectors.http_parts.paths import find, truthy
from connectors.http_parts.rules import Rule
from connectors.http_parts.surroundings import Surroundings
from connectors.http_parts.template import fill
from connectors.rest_out.forms import CompleteForm, ContactForm, EraseForm, FindForm, KindForm, ReadForm, WriteForm
from connectors.rest_out.matching import changed, found_id, of_a_person
from connectors.rest_out.options import RestOutOptions
from syncd.errors import SinkInvalid, SourceError, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, source_failures
from syncd.sink import Item, Outcome

BESIDE = "."
"""What the names of fields begin with that are no part of the record."""

REFUSED = (400, 409, 413, 422)
"""The statuses by which a server refuses one record."""

GONE = (404, 410)
"""The statuses by which a server says that it has no such record."""

EMPTY = frozenset({204, 205})

_SKIPPED = "skip"
"""The verdict on an answer that refuses one record."""


class Writer:
    """An open connection to the server. Every method may raise a SourceError."""

    def __init__(self, name: str, options: RestOutOptions, around: Surroundings) -> None:
        self._name = name
        self._options = options
        failures = source_failures(name, key="check options.secrets")
        # The client's own message shows where a redirect leads, and a path may hold an activity's id.
        failures = replace(failures, moved=self._moved)
        self._server = Connection(name, options, around, longest=options.patience, failures=failures)
        self._completed: dict[tuple[str, str], Mapping[str, Any] | None] = {}

    @property
    def sent(self) -> int:
        """How many requests were sent, every attempt included."""
        return self._server.sent

    def close(self) -> None:
        self._server.close()

    def check(self) -> None:
        """Prove that the key is accepted."""
        form = self._options.check
        answer = self._look(form.request, {})
        expected = fill(form.expect, self._options.vars) if form.expect else None
        if expected and not truthy(find(str(expected), answer.body)):
            raise SourceInvalid(f"{self._name}: {fill(form.otherwise, self._options.vars)}")

    def write(self, form: KindForm, item: Item) -> Outcome:
        """Make or change the record of an item, and associate its contacts."""
        if item.change == "create":
            outcome = self._create(form, item)
            return self._with_contacts(form, item, outcome) if outcome.status == "accepted" else outcome
        if not item.remote_id and not form.upsert:
            return Outcome(item.identity, "rejected", reason="the id of its record is not known")
        outcome = Outcome(item.identity, "accepted", item.remote_id)
        if item.change == "update":
            outcome = self._update(form, item)
        return self._associated(form, item, outcome) if outcome.status == "accepted" else outcome

    def find(self, kind: KindForm, form: FindForm, item: Item) -> tuple[bool, str | None]:
        """Return whether it is known if the record of an item is there, and its id."""
        more = self._complete(kind.complete, item) if kind.complete else {}
        if more is None:
            return False, None
        values = {**self._values(item), **more}
        answer = self._look(form.request, values, GONE)
        if answer.verdict == _SKIPPED:
            return False, None
        records = [] if answer.status in EMPTY else find(form.path, answer.body)
        if not isinstance(records, list):
            raise SourceInvalid(f"{self._name}: the answer has no list at {form.path!r}: correct find.path")
        whole = form.more is None or not truthy(find(form.more, answer.body))
        return found_id(records, form.id, form.same, values, whole=whole)

    def erase(self, form: EraseForm, id_: str) -> bool:
        """Remove a record, and return whether it is gone."""
        answer = self._ask(form.request, {"id": id_}, (*form.gone, *REFUSED), finish=True)
        return answer.verdict != _SKIPPED or answer.status in form.gone

    def contact(self, form: ContactForm, values: Mapping[str, Any]) -> str:
        """Return the id of the contact with a number; make it if there is none."""
        answer = self._look(form.search.request, values)
        there = [] if answer.status in EMPTY else find(form.search.path, answer.body)
        if not isinstance(there, list):
            where = f"{form.search.path!r}: correct contact.search.path"
            raise SourceInvalid(f"{self._name}: the answer has no list at {where}")
        ids = [str(id_) for each in there if (id_ := find(form.search.id, each)) is not None]
        if ids:
            return ids[0]
        answer = self._ask(form.create, values, finish=True, again=self._once)
        return self._id_of(answer, form.id, "contact.id")

    def _create(self, form: KindForm, item: Item) -> Outcome:
        record = _record(item.fields)
        if form.complete:
            more = self._complete(form.complete, item)
            if more is None:
                why = "what is asked before a record is made was refused"
                return Outcome(item.identity, "rejected", reason=why)
            record |= more
        values = {**self._values(item), "record": record}
        if form.upsert:
            answer = self._ask(form.upsert, values, REFUSED, finish=True)
        elif form.create:
            answer = self._ask(form.create, values, REFUSED, finish=True, again=self._once)
        if answer.verdict == _SKIPPED:
            return self._rejected(item, answer)
        known = item.remote_id if form.upsert else None
        id_ = known if answer.status in EMPTY else self._id_of(answer, form.id, f"{item.kind}s.id")
        was_there = form.new is not None and find(form.new, answer.body) is False
        return Outcome(item.identity, "accepted", id_, was_there=was_there)

    def _update(self, form: KindForm, item: Item) -> Outcome:
        record = {name: value for name, value in _record(item.fields).items() if name not in form.once}
        record = changed(record, item.sent, item.tried)
        kept: tuple[str, ...] = ()
        if form.read and record and item.remote_id:
            answer = self._look(form.read.request, self._values(item), GONE)
            if answer.verdict == _SKIPPED:
                return self._gone(item)
            kept = self._kept(form.read, answer, record, item)
            record = {name: value for name, value in record.items() if name not in kept}
        outcome = Outcome(item.identity, "accepted", item.remote_id, kept=kept)
        request = form.update if form.update and item.remote_id else form.upsert
        if not record or request is None:
            return outcome
        values = {**self._values(item), "record": record}
        answer = self._ask(request, values, (*REFUSED, *GONE), finish=True)
        if answer.verdict == _SKIPPED:
            return self._gone(item) if answer.status in GONE else self._rejected(item, answer)
        return outcome

    def _kept(self, form: ReadForm, answer: Answer, record: Mapping[str, Any], item: Item) -> tuple[str, ...]:
        there = find(form.path, answer.body)
        if not isinstance(there, dict):
            raise SourceInvalid(f"{self._name}: the answer has no record at {form.path!r}: correct read.path")
        return tuple(
            name
            for name, value in record.items()
            if of_a_person(value, there.get(name), [each[name] for each in (item.sent, item.tried) if name in each])
        )

    def _with_contacts(self, form: KindForm, item: Item, outcome: Outcome) -> Outcome:
        """Associate the contacts of a new record; what fails is left for later, since the record is made."""
        try:
            return self._associated(form, item, outcome)
        except SourceError:
            return outcome

    def _associated(self, form: KindForm, item: Item, outcome: Outcome) -> Outcome:
        there: list[str] = []
        missing: list[str] = []
        if form.associate and outcome.remote_id:
            for contact in item.contacts:
                values = {**self._values(item), "id": outcome.remote_id, "contact": contact}
                answer = self._ask(form.associate, values, (*REFUSED, *GONE), finish=True)
                (missing if answer.verdict == _SKIPPED and answer.status != 409 else there).append(contact)
        return replace(outcome, contacts=tuple(there), missing=tuple(missing))

    def _complete(self, form: CompleteForm, item: Item) -> dict[str, Any] | None:
        """Return what is added to a new record; None: there is no such thing."""
        values = self._values(item)
        request = form.request.template().fill({**self._server.values, **values})
        key = (request.path, str(request.query))
        if key not in self._completed:
            answer = self._look(form.request, values, GONE)
            found = None if answer.verdict == _SKIPPED else answer.body
            self._completed[key] = (
                None if found is None else {name: find(path, found) for name, path in form.values.items()}
            )
        more = self._completed[key]
        return None if more is None else {name: value for name, value in more.items() if value is not None}

    def _values(self, item: Item) -> dict[str, Any]:
        beside = {name[1:]: value for name, value in item.fields.items() if name.startswith(BESIDE)}
        return {**self._options.vars, **beside, "identity": item.identity, "id": item.remote_id}

    def _look(self, form: WriteForm, values: Mapping[str, Any], refused: Sequence[int] = ()) -> Answer:
        """Send a request that changes nothing."""
        try:
            return self._ask(form, values, refused)
        except SourceError as error:
            error.in_doubt = False
            raise

    def _ask(self, form: WriteForm, values: Mapping[str, Any], refused: Sequence[int] = (), **client: Any) -> Answer:
        """Send a request; an answer with a status of ``refused`` has the verdict ``skip``."""
        request = form.template().fill({**self._server.values, **values})
        rules = [Rule("skip", tuple(refused))] if refused else []
        answer = self._server.send(request, rules=rules, name=f"{form.method} {form.path}", **client)
        if not (answer.is_json or answer.verdict or answer.status in EMPTY or request.method == "DELETE"):
            raise SourceUnavailable(f"{self._name} did not answer {form.method} {form.path}: {answer.problem}")
        return answer

    def _id_of(self, answer: Answer, path: str, option: str) -> str:
        id_ = find(path, answer.body)
        if id_ is None or isinstance(id_, dict | list):
            # Not a SourceInvalid, which says that nothing was made.
            raise SinkInvalid(f"{self._name}: the answer has no id at {path!r}: correct options.{option}")
        return str(id_)

    def _rejected(self, item: Item, answer: Answer) -> Outcome:
        reason = f"the server refused it with status {answer.status}{self._server.words(answer)}"
        return Outcome(item.identity, "rejected", item.remote_id, reason=reason)

    def _gone(self, item: Item) -> Outcome:
        return Outcome(item.identity, "rejected", item.remote_id, reason="the record is not there any more")

    def _once(self) -> NoReturn:
        raise SourceUnavailable(f"{self._name} did not answer a request that is sent only once: try again later")

    def _moved(self, _message: str, status: int) -> SourceInvalid:
        return SourceInvalid(
            f"{self._name} answered with status {status}, which points elsewhere, and is not followed: "
            "check options.base_url"
        )


def _record(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not name.startswith(BESIDE)}
