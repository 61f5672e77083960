"""Single values that runs learn and later runs need, each with its type; and renamed fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from syncd.core.change import Semantics
from syncd.core.company.identity import Company
from syncd.core.field_history import FieldNumbers
from syncd.state.database import Database, Part
from syncd.state.glance import ADDRESS, COMPANY, FIELDS

T = TypeVar("T")

CASE_INSENSITIVE = "target.folds_case"
"""The name of the fact that the target takes match values for equal if only their case differs."""


BACKUPS, RESTORED = "state.backups", "state.restored"
"""The names of the facts about backups."""

UNCLEAN = "state.unclean"
"""The name of the fact that the file, or a copy beside it, may hold bytes of what was erased."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One value: ``load`` makes it from the stored text (None: nothing is stored), ``dump`` makes the text from it."""

    database: Database
    name: str
    load: Callable[[str | None], T]
    dump: Callable[[T], str] = str

    def get(self) -> T:
        """Return the value, or what ``load`` gives when nothing is stored."""
        return self.load(self.database.scalar("SELECT value FROM fact WHERE name = :name", name=self.name))

    def set(self, value: T) -> None:
        """Store the value."""
        self.database.put("fact", name=self.name, value=self.dump(value))


def _text(stored: str | None) -> str | None:
    return stored


def _semantics(stored: str | None) -> Semantics | None:
    return None if stored is None else "replace" if stored == "replace" else "merge"


def _number(stored: str | None) -> float | None:
    return None if stored is None else float(stored)


def _time(stored: str | None) -> float | None:
    return float(stored) if stored else None


def _stored(at: float | None) -> str:
    return "" if at is None else str(at)


def _company(stored: str | None) -> Company | None:
    return None if stored is None else Company.load(stored)


def _dumped(company: Company | None) -> str:
    return "" if company is None else company.dump()


def _json(default: Any) -> Callable[[str | None], Any]:
    return lambda stored: default if stored is None else json.loads(stored)


class Facts:
    """The facts, one attribute each; those about a source are methods that take its name. Times are Unix seconds.

    ``company``: the company whose contacts are in the ledger. ``target_address``: its address, which is all that a
    state of an earlier version knows of it. ``highest_id``: the highest id seen there.
    ``update_semantics``: what an update does to fields that it does not mention, ``merge`` or ``replace``.
    ``case_insensitive``: the target takes match values for equal if only their case differs.
    ``seen_fields``: the target's fields as they were seen last, also by a run that has not ended.
    ``deletes_work``: a delete was seen to have an effect. ``field_names``: every name that each field has had, by the
    field's number, the newest last. ``digest_made``: when the last daily summary was made. ``unclean``: since
    when the file, or a copy beside it, may hold bytes of what was erased.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.company: Fact[Company | None] = self._fact(COMPANY, _company, _dumped)
        self.target_address = self._fact(ADDRESS, _text)
        self.highest_id = self._fact("target.highest_id", lambda stored: int(stored or 0))
        self.update_semantics: Fact[Semantics | None] = self._fact("target.update", _semantics)
        self.case_insensitive = self._fact(CASE_INSENSITIVE, lambda stored: stored is not None)
        self.seen_fields = self._fact(FIELDS, _text)
        self.deletes_work = self._fact("target.deletes", lambda stored: stored is not None, lambda _: "seen")
        self.field_names: Fact[dict[str, Sequence[str]]] = self._fact("target.field_names", _json({}), json.dumps)
        self.digest_made = self._fact("digest.made", _number)
        self.backups: Fact[list[dict[str, Any]]] = self._fact(BACKUPS, _json([]), json.dumps)
        self.restored: Fact[float | None] = self._fact(RESTORED, _time, _stored)
        self.unclean: Fact[float | None] = self._fact(UNCLEAN, _time, _stored)

    def match_fields(self, source: str) -> Fact[list[str] | None]:
        """Return the match fields by which the target knows the source's contacts; None before its first run."""
        return self._fact(f"match fields of {source}", _json(None), json.dumps)

    def fields(self, source: str) -> Fact[str | None]:
        """Return the description of the target's fields with which the source's contacts were sent."""
        return self._fact(f"fields of {source}", _text)

    def field_numbers(self, source: str) -> Fact[FieldNumbers]:
        """Return ``mapped`` (the number of each mapped field, by name) and ``all`` (the numbers of all fields)."""
        return self._fact(f"field numbers of {source}", _json({"mapped": {}, "all": []}), json.dumps)

    def parts(self, source: str) -> Fact[list[str]]:
        """Return the names of the parts that the source's last complete read had."""
        return self._fact(f"parts of {source}", _json([]), json.dumps)

    def forgotten(self, source: str) -> Fact[str]:
        """Return the stamp of what was forgotten (:class:`syncd.core.forgetting.marks.Marks`) and is erased."""
        return self._fact(f"forgotten of {source}", lambda stored: stored or "")

    def unreleased(self, source: str) -> Fact[list[str]]:
        """Return the contacts that syncd lets go as soon as the target takes a forgotten number from them."""
        return self._fact(f"unreleased of {source}", _json([]), json.dumps)

    def parting(self, source: str) -> Fact[list[str]]:
        """Return the contacts whose next row lacks the numbers of a forgotten key that was merged into them."""
        return self._fact(f"parting of {source}", _json([]), json.dumps)

    def first_load(self, source: str) -> Fact[str | None]:
        """Return the run with which every contact of the source had been sent once."""
        return self._fact(f"first load of {source}", _text)

    def reconciled(self, source: str) -> Fact[float | None]:
        """Return when the source was last compared with the target."""
        return self._fact(f"reconciled.{source}", _number)

    def _fact(self, name: str, load: Callable[[str | None], T], dump: Callable[[T], str] = str) -> Fact[T]:
        return Fact(self._database, name, load, dump)


