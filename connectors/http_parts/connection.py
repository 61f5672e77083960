"""A connection to one server: signed requests within its limits, and the meaning of its answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from connectors.http_parts.access import OAuthForm
from connectors.http_parts.limits import Pacer
from connectors.http_parts.rules import Rule, Rules
from connectors.http_parts.server_options import ServerOptions
from connectors.http_parts.sign_in import Grant, OAuth2, Static, basic, judge_tokens
from connectors.http_parts.signature import Signature
from connectors.http_parts.surroundings import Surroundings
from connectors.http_parts.template import Request, as_text, fill
from connectors.http_parts.tokens import TokenFile
from syncd.errors import SourceInvalid
from syncd.rest import Answer, Bounds, Client, Credentials, Failures, Verdict, source_failures


class Connection:
    """Talks to one server as ``options`` say. It fetches the first token when it is made; then close it.

    ``values``: what every template may use: secrets and vars. ``address``: where paths begin.

    Args:
        name: the name of the source or the sink, for messages.
        options: the address, the sign-in, the limits.
        around: the network, the clocks and the waits.
        keep_headers: the headers of answers that are kept, by lower-case name, beside the date and those of limits.
        exact: parse fractions in JSON as Decimals.
        longest: the longest pause (seconds) that the server's headers may cause.
        failures: which errors are raised; by default those of a source.

    """

    def __init__(
        self,
        name: str,
        options: ServerOptions,
        around: Surroundings,
        *,
        keep_headers: Collection[str] = (),
        exact: bool = False,
        longest: float = float("inf"),
        failures: Failures | None = None,
    ) -> None:
        self.name = name
        self._options = options
        self._around = around
        self._keep_headers = keep_headers
        self._exact = exact
        self._failures = failures or source_failures(name, key="check options.secrets")
        self._more_rules: Sequence[Rule] = ()
        secrets = {name: secret.get_secret_value() for name, secret in options.secrets.items()}
        self.values = {**secrets, **options.vars}
        self._secrets = tuple(secrets.values())
        self._pacer = Pacer(
            [each.limit() for each in options.limits],
            [each.hint() for each in options.hints],
            clock=around.timer,
            sleep=around.wait,
            longest=longest,
        )
        self._signature = self._make_signature()
        # The token server may say where the API is, so the first token is fetched before the client is made.
        credentials, self.address = self._credentials()
        self._client = self._connect(self.address, credentials=credentials, judge=self._judge)

    @property
    def sent(self) -> int:
        """How many requests were sent, every attempt included, but for those that fetched a token."""
        return self._client.sent

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, request: Request, *, url: str | None = None, rules: Sequence[Rule] = (), **client: Any) -> Answer:
        """Send a request, or its headers and its body to a whole ``url``.

        ``rules`` come after those of the options. ``client``: more parts of :meth:`syncd.rest.Client.request`.

        Raises:
            SourceError: there is no usable answer; the message holds the server's own words.

        """
        path = url or request.path
        auth = {name: as_text(value) for name, value in fill(self._options.auth.query, self.values).items()}
        self._more_rules = rules
        try:
            answer = self._client.request(
                request.method,
                path,
                # A whole URL has its own query, but a key in the query is seldom part of a server's links.
                params={**({} if url else request.query), **auth},
                json=request.body,
                headers={**request.headers, **self._signature_of(request.method, path)},
                budget=self._pacer.places(request.method, urlsplit(path).path),
                **client,
            )
        except SourceInvalid as error:
            asked = client.get("name") or f"{request.method} {urlsplit(path).path}"
            told = SourceInvalid(f"{error} (it was asked for {asked})")
            told.in_doubt = error.in_doubt
            raise told from None
        finally:
            self._more_rules = ()
        self._pacer.note_headers(answer.headers)
        return answer

    def words(self, answer: Answer) -> str:
        """Return a refusal in the server's own words, masked, or an empty text."""
        return self._rules().words(answer)

    def _judge(self, answer: Answer) -> Verdict | None:
        return self._rules().judge(answer)

    def _rules(self) -> Rules:
        rules = [*(each.rule() for each in self._options.errors), *self._more_rules]
        key = "check options.secrets and what they may see"
        return Rules(rules, name=self.name, key=key, secrets=self._secrets, names=self._names())

    def _names(self) -> list[str]:
        """Return the texts of the configuration, whose words the server may repeat: fields, paths and parameters."""
        texts = _texts_in(self._options.model_dump(exclude={"secrets", "auth"}))
        return [text for text in texts if not any(secret in text for secret in filter(None, self._secrets))]

    def _connect(self, address: str, **own: Any) -> Client:
        options = self._options
        return Client(
            address,
            headers={},
            bounds=Bounds(options.timeout, options.deadline, options.max_answer),
            transport=self._around.transport,
            stopping=self._around.stopping,
            sleep=self._around.sleep,
            patience=options.patience,
            # As a float, 1.10 would lose its last digit, and a long decimal several.
            exact=self._exact,
            keep_headers={"date", *self._keep_headers, *self._pacer.headers},
            **{"failures": self._failures, **own},
        )

    def _make_signature(self) -> Signature | None:
        form = self._options.auth.hmac
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
        auth = self._options.auth
        headers = {name: as_text(value) for name, value in fill(auth.headers, self.values).items()}
        if auth.basic:
            headers["Authorization"] = basic(self._text(auth.basic.user), self._text(auth.basic.password))
        if not auth.oauth2:
            return Static(headers), self._options.address()
        oauth = self._oauth(auth.oauth2)
        return _WithHeaders(oauth, headers), self._options.address(oauth.api() if auth.oauth2.api else "")

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
        return OAuth2(grant, TokenFile(form.tokens), connect, clock=self._around.clock)

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


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts_in(each)]
    return [text for each in value for text in _texts_in(each)] if isinstance(value, list | tuple) else []
