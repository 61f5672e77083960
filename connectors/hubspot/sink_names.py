"""What HubSpot calls the owners and the outcomes that a configuration names: their ids, asked for once a session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from connectors.http_parts.paths import find
from connectors.hubspot.account import Session
from connectors.hubspot.answers import REFUSED
from connectors.hubspot.api import results_of
from connectors.hubspot.sink_fields import OUTCOME, OWNER
from syncd.errors import SourceDenied, SourceUnavailable
from syncd.sink import SinkRules

log = structlog.get_logger()

DISPOSITIONS = "/calling/v1/dispositions"

OWNERS_SIZE = 100
"""The most owners of one page."""

KNOWN = {
    "busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "left_live_message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "left_voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "no_answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "wrong_number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
"""The outcomes that every account has, if HubSpot does not tell them."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Options = Callable[[], Iterable[Mapping[str, Any]]]
"""Returns the options of the property of outcomes."""


class Names:
    """Finds the ids of owners and outcomes.

    ``denied``: why the owners cannot be read, or "".
    """

    def __init__(self, name: str, session: Session, rules: SinkRules, options: Options) -> None:
        self._name = name
        self._session = session
        self._rules = rules
        self._options = options
        self._owners: dict[str, str] | None = None
        self._outcomes: dict[str, str] | None = None
        self.denied = ""

    def resolve(self, name: str, value: Any) -> Any:
        """Return HubSpot's value of a field: the id of an owner or of an outcome, None if there is none."""
        if not value or name not in (OWNER, OUTCOME):
            return value
        return self.owner(str(value)) if name == OWNER else self.outcome(str(value))

    def owner(self, who: str) -> str | None:
        """Return the id of the owner with this e-mail address, or this id; None if HubSpot has no such owner."""
        owners = self._all_owners()
        # An id cannot be looked up without the scope, and HubSpot refuses a wrong one itself.
        return who if self.denied and who.isdecimal() else owners.get(who.strip().casefold())

    def outcome(self, what: str) -> str | None:
        """Return the id of the outcome with this name; None if HubSpot has no such outcome."""
        if _GUID.fullmatch(what):
            return what.lower()
        if self._outcomes is None:
            self._outcomes = self._all_outcomes()
        return self._outcomes.get(_folded(what))

    def unknown_owners(self) -> list[str]:
        """Return the extensions whose owner HubSpot does not have."""
        return [extension for extension, who in self._rules.owners.items() if self.owner(who) is None]

    def unknown_outcomes(self) -> list[str]:
        """Return the statuses whose outcome HubSpot does not have."""
        return [status for status, what in self._rules.outcomes.items() if self.outcome(what) is None]

    def outcome_names(self) -> list[str]:
        """Return the names of the outcomes that there are."""
        if self._outcomes is None:
            self._outcomes = self._all_outcomes()
        return sorted(self._outcomes)

    def _all_owners(self) -> dict[str, str]:
        if self._owners is None:
            self._owners = {}
            try:
                self._owners = self._ask_owners()
            except SourceDenied as denied:
                self.denied = str(denied)
            unknown = len(self.unknown_owners())
            if unknown:
                log.warning("owners_unknown", sink=self._name, extensions=unknown, denied=bool(self.denied))
        return self._owners

    def _ask_owners(self) -> dict[str, str]:
        found: dict[str, str] = {}
        params: dict[str, str | int] = {"limit": OWNERS_SIZE}
        while True:
            answer = self._session.ask("GET", self._session.paths.owners, params=params)
            for each in results_of(answer):
                id_ = str(each.get("id"))
                found |= {id_: id_, str(each.get("email") or id_).casefold(): id_}
            after = find("paging.next.after", answer.body)
            if after is None:
                return found
            if str(after) == params.get("after"):
                raise SourceUnavailable("HubSpot sent the same page of owners again: try again later")
            params["after"] = str(after)

    def _all_outcomes(self) -> dict[str, str]:
        options = {_folded(each.get("label")): str(each.get("value")) for each in self._options()}
        if options:
            return options
        # Not every version of the API has this path, and not every key may ask it.
        try:
            answer = self._session.ask("GET", DISPOSITIONS, refusable=True)
        except SourceDenied:
            return KNOWN
        if answer.verdict == REFUSED or not isinstance(answer.body, list):
            return KNOWN
        named = [each for each in answer.body if isinstance(each, dict) and each.get("id") and not each.get("deleted")]
        return {_folded(each.get("label")): str(each["id"]) for each in named} or KNOWN


def _folded(label: Any) -> str:
    """Return the name of an outcome as configurations write it: ``no_answer`` for ``No answer``."""
    return re.sub(r"[\W_]+", "_", str(label or "").casefold()).strip("_")