# SQLite calls functions of FieldNames.rename() for each text, so that a million contacts never become Python objects.
# The digest comes first, while the old text is still there to compare with: a contact with a renamed field is compared
# again, even if its row is as it was.
_RENAMED = (
    "UPDATE contact SET digest = 0 WHERE renamed(fields) <> fields",
    "UPDATE contact SET fields = renamed(fields), returned = renamed(returned)",
    "UPDATE change SET before = renamed(before), after = renamed(after)",
    "UPDATE fact SET value = renamed_all(value) WHERE name LIKE 'match fields of %'",
    "DELETE FROM cursor",
)

_OPEN = "outcome = 'pending' AND kind <> 'delete' AND id = :change"
_CALL_REMATCHED = "UPDATE change SET match = :match WHERE kind <> 'delete' AND id = :change"
# A contact with an id keeps its match value: the target has answered with that one, whatever the open call asked for.
_CONTACT_REMATCHED = (
    "UPDATE contact SET match = :match WHERE status = 'pending' AND remote_id IS NULL AND match = :was"
    f" AND (source, key) = (SELECT source, key FROM change WHERE {_OPEN})"
)


class FieldNames(Part):
    """Renames fields in everything that the state stores."""

    def rename(self, names: Mapping[str, str | None], facts: Mapping[str, str]) -> None:
        """Rename fields in all stored contacts and in the history, and store ``facts`` in the same transaction.

        ``names``: the new name by the old name, all at once; None for a field that is gone, whose values are forgotten.
        """

        def renamed(stored: str | None) -> str | None:
            fields = json.loads(stored) if stored else {}
            if not names.keys() & fields.keys():
                return stored
            called = {names.get(name, name): value for name, value in fields.items()}
            return json.dumps({name: each for name, each in called.items() if name is not None}, ensure_ascii=False)

        def renamed_all(stored: str) -> str:
            return json.dumps(sorted(now for name in json.loads(stored) if (now := names.get(name, name)) is not None))

        with self._database.write():
            self._database.create_function("renamed", renamed)
            self._database.create_function("renamed_all", renamed_all)
            for statement in _RENAMED:
                self._database.execute(statement)
            # In this transaction, or a killed run would leave renamed contacts and the old names to rename again.
            for name, value in facts.items():
                self._database.put("fact", name=name, value=value)

    def rematch_calls(self, matches: Sequence[tuple[int, str, str]]) -> None:
        """Store the match values of now for calls of unknown outcome, and for the contacts that they may have created.

        ``matches``: the change, the match value before, and the match value of now.
        """
        values = [{"change": change, "was": was, "match": now} for change, was, now in matches]
        if values:
            with self._database.write():
                self._database.execute_many(_CONTACT_REMATCHED, values)
                self._database.execute_many(_CALL_REMATCHED, values)
