"""The account: its contacts, companies, calls and messages, their links, its users, and the scopes of its key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from syncd.sandbox.company import people
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.hubspot.kinds import LINK_TYPES, PROPERTIES
from syncd.sandbox.hubspot.records import Table

READING = frozenset(
    {
        "crm.objects.contacts.read",
        "crm.schemas.contacts.read",
        "crm.objects.companies.read",
        "crm.schemas.companies.read",
    }
)
"""The scopes that read contacts and companies."""

SCOPES = READING | {"crm.objects.contacts.write", "crm.schemas.contacts.write", "crm.objects.owners.read"}
"""The scopes of a key, unless a test sets others."""

OWNERS = {"4155501": "jane@example.com", "4155502": "sam@example.com"}
"""The users of a new account: id to e-mail address."""

PRIMARY, UNLABELLED = 1, 279
"""The type ids of a contact's link to its primary company, and to any company."""


class Portal:
    """One account. ``clock`` returns seconds since 1970. Several threads may use it under ``lock``.

    ``links``: contact to companies with their types. ``engaged``: the contacts of calls and messages, by kind and id.
    """

    def __init__(self, *, dialects: Dialects, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.dialects = dialects
        self.clock = clock
        self._tables = {kind: Table(kind, dialects=dialects, clock=self.now) for kind in PROPERTIES}
        self.contacts, self.companies = self._tables["contacts"], self._tables["companies"]
        self.calls, self.communications = self._tables["calls"], self._tables["communications"]
        self.links: dict[int, dict[int, set[int]]] = {}
        self.engaged: dict[str, dict[int, set[int]]] = {"calls": {}, "communications": {}}
        self.owners = dict(OWNERS)
        self.scopes = set(SCOPES)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock() * 1000)

    def table(self, kind: str) -> Table | None:
        """Return the records of ``kind``, or None: the vendor's other kinds are not kept."""
        return self._tables.get(kind)

    def link(self, contact: int, company: int, *, primary: bool = False) -> None:
        """Link a contact to a company. Neither one's modified date moves.

        Raises:
            KeyError: there is no such record.

        """
        if self.contacts.find(contact) is None or self.companies.find(company) is None:
            raise KeyError(contact)
        links = self.links.setdefault(contact, {})
        # A contact has one primary company at most.
        if primary:
            for types in links.values():
                types.discard(PRIMARY)
        links.setdefault(company, {UNLABELLED}).update({PRIMARY} if primary else ())

    def unlink(self, contact: int, company: int) -> None:
        """Remove a link."""
        self.links.get(contact, {}).pop(company, None)

    def engage(self, kind: str, number: int, contact: int) -> int:
        """Link a call or a message to a contact, and return the contact's id of now. No modified date moves.

        Raises:
            KeyError: there is no such record; it holds the kind.

        """
        if self._tables[kind].find(number) is None:
            raise KeyError(kind)
        found = self.contacts.find(contact)
        if found is None:
            raise KeyError("contacts")
        self.engaged[kind].setdefault(number, set()).add(found.id)
        return found.id

    def linked(self, kind: str, number: int) -> list[tuple[int, set[int]]]:
        """Return (id, types) of the records of the other kind that are linked to this record, by id.

        The other kind of contacts is companies, and of all others contacts.
        """
        if kind in self.engaged:
            types = {LINK_TYPES[kind, "contacts"]}
            return sorted((contact, types) for contact in self.engaged[kind].get(number, ()))
        if kind == "contacts":
            return sorted((company, types) for company, types in self.links.get(number, {}).items())
        return sorted((contact, links[number]) for contact, links in self.links.items() if number in links)

    def merge(self, primary: int, secondary: int) -> int:
        """Merge two contacts; the surviving contact has the links of both. Return its id."""
        survivor = self.contacts.merge(primary, secondary)
        for links in (links for kind in self.engaged.values() for links in kind.values()):
            if links & {primary, secondary}:
                links.difference_update({primary, secondary})
                links.add(survivor)
        kept = self.links.pop(primary, {})
        for company, types in self.links.pop(secondary, {}).items():
            # The primary company is the first contact's.
            kept.setdefault(company, types - {PRIMARY})
        self.links[survivor] = kept
        return survivor

    def seed(self, count: int) -> None:
        """Fill the account with invented people and their companies; the same ones each time."""
        firms: dict[str, int] = {}
        for person in people(count):
            first, _, last = person["Contact"].partition(" ")
            phone, _, mobile = person["Phone"].partition(";")
            values = {"firstname": first, "lastname": last, "email": person["Email"], "phone": phone}
            contact = self.contacts.add({**values, "mobilephone": mobile or None, "company": person["Company"]})
            firm = person["Company"]
            # One company for each name: several contacts share it.
            if firm not in firms:
                firms[firm] = self.companies.add({"name": firm})
            self.link(contact, firms[firm], primary=True)

    def counts(self) -> dict[str, Any]:
        return {kind: len(table.live) for kind, table in self._tables.items()}
