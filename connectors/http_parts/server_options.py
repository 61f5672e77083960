"""The options that a REST source and a REST sink share: the address, the sign-in, the limits, and their preset."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from connectors.http_parts.access import AnswerForm, AuthForm, HintForm, LimitEntry, Name, Secret
from connectors.http_parts.presets import Presets, merged
from connectors.http_parts.template import as_text, fill, names_in
from syncd.rest import LOOPBACK
from syncd.source import Duration, Options, Size, nearest, yaml_reader


class ServerOptions(Options):
    """What the options say of the server. ``PRESETS``: the presets that there are."""

    PRESETS: ClassVar[Presets]

    preset: str | None = Field(default=None, description="A vendor's options; the other options here replace them.")
    base_url: str | None = Field(default=None, description="Where paths begin; a template over vars.")
    plain_http: bool = Field(default=False, description="Allow http:, which sends the key without encryption.")
    vars: Mapping[Name, str] = Field(default={}, description="Values that templates may use.")
    secrets: Mapping[Name, Secret] = Field(default={}, description="Keys that templates may use, shown nowhere.")
    auth: AuthForm = AuthForm()
    limits: tuple[LimitEntry, ...] = Field(default=(), description="How many requests the server takes.")
    hints: tuple[HintForm, ...] = ()
    errors: tuple[AnswerForm, ...] = Field(default=(), description="The meaning of certain answers.")
    timeout: Annotated[Duration, Field(gt=0)] = Field(default=60.0, description="How long a silence may last.")
    deadline: Annotated[Duration, Field(gt=0)] = Field(default=300.0, description="How long one request may take.")
    max_answer: Size = Field(default=64_000_000, description="The longest answer, after unpacking.")
    patience: Duration = Field(default=120.0, description="How long a request may wait because of limits.")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any, info: ValidationInfo) -> Any:
        """Return the given options on top of those of the preset."""
        name = given.get("preset") if isinstance(given, Mapping) else None
        # _is_there, which pydantic calls later, reports a name that is no preset.
        if name not in cls.PRESETS.names():
            return given
        found = cls.PRESETS.get(name, yaml_reader(info))
        whole = merged(found.options, given)
        missing = [f"{place} ({text})" for place, text in found.needs.items() if not _has(whole, *place.split("."))]
        if missing:
            raise ValueError(f"the preset {name} needs {'; '.join(missing)}")
        return whole

    @field_validator("preset")
    @classmethod
    def _is_there(cls, name: str | None) -> str | None:
        if name is not None and name not in (names := cls.PRESETS.names()):
            raise ValueError(f"{name!r} is no preset{nearest(name, names)}; there are: {', '.join(names)}")
        return name

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        # Report every problem at once, so that a person need not correct one after the other.
        problems = list(dict.fromkeys(self.problems()))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each contradiction."""
        yield from self.address_problems()

    def address_problems(self) -> Iterator[str]:
        """Yield what is wrong with the addresses of the API and of the token server."""
        if self.base_url is None:
            yield "base_url is missing (or a preset)"
            return
        oauth = self.auth.oauth2
        api = oauth.api if oauth else None
        if bool(api) != self.base_url.startswith("{api}") or self.base_url.count("{api}") > 1:
            yield "base_url begins with {api} if auth.oauth2.api says where the API is, and only then"
            return
        unknown = names_in(self.base_url) - {*self.vars, *(["api"] if api else [])}
        if unknown:
            yield f"base_url uses {{{min(unknown)}}}, which vars does not have"
            return
        # The API's address is known only when a token is; any allowed host does to check the rest of the URL.
        yield from self._url_problems("base_url", self.address(f"https://{api.under[0]}" if api else ""))
        if oauth and not names_in(oauth.token_url) - set(self.vars):
            token_url = as_text(fill(oauth.token_url, self.vars))
            yield from self._url_problems("auth.oauth2.token_url", token_url, query=True)

    def _url_problems(self, where: str, address: str, *, query: bool = False) -> Iterator[str]:
        try:
            url = urlsplit(address)
            # A variable with "https://…" in it makes a path that begins with two slashes.
            bare = "@" not in url.netloc and not url.path.startswith("//")
            usable = url.scheme in {"http", "https"} and bool(url.hostname) and bare
        except ValueError:
            usable = False
        if not usable or (url.query and not query) or url.fragment:
            yield f"{where} is no address: write https://host/path, without user, query and fragment; a host without https://"
        elif url.scheme == "http" and url.hostname not in LOOPBACK and not self.plain_http:
            yield f"{where} is plain http, in which the key travels in clear: write https, or plain_http: true"

    def address(self, api: str = "") -> str:
        """Return the base URL with its variables filled in; ``api``: the API's address from the token's answer."""
        return as_text(fill(self.base_url or "", {**self.vars, "api": api})).rstrip("/")

    def auth_problems(self) -> Iterator[str]:
        """Yield what is wrong with the templates of the sign-in."""
        fixed = {*self.vars, *self.secrets}
        for where, template in self.auth.templates().items():
            for name in sorted(names_in(template) - fixed):
                yield f"{where} uses {{{name}}}, which neither vars nor secrets has{nearest(name, fixed)}"

    def unused(self, requests: Iterable[Collection[str]]) -> Iterator[str]:
        """Yield the names of ``vars`` and ``secrets`` that nothing uses; ``requests``: the names in each request."""
        # A name that is used nowhere is most likely misspelt.
        used = names_in([self.base_url or "", *self.auth.templates().values()])
        used = used.union(*requests)
        for where, names in (("vars", self.vars), ("secrets", self.secrets)):
            for name in sorted(set(names) - used):
                yield f"{where}.{name} is used nowhere{nearest(name, {*self.vars, *self.secrets} & used)}"


def _has(options: Mapping[str, Any], part: str, key: str) -> bool:
    keys = options.get(part)
    return isinstance(keys, Mapping) and key in keys
