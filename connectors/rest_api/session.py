"""One source's connection for one read: send signed requests within the limits, and find the records in answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from connectors.http_parts.connection import Connection
from connectors.http_parts.paths import find
from connectors.http_parts.records import ids_of
from connectors.http_parts.rules import Rule
from connectors.http_parts.server_clock import ServerClock
from connectors.http_parts.surroundings import Surroundings
from connectors.http_parts.template import RequestTemplate
from connectors.rest_api.forms import PageForm, RecordsForm
from connectors.rest_api.options import RestOptions
from connectors.rest_api.paging import Page, Step
from connectors.rest_api.walk import Walk
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Listed

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
        self._clock = clock or ServerClock(around.clock)
        self.began = self._clock.now()
        self.looked_up: dict[str, LookedUp] = {}
        self._absent: Sequence[int] = ()
        self._dated = False
        self._server = Connection(name, options, around, keep_headers=("link", *_paging_headers(options)), exact=True)
        self.values = self._server.values
        self.address = self._server.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

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
        answer = self._server.send(
            request,
            url=url,
            rules=[Rule("skip", self._absent)] * bool(self._absent),
            within=self.options.long_list() if whole else None,
        )
        self._note(answer)
        if answer.verdict == "full":
            raise FullNeeded
        if not (answer.is_json or answer.verdict or answer.status in EMPTY):
            place = urlsplit(url or request.path).path
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
        was_known = self._clock.is_known
        date = self._clock.note(answer.headers)
        # The answers with the records may come from a server whose clock is behind that of the earlier answers.
        if date is not None and not self._dated:
            self.began, self._dated = min(self.began, date) if was_known else date, True


def _paging_headers(options: RestOptions) -> Iterator[str]:
    """Yield the headers that paging looks at, by lower-case name."""
    for _, page, _ in options.lists():
        if page.source and page.source.lower().startswith("header:"):
            yield page.source.lower().removeprefix("header:").strip()
