"""One HubSpot account: its paths by version, its key, its request limits, and the way to ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connectors.http_parts.limits import Hint, Limit, Pacer
from connectors.http_parts.server_clock import ServerClock
from connectors.http_parts.sign_in import Grant, OAuth2, Static, judge_tokens
from connectors.http_parts.tokens import TokenFile
from connectors.hubspot.answers import REFUSED, HubSpotJudge
from connectors.hubspot.options import AccountOptions, OAuthOptions
from syncd.errors import SourceUnavailable
from syncd.rest import Answer, Bounds, Client, Credentials, Failures, source_failures

# An account's 5 searches a second are shared with other programs, so one is left to them.
GENERAL_LIMIT, SEARCH_LIMIT, ASSOCIATION_LIMIT = 90, 4, 90
"""Requests in 10 seconds, searches in one second, and batches of associations in 10 seconds."""

SHARE = 0.9
"""The share of the limit in an answer's headers that is used."""

RATE = "x-hubspot-ratelimit-"
KEEP_HEADERS = ("content-type", "date", "retry-after", f"{RATE}max")

KEY_HELP = "check options.service_key; HubSpot's settings under Integrations make keys, and show their scopes"
OAUTH_HELP = "check options.oauth: the app's id and secret, and whether the account still has the app installed"

NO_CONTENT = 204
"""The status of an answer that has no body."""

PATIENCE = 300.0
"""Seconds that one request may wait because of 429s; then it is left to a later run."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of one API version: a date (``2026-09``) or ``v3``."""

    version: str

    def objects(self, kind: str) -> str:
        return f"/crm/v3/objects/{kind}" if self.version == "v3" else f"/crm/objects/{self.version}/{kind}"

    def properties(self, kind: str) -> str:
        return f"/crm/v3/properties/{kind}" if self.version == "v3" else f"/crm/properties/{self.version}/{kind}"

    def links(self, origin: str, to: str) -> str:
        # The versions before the dates were v3 for objects, and v4 for associations.
        root = "/crm/v4/associations" if self.version == "v3" else f"/crm/associations/{self.version}"
        return f"{root}/{origin}/{to}/batch/read"

    def associate(self, origin: str, to: str) -> str:
        return self.links(origin, to).removesuffix("read") + "create"

    def labels(self, origin: str, to: str) -> str:
        return self.links(origin, to).removesuffix("batch/read") + "labels"

    @property
    def owners(self) -> str:
        return "/crm/v3/owners" if self.version == "v3" else f"/crm/owners/{self.version}"

    @property
    def token(self) -> str:
        return f"/oauth/{self.version}/token"


class Pace:
    """The request limits of one account; the general limit follows the headers of answers."""

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._general = 0
        self.pacer: Pacer
        self._set_limit(GENERAL_LIMIT)

    def _set_limit(self, general: int) -> None:
        # A new pacer has empty windows, so it is made for a new limit only.
        if general != self._general:
            self._general = general
            limits = (
                Limit(general, 10.0, r"^(?!.*/search$)(?!.*/associations/)"),
                Limit(SEARCH_LIMIT, 1.0, "/search$"),
                Limit(ASSOCIATION_LIMIT, 10.0, "/associations/"),
            )
            hint = Hint(remaining=f"{RATE}remaining", pause=1.0)
            self.pacer = Pacer(limits, (hint,), clock=self._clock, sleep=self._sleep)

    def note_headers(self, headers: Mapping[str, str]) -> None:
        """Wait a moment if an answer says that no request is left."""
        self.pacer.note_headers(headers)

    def adopt_limit(self, answer: Answer) -> None:
        """Take the general limit from an answer's headers; the answers to searches have none."""
        most = answer.headers.get(f"{RATE}max", "")
        if most.isdecimal() and int(most) >= 10:
            self._set_limit(int(int(most) * SHARE))


class Session:
    """Asks one account while its client is open.

    ``began``: HubSpot's time (Unix seconds) of the first answer; None if there is none, or it has no date.
    """

    def __init__(self, client: Client, paths: Paths, pace: Pace, clock: ServerClock, judge: HubSpotJudge) -> None:
        self.paths = paths
        self.judge = judge
        self.began: float | None = None
        self._client = client
        self._pace = pace
        self._clock = clock

    def ask(self, method: str, path: str, *, refusable: bool = False, **more: Any) -> Answer:
        """Return the answer to a request; ``more`` as for :meth:`syncd.rest.Client.request`.

        ``refusable``: a refusal is returned with the verdict :data:`~connectors.hubspot.answers.REFUSED`.

        Raises:
            SourceError: HubSpot does not answer, does not answer as its API does, or refuses the request or the key.

        """
        answer = self._client.request(method, path, budget=self._pace.pacer.places(method, path), **more)
        self._pace.adopt_limit(answer)
        if not (answer.is_json or answer.verdict or answer.status == NO_CONTENT):
            raise SourceUnavailable(f"HubSpot did not answer as its API does: {answer.problem}; try again later")
        date = self._clock.note(answer.headers)
        self.began = date if self.began is None else self.began
        if answer.verdict == REFUSED and not refusable:
            raise self.judge.refusal(answer)
        return answer


class Account:
    """Opens sessions of one account; its limits hold over all of them.

    ``names``: of properties, which messages may show. ``transport`` replaces the network. ``clock`` gives Unix seconds,
    ``timer`` monotonic ones. ``failures`` makes the errors of failed requests from a name and a remedy.
    """

    def __init__(
        self,
        options: AccountOptions,
        *,
        names: Sequence[str] = (),
        writes: bool = False,
        failures: Callable[..., Failures] = source_failures,
        transport: Any = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.paths = Paths(options.api_version)
        self.server = ServerClock(clock)
        self._options = options
        self._names = names
        self._writes = writes
        self._failures = failures
        self._transport = transport
        self._clock = clock
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        # The limits are the account's, so one pace serves every session.
        self._pace = Pace(clock=timer, sleep=self._sleep)
        self._clients: list[Client] = []

    @property
    def sent(self) -> int:
        """How many requests were sent, every attempt included, but for those that fetched a token."""
        return sum(client.sent for client in self._clients)

    def cancel(self) -> None:
        """End what is under way soon. Called from another thread."""
        self._stopping.set()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session, and close its connections in the end."""
        judge = HubSpotJudge(
            self._pace.note_headers,
            key=self._key_help(),
            secrets=self._secrets(),
            names=self._names,
            writes=self._writes,
        )
        with self._client(
            credentials=self._credentials(), judge=judge, keep_headers=KEEP_HEADERS, patience=PATIENCE
        ) as client:
            self._clients.append(client)
            yield Session(client, self.paths, self._pace, self.server, judge)

    def _client(self, **more: Any) -> Client:
        return Client(
            self._options.base_url,
            headers={},
            # HubSpot's lists and batches have a size that is asked for.
            bounds=Bounds(deadline=self._options.deadline, max_answer=self._options.max_answer),
            failures=self._failures("HubSpot", key=self._key_help()),
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
        grant = _grant(own.base_url + self.paths.token, own.oauth)
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
