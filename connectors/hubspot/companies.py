"""The primary company of contacts, and the contacts of companies that were changed.

Neither a link nor a company's own change moves the contact's date, so companies are looked for beside contacts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.api import Api
from connectors.hubspot.rows import MERGED
from syncd.errors import SourceUnavailable

PRIMARY = 1
"""The type of a contact's link to its primary company."""


class Companies:
    """Finds the companies of contacts; what one read has met is not asked for again.

    ``properties``: what is asked of a company; none: nothing is asked at all.
    """

    def __init__(self, api: Api, properties: Sequence[str]) -> None:
        self._api = api
        self._properties = list(properties)
        self._met: dict[str, Mapping[str, Any]] = {}

    @property
    def used(self) -> bool:
        return bool(self._properties)

    def of(self, contacts: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The properties of the primary company of each of these contacts that has one."""
        if not self.used:
            return {}
        primary = self._primary(list(contacts))
        new = sorted(set(primary.values()) - self._met.keys(), key=int)
        batch = self._api.read("companies", new, [*self._properties, MERGED])
        if batch.open:
            raise SourceUnavailable(f"HubSpot said nothing of {len(batch.open)} companies that are linked: try later")
        read = {str(each["id"]): each.get("properties") or {} for each in batch.found}
        self._met.update({asked: read.get(batch.aliases.get(asked, asked), {}) for asked in new})
        return {contact: self._met[company] for contact, company in primary.items()}

    def contacts_of(self, companies: Sequence[str]) -> list[str]:
        """The ids of the contacts that are linked to these companies."""
        links = self._api.links("companies", "contacts", companies)
        return sorted({_target(each) for _, some in links for each in some}, key=int)

    def _primary(self, contacts: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for contact, links in self._api.links("contacts", "companies", contacts):
            for link in filter(_is_primary, links):
                found[contact] = _target(link)
        return found


def _target(link: Any) -> str:
    """The id at the other end: a number in one version, a text in another."""
    return str(link.get("toObjectId"))


def _is_primary(link: Any) -> bool:
    types = find("associationTypes", link) or []
    return any(find("typeId", each) == PRIMARY and find("category", each) != "USER_DEFINED" for each in types)
