"""Shows of the dialects of the answer to a batch, in which the middle one of three rows is refused."""

from __future__ import annotations

from typing import Any

from tests.worlds.sandbox_dialects import Shows, ids_held, world
from tests.worlds.sandbox_in_memory import World

BATCHES = Shows()


def three(held: World) -> Any:
    return held.push({"External ID": "1"}, {"External ID": "", "Contact": "Ada"}, {"External ID": "3"})


@BATCHES.shows("failed_status", _200=(200, 200), _201=(201, 200), _207=(207, 207), _400=(400, 400), _422=(422, 422))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return three(held).status, three(held).status


@BATCHES.shows("failed_body", summary=["contacts", "errors", "summary"], error=["error"])
def _(name: str, value: str) -> Any:
    with world(name, value, failed_status="422") as held:
        reply = three(held)
        assert ids_held(held) == ["1", "3"]
        return sorted(reply.body)


REFUSED = "External ID is required"

SENT = {"External ID": "", "Contact": "Ada"}


@BATCHES.shows(
    "errors",
    index0=[{"index": 1, "message": REFUSED}],
    index1=[{"index": 2, "message": REFUSED}],
    row=[{"row": 2, "error": REFUSED}],
    nested=[{"index": 1, "error": {"code": 422, "type": "VALIDATION_ERROR", "message": REFUSED}}],
    unindexed=[{"message": REFUSED}],
    strings=[REFUSED],
    contact=[{"contact": {"fields": SENT}, "message": REFUSED}],
    fields=[{"fields": SENT, "error": REFUSED}],
    none=[],
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return three(held).body["errors"]


@BATCHES.shows(
    "contacts",
    compact=["1", "3"],
    shuffled=["3", "1"],
    full=["1", None, "3"],
    echoed=["1", "", "3"],
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        told = [item["contact"] for item in three(held).body["contacts"]]
        return [contact and contact["fields"]["External ID"] for contact in told]


@BATCHES.shows("atomic", partial=(["1", "3"], 2), all=([], 0))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = three(held)
        return ids_held(held), len(reply.body["contacts"])


@BATCHES.shows("over_batch", refused=(400, 0), _413=(413, 0), cut=(201, 500))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = held.push(*({"External ID": str(number)} for number in range(501)))
        return reply.status, len(held.ids())


@BATCHES.shows("body_size", unlimited=201, _64kb=413)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return held.push({"External ID": "1", "Contact": "A" * 70_000}).status


@BATCHES.shows("value_length", unlimited=([300], 0), cut=([255], 0), refused=([], 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        told = held.push({"External ID": "1", "Contact": "A" * 300}).body["summary"]
        return [len(fields["Contact"]) for fields in held.held()], told["errors"]


@BATCHES.shows("errors_summary", counted=1, zero=0, extra=2)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return three(held).body["summary"]["errors"]


@BATCHES.shows("unchanged", updated="updated", unchanged="unchanged")
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1"})
        return held.push({"External ID": "1"}).body["contacts"][0]["action"]
