"""Shows of the dialects of deletes, on a company whose three contacts have the ids 1 to 3."""

from __future__ import annotations

from typing import Any

from tests.worlds.sandbox_dialects import Shows, of_three

DELETES = Shows()


@DELETES.shows("delete_status", _204=(204, None), _200=(200, [2]))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        reply = held.delete({"id": 2})
        return reply.status, reply.body and reply.body["deleted"]


@DELETES.shows(
    "delete_unknown",
    ok=(204, [2, 3], 204),
    _404=(404, [2, 3], 404),
    partial=(200, [2, 3], 404),
    all_or_nothing=(404, [1, 2, 3], 404),
)
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        several = held.delete({"ids": [1, 99]})
        return several.status, held.ids(), held.delete({"id": 99}).status


@DELETES.shows("delete_cap", _500=204, _100=400)
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        return held.delete({"ids": list(range(1, 102))}).status


@DELETES.shows("revive", never=(4, "created"), created=(1, "created"), updated=(1, "updated"))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        held.delete({"id": 1})
        told = held.push({"External ID": "1"}).body["contacts"][0]
        return told["contact"]["id"], told["action"]


@DELETES.shows("delete_empty", error=(400, 3), noop=(204, 3), everything=(204, 0))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        return held.delete({"ids": []}).status, len(held.ids())


@DELETES.shows("delete_body", read=(204, 2), lost=(204, 3))
def _(name: str, value: str) -> Any:
    with of_three(name, value, delete_empty="noop") as held:
        return held.delete({"id": 1}).status, len(held.ids())
