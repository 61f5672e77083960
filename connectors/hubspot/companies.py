"""Find the primary company of contacts, and the contacts of companies that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.api import Api
from connectors.hubspot.rows import MERGED
from syncd.errors import SourceUnavailable

PRIMARY = 1
"""The type of the link from a contact to its primary company."""


class Companies:
    """Finds the companies of contacts during one read.

    ``properties``: the properties to read of a company; if empty, no request is sent.
    """

    def __init__(self, api: Api, properties: Sequence[str]) -> None:
        self._api = api
        self._properties = list(properties)
        # Many contacts share a company, so each company is read once.
        self._known: dict[str, Mapping[str, Any]] = {}

    @property
    def used(self) -> bool:
        return bool(self._properties)

    def of(self, contacts: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Return the properties of the primary company of each of these contacts, if it has one.

        Raises:
            SourceUnavailable: HubSpot leaves a linked company out of its answer.

        """
        if not self.used:
            return {}
        primary = self._primary(list(contacts))
        unknown = sorted(set(primary.values()) - self._known.keys(), key=int)
        batch = self._api.read("companies", unknown, [*self._properties, MERGED])
        if batch.unanswered:
            count = len(batch.unanswered)
            raise SourceUnavailable(f"HubSpot did not answer for {count} linked companies: try again later")
        properties = {str(each["id"]): each.get("properties") or {} for each in batch.found}
        # A link may still name the id of a company that was merged into another one.
        self._known.update({id_: properties.get(batch.aliases.get(id_, id_), {}) for id_ in unknown})
        return {contact: self._known[company] for contact, company in primary.items()}

    def contacts_of(self, companies: Sequence[str]) -> list[str]:
        """Return the ids of the contacts that are linked to these companies."""
        found = self._api.links("companies", "contacts", companies)
        return sorted({_target(link) for _, links in found for link in links}, key=int)

    def _primary(self, contacts: Sequence[str]) -> dict[str, str]:
        pieces = self._api.links("contacts", "companies", contacts)
        return {contact: _target(link) for contact, links in pieces for link in links if _is_primary(link)}


def _target(link: Any) -> str:
    # The id at the other end is a number in one version of the API and a text in another.
    return str(link.get("toObjectId"))


def _is_primary(link: Any) -> bool:
    types = find("associationTypes", link) or []
    # A label that the company made itself has a number of its own, which may be 1 too.
    return any(find("typeId", each) == PRIMARY and find("category", each) != "USER_DEFINED" for each in types)
