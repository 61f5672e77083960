"""One source's connection for one read: send signed requests within the limits, and find the records in answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from connectors.http_parts.access import OAuthForm
from connectors.http_parts.limits import Pacer
from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of
from connectors.http_parts.rules import Rule, Rules
from connectors.http_parts.server_clock import ServerClock
from connectors.http_parts.sign_in import Grant, OAuth2, Static, basic, judge_tokens
from connectors.http_parts.signature import Signature
from connectors.http_parts.surroundings import Surroundings
from connectors.http_parts.template import RequestTemplate, as_text, fill
from connectors.http_parts.tokens import TokenFile
from connectors.rest_api.forms import PageForm, RecordsForm
from connectors.rest_api.options import RestOptions
from connectors.rest_api.paging import Page, Step
from connectors.rest_api.walk import Walk
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Bounds, Client, Credentials, Listed, source_failures

EMPTY = frozenset({204, 205})
"""The statuses of an answer without content, which holds no record."""


class FullNeeded(Exception):
    """The server no longer knows where the last read stopped, so a full read is needed."""


@dataclass(slots=True)
class LookedUp:
    """What one kind of lookup has found: an id that the server has ("": none yet), and the ids that it lacks."""

    witness: str = ""
    absent: set[str] = field(default_factory=set)


class Session:
    """Talks to one source; a context manager.

    ``began``: when the read began, in Unix seconds by the server's clock; by ours only if no answer has a date.
    ``looked_up``: what the lookups of ``enrich`` have found, by their names.
    """

    def __init__(self, name: str, options: RestOptions, around: Surroundings, clock: ServerClock | None = None) -> None:
        self.name = name
        self.options = options
        self.around = around
        secrets = {name: secret.get_secret_value() for name, secret in options.secrets.items()}
        self.values = {**secrets, **options.vars}
        self._clock = clock or ServerClock(around.clock)
        self.began = self._clock.now()
        self.looked_up: dict[str, LookedUp] = {}
        self._absent: Sequence[int] = ()
        self._dated = False
        self._secrets = tuple(secrets.values())
        self._pacer = Pacer(
            [each.limit() for each in options.limits],
            [each.hint() for each in options.hints],
            clock=around.timer,
            sleep=around.wait,
        )
        self._signature = self._make_signature()
        # The token server may say where the API is, so the first token is fetched before the client is made.
        credentials, self.address = self._credentials()
        self._client = self._connect(
            self.address, credentials=credentials, judge=lambda answer: self._rules().judge(answer)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask_alone(self, template: RequestTemplate, values: Mapping[str, Any], *, absent: Sequence[int]) -> Answer:
        """Send a request for single records; an answer with a status of ``absent`` has the verdict ``skip``."""
        # Of other requests, a status such as 404 is an error. A rule of the configuration comes first.
        self._absent = absent
        try:
            return self.ask(template, values)
        finally:
            self._absent = ()

    def ask(
        self, template: RequestTemplate, values: Mapping[str, Any], *, url: str | None = None, whole: bool = False
    ) -> Answer:
        """Send the request of ``template`` with ``values``, or to a whole ``url`` with the template's headers.

        ``whole``: it is for the list of all records, which may be long.

        Raises:
            FullNeeded: a rule says that only a full read can go on.
            SourceError: there is no usable answer; the message holds the server's own words.

        """
        request = template.fill({**self.values, **values})
        path = url or request.path
        auth = {name: as_text(value) for name, value in fill(self.options.auth.query, self.values).items()}
        try:
            answer = self._client.request(
                request.method,
                path,
                # A whole URL has its own query, but a key in the query is seldom part of a server's links.
                params={**({} if url else request.query), **auth},
                json=request.body,
                headers={**request.headers, **self._signature_of(request.method, path)},
                budget=self._pacer.places(request.method, urlsplit(path).path),
                within=self.options.long_list() if whole else None,
            )
        except SourceInvalid as error:
            raise SourceInvalid(f"{error} (it was asked for {request.method} {urlsplit(path).path})") from None
        self._note(answer)
        if answer.verdict == "full":
            raise FullNeeded
        if not (answer.is_json or answer.verdict or answer.status in EMPTY):
            place = urlsplit(path).path
            raise SourceUnavailable(f"{self.name} did not send {request.method} {place}: {answer.problem}")
        return answer

    def walk(
        self,
        template: RequestTemplate,
        page: PageForm,
        records: RecordsForm,
        values: Mapping[str, Any],
        *,
        begin: str | None = None,
        whole: bool = False,
    ) -> Walk:
        """Return a walk through a list, from its first page or from the address ``begin`` on.

        ``whole``: it is the list of all records.
        """
        sized = {**values, **({"size": page.size} if page.size else {})}

        def fetch(step: Step) -> Page:
            answer = self.ask(template, {**sized, **step.values}, url=step.url, whole=whole)
            url = step.url or self.address + template.fill({**self.values, **sized, **step.values}).path
            found = self.records(answer, records, template)
            return Page(found, ids_of(found, records.id), answer.body, answer.headers, url)

        return Walk(
            page.pager(),
            fetch,
            more=page.more,
            total=page.total,
            begin=Step(url=begin) if begin else None,
            most=page.most,
            size=page.size,
            closing=self.options.changes.source if self.options.changes else None,
            max_pages=page.max_pages,
            # Of a whole list, the run finds out who is missing; of changes and of values, nothing else would.
            twice=page.by == "number" and not whole,
            may_slip=page.slips,
        )

    def records(self, answer: Answer, form: RecordsForm, template: RequestTemplate) -> list[Any] | Listed:
        """Return the records of an answer.

        Raises:
            SourceInvalid: there is no list at ``form.path``.

        """
        if answer.verdict in {"empty", "skip"} or answer.status in EMPTY:
            return []
        found = find(form.path, answer.body)
        # An absent list is not an empty one: with a wrong path, all contacts would seem deleted.
        if not isinstance(found, list | Listed):
            raise SourceInvalid(
                f"{self.name}: the answer to {template.method} {urlsplit(template.path).path} has no list at "
                f"{form.path!r}: correct records.path"
            )
        return found

    def _note(self, answer: Answer) -> None:
        self._pacer.note_headers(answer.headers)
        was_known = self._clock.is_known
        date = self._clock.note(answer.headers)
        # The answers with the records may come from a server whose clock is behind that of the earlier answers.
        if date is not None and not self._dated:
            self.began, self._dated = min(self.began, date) if was_known else date, True

    def _rules(self) -> Rules:
        rules = [*(each.rule() for each in self.options.errors), *([Rule("skip", self._absent)] * bool(self._absent))]
        key = "check options.secrets and what they may see"
        return Rules(rules, name=self.name, key=key, secrets=self._secrets, names=self._names())

    def _names(self) -> list[str]:
        """Return the texts of the configuration, whose words the server may repeat: fields, paths and parameters."""
        texts = _texts_in(self.options.model_dump(exclude={"secrets", "auth"}))
        return [text for text in texts if not any(secret in text for secret in filter(None, self._secrets))]

    def _connect(self, address: str, **own: Any) -> Client:
        return Client(
            address,
            headers={},
            bounds=Bounds(self.options.timeout, self.options.deadline, self.options.max_answer),
            transport=self.around.transport,
            stopping=self.around.stopping,
            sleep=self.around.sleep,
            patience=self.options.patience,
            # As a float, 1.10 would lose its last digit, and a long decimal several.
            exact=True,
            keep_headers={"date", "link", *self._pacer.headers, *_paging_headers(self.options)},
            **{"failures": source_failures(self.name, key="check options.secrets"), **own},
        )

    def _make_signature(self) -> Signature | None:
        form = self.options.auth.hmac
        if form is None:
            return None
        return Signature(form.header, self._text(form.secret), form.over, self._text(form.before), form.digest)

    def _signature_of(self, method: str, path: str) -> Mapping[str, str]:
        below = urlsplit(path).path
        # The signature is over the path below the base URL, and a server's link holds the whole path.
        if path.startswith(("http://", "https://")):
            below = below.removeprefix(urlsplit(self.address).path)
        return self._signature.headers(method, below) if self._signature else {}

    def _credentials(self) -> tuple[Credentials, str]:
        """Return the credentials of the requests, and the address that the requests go to."""
        auth = self.options.auth
        headers = {name: as_text(value) for name, value in fill(auth.headers, self.values).items()}
        if auth.basic:
            headers["Authorization"] = basic(self._text(auth.basic.user), self._text(auth.basic.password))
        if not auth.oauth2:
            return Static(headers), self.options.address()
        oauth = self._oauth(auth.oauth2)
        return _WithHeaders(oauth, headers), self.options.address(oauth.api() if auth.oauth2.api else "")

    def _oauth(self, form: OAuthForm) -> OAuth2:
        url = self._text(form.token_url)
        fields = {name: self._text(value) for name, value in form.fields.items()}
        grant = Grant(
            token_url=url,
            client_id=self._text(form.client_id),
            kind=form.grant,
            client_secret=self._text(form.client_secret),
            refresh_token=self._text(form.refresh_token) if form.grant == "refresh_token" else "",
            fields={**fields, **({"scope": self._text(form.scope)} if form.scope else {})},
            client_auth=form.client_auth,
            header=form.header,
            early=form.early,
            api=form.api.source if form.api else "",
            under=form.api.under if form.api else (),
        )
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        failures = source_failures(
            self.name, key="check options.secrets", address="options.auth.oauth2.token_url", is_base=False
        )
        connect = partial(self._connect, origin, judge=judge_tokens, failures=failures)
        return OAuth2(grant, TokenFile(form.tokens), connect, clock=self.around.clock)

    def _text(self, template: Any) -> str:
        return as_text(fill(template, self.values))


@dataclass(frozen=True, slots=True)
class _WithHeaders:
    """Credentials with more headers beside them."""

    inner: Credentials
    fixed: Mapping[str, str] = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        return {**self.fixed, **self.inner.headers()}

    def renew(self, refused: Mapping[str, str], /) -> bool:
        # The inner credentials compare the refused headers with their own, so take the fixed ones out.
        return self.inner.renew({name: text for name, text in refused.items() if name not in self.fixed})


def _paging_headers(options: RestOptions) -> Iterator[str]:
    """Yield the headers that paging looks at, by lower-case name."""
    for _, page, _ in options.lists():
        if page.source and page.source.lower().startswith("header:"):
            yield page.source.lower().removeprefix("header:").strip()


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts_in(each)]
    return [text for each in value for text in _texts_in(each)] if isinstance(value, list | tuple) else []
