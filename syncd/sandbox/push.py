"""``POST /contacts``: the outcome of each row. :mod:`syncd.sandbox.answers` makes the answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.fields import Row
from syncd.sandbox.phones import BadPhone, stored_phones
from syncd.sandbox.replies import Refused
from syncd.sandbox.store import Store

CAP = 500
"""The most rows of one request (guide: Contacts, step 3)."""

LONG = 255
"""The most characters of a value, if the dialect ``value_length`` sets a bound."""


class Poison(Protocol):
    """Refuses rows; to refuse the whole batch it raises Refused."""

    def bites(self, fields: Mapping[str, Any]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Done:
    """A row that was stored as these contacts; ``sent``: the positions of the fields that the row named."""

    stored: Sequence[tuple[int, Row]]
    action: str
    sent: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A row that was refused."""

    message: str


Outcome = Done | Failed


class RowRefused(Exception):
    """This row is refused; the others need not be."""


@dataclass(slots=True)
class _Sent:
    """A row as it was sent, by position of the fields: stored forms, fields that are "" or null, and raw texts."""

    values: dict[int, str]
    empty: list[int]
    null: list[int]
    raw: dict[int, str]


def rows_of(body: Any, dialects: Dialects) -> list[Any]:
    """Return the rows of a request.

    Raises:
        Refused: there are no rows, or too many.

    """
    invalid = int(dialects["invalid_status"])
    if not isinstance(body, Mapping):
        raise Refused(invalid, "The body must be a JSON object.")
    # A single contact is sent as {"fields": …}, without a list.
    if "contacts" not in body:
        if "fields" not in body:
            raise Refused(invalid, "Either fields or contacts is required.")
        return [body]
    rows = body["contacts"]
    if not isinstance(rows, list) or not rows:
        raise Refused(invalid, "contacts must be a list with at least one contact.")
    if len(rows) > CAP and dialects["over_batch"] != "cut":
        status = 413 if dialects["over_batch"] == "413" else invalid
        raise Refused(status, f"At most {CAP} contacts can be pushed at once.", rows=len(rows))
    return rows[:CAP]


def push(store: Store, rows: Iterable[Any], poisons: Sequence[Poison] = ()) -> list[Outcome]:
    """Create or update the contacts of ``rows``, durably, and return the outcome of each row."""
    with store.lock:
        batch = _Batch(store, poisons)
        outcomes = [batch.take(row) for row in rows]
        # Nothing is stored beside a refused row, though the other rows are answered as if nothing was wrong with them.
        if store.dialects["atomic"] == "all" and any(isinstance(outcome, Failed) for outcome in outcomes):
            return [outcome if isinstance(outcome, Failed) else Done((), "") for outcome in outcomes]
        store.write(batch.staged)
        return outcomes


