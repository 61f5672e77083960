"""The HubSpot connector: the contacts of one account, whole or what changed.

hubspot_options   what the configuration says
hubspot_api       the requests, by version, inside the limits; hubspot_answers: what refusals mean
hubspot_rows      properties and how their values are written
hubspot_companies the primary company of contacts
hubspot_reading   one read; hubspot_cursor: where it stopped
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from connectors.http_parts.sign_in import Grant, OAuth2, Static, judge_tokens
from connectors.http_parts.tokens import TokenFile
from connectors.hubspot.answers import ScopeMissing
from connectors.hubspot.api import KEPT, LINKS, Api, Pace, Paths, judging
from connectors.hubspot.cursor import Cursor, parse_cursor
from connectors.hubspot.options import HubSpotOptions, OAuthOptions
from connectors.hubspot.reading import Reading, Rhythm
from connectors.hubspot.rows import COMPANY, Columns, choose, unknown, uses_companies
from syncd.rest import Client, Credentials, source_failures
from syncd.source import EVERYTHING, Connector, End, Needs, Options, Rows

KEY_HELP = "check options.service_key; HubSpot's settings under Integrations make keys, and show their scopes"
OAUTH_HELP = "check options.oauth: the app's id and secret, and whether the account still has the app installed"

PATIENCE = 300.0
"""Seconds that one request waits for its place at the server before the source is left for later."""

MAX_BYTES = 64 << 20


class HubSpot(Connector):
    """Reads contacts.

    ``transport`` replaces the network; ``clock`` gives seconds since 1970, ``timer`` monotonic ones; ``page_rows``: the
    rows of a page of everything, at least.

    The key is best ``hs_object_id``: what HubSpot says of deleted and merged ids is then said of keys.
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
        page_rows: int = LINKS,
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(HubSpotOptions, options)
        self._paths = Paths(self._options.api_version)
        self._transport = transport
        self._clock = clock
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._page_rows = page_rows
        self._pace = Pace(clock=timer, sleep=self._sleep)
        self._known: tuple[dict[str, str], dict[str, str]] | None = None

    def check(self) -> list[str]:
        with self._api() as api:
            self._require_scopes(api)
            contacts, companies = self._properties(api)
        names = self._columns_of(contacts, companies).names
        if not unknown(names, contacts, companies):
            return list(names)
        # With every name there is, whoever compares them with the configuration can tell the nearest.
        return [*sorted(contacts), *sorted(COMPANY + name for name in companies)]

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        before, now = parse_cursor(cursor), self._clock()
        with self._api() as api:
            columns = self._columns_of(*self._properties(api))
            # The watermark is the moment a read begins, of whichever clock is behind.
            moment = round(min(now, api.server_time or now) * 1000)
            reading = Reading(api, columns, self._rhythm(), moment, page_rows=self._page_rows)
            if before is None or self._is_old(before, moment):
                return (yield from reading.everything())
            return (yield from reading.changes(before))

    def _require_scopes(self, api: Api) -> None:
        """Ask for a little of everything that is read, and tell all scopes that the key lacks at once."""
        missing: list[ScopeMissing] = []
        for kind in ("contacts", *(["companies"] if uses_companies(self.needs) else [])):
            for ask in (api.properties, partial(api.read, ids=["1"], properties=[])):
                try:
                    ask(kind)  # proves that the key may; no record needs to be there
                except ScopeMissing as error:
                    missing.append(error)
        if missing:
            needs = dict.fromkeys(scopes for each in missing for scopes in each.needs)
            raise ScopeMissing(list(needs), missing[0].told)

    def cancel(self) -> None:
        self._stopping.set()

    def _is_old(self, before: Cursor, now: int) -> bool:
        return now - before.full >= self._rhythm().full or now < before.since - self._rhythm().overlap

    def _rhythm(self) -> Rhythm:
        own = self._options
        return Rhythm(*(round(seconds * 1000) for seconds in (own.overlap, own.sweep, own.full)))

    def _properties(self, api: Api) -> tuple[dict[str, str], dict[str, str]]:
        """The types of the properties of contacts and, if they are used, of companies; asked for once."""
        if self._known is None:
            companies = api.properties("companies") if uses_companies(self.needs) else {}
            self._known = (api.properties("contacts"), companies)
        return self._known

    def _columns_of(self, contacts: dict[str, str], companies: dict[str, str]) -> Columns:
        return choose(self.needs, contacts, companies)

    @contextmanager
    def _api(self) -> Iterator[Api]:
        own, credentials, secrets = self._options, self._credentials(), self._secrets()
        help_with_key = OAUTH_HELP if own.oauth else KEY_HELP
        client = Client(
            own.base_url,
            headers={},
            credentials=credentials,
            judge=judging(self._pace, key=help_with_key, secrets=secrets),
            failures=source_failures("HubSpot", key=help_with_key),
            kept=KEPT,
            stopping=self._stopping,
            sleep=self._sleep,
            patience=PATIENCE,
            transport=self._transport,
            max_bytes=MAX_BYTES,
        )
        with client:
            yield Api(client, self._paths, self._pace)

    def _credentials(self) -> Credentials:
        own = self._options
        if own.oauth is None:
            key = own.service_key.get_secret_value() if own.service_key else ""
            return Static({"Authorization": f"Bearer {key}"})
        grant = _grant(own.base_url + self._paths.token, own.oauth)
        return OAuth2(grant, TokenFile(own.oauth.tokens, option="oauth.tokens"), self._token_client, clock=self._clock)

    def _token_client(self) -> Client:
        return Client(
            self._options.base_url,
            headers={},
            judge=judge_tokens,
            failures=source_failures("HubSpot", key=OAUTH_HELP),
            stopping=self._stopping,
            sleep=self._sleep,
            transport=self._transport,
            max_bytes=MAX_BYTES,
        )

    def _secrets(self) -> list[str]:
        own = self._options
        held = [own.service_key, *((own.oauth.client_secret, own.oauth.refresh_token) if own.oauth else ())]
        return [each.get_secret_value() for each in held if each]


def _grant(token_url: str, own: OAuthOptions) -> Grant:
    return Grant(
        token_url,
        own.client_id,
        client_secret=own.client_secret.get_secret_value(),
        refresh_token=own.refresh_token.get_secret_value(),
    )
