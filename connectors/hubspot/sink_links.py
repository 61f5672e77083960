"""Links calls and messages to contacts, and finds out which contacts, or records, are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.account import Session
from connectors.hubspot.answers import REFUSED
from connectors.hubspot.api import BATCH_SIZE, Api, results_of
from connectors.hubspot.rows import MERGED
from connectors.hubspot.sink_fields import CALLS, COMMUNICATIONS, CONTACTS
from syncd.errors import SourceUnavailable

LINK_TYPES = {CALLS: 194, COMMUNICATIONS: 81}
"""The type ids of links to contacts, by the kind that they come from."""

Pair = tuple[str, str]
"""The ids of a record and of a contact."""


@dataclass(slots=True)
class Linked:
    """What became of pairs; those that are nowhere are tried again later.

    ``done``: they are linked. ``missing``: HubSpot does not have the contact. ``deleted``: the records that it does not
    have.
    """

    done: set[Pair] = field(default_factory=set)
    missing: set[Pair] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)


class Links:
    """Links the records of one kind to contacts. A pair that is linked already stays so."""

    def __init__(self, session: Session, kind: str) -> None:
        self._session = session
        self._api = Api(session)
        self._kind = kind
        self._type = LINK_TYPES[kind]
        self._is_learned = False

    def make(self, pairs: Sequence[Pair], linked: Linked) -> None:
        """Link these pairs, and note in ``linked`` what became of them."""
        for start in range(0, len(pairs), BATCH_SIZE):
            self._make(pairs[start : start + BATCH_SIZE], linked)

    def _make(self, pairs: Sequence[Pair], linked: Linked) -> None:
        linked.done |= self._sent(pairs)
        left = [pair for pair in pairs if pair not in linked.done]
        if not left:
            return
        now = self._contacts_now({contact for _, contact in left})
        linked.missing |= {pair for pair in left if now.get(pair[1]) == ""}
        # Under the id of now, since contacts may have been merged.
        again = {(record, now[contact]): (record, contact) for record, contact in left if now.get(contact)}
        done = self._halved(list(again))
        linked.done |= {again[pair] for pair in done}
        lost = sorted({record for record, _ in again.keys() - done})
        linked.deleted |= self._api.read(self._kind, lost, ()).gone if lost else set()

    def _halved(self, pairs: Sequence[Pair]) -> set[Pair]:
        if not pairs:
            return set()
        done = self._sent(pairs)
        left = [pair for pair in pairs if pair not in done]
        if len(pairs) == 1 or not left:
            return done
        half = (len(left) + 1) // 2
        return done | self._halved(left[:half]) | self._halved(left[half:])

    def _sent(self, pairs: Sequence[Pair]) -> set[Pair]:
        """Link these pairs by one request, and return those that its answer names."""
        types = [link_type(self._type)]
        inputs = [{"from": {"id": record}, "to": {"id": contact}, "types": types} for record, contact in pairs]
        path = self._session.paths.associate(self._kind, CONTACTS)
        answer = self._session.ask("POST", path, json={"inputs": inputs}, refusable=True, finish=True)
        if answer.verdict == REFUSED:
            return self._sent(pairs) if self._learned_another_type() else set()
        named = {(str(each.get("fromObjectId")), str(each.get("toObjectId"))) for each in results_of(answer)}
        return named & set(pairs)

    def _learned_another_type(self) -> bool:
        """Ask once for the type of the links; return whether it is another one than was used."""
        if self._is_learned:
            return False
        self._is_learned = True
        before, self._type = self._type, self.type_now() or self._type
        return self._type != before

    def type_now(self) -> int | None:
        """Return the type id of links without a label, as the account has it; None if it has none."""
        answer = self._session.ask("GET", self._session.paths.labels(self._kind, CONTACTS), refusable=True)
        if answer.verdict == REFUSED:
            return None
        plain = [each for each in results_of(answer) if _is_plain(each)]
        return int(plain[0]["typeId"]) if plain and str(plain[0].get("typeId")).isdecimal() else None

    def _contacts_now(self, contacts: Iterable[str]) -> Mapping[str, str]:
        """Return the ids of contacts now, "" for those that are gone; without those that HubSpot does not answer for.

        Raises:
            SourceUnavailable: HubSpot answers for none of them.

        """
        asked = sorted(contacts)
        # HubSpot's ids are numbers; what is none names nobody.
        batch = self._api.read(CONTACTS, [each for each in asked if each.isdecimal()], [MERGED])
        if len(batch.unanswered) == len(asked):
            raise SourceUnavailable("HubSpot did not answer for the contacts of the records: try again later")
        now = {str(each["id"]): str(each["id"]) for each in batch.found} | dict(batch.aliases)
        return now | dict.fromkeys(batch.gone, "") | {each: "" for each in asked if not each.isdecimal()}


def link_type(type_id: int) -> dict[str, Any]:
    """Return the type of a link as requests have it."""
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


def _is_plain(label: Any) -> bool:
    return find("category", label) == "HUBSPOT_DEFINED" and not find("label", label)
