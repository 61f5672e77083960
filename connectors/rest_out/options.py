"""The options of a REST sink as a whole: the preset is filled in, and the parts must agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from connectors.http_parts.presets import Presets
from connectors.http_parts.server_options import ServerOptions
from connectors.http_parts.template import names_in
from connectors.rest_out.forms import CheckForm, ContactForm, EraseForm, KindForm, WriteForm
from connectors.rest_out.values import NAMES
from syncd.sink import nearest

OF_REQUESTS = frozenset({"contact", "id", "identity", "record"})
"""The variables that requests have beside those of the row."""

OF_CONTACTS = frozenset({"name", "number", "number_e164"})
"""The variables of the requests that search for contacts and make them."""


class RestOutOptions(ServerOptions):
    """The ``options`` of a REST sink. Texts of requests are templates over ``vars``, ``secrets`` and the row."""

    PRESETS: ClassVar[Presets] = Presets(Path(__file__).parent / "presets")

    calls: KindForm | None = Field(default=None, description="How calls become records.")
    messages: KindForm | None = Field(default=None, description="How messages become records.")
    erase: EraseForm | None = None
    check: CheckForm = Field(description="A request that says whether the key is accepted.")
    contact: ContactForm | None = None
    outcomes: Mapping[str, str] = Field(
        default={}, description="The status of a call to {outcome}; the outcomes of the sink go before."
    )
    country: str = Field(
        default="1", pattern=r"^[1-9]\d{0,2}$", description="The country code of numbers that have none, in {…_e164}."
    )

    def kinds(self) -> dict[str, KindForm]:
        """Return what there is of ``calls`` and ``messages``, by the kind of activity."""
        found = {"call": self.calls, "message": self.messages}
        return {kind: form for kind, form in found.items() if form}

    def problems(self) -> Iterator[str]:
        yield from self.address_problems()
        if not self.kinds():
            yield "has neither calls nor messages (or a preset)"
        for kind, form in self.kinds().items():
            yield from self._kind_problems(f"{kind}s", form)
        others = {**self.vars, **self.secrets}
        for where, request in self._other_requests().items():
            known = {*others, *({"id"} if where == "erase" else OF_CONTACTS if where.startswith("contact") else ())}
            yield from self._request_problems(where, request, known)
        for name in sorted(names_in(self.check.expect or "") - set(self.vars)):
            yield f"check.expect uses {{{name}}}, which vars does not have"
        yield from self.auth_problems()
        yield from self.unused(self._used())

    def _kind_problems(self, kind: str, form: KindForm) -> Iterator[str]:
        known = {*NAMES, *form.values, *self.vars}
        for name, value in form.values.items():
            for used in sorted(value.names() - {*NAMES, *self.vars}):
                yield f"{kind}.values.{name} uses {{{used}}}, which is none of the row's{nearest(used, NAMES)}"
        # A secret in a record would be stored with it, and shown to everybody who may read it.
        for used in sorted(names_in(form.record) - known):
            yield f"{kind}.record uses {{{used}}}, which is none of its variables{nearest(used, known)}"
        for used in sorted(set(form.needs) - known):
            yield f"{kind}.needs names {used}, which is none of its variables{nearest(used, known)}"
        for used in sorted((names_in(form.find.same) if form.find else frozenset()) - known):
            yield f"{kind}.find.same uses {{{used}}}, which is none of its variables{nearest(used, known)}"
        completed = set(form.complete.values) if form.complete else set()
        for where, request in form.requests().items():
            here = known | OF_REQUESTS | set(self.secrets) | (completed if where == "find.request" else set())
            yield from self._request_problems(f"{kind}.{where}", request, here)
            # A path without one of its parts would lead elsewhere.
            given = {*form.needs, "id", "identity", *(["contact"] if where == "associate" else [])}
            for used in sorted((names_in(request.path) & {*NAMES, *form.values}) - given - {"kind"}):
                yield f"{kind}.{where}.path uses {{{used}}}, which some activities lack: add it to {kind}.needs"

    def _request_problems(self, where: str, request: WriteForm, known: set[str]) -> Iterator[str]:
        for name in sorted(request.names() - known):
            yield f"{where} uses {{{name}}}, which is none of its variables{nearest(name, known)}"
        if secret := names_in(request.path) & set(self.secrets):
            yield f"{where}.path uses the secret {{{min(secret)}}}: a path is shown in messages; use a header"

    def _other_requests(self) -> dict[str, WriteForm]:
        found = {"check": self.check.request}
        if self.erase:
            found["erase"] = self.erase.request
        if self.contact:
            found |= {"contact.search": self.contact.search.request, "contact.create": self.contact.create}
        return found

    def _used(self) -> Iterator[frozenset[str]]:
        yield names_in(self.check.expect or "")
        for request in self._other_requests().values():
            yield request.names()
        for form in self.kinds().values():
            yield form.names() | names_in(form.record)
            yield frozenset[str]().union(*(value.names() for value in form.values.values()))
