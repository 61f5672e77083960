"""The common part of the fakes of CRMs.

A fake holds people by id, with the time of their last change, and answers the requests of an ``httpx.MockTransport``.
If a vendor's documentation leaves a point open, the fake takes the reading that is harder for a client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs

import httpx

NOON = 1_770_000_000.0


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    phone: str
    changed: float
    company: str = ""
    merged_into: str = ""


@dataclass
class Vendor:
    """One account. ``people``: those who are there, by id; ``gone``: those who were deleted."""

    PRESET: ClassVar[str]
    GIVEN: ClassVar[Mapping[str, Mapping[str, str]]]
    KEY: ClassVar[str] = "id"
    NAME: ClassVar[str]
    PHONE: ClassVar[str]
    HOSTS: ClassVar[tuple[str, ...]]
    SWEEPS: ClassVar[bool] = False
    CHANGES: ClassVar[bool] = True

    now: float = NOON
    people: dict[str, Person] = field(default_factory=dict)
    gone: dict[str, Person] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    denied: bool = False
    expired: bool = False
    page: int = 100
    next_id: int = 1

    def add(self, count: int = 1, **said: str) -> list[str]:
        ids = []
        for _ in range(count):
            id_ = self.make_id(self.next_id)
            self.next_id += 1
            person = Person(id_, f"Name {id_}", f"212555{len(self.people):04}", self.now, company="Acme")
            self.people[id_] = replace(person, **said)  # type: ignore[arg-type]  # texts
            ids.append(id_)
        return ids

    def make_id(self, number: int) -> str:
        return str(number)

    def edit(self, id_: str, **said: str) -> None:
        self.people[id_] = replace(self.people[id_], changed=self.now, **said)

    def delete(self, id_: str, merged_into: str = "") -> None:
        self.gone[id_] = replace(self.people.pop(id_), changed=self.now, merged_into=merged_into)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host in self.HOSTS, f"a request went to {request.url.host}"
        assert request.url.scheme == "https"
        self.requests.append(request)
        if self.denied:
            return self.refusal()
        response = self.handle(request)
        response.headers["Date"] = format_datetime(datetime.fromtimestamp(self.now, UTC), usegmt=True)
        return response

    def handle(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"message": "the vendor says no"})

    def since(self, text: str | None, form: str = "%Y-%m-%dT%H:%M:%SZ") -> float:
        return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() if text else 0.0

    def changed(self, since: float) -> list[Person]:
        return [person for person in self.people.values() if person.changed >= since]

    def one(self, id_: str, record: Callable[[Person], Any]) -> httpx.Response:
        """Answer a request for one person."""
        if id_ not in self.people:
            return httpx.Response(404, json={"message": "there is no such person"})
        return httpx.Response(200, json=record(self.people[id_]))

    def sheet(self, items: list[Any], begin: int, size: int | None = None) -> tuple[list[Any], int | None]:
        """Return a page from ``begin`` on and the start of the next page. The first page is shorter than asked."""
        end = begin + min(size or self.page, self.page)
        # Vendors may answer fewer records than asked, so a short page must not be taken for the last page.
        end -= 1 if begin == 0 and end - begin > 2 else 0
        return items[begin:end], end if end < len(items) else None


def form_of(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def bearer(request: httpx.Request, word: str = "Bearer") -> bool:
    return bool(request.headers.get("authorization") == f"{word} access")
