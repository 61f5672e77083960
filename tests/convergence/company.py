"""The model: what the target must hold according to a company's rows, worked out without syncd."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncd.config import Secret, Settings, Source, Target
from syncd.core.settings.rules import (
    DECIDING,
    AllOf,
    Column,
    DeleteLimits,
    GateRules,
    NumberLimits,
    Origin,
    Rule,
    SharedMatch,
    SharedNumbers,
    SourceRules,
)
from tests.convergence.shelf import Row, ShelfOptions, Table

Match = tuple[str | frozenset[str], ...]
Owner = tuple[str, str]
"""A source's name and a key."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A company's fields, and the column of each mapped field. No layout maps ``Note``, which people fill.

    ``names``: the current name of each field by its number. ``folds``: the target ignores the case of letters when it
    compares match fields.
    """

    name: str
    origins: Mapping[str, Origin]
    match: tuple[str, ...]
    phones: frozenset[str] = frozenset()
    integration: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    folds: bool = False

    def __post_init__(self) -> None:
        if not self.names:
            object.__setattr__(self, "names", dict(enumerate((*self.origins, "Note"), start=1)))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(f"layout {self.name}")

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [
            {
                "id": place,
                "name": name,
                "is_match": name in self.match,
                "is_phone": name in self.phones,
                "is_integration": name == self.integration,
            }
            for place, name in self.names.items()
        ]

    @property
    def note(self) -> str:
        """The current name of the field that people fill."""
        return self.names[max(self.names)]

    def renamed(self, number: int, name: str) -> Layout:
        """Return the layout after a person renamed a field at the target."""
        old = self.names[number]

        def now(known: str) -> str:
            return name if known == old else known

        return replace(
            self,
            names={**self.names, number: name},
            origins={now(known): origin for known, origin in self.origins.items()},
            match=tuple(map(now, self.match)),
            phones=frozenset(map(now, self.phones)),
            integration=now(self.integration),
        )

    def mapped(self, name: str, origin: Origin | None) -> Layout:
        """Return the layout with another origin for a field, or without the field's rule."""
        origins = {known: known_origin for known, known_origin in self.origins.items() if known != name}
        return replace(self, origins=origins if origin is None else {**origins, name: origin})

    def contact(self, row: Row) -> dict[str, str]:
        """Return the row's contact: its mapped fields."""
        found = {}
        for name, origin in self.origins.items():
            column = origin.names[0] if isinstance(origin, AllOf) else origin.name if isinstance(origin, Column) else ""
            found[name] = getattr(row, column)
        return found

    def match_of(self, fields: Mapping[str, str]) -> Match | None:
        """Return the match value of a contact, ours or the target's, in one form; None if a part of it is empty."""
        parts = self.plain(fields, self.match)
        if self.folds:
            parts = tuple(part.casefold() if isinstance(part, str) else part for part in parts)
        return None if any(not part for part in parts) else parts

    def plain(self, fields: Mapping[str, str], names: Iterable[str]) -> Match:
        """Return the values of ``names`` in the form for comparison: phones are sets of numbers in national form."""
        return tuple(_numbers(fields.get(name, "")) if name in self.phones else fields.get(name, "") for name in names)


def _numbers(text: str) -> frozenset[str]:
    digits = ("".join(filter(str.isdigit, number)) for number in text.split(";"))
    return frozenset(number[1:] if len(number) == 11 else number for number in digits if number)


LAYOUTS = (
    Layout(
        "id",
        {"External ID": Column("one"), "Name": Column("name"), "Phone": AllOf(("phone",))},
        ("External ID",),
        frozenset({"Phone"}),
    ),
    Layout(
        "two",
        {"Name": Column("one"), "Unit": Column("two"), "Phone": AllOf(("phone",))},
        ("Name", "Unit"),
        frozenset({"Phone"}),
    ),
    Layout(
        "phone",
        {"Name": Column("one"), "Phone": AllOf(("phone",)), "Ref": Column("name")},
        ("Name", "Phone"),
        frozenset({"Phone"}),
    ),
    Layout("plain", {"External ID": Column("one"), "Name": Column("name")}, ("External ID",)),
    Layout(
        "portal",
        {"External ID": Column("one"), "Portal": Column("key"), "Name": Column("name"), "Phone": AllOf(("phone",))},
        ("External ID",),
        frozenset({"Phone"}),
        "Portal",
    ),
)


