"""The HubSpot connector: read the contacts of one account, all of them or the changes.

``options`` holds the configuration · ``api`` sends the requests and ``answers`` says what refusals mean · ``rows``
makes rows of records · ``companies`` finds the company of a contact · ``reading`` is one read, ``cursor`` its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from connectors.http_parts.server_clock import ServerClock
from connectors.http_parts.sign_in import Grant, OAuth2, Static, judge_tokens
from connectors.http_parts.tokens import TokenFile
from connectors.hubspot.answers import HubSpotJudge, ScopeMissing
from connectors.hubspot.api import KEEP_HEADERS, LINKS_SIZE, Api, Pace, Paths
from connectors.hubspot.cursor import Cursor, parse_cursor
from connectors.hubspot.options import HubSpotOptions, OAuthOptions
from connectors.hubspot.reading import Reading, Rhythm
from connectors.hubspot.rows import COMPANY, ID, choose, unknown, uses_companies
from syncd.rest import Bounds, Client, Credentials, source_failures
from syncd.source import EVERYTHING, Connector, End, Needs, Options, Rows

KEY_HELP = "check options.service_key; HubSpot's settings under Integrations make keys, and show their scopes"
OAUTH_HELP = "check options.oauth: the app's id and secret, and whether the account still has the app installed"

PATIENCE = 300.0
"""Seconds that one request may wait because of 429s; then the source is left for a later run."""


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
        self._paths = Paths(self._options.api_version)
        self._transport = transport
        self._clock = clock
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._page_rows = page_rows
        # The limits are the account's, so one pace serves every read of this connector.
        self._pace = Pace(clock=timer, sleep=self._sleep)
        self._server = ServerClock(clock)
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
            now = round(min(self._server.now(), api.began or self._server.now()) * 1000)
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
        self._stopping.set()

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
        judge = HubSpotJudge(
            self._pace.note_headers,
            key=self._key_help(),
            secrets=self._secrets(),
            names=sorted(self.needs.columns),
        )
        with self._client(
            credentials=self._credentials(), judge=judge, keep_headers=KEEP_HEADERS, patience=PATIENCE
        ) as client:
            yield Api(client, self._paths, self._pace, self._server)

    def _client(self, **more: Any) -> Client:
        return Client(
            self._options.base_url,
            headers={},
            # HubSpot's lists and batches have a size that is asked for.
            bounds=Bounds(deadline=self._options.deadline, max_answer=self._options.max_answer),
            failures=source_failures("HubSpot", key=self._key_help()),
            stopping=self._stopping,
            sleep=self._sleep,
            transport=self._transport,
            **more,
        )

    def _key_help(self) -> str:
        return OAUTH_HELP if self._options.oauth else KEY_HELP

    def _credentials(self) -> Credentials:
        own = self._options
        if own.oauth is None:
            key = own.service_key.get_secret_value() if own.service_key else ""
            return Static({"Authorization": f"Bearer {key}"})
        grant = _grant(own.base_url + self._paths.token, own.oauth)
        file = TokenFile(own.oauth.tokens, option="oauth.tokens")
        return OAuth2(grant, file, lambda: self._client(judge=judge_tokens), clock=self._clock)

    def _secrets(self) -> list[str]:
        own = self._options
        secrets = [own.service_key, *((own.oauth.client_secret, own.oauth.refresh_token) if own.oauth else ())]
        return [each.get_secret_value() for each in secrets if each]


def _grant(token_url: str, own: OAuthOptions) -> Grant:
    return Grant(
        token_url,
        own.client_id,
        client_secret=own.client_secret.get_secret_value(),
        refresh_token=own.refresh_token.get_secret_value(),
    )
