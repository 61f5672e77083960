"""A fake CRM in this process that stores records of calls, as its vendor's published pages describe the requests.

A vendor is a description: paths, and what each field of a record must be. If the pages leave a point open, the fake
takes the reading that is harder for a client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_out.options import RestOutOptions
from connectors.rest_out.sink import RestOut
from syncd.config.yaml_tree import read_plain
from syncd.sink import SinkRules

Reply = int | Exception | httpx.Response | None
Is = Callable[[Any], bool]


def matching(pattern: str) -> Is:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def text(most: int) -> Is:
    return lambda value: isinstance(value, str) and 0 < len(value) <= most


def one_of(*values: str) -> Is:
    return lambda value: value in values


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"id"} and isinstance(value["id"], str)


@dataclass
class RecordServer:
    """One account. ``records``: what it holds, by id.

    ``PATH``: of the records, and of one by its id. ``FIELDS``: what each must be; ``CHANGEABLE``: which an update may
    hold. ``CONTACT``, ``OWNER``: ids as the vendor writes them.
    ``fault`` may answer a request before the server sees it. ``lost``: so many writes are carried out, and their
    answers are lost. ``writes`` counts what was carried out.
    """

    PRESET: ClassVar[str]
    GIVEN: ClassVar[Mapping[str, Mapping[str, str]]]
    HOSTS: ClassVar[tuple[str, ...]]
    PATH: ClassVar[str]
    CONTACT: ClassVar[str]
    OWNER: ClassVar[str]
    UPDATES_BY: ClassVar[str] = ""
    REQUIRED: ClassVar[frozenset[str]] = frozenset()
    FIELDS: ClassVar[Mapping[str, Is]]
    CHANGEABLE: ClassVar[frozenset[str]] = frozenset()

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    fault: Callable[[httpx.Request], Reply] = lambda _request: None
    lost: int = 0
    writes: int = 0
    made: int = 0
    now: float = 0.0

    def sink(self, folder: Any, rules: SinkRules, **options: Any) -> RestOut:
        said = {"preset": self.PRESET, **self.GIVEN, **options}
        model = RestOutOptions.model_validate(said, context={"folder": folder, "read_yaml": read_plain})
        around = Surroundings(httpx.MockTransport(self), sleep=self._sleep, timer=lambda: self.now)
        return RestOut("crm", model, rules, around=around)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host in self.HOSTS, f"a request went to {request.url.host}"
        assert request.url.scheme == "https"
        self.requests.append(request)
        reply = self.fault(request)
        if isinstance(reply, Exception):
            raise reply
        if reply is not None:
            return reply if isinstance(reply, httpx.Response) else httpx.Response(reply, json={})
        before = self.writes
        response = self.handle(request)
        if self.writes > before and self.lost:
            self.lost -= 1
            raise httpx.ReadTimeout("the answer was lost")
        return response

    def handle(self, request: httpx.Request) -> httpx.Response:
        if other := self.other(request):
            return other
        place = re.fullmatch(self.PATH, request.url.path)
        assert place, f"{request.method} {request.url.path}"
        if place[1] is None:
            assert request.method == "POST"
            return self._take(None, request)
        if place[1] not in self.records:
            return self.absent()
        if request.method in {"PUT", "PATCH"}:
            assert request.method == self.UPDATES_BY
            return self._take(place[1], request)
        if request.method == "DELETE":
            self.remove(place[1])
        return self.answer(request, place[1])

    def _take(self, id_: str | None, request: httpx.Request) -> httpx.Response:
        """Make a record, or change the one with this id."""
        record = self.record_in(body_of(request))
        if wrong := self.wrong(record, new=id_ is None):
            return self.refuse(wrong)
        if id_ is None:
            id_ = self.add(record)
        else:
            self.change(id_, record)
        return self.answer(request, id_)

    def other(self, request: httpx.Request) -> httpx.Response | None:
        """Answer what is no request for one record, also one that is not signed."""
        raise NotImplementedError

    def record_in(self, body: Any) -> Any:
        """Return the record in the body of a request."""
        return body

    def answer(self, request: httpx.Request, id_: str) -> httpx.Response:
        """Return the answer about a record that was made, changed, removed or asked for."""
        raise NotImplementedError

    def absent(self) -> httpx.Response:
        """Return the answer about a record that is not there."""
        return self.refuse("there is no such record")

    def refuse(self, message: str) -> httpx.Response:
        raise NotImplementedError

    def wrong(self, record: Any, *, new: bool) -> str:
        """Return what is wrong with a record as it was sent; "": nothing."""
        if not isinstance(record, dict):
            return "a record is expected"
        if new and (missing := sorted(self.REQUIRED - record.keys())):
            return f"{missing[0]} is required"
        allowed = self.FIELDS.keys() if new else self.CHANGEABLE
        for name, value in record.items():
            if name not in allowed:
                return f"{name} is not allowed"
            if not self.FIELDS[name](value):
                return f"{name} is invalid"
        return ""

    def add(self, record: Mapping[str, Any]) -> str:
        self.made += 1
        self.writes += 1
        id_ = self.make_id(self.made)
        self.records[id_] = dict(record)
        return id_

    def change(self, id_: str, record: Mapping[str, Any]) -> None:
        self.writes += 1
        self.records[id_] |= record

    def remove(self, id_: str) -> None:
        self.writes += 1
        del self.records[id_]

    def make_id(self, number: int) -> str:
        return str(number)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)