ANY = NumberLimits(same=1.0, lost=1.0, contacts=1_000_000)
OPEN_GATES = GateRules(deletes=DeleteLimits(count=1000, share=1.0), updates_share=1.0)


@dataclass(slots=True)
class Sayings:
    """What the sources ask for now.

    ``wanted``: each match value with its owner and mapped fields. ``held``: keys whose contacts stay as they are.
    ``doubtful``: match values that a held key may still have. ``claims``: the match value of each usable row.
    ``keyless``: a row has no key, so deletes wait. ``lingering``: keys that are merged into other keys while their own
    contacts may still be there.
    """

    wanted: dict[Match, tuple[Owner, dict[str, str]]] = field(default_factory=dict)
    held: set[Owner] = field(default_factory=set)
    doubtful: set[Match] = field(default_factory=set)
    claims: dict[Owner, Match] = field(default_factory=dict)
    keyless: bool = False
    lingering: set[Owner] = field(default_factory=set)


@dataclass(slots=True)
class Company:
    """Tables, their layout, the policies for shared match values and for shared numbers, and the limits of the gates.

    ``key`` and ``address``: of the target.

    ``kin``: the keys that may be merged into one contact, by source and match value (policy ``merge_phones``).
    """

    layout: Layout
    policy: SharedMatch
    tables: dict[str, Table]
    gates: GateRules = OPEN_GATES
    in_flight: int = 1
    numbers: SharedNumbers = "warn"
    kin: dict[tuple[str, Match], set[str]] = field(default_factory=dict)
    key: str = "test-key"
    address: str = "https://target.example.com/v1"

    def settings(self, state: Path) -> Settings:
        rules = SourceRules(
            key=("key",),
            mapping={name: Rule(origin) for name, origin in self.layout.origins.items()},
            where="status <> 'former'",
        )
        sources = {
            name: Source(name, "shelf", ShelfOptions(table=table), rules, self.gates, self.policy, self.numbers)
            for name, table in self.tables.items()
        }
        target = Target(api_key=Secret(self.key), base_url=self.address, limits=(), in_flight=self.in_flight)
        return Settings(path=state.with_suffix(".yaml"), target=target, state=state, sources=sources, number_limits=ANY)

    def says(self, ever: Mapping[Owner, set[Match]]) -> Sayings:
        """Return what the rows ask for. ``ever``: the match values that each key has had and may still have."""
        found = Sayings()
        for name, table in self.tables.items():
            self._wait(name, table, found, ever)
            self._hear(name, table, found)
        claims = list(found.claims.values())
        if self.policy == "hold":
            found.doubtful |= {match for match in claims if claims.count(match) > 1}
            found.doubtful |= {match for owner in found.held for match in ever.get(owner, ())}
        for name in self.tables:
            self._share(name, found, ever)
        return found

    def shared(self, said: Sayings) -> dict[Match, tuple[Owner, dict[str, str]]]:
        """Return ``wanted`` by the policy for shared numbers; without numbers if a held key may have some of them."""
        free = self.layout.phones.difference(self.layout.match)
        if self.numbers not in DECIDING or not free:
            return said.wanted
        if said.held or said.keyless:
            return {
                match: (owner, {name: value for name, value in fields.items() if name not in free})
                for match, (owner, fields) in said.wanted.items()
            }
        claims: dict[str, list[Owner]] = {}
        for owner, fields in said.wanted.values():
            for name in free & fields.keys():
                for number in _numbers(fields[name]):
                    claims.setdefault(number, []).append(owner)
        order = list(self.tables)
        has = {number: min(owners, key=lambda who: (order.index(who[0]), who[1])) for number, owners in claims.items()}
        if self.numbers == "hold":
            has = {number: owner for number, owner in has.items() if len(claims[number]) == 1}
        return {
            match: (
                owner,
                {
                    name: ";".join(sorted(n for n in _numbers(value) if has.get(n) == owner)) if name in free else value
                    for name, value in fields.items()
                },
            )
            for match, (owner, fields) in said.wanted.items()
        }

    def _hear(self, source: str, table: Table, found: Sayings) -> None:
        for row in self._used(table):
            match = self.layout.match_of(self.layout.contact(row))
            if match is None:
                found.held.add((source, row.key))
            else:
                found.claims[source, row.key] = match

    def _share(self, source: str, found: Sayings, ever: Mapping[Owner, set[Match]]) -> None:
        """Decide which row is sent if several rows claim one match value."""
        groups: dict[Match, list[Row]] = {}
        for row in self._used(self.tables[source]):
            if match := found.claims.get((source, row.key)):
                groups.setdefault(match, []).append(row)
        held = -1
        # A key that is not sent keeps its match value, so another key that claims the value is not sent either.
        while held < len(found.held):
            held = len(found.held)
            before = self._left_alone(source, found, ever)
            for match, rows in groups.items():
                rows.sort(key=lambda row: row.key)
                if match in before or self._has_unusable(source, match, found):
                    found.doubtful.add(match)
                owner = found.wanted.get(match, ((source, ""), {}))[0]
                if match not in found.doubtful and owner[0] == source:
                    self._win(source, match, rows, found)
                    continue
                found.held |= {(source, row.key) for row in rows}
                if owner[0] == source:
                    found.wanted.pop(match, None)

    def _left_alone(self, source: str, found: Sayings, ever: Mapping[Owner, set[Match]]) -> set[Match]:
        """Return the match values that held keys may have at the target and no longer ask for."""
        names = list(self.tables)
        earlier = names[: names.index(source)]
        here = {owner for owner in found.held if owner[0] in (*earlier, source)}
        here |= {owner for owner in found.lingering if owner[0] in earlier}
        return {match for owner in here for match in ever.get(owner, ()) if match != found.claims.get(owner)}

    def _has_unusable(self, source: str, match: Match, found: Sayings) -> bool:
        """Tell whether a key that may be merged into this contact is held, so that the contact stays as it is."""
        return any((source, key) in found.held for key in self.kin.get((source, match), ()))

    def groups(self) -> dict[tuple[str, Match], set[str]]:
        """Return the keys that are merged into one contact now, by source and match value."""
        found: dict[tuple[str, Match], set[str]] = {}
        for name, table in self.tables.items():
            for row in self._used(table):
                match = self.layout.match_of(self.layout.contact(row))
                if match is not None:
                    found.setdefault((name, match), set()).add(row.key)
        return {group: keys for group, keys in found.items() if len(keys) > 1}

    def _wait(self, source: str, table: Table, found: Sayings, ever: Mapping[Owner, set[Match]]) -> None:
        """If a row has no key, hold every key that is missing from the source."""
        # The row may be any of the missing keys, so nobody knows which keys have left.
        if any(not row.key and row.status != "former" for row in table.rows):
            here = {row.key for row in self._used(table)}
            merged = {(name, key) for (name, _), keys in self.kin.items() for key in keys}
            found.keyless = True
            if self.policy == "merge_phones":
                groups = [sorted(keys) for (name, _), keys in self.groups().items() if name == source]
                found.lingering |= {(source, key) for keys in groups for key in keys[1:]}
            found.held |= {(name, key) for name, key in ever.keys() | merged if name == source and key not in here}

    def _win(self, source: str, match: Match, rows: list[Row], found: Sayings) -> None:
        first = self.layout.contact(rows[0])
        if self.policy == "merge_phones":
            for name in self.layout.phones & first.keys():
                numbers = [number for row in rows for number in self.layout.contact(row)[name].split(";") if number]
                first[name] = ";".join(dict.fromkeys(numbers))
        else:
            found.held |= {(source, row.key) for row in rows[1:]}
        found.wanted[match] = (source, rows[0].key), first

    @staticmethod
    def _used(table: Table) -> list[Row]:
        """Return the first row of each key, without the rows that ``where`` filters out."""
        used: dict[str, Row] = {}
        for row in table.rows:
            if row.status != "former" and row.key:
                used.setdefault(row.key, row)
        return list(used.values())
