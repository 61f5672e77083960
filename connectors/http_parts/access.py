"""The options of a REST source or sink about access: sign-in, request limits, and the meaning of answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from connectors.http_parts.limits import Hint, Limit, Unit
from connectors.http_parts.paths import JsonPath
from connectors.http_parts.rules import Action, Rule
from connectors.http_parts.template import names_in
from syncd.source import Duration, LocalPath, Options, parse_duration


def _template(value: Any) -> Any:
    # names_in raises for a brace without its partner.
    names_in(value)
    return value


Template = Annotated[Any, AfterValidator(_template)]
"""A value whose texts are templates, at any depth."""

# base_url and path are simply joined, so a path without a slash would change the name of the host.
PathTemplate = Annotated[str, Field(pattern="^/"), AfterValidator(_template)]
"""What follows the base URL."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("is no name of a variable: use letters, digits and _")
    return value


Name = Annotated[str, AfterValidator(_name)]
"""The name of a variable in templates."""


Secret = Annotated[SecretStr, WithJsonSchema({"type": "string"})]
"""A value that is shown nowhere."""

Statuses = Annotated[
    tuple[int, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, int) else value),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
]
"""One status or several."""


def _domain(value: str) -> str:
    # A dot is required: with "com" alone, a token could go to nearly every host.
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", value):
        raise ValueError("is not a domain: write it in small letters, such as salesforce.com")
    return value


class ApiForm(Options):
    """The API's address, ``{api}`` in ``base_url``, from the answer that gives the token."""

    source: JsonPath = Field(alias="from", description="Where the answer holds the address (JMESPath).")
    # Without this list, whoever controls the token server's answer could send the token to any host.
    under: tuple[Annotated[str, AfterValidator(_domain)], ...] = Field(
        min_length=1, description="The domains that the address must be under; the token goes nowhere else."
    )


class OAuthForm(Options):
    """OAuth 2: a token is fetched, renewed before it ends, and kept. Texts may use {vars} and {secrets}."""

    token_url: str = Field(description="The address of the token server.")
    grant: Literal["refresh_token", "client_credentials"] = "refresh_token"
    client_id: str = Field(default="{client_id}", description="A template.")
    client_secret: str = Field(default="{client_secret}", description="A template; empty for a public client.")
    refresh_token: str = Field(default="{refresh_token}", description="A template.")
    scope: str | None = None
    fields: Mapping[str, str] = Field(default={}, description="More fields of the form.")
    client_auth: Literal["body", "basic"] = Field(default="body", description="How the client's own secret is sent.")
    header: str = Field(default="Bearer {access_token}", description="The Authorization header.")
    api: ApiForm | None = None
    early: Duration = Field(default=120.0, description="How long before its end a token is renewed.")
    tokens: LocalPath = Field(
        default=Path("syncd-tokens.json"),
        # Without this, pydantic leaves a default as it is, and it would not be beside the configuration file.
        validate_default=True,
        description="The file that keeps tokens between runs.",
    )

    def templates(self) -> list[str]:
        """Return the texts that may use variables and are used."""
        texts = [*self.fields.values(), self.token_url, self.client_id, self.client_secret, self.scope or ""]
        return texts + ([self.refresh_token] if self.grant == "refresh_token" else [])


class BasicForm(Options):
    """A user and a password (templates)."""

    user: Template
    password: Template = ""


class HmacForm(Options):
    """A header that signs each request by HMAC-SHA256, in base64, with a secret that is not sent."""

    header: str
    secret: Template
    over: Template = Field(default="{method} {path}", description="What is signed; {path} is below base_url, as sent.")
    before: Template = Field(default="", description="What stands before the signature, inside the base64.")
    digest: Literal["raw", "hex"] = Field(default="raw", description="The signature's bytes, or hexadecimal digits.")

    @model_validator(mode="after")
    def _signs(self) -> HmacForm:
        if other := names_in(self.over) - {"method", "path"}:
            raise ValueError(f"over uses {{{min(other)}}}; it may use {{method}} and {{path}}")
        return self


class AuthForm(Options):
    """How requests are signed. Texts are templates that use {vars} and {secrets}."""

    headers: Mapping[str, Template] = {}
    query: Mapping[str, Template] = {}
    basic: BasicForm | None = None
    hmac: HmacForm | None = None
    oauth2: OAuthForm | None = None

    @model_validator(mode="after")
    def _one_header(self) -> AuthForm:
        # Each of these makes the Authorization header, and the last one would silently win.
        ways = ("Authorization" in self.headers) + (self.basic is not None) + (self.oauth2 is not None)
        if ways > 1:
            raise ValueError("only one of basic, oauth2 and headers.Authorization can make the Authorization header")
        return self

    def templates(self) -> dict[str, Any]:
        """Return every template by the option that holds it."""
        optional = {
            "auth.basic": [self.basic.user, self.basic.password] if self.basic else None,
            "auth.hmac": [self.hmac.secret, self.hmac.before] if self.hmac else None,
            "auth.oauth2": self.oauth2.templates() if self.oauth2 else None,
        }
        given = {place: texts for place, texts in optional.items() if texts}
        return {"auth.headers": self.headers, "auth.query": self.query, **given}


def _limit(value: Any) -> Any:
    return {"rate": value} if isinstance(value, str) else value


class LimitForm(Options):
    """How many requests the server takes."""

    rate: str = Field(description="Requests per time: 100/10s.")
    match: str = Field(default="", description="A regular expression that `METHOD /path` must hold.")

    @model_validator(mode="after")
    def _readable(self) -> LimitForm:
        # Parse the rate now, so that a wrong one is reported with its place in the configuration.
        self.limit()
        try:
            re.compile(self.match)
        except re.error as error:
            raise ValueError(f"match is not a regular expression: {error}") from None
        return self

    def limit(self) -> Limit:
        count, _, time = self.rate.partition("/")
        if not re.fullmatch(r"[1-9]\d{0,8}", count.strip()) or not (seconds := parse_duration(time.strip())):
            raise ValueError("is not requests per time: write 100/10s, 5/1s, 10000/1d")
        return Limit(int(count), seconds, self.match)


LimitEntry = Annotated[
    LimitForm,
    BeforeValidator(_limit),
    WithJsonSchema({"type": ["string", "object"], "examples": ["100/10s", {"rate": "5/1s", "match": "/search$"}]}),
]


class HintForm(Options):
    """Headers that say how many requests are left."""

    remaining: str
    reset: str = ""
    unit: Unit = "seconds"
    pause: Duration = 1.0

    def hint(self) -> Hint:
        return Hint(self.remaining, self.reset, self.unit, self.pause)


class AnswerForm(Options):
    """What an answer means; rules are tried in order, before the status is looked at."""

    do: Action
    status: Statuses = Field(default=(), description="One status or several; none: any.")
    when: JsonPath | None = Field(default=None, description="True of the body (JMESPath).")
    seconds: Duration = Field(default=0.0, description="wait, retry: how long.")
    after: str = Field(default="Retry-After", description="wait, retry: the header that says how long.")
    unit: Literal["seconds", "milliseconds"] = "seconds"
    message: str = Field(default="", description="What to say to a person.")

    @model_validator(mode="after")
    def _conditional(self) -> AnswerForm:
        # A rule for every answer would hide the records, and with `do: empty` all contacts would seem deleted.
        if not self.status and self.when is None:
            raise ValueError("has neither status nor when, so it would be for every answer")
        return self

    def rule(self) -> Rule:
        unit = 0.001 if self.unit == "milliseconds" else 1.0
        return Rule(self.do, self.status, self.when, self.seconds, self.after, unit, self.message)
