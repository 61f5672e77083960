"""Shows of the dialects of matching, of updates and of field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.worlds.sandbox_dialects import NAME, Shows, ids_held, world

MATCHING = Shows()


BY_PHONE: list[Mapping[str, Any]] = [{"name": "Phone", "is_phone": True, "is_match": True}, NAME]


@MATCHING.shows("rekey", never=["1", "2"], integration=["2"])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Portal": "p9"})
        held.push({"External ID": "2", "Portal": "p9"})
        return ids_held(held)


@MATCHING.shows("empty_match", error=(1, 0), match=(0, 1), create=(0, 2))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        replies = [held.push({"Contact": "Ada"}), held.push({"Contact": "Ben"})]
        return replies[0].body["summary"]["errors"], len(held.ids())


@MATCHING.shows("no_match_field", create=(0, 2), all=(0, 1), error=(1, 0))
def _(name: str, value: str) -> Any:
    with world(name, value, NAME) as held:
        replies = [held.push({"Contact": "Ada"}), held.push({"Contact": "Ben"})]
        return replies[0].body["summary"]["errors"], len(held.ids())


@MATCHING.shows("match_many", first=["Ada", ""], newest=["", "Ada"], all=["Ada", "Ada"], error=["", ""])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.store.add_all([{"External ID": "1"}, {"External ID": "1"}])
        held.push({"External ID": "1", "Contact": "Ada"})
        return [fields.get("Contact", "") for fields in held.held()]


@MATCHING.shows("match_case", exact=2, fold=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "a-1"}, {"External ID": "A-1"})
        return len(held.ids())


@MATCHING.shows("match_letters", exact=3, unaccented=2, plain=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "José"}, {"External ID": "Jose"}, {"External ID": "JOSE."})
        return len(held.ids())


@MATCHING.shows("match_kept", sent="A-1", stored="a-1")
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.dialects.choose("match_case", "fold")
        held.push({"External ID": "a-1"})
        held.push({"External ID": "A-1"})
        return held.held()[0]["External ID"]


@MATCHING.shows("match_trim", exact=2, trimmed=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "a-1"}, {"External ID": " a-1 "})
        return len(held.ids())


@MATCHING.shows("match_unicode", exact=2, nfc=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "caf\u00e9"}, {"External ID": "cafe\u0301"})
        return len(held.ids())


@MATCHING.shows("match_phone", set=[1, 1, 1], ordered=[1, 2, 2], raw=[1, 2, 3])
def _(name: str, value: str) -> Any:
    with world(name, value, *BY_PHONE) as held:
        counts = []
        for sent in ("2125550101;2125550102", "2125550102;2125550101", "(212) 555-0101;212-555-0102"):
            held.push({"Phone": sent})
            counts.append(len(held.ids()))
        return counts


@MATCHING.shows(
    "update",
    merge={"External ID": "1", "Contact": "Ada", "Company": "Elm"},
    replace={"External ID": "1", "Company": "Elm"},
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Contact": "Ada"})
        held.push({"External ID": "1", "Company": "Elm"})
        return held.held()[0]


@MATCHING.shows("returned", stored=["Company", "Contact", "External ID"], sent=["Company", "External ID"])
def _(name: str, value: str) -> Any:
    with world(name, value, empty_fields="absent") as held:
        held.push({"External ID": "1", "Contact": "Ada"})
        reply = held.push({"External ID": "1", "Company": "Elm"})
        return sorted(reply.body["contacts"][0]["contact"]["fields"])


@MATCHING.shows("clear", empty="null", both="", null="empty", ignored="empty null")
def _(name: str, value: str) -> Any:
    """Return the names of the contacts that kept them after "" and null were sent."""
    with world(name, value) as held:
        held.push({"External ID": "1", "Contact": "empty"}, {"External ID": "2", "Contact": "null"})
        held.push({"External ID": "1", "Contact": ""}, {"External ID": "2", "Contact": None})
        return " ".join(fields["Contact"] for fields in held.held() if "Contact" in fields)


@MATCHING.shows("duplicate_in_batch", update=(1, 1, 0, 1), create=(2, 0, 0, 2), error=(1, 0, 1, 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        told = held.push({"External ID": "1"}, {"External ID": "1"}).body["summary"]
        return told["created"], told["updated"], told["errors"], len(held.ids())


@MATCHING.shows("unknown_field", drop=([{"External ID": "1"}], 0), error=([], 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = held.push({"External ID": "1", "Shoe size": "9"})
        return held.held(), reply.body["summary"]["errors"]


@MATCHING.shows("field_case", exact=[{"External ID": "1"}], fold=[{"External ID": "1", "Contact": "Ada"}])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "CONTACT": "Ada"})
        return held.held()


@MATCHING.shows("field_id", unknown=[{"External ID": "1"}], accepted=[{"External ID": "1", "Contact": "Ada"}])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "12": "Ada"})
        return held.held()
