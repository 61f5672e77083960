"""The HubSpot connector: read the contacts of one account, all of them or the changes.

``options`` holds the configuration · ``account`` sends requests and ``answers`` says what refusals mean · ``api`` reads
records · ``rows`` makes rows of them · ``companies`` finds the company of a contact · ``reading`` is one read,
``cursor`` its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from connectors.hubspot.account import Account
from connectors.hubspot.answers import ScopeMissing
from connectors.hubspot.api import LINKS_SIZE, Api
from connectors.hubspot.cursor import Cursor, parse_cursor
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.reading import Reading, Rhythm
from connectors.hubspot.rows import COMPANY, ID, choose, unknown, uses_companies
from syncd.source import EVERYTHING, Connector, End, Needs, Options, Rows


class HubSpot(Connector):
    """Reads the contacts of one account.

    The best key is ``hs_object_id``: HubSpot names deleted and merged contacts by their ids, which are then keys.

    ``transport`` replaces the network. ``clock`` gives Unix seconds, ``timer`` monotonic ones. ``page_rows``: the
    least rows of a page of a full read.
    """

    OPTIONS = HubSpotOptions

    def __init__(
        self,
        name: str,
        options: Options,
        needs: Needs = EVERYTHING,
        *,
        transport: Any = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        page_rows: int = LINKS_SIZE,
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(HubSpotOptions, options)
        self._account = Account(
            self._options, names=sorted(needs.columns), transport=transport, clock=clock, timer=timer, sleep=sleep
        )
        self._page_rows = page_rows
        self._property_types: tuple[dict[str, str], dict[str, str]] | None = None

    def check(self) -> list[str]:
        with self._api() as api:
            self._require_scopes(api)
            contacts, companies = self._properties(api)
        names = choose(self.needs, contacts, companies).names
        if not unknown(names, contacts, companies):
            return list(names)
        # Return every name there is, so that the caller can suggest the nearest one for an unknown name.
        return [*sorted(contacts), *sorted(COMPANY + name for name in companies)]

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        before = parse_cursor(cursor)
        with self._api() as api:
            columns = choose(self.needs, *self._properties(api))
            # HubSpot dates changes by its own clock. Its time is known, since the properties were asked for.
            now = round(min(self._account.server.now(), api.began or self._account.server.now()) * 1000)
            reading = Reading(api, columns, self._rhythm(), now, page_rows=self._page_rows)
            if before is None or self._is_old(before, now):
                return (yield from reading.everything(before))
            return (yield from reading.changes(before))

    def can_look_up(self) -> bool:
        return self.needs.key == (ID,)

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        with self._api() as api:
            columns = choose(self.needs, *self._properties(api))
            reading = Reading(api, columns, self._rhythm(), 0, page_rows=self._page_rows)
            return (yield from reading.of_ids(keys))

    def _require_scopes(self, api: Api) -> None:
        """Raise one ScopeMissing with every scope that the key lacks."""
        missing: list[ScopeMissing] = []
        for kind in ("contacts", *(["companies"] if uses_companies(self.needs) else [])):
            for ask in (api.properties, partial(api.read, ids=["1"], properties=[])):
                try:
                    # A read of the id 1 proves that the key may read; the record need not exist.
                    ask(kind)
                except ScopeMissing as error:
                    missing.append(error)
        if missing:
            needs = dict.fromkeys(scopes for each in missing for scopes in each.needs)
            raise ScopeMissing(list(needs), missing[0].words)

    def cancel(self) -> None:
        self._account.cancel()

    def _is_old(self, before: Cursor, now: int) -> bool:
        # A cursor that lies ahead of now comes from a clock that was set back: the changes since then are unknown.
        return now - before.full >= self._rhythm().full or now < before.since - self._rhythm().overlap

    def _rhythm(self) -> Rhythm:
        own = self._options
        return Rhythm(*(round(seconds * 1000) for seconds in (own.overlap, own.sweep, own.full, own.bin)))

    def _properties(self, api: Api) -> tuple[dict[str, str], dict[str, str]]:
        """Return the types of the properties of contacts and, if they are used, of companies; asked for once."""
        if self._property_types is None:
            companies = api.properties("companies") if uses_companies(self.needs) else {}
            self._property_types = (api.properties("contacts"), companies)
        return self._property_types

    @contextmanager
    def _api(self) -> Iterator[Api]:
        with self._account.session() as session:
            yield Api(session)