class _Batch:
    """One request's rows, staged over the store until all are judged."""

    # Staged, since a later row of the batch must find the contact that an earlier row has made or moved.

    def __init__(self, store: Store, poisons: Sequence[Poison]) -> None:
        self.store = store
        self.fields = store.fields
        self.dialects = store.dialects
        self.poisons = poisons
        self.staged: dict[int, Row] = {}
        self._next = store.next_id
        self._fresh: dict[Hashable, list[int]] = {}
        self._keys: set[Hashable] = set()
        self._where = _names(store)
        self._clears = {"empty": (True, False), "both": (True, True), "null": (False, True)}.get(
            self.dialects["clear"], (False, False)
        )

    def take(self, row: Any) -> Outcome:
        try:
            fields = self._fields_of(row)
            return self._upsert(self._read(fields))
        except RowRefused as refused:
            return Failed(str(refused))

    def _fields_of(self, row: Any) -> Mapping[str, Any]:
        fields = row.get("fields") if isinstance(row, Mapping) else None
        if not isinstance(fields, Mapping):
            raise RowRefused("fields is required and must be an object")
        if any(poison.bites(fields) for poison in self.poisons):
            raise RowRefused("The contact is not valid")
        return fields

    # Reading a row.

    def _read(self, fields: Mapping[str, Any]) -> _Sent:
        sent = _Sent({}, [], [], {})
        for name, value in fields.items():
            position = self._where(name)
            if position is None:
                if self.dialects["unknown_field"] == "error":
                    raise RowRefused(f"Unknown field: {name}")
            elif value is None:
                sent.null.append(position)
            elif value == "":
                sent.empty.append(position)
            else:
                sent.raw[position] = _text(name, value)
                sent.values[position] = self._stored(name, position, sent.raw[position])
        return sent

    def _stored(self, name: str, position: int, text: str) -> str:
        if position in self.fields.phones:
            try:
                return stored_phones(text, self.dialects)
            except BadPhone as bad:
                raise RowRefused(f"{name} {bad}") from None
        if len(text) > LONG and self.dialects["value_length"] != "unlimited":
            if self.dialects["value_length"] == "refused":
                raise RowRefused(f"{name} is longer than {LONG} characters")
            return text[:LONG]
        return text

    # Finding its contact.

    def _upsert(self, sent: _Sent) -> Outcome:
        row = self._over(self.fields.empty, sent)
        key = self._key(row, sent)
        found = self._chosen(self._candidates(row, key))
        if not found:
            return self._create(sent, row)
        return self._update(found, sent)

    def _key(self, row: Row, sent: _Sent) -> Hashable:
        """Return the row's match key; None if it can match nothing.

        Raises:
            RowRefused: a dialect refuses rows with this key.

        """
        rule = self.dialects["empty_match"] if self.fields.match else self.dialects["no_match_field"]
        empty = [self.fields.names[position] for position in self.fields.match if not row[position]]
        if (empty or not self.fields.match) and rule in ("error", "create"):
            if rule == "error":
                raise RowRefused(f"{', '.join(empty)} is required" if empty else "The company has no match field")
            return None
        # "raw": the number is compared as it was sent, with the stored form of the contacts' numbers.
        key = self.store.key_of(self._as_sent(row, sent) if self.dialects["match_phone"] == "raw" else row)
        if key in self._keys and self.dialects["duplicate_in_batch"] == "error":
            raise RowRefused("The batch has this contact twice")
        self._keys.add(key)
        return key

    def _as_sent(self, row: Row, sent: _Sent) -> Row:
        return tuple(sent.raw.get(position, value) for position, value in enumerate(row))

    def _candidates(self, row: Row, key: Hashable) -> list[int]:
        found: list[int] = []
        if key is not None:
            found = [number for number in self.store.find(key) if self._still(number, key)]
            if self.dialects["duplicate_in_batch"] != "create":
                found += self._fresh.get(key, ())
        if not found and self.dialects["rekey"] == "integration":
            found = self._same_reference(row)
        return found

    # An earlier row of the batch may have given the contact another match value.
    def _still(self, number: int, key: Hashable) -> bool:
        return number not in self.staged or self.store.key_of(self.staged[number]) == key

    def _same_reference(self, row: Row) -> list[int]:
        # A look at every contact: this reading is for small rehearsals, and an index would cost all the others.
        positions = [position for position in self.fields.integrations if row[position]]
        rows = {**self.store.rows, **self.staged}
        return [number for number, other in rows.items() if any(other[at] == row[at] for at in positions)]

    def _chosen(self, found: list[int]) -> list[int]:
        if len(found) < 2:
            return found
        rule = self.dialects["match_many"]
        if rule == "error":
            raise RowRefused("Several contacts match")
        return {"first": [min(found)], "newest": [max(found)], "all": sorted(found)}[rule]

    # Storing it.

    def _create(self, sent: _Sent, row: Row) -> Done:
        number, action = self._next, "created"
        if self.dialects["revive"] != "never" and (revived := self._revived(row)) is not None:
            number, action = revived, self.dialects["revive"]
            # A revived contact has its old values, and the row changes them like an update.
            row = self._changed(self.store.gone[number], sent)
        else:
            self._next += 1
        self._stage(number, row)
        return Done([(number, row)], action, self._named(sent))

    def _revived(self, row: Row) -> int | None:
        key = self.store.key_of(row)
        gone = (number for number, old in self.store.gone.items() if self.store.key_of(old) == key)
        return next((number for number in gone if number not in self.staged), None)

    def _update(self, found: Sequence[int], sent: _Sent) -> Done:
        stored, same = [], True
        for number in found:
            old = self.staged.get(number) or self.store.rows[number]
            row = self._kept(old, self._changed(old, sent))
            same = same and row == old
            if row != old:
                self._stage(number, row)
            stored.append((number, row))
        action = "unchanged" if same and self.dialects["unchanged"] == "unchanged" else "updated"
        return Done(stored, action, self._named(sent))

    def _stage(self, number: int, row: Row) -> None:
        key = self.store.key_of(row)
        before = self.staged.get(number, self.store.rows.get(number))
        if before is None or self.store.key_of(before) != key:
            for numbers in self._fresh.values():
                if before is not None and number in numbers:
                    numbers.remove(number)
            self._fresh.setdefault(key, []).append(number)
        self.staged[number] = row

    def _kept(self, old: Row, row: Row) -> Row:
        """Return the row with the match values that are stored, unless they are stored as sent."""
        if self.dialects["match_kept"] == "sent" or self.store.key_of(old) != self.store.key_of(row):
            return row
        return tuple(old[at] if at in self.fields.match and old[at] else value for at, value in enumerate(row))

    def _changed(self, old: Row, sent: _Sent) -> Row:
        return self._over(old if self.dialects["update"] == "merge" else self.fields.empty, sent)

    def _over(self, base: Row, sent: _Sent) -> Row:
        row = list(base)
        for positions, clears in zip((sent.empty, sent.null), self._clears, strict=True):
            if clears:
                for position in positions:
                    row[position] = ""
        for position, value in sent.values.items():
            row[position] = value
        return tuple(row)

    def _named(self, sent: _Sent) -> frozenset[int] | None:
        return frozenset((*sent.values, *sent.empty, *sent.null)) if self.dialects["returned"] == "sent" else None


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise RowRefused(f"{name} must be a text")


def _names(store: Store) -> Callable[[str], int | None]:
    """Return a function that gives the position of the field of a name, or None."""
    known: dict[str, int] = dict(store.fields.positions)
    if store.dialects["field_id"] == "accepted":
        known = {str(number): position for position, number in enumerate(store.fields.ids)} | known
    if store.dialects["field_case"] == "exact":
        return known.get
    # The exact name goes before a name that differs in case only.
    folded = {name.casefold(): position for name, position in known.items()} | known
    return lambda name: known.get(name, folded.get(name.casefold()))
