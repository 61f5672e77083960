"""Shows of the dialects of lists, of searches and of refused requests."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from syncd.sandbox.backend import Call
from tests.worlds.sandbox_dialects import ID, NAME, Shows, of_three, world
from tests.worlds.sandbox_in_memory import KEY, World

LISTING = Shows()


def listed(reply: Any) -> list[int]:
    return [contact["id"] for contact in reply.body["contacts"]]


@LISTING.shows(
    "list_order",
    id=([1, 2, 3], [1, 2, 3]),
    newest=([3, 2, 1], [3, 2, 1]),
    updated=([2, 1, 3], [2, 1, 3]),
    unstable=([3, 1, 2], [2, 3, 1]),
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        for number in ("1", "2", "3", "1", "2"):
            held.push({"External ID": number, "Contact": f"{number}{len(held.ids())}"})
        return listed(held.page()), listed(held.page())


@LISTING.shows("search", substring=[1, 2, 3], prefix=[1, 2], exact=[1])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push(*({"External ID": text} for text in ("ada", "Adam", "xada", "ben")))
        return listed(held.page(search="ADA"))


@LISTING.shows("search_phone", stored=[], digits=[1])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Phone": "2125550101"}, {"External ID": "2", "Phone": "7185550102"})
        return listed(held.page(search="(212) 555-0101"))


@LISTING.shows("past_end", empty=(200, 200), _404=(404, 200))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held, world(name, value) as empty:
        return held.page(page=2).status, empty.page(page=1).status


@LISTING.shows("over_limit", clamp=(200, 500), _400=(400, None), _422=(422, None))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        reply = held.page(limit=501)
        return reply.status, reply.body.get("meta", {}).get("limit")


@LISTING.shows("no_pages", _0=0, _1=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return held.page().body["meta"]["total_pages"]


@LISTING.shows("empty_fields", blank={"External ID": "1", "Contact": ""}, absent={"External ID": "1"})
def _(name: str, value: str) -> Any:
    with world(name, value, ID, NAME) as held:
        held.push({"External ID": "1"})
        return held.page().body["contacts"][0]["fields"]


@LISTING.shows("read_lag", _0=[1, 1], SECONDS=[0, 1])
def _(name: str, value: str) -> Any:
    with world(name, "30" if value == "SECONDS" else value) as held:
        held.push({"External ID": "1"})
        before = held.page().body["meta"]["total_contacts"]
        held.clock.now += 30
        return [before, held.page().body["meta"]["total_contacts"]]


@LISTING.shows("retry_after", seconds="60", date="Fri, 15 Jan 2027 08:01:00 GMT", absent=None)
def _(name: str, value: str) -> Any:
    with closing(World(None, [(1, 60.0)], **{name: value})) as held:
        call = Call("GET", "/contacts", token=KEY)
        assert held.backend.gate(call) is None
        refusal = held.backend.gate(call)
        assert refusal is not None
        return refusal.headers.get("Retry-After")


@LISTING.shows("invalid_status", _400=[400] * 3, _422=[422] * 3)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return [held.push().status, held.page(page="x").status, held.delete({"ids": "1"}).status]
