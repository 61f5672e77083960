"""The account: its contacts and companies, their links, and the scopes of its key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from syncd.sandbox.company import people
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.hubspot.properties import COMPANIES, CONTACTS
from syncd.sandbox.hubspot.records import Table

SCOPES = frozenset(
    {
        "crm.objects.contacts.read",
        "crm.schemas.contacts.read",
        "crm.objects.companies.read",
        "crm.schemas.companies.read",
    }
)
"""The scopes of a key, unless a test sets others."""

PRIMARY, UNLABELLED = 1, 279
"""The type ids of a contact's link to its primary company, and to any company."""


class Portal:
    """One account. ``clock`` returns seconds since 1970. Several threads may use it under ``lock``."""

    def __init__(self, *, dialects: Dialects, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.dialects = dialects
        self.clock = clock
        self.contacts = Table("contacts", CONTACTS, dialects=dialects, clock=self.now)
        self.companies = Table("companies", COMPANIES, dialects=dialects, clock=self.now)
        self.links: dict[int, dict[int, set[int]]] = {}
        self.scopes = set(SCOPES)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock() * 1000)

    def table(self, kind: str) -> Table | None:
        """Return the records of ``kind``, or None: the vendor's other kinds are not kept."""
        return {"contacts": self.contacts, "companies": self.companies}.get(kind)

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

    def linked(self, kind: str, number: int) -> list[tuple[int, set[int]]]:
        """Return (id, types) of the records of the other kind that are linked to this record, by id."""
        if kind == "contacts":
            return sorted((company, types) for company, types in self.links.get(number, {}).items())
        return sorted((contact, links[number]) for contact, links in self.links.items() if number in links)

    def merge(self, primary: int, secondary: int) -> int:
        """Merge two contacts; the surviving contact has the links of both. Return its id."""
        survivor = self.contacts.merge(primary, secondary)
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
        return {"contacts": len(self.contacts.live), "companies": len(self.companies.live)}
