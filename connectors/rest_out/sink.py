"""The sink ``rest``: writes calls and messages to any JSON API, as its options say.

``options`` and ``forms`` say what is asked · ``values`` are those of an activity · ``matching`` tells which record is
ours, and which field a person's · ``writing`` sends requests. This module says what the sink can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from connectors.http_parts.surroundings import Surroundings
from connectors.http_parts.template import fill
from connectors.rest_out.forms import KindForm
from connectors.rest_out.options import RestOutOptions
from connectors.rest_out.values import e164, value_of, values_of
from connectors.rest_out.writing import BESIDE, Writer
from syncd.errors import SinkInvalid, SinkUnavailable, SourceError, of_a_sink
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, SinkRules, Wants

MOST_FAILURES = 3
"""So many failures in a row say that the server is down, and not that it fails at one record."""


class RestOut(Sink):
    """Writes records over HTTP. Tests replace ``around``."""

    OPTIONS = RestOutOptions

    def __init__(self, name: str, options: Options, rules: SinkRules, *, around: Surroundings | None = None) -> None:
        super().__init__(name, options, rules)
        self._options = cast(RestOutOptions, options)
        self._around = around or Surroundings()
        self._kinds = self._options.kinds()
        self._writer: Writer | None = None
        self._sent = 0
        self._failures = 0
        self._is_proved = False

    @property
    def sent(self) -> int:
        return self._sent + (self._writer.sent if self._writer else 0)

    def wants(self) -> Wants:
        self._require_kinds()
        forms = self._in_use()
        return Wants(
            # One at a time: of a batch that is cut off, each item would be in doubt.
            batch=1,
            updates=any(form.update or form.upsert for form in forms),
            idempotent=all(form.upsert for form in forms),
            finds=any(form.find for form in forms),
            erases=self._options.erase is not None,
            makes_contacts=self._options.contact is not None,
            associates=any(form.associate for form in forms),
        )

    def check(self) -> list[Note]:
        self._require_kinds()
        with _as_sink_errors():
            self._open().check()
        return [Note("the key is accepted", good=True), *self._notes()]

    def render(self, row: Row) -> Mapping[str, Any]:
        form = self._kinds.get(row["kind"])
        if form is None:
            return {}
        values = values_of(row, self.rules, self._options.outcomes, self._options.country)
        values |= {name: value_of(each, {**self._options.vars, **values}) for name, each in form.values.items()}
        record = fill(form.record, {**self._options.vars, **values})
        # Requests need more than the record, and a delivery remembers nothing but the fields.
        beside = {name: values[name] for name in sorted(form.carried()) if values.get(name) is not None}
        return {**record, **{f"{BESIDE}{name}": value for name, value in beside.items()}}

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        return [self._deliver(item) for item in items]

    def find(self, items: Sequence[Item]) -> Mapping[str, str | None]:
        found: dict[str, str | None] = {}
        with _as_sink_errors():
            for item in items:
                form = self._kinds.get(item.kind)
                if form and form.find:
                    known, id_ = self._open().find(form, form.find, item)
                    found |= {item.identity: id_} if known else {}
        return found

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        erase = self._options.erase
        if erase is None:
            return super().erase(remote_ids)
        with _as_sink_errors():
            return [id_ for id_ in remote_ids if self._open().erase(erase, id_)]

    def create_contact(self, number: str, name: str | None) -> str:
        contact = self._options.contact
        if contact is None:
            return super().create_contact(number, name)
        values = {"number": number, "number_e164": e164(number, self._options.country), "name": name or number}
        with _as_sink_errors():
            return self._open().contact(contact, values)

    def close(self) -> None:
        if self._writer:
            self._writer.close()
            self._sent += self._writer.sent
        self._writer = None

    def cancel(self) -> None:
        self._around.stopping.set()

    def _deliver(self, item: Item) -> Outcome:
        form = self._kinds.get(item.kind)
        if form is None:
            return Outcome(item.identity, "rejected", reason=f"the options have no {item.kind}s")
        if lack := next((name for name in form.needs if BESIDE + name not in item.fields), None):
            return Outcome(item.identity, "rejected", reason=f"it has no {lack}, without which there is no record")
        try:
            with _as_sink_errors():
                self._prove(form)
                outcome = self._open().write(form, item)
        except SinkUnavailable as error:
            return self._failed(form, item, error)
        self._failures = 0
        return outcome

    def _failed(self, form: KindForm, item: Item, error: SinkUnavailable) -> Outcome:
        """Return an unknown outcome, or raise if the server is down."""
        self._failures += 1
        # A record that can be made once only is held if its outcome is unknown. So no further one is tried.
        if not error.in_doubt or form.create or self._failures >= MOST_FAILURES:
            raise error
        return Outcome(item.identity, "unknown", remote_id=item.remote_id)

    def _prove(self, form: KindForm) -> None:
        """Ask for something first, where each failure of a create leaves a record in doubt."""
        if form.create and not self._is_proved:
            self._open().check()
            self._is_proved = True

    def _open(self) -> Writer:
        if self._writer is None:
            try:
                self._writer = Writer(self.name, self._options, self._around)
            except SourceError as error:
                # No more than a token was asked for.
                error.in_doubt = False
                raise
        return self._writer

    def _in_use(self) -> list[KindForm]:
        wanted = {"call": self.rules.calls, "message": self.rules.messages}
        return [form for kind, form in self._kinds.items() if wanted[kind] is not None]

    def _require_kinds(self) -> None:
        wanted = {"call": self.rules.calls, "message": self.rules.messages}
        for kind, rules in wanted.items():
            if rules is not None and kind not in self._kinds:
                raise SinkInvalid(f"{self.name} has no options for {kind}s: write {kind}s: never beside its options")

    def _notes(self) -> Iterator[Note]:
        for kind, form in self._kinds.items():
            if form.create and not form.find:
                yield Note(f"{kind}s: if an answer is lost, the record is held until a person has looked for it")
            if form.update and not form.read:
                yield Note(f"{kind}s: an update overwrites what a person has changed, since read is not there")


@contextmanager
def _as_sink_errors() -> Iterator[None]:
    """Raise the errors of the parts that sources share as those of a sink, and keep whether there is a doubt."""
    try:
        yield
    except SourceError as error:
        found = of_a_sink(error)
        if not isinstance(found, SinkUnavailable):
            # The server has answered, and it refused the request.
            found.in_doubt = False
        raise found from None
