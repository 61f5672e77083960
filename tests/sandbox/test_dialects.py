"""Each open point of the guide, in each of its readings: the same events, seen to end differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import pytest

from syncd.errors import ConfigError
from syncd.sandbox.backend import Call
from syncd.sandbox.dialects import DIALECTS, Dialects, dialect_help, parse_dialects
from tests.sandbox.world import KEY, World

ID = {"name": "External ID", "is_match": True}
PHONE = {"name": "Phone", "is_phone": True}
NAME = {"name": "Contact"}
PORTAL = {"name": "Portal", "is_integration": True}
BY_PHONE: list[Mapping[str, Any]] = [{"name": "Phone", "is_phone": True, "is_match": True}, NAME]

Show = Callable[[str, str], Any]
SHOWS: dict[str, tuple[Show, Mapping[str, Any]]] = {}
"""For each dialect: what to look at, and what is seen there under each value."""


def shows(dialect: str, **seen: Any) -> Callable[[Show], Show]:
    def enter(show: Show) -> Show:
        SHOWS[dialect] = (show, {value.removeprefix("_"): expected for value, expected in seen.items()})
        return show

    return enter


def world(name: str, value: str, *fields: Mapping[str, Any], **others: str) -> Any:
    return closing(World(fields or None, **{name: value, **others}))


def ids_held(held: World) -> list[str]:
    return [fields.get("External ID", "") for fields in held.held()]


# Matching and update.


@shows("rekey", never=["1", "2"], integration=["2"])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Portal": "p9"})
        held.push({"External ID": "2", "Portal": "p9"})
        return ids_held(held)


@shows("empty_match", error=(1, 0), match=(0, 1), create=(0, 2))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        replies = [held.push({"Contact": "Ada"}), held.push({"Contact": "Ben"})]
        return replies[0].body["summary"]["errors"], len(held.ids())


@shows("no_match_field", create=(0, 2), all=(0, 1), error=(1, 0))
def _(name: str, value: str) -> Any:
    with world(name, value, NAME) as held:
        replies = [held.push({"Contact": "Ada"}), held.push({"Contact": "Ben"})]
        return replies[0].body["summary"]["errors"], len(held.ids())


@shows("match_many", first=["Ada", ""], newest=["", "Ada"], all=["Ada", "Ada"], error=["", ""])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.store.add_all([{"External ID": "1"}, {"External ID": "1"}])
        held.push({"External ID": "1", "Contact": "Ada"})
        return [fields.get("Contact", "") for fields in held.held()]


@shows("match_case", exact=2, fold=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "a-1"}, {"External ID": "A-1"})
        return len(held.ids())


@shows("match_trim", exact=2, trimmed=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "a-1"}, {"External ID": " a-1 "})
        return len(held.ids())


@shows("match_unicode", exact=2, nfc=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "caf\u00e9"}, {"External ID": "cafe\u0301"})
        return len(held.ids())


@shows("match_phone", set=[1, 1, 1], ordered=[1, 2, 2], raw=[1, 2, 3])
def _(name: str, value: str) -> Any:
    with world(name, value, *BY_PHONE) as held:
        counts = []
        for sent in ("2125550101;2125550102", "2125550102;2125550101", "(212) 555-0101;212-555-0102"):
            held.push({"Phone": sent})
            counts.append(len(held.ids()))
        return counts


@shows(
    "update",
    merge={"External ID": "1", "Contact": "Ada", "Company": "Elm"},
    replace={"External ID": "1", "Company": "Elm"},
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Contact": "Ada"})
        held.push({"External ID": "1", "Company": "Elm"})
        return held.held()[0]


@shows("returned", stored=["Company", "Contact", "External ID"], sent=["Company", "External ID"])
def _(name: str, value: str) -> Any:
    with world(name, value, empty_fields="absent") as held:
        held.push({"External ID": "1", "Contact": "Ada"})
        reply = held.push({"External ID": "1", "Company": "Elm"})
        return sorted(reply.body["contacts"][0]["contact"]["fields"])


@shows("clear", empty="null", both="", null="empty", ignored="empty null")
def _(name: str, value: str) -> Any:
    """Which of the two contacts, sent "" and null, kept its name."""
    with world(name, value) as held:
        held.push({"External ID": "1", "Contact": "empty"}, {"External ID": "2", "Contact": "null"})
        held.push({"External ID": "1", "Contact": ""}, {"External ID": "2", "Contact": None})
        return " ".join(fields["Contact"] for fields in held.held() if "Contact" in fields)


@shows("duplicate_in_batch", update=(1, 1, 0, 1), create=(2, 0, 0, 2), error=(1, 0, 1, 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        told = held.push({"External ID": "1"}, {"External ID": "1"}).body["summary"]
        return told["created"], told["updated"], told["errors"], len(held.ids())


@shows("unknown_field", drop=([{"External ID": "1"}], 0), error=([], 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = held.push({"External ID": "1", "Shoe size": "9"})
        return held.held(), reply.body["summary"]["errors"]


@shows("field_case", exact=[{"External ID": "1"}], fold=[{"External ID": "1", "Contact": "Ada"}])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "CONTACT": "Ada"})
        return held.held()


@shows("field_id", unknown=[{"External ID": "1"}], accepted=[{"External ID": "1", "Contact": "Ada"}])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "12": "Ada"})
        return held.held()


# The answer to a batch. In these a batch of three has one refused row in the middle.


def three(held: World) -> Any:
    return held.push({"External ID": "1"}, {"External ID": "", "Contact": "Ada"}, {"External ID": "3"})


@shows("failed_status", _200=(200, 200), _201=(201, 200), _207=(207, 207), _400=(400, 400), _422=(422, 422))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return three(held).status, three(held).status


@shows("failed_body", summary=["contacts", "errors", "summary"], error=["error"])
def _(name: str, value: str) -> Any:
    with world(name, value, failed_status="422") as held:
        reply = three(held)
        assert ids_held(held) == ["1", "3"]
        return sorted(reply.body)


REFUSED = "External ID is required"
SENT = {"External ID": "", "Contact": "Ada"}


@shows(
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


@shows(
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


@shows("atomic", partial=(["1", "3"], 2), all=([], 0))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = three(held)
        return ids_held(held), len(reply.body["contacts"])


@shows("over_batch", refused=(400, 0), _413=(413, 0), cut=(201, 500))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        reply = held.push(*({"External ID": str(number)} for number in range(501)))
        return reply.status, len(held.ids())


@shows("body_size", unlimited=201, _64kb=413)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return held.push({"External ID": "1", "Contact": "A" * 70_000}).status


@shows("value_length", unlimited=([300], 0), cut=([255], 0), refused=([], 1))
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        told = held.push({"External ID": "1", "Contact": "A" * 300}).body["summary"]
        return [len(fields["Contact"]) for fields in held.held()], told["errors"]


@shows("errors_summary", counted=1, zero=0, extra=2)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return three(held).body["summary"]["errors"]


@shows("unchanged", updated="updated", unchanged="unchanged")
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1"})
        return held.push({"External ID": "1"}).body["contacts"][0]["action"]


# Deletes. In these a company of three contacts has the ids 1 to 3.


def of_three(name: str, value: str, **others: str) -> Any:
    made = World(None, **{name: value, **others})
    made.store.add_all([{"External ID": "1"}, {"External ID": "2"}, {"External ID": "3"}])
    return closing(made)


@shows("delete_status", _204=(204, None), _200=(200, [2]))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        reply = held.delete({"id": 2})
        return reply.status, reply.body and reply.body["deleted"]


@shows(
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


@shows("delete_cap", _500=204, _100=400)
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        return held.delete({"ids": list(range(1, 102))}).status


@shows("revive", never=(4, "created"), created=(1, "created"), updated=(1, "updated"))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        held.delete({"id": 1})
        told = held.push({"External ID": "1"}).body["contacts"][0]
        return told["contact"]["id"], told["action"]


@shows("delete_empty", error=(400, 3), noop=(204, 3), everything=(204, 0))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        return held.delete({"ids": []}).status, len(held.ids())


@shows("delete_body", read=(204, 2), lost=(204, 3))
def _(name: str, value: str) -> Any:
    with of_three(name, value, delete_empty="noop") as held:
        return held.delete({"id": 1}).status, len(held.ids())


# Phones.


def stored(name: str, value: str, phones: str) -> str:
    with world(name, value) as held:
        held.push({"External ID": "1", "Phone": phones})
        return held.held()[0].get("Phone", "") if held.held() else "refused"


@shows("phone_us", kept="12125550101;2125550102", _10="2125550101;2125550102", _11="12125550101;12125550102")
def _(name: str, value: str) -> Any:
    return stored(name, value, "+1 (212) 555-0101;212.555.0102")


@shows("extension", append="212555010112", drop="2125550101", error="refused")
def _(name: str, value: str) -> Any:
    return stored(name, value, "212-555-0101 x12")


@shows("bad_phone", keep="2125550101;55", empty="2125550101", error="refused")
def _(name: str, value: str) -> Any:
    return stored(name, value, "2125550101;55")


@shows("phone_order", keep="7185550101;2125550102", sorted="2125550102;7185550101")
def _(name: str, value: str) -> Any:
    return stored(name, value, "7185550101;2125550102")


@shows("phone_count", unlimited=4, cut=3, refused=1)
def _(name: str, value: str) -> Any:
    return len(stored(name, value, ";".join(f"212555010{number}" for number in range(4))).split(";"))


@shows("phone_comma", joins="21255501017185550102", splits="2125550101;7185550102")
def _(name: str, value: str) -> Any:
    return stored(name, value, "2125550101,7185550102")


# Listing.


def listed(reply: Any) -> list[int]:
    return [contact["id"] for contact in reply.body["contacts"]]


@shows(
    "list_order",
    id=([1, 2, 3], [1, 2, 3]),
    newest=([3, 2, 1], [3, 2, 1]),
    updated=([2, 1, 3], [2, 1, 3]),
    unstable=([2, 3, 1], [3, 1, 2]),
)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        for number in ("1", "2", "3", "1", "2"):
            held.push({"External ID": number, "Contact": f"{number}{len(held.ids())}"})
        return listed(held.page()), listed(held.page())


@shows("search", substring=[1, 2, 3], prefix=[1, 2], exact=[1])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push(*({"External ID": text} for text in ("ada", "Adam", "xada", "ben")))
        return listed(held.page(search="ADA"))


@shows("search_phone", stored=[], digits=[1])
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        held.push({"External ID": "1", "Phone": "2125550101"}, {"External ID": "2", "Phone": "7185550102"})
        return listed(held.page(search="(212) 555-0101"))


@shows("past_end", empty=(200, 200), _404=(404, 200))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held, world(name, value) as empty:
        return held.page(page=2).status, empty.page(page=1).status


@shows("over_limit", clamp=(200, 500), _400=(400, None), _422=(422, None))
def _(name: str, value: str) -> Any:
    with of_three(name, value) as held:
        reply = held.page(limit=501)
        return reply.status, reply.body.get("meta", {}).get("limit")


@shows("no_pages", _0=0, _1=1)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return held.page().body["meta"]["total_pages"]


@shows("empty_fields", blank={"External ID": "1", "Contact": ""}, absent={"External ID": "1"})
def _(name: str, value: str) -> Any:
    with world(name, value, ID, NAME) as held:
        held.push({"External ID": "1"})
        return held.page().body["contacts"][0]["fields"]


@shows("read_lag", _0=[1, 1], SECONDS=[0, 1])
def _(name: str, value: str) -> Any:
    with world(name, "30" if value == "SECONDS" else value) as held:
        held.push({"External ID": "1"})
        before = held.page().body["meta"]["total_contacts"]
        held.clock.now += 30
        return [before, held.page().body["meta"]["total_contacts"]]


# Refusals.


@shows("retry_after", seconds="60", date="Fri, 15 Jan 2027 08:01:00 GMT", absent=None)
def _(name: str, value: str) -> Any:
    with closing(World(None, [(1, 60.0)], **{name: value})) as held:
        call = Call("GET", "/contacts", token=KEY)
        assert held.backend.gate(call) is None
        refusal = held.backend.gate(call)
        assert refusal is not None
        return refusal.headers.get("Retry-After")


@shows("invalid_status", _400=[400] * 3, _422=[422] * 3)
def _(name: str, value: str) -> Any:
    with world(name, value) as held:
        return [held.push().status, held.page(page="x").status, held.delete({"ids": "1"}).status]


CASES = [(name, value) for name, dialect in DIALECTS.items() for value in dialect.values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_dialect_does_what_its_value_says(name: str, value: str) -> None:
    show, seen = SHOWS[name]
    assert show(name, value) == seen[value]


@pytest.mark.parametrize("name", DIALECTS)
def test_no_two_values_of_a_dialect_look_alike(name: str) -> None:
    _, seen = SHOWS[name]
    assert set(seen) == set(DIALECTS[name].values)
    assert len({repr(expected) for expected in seen.values()}) == len(seen)


def test_only_dialects_that_exist_are_shown() -> None:
    assert set(SHOWS) == set(DIALECTS)


def test_the_default_of_a_dialect_is_its_first_value() -> None:
    assert Dialects()["update"] == "merge"
    assert dict(Dialects()) == {name: dialect.values[0] for name, dialect in DIALECTS.items()}


def test_a_wrong_name_is_refused_with_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"no dialect is called 'updat' \(did you mean 'update'\?\); there are: .*read_lag"
    ):
        Dialects({"updat": "merge"})


def test_a_wrong_value_is_refused_with_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"update has no value 'replce' \(did you mean 'replace'\?\); it has: merge, replace"
    ):
        Dialects({"update": "replce"})


def test_all_wrong_texts_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_dialects(["update", "updat=merge", "update=x", "clear=null"])
    assert len(refused.value.problems) == 3


def test_texts_become_dialects() -> None:
    assert parse_dialects(["update=replace", " read_lag = 1.5 "]) == {"update": "replace", "read_lag": "1.5"}


@pytest.mark.parametrize("value", ["", "-1", "1e3", "x", "1.2.3", "."])
def test_a_number_of_seconds_is_one(value: str) -> None:
    with pytest.raises(ConfigError):
        Dialects({"read_lag": value})


def test_the_help_tells_of_every_dialect() -> None:
    told = dialect_help()
    for name, dialect in DIALECTS.items():
        assert f"{name}={'|'.join(dialect.values)}" in told
        assert dialect.meaning in told


def test_a_dialect_of_matching_changed_later_holds_for_contacts_stored_before() -> None:
    with closing(World()) as held:
        held.push({"External ID": "a"})
        held.dialects.choose("match_case", "fold")
        held.push({"External ID": "A"})
        assert len(held.ids()) == 1


def test_a_match_value_that_was_given_up_in_a_batch_is_free_in_it() -> None:
    with closing(World(rekey="integration")) as held:
        held.push({"External ID": "1", "Portal": "p"})
        rows = [{"External ID": "2", "Portal": "p"}, {"External ID": "1", "Portal": "q"}]
        rows += [{"External ID": "3", "Portal": "q"}, {"External ID": "1", "Portal": "r"}]
        told = held.push(*rows).body["contacts"]
        assert [(item["contact"]["id"], item["action"]) for item in told] == [
            (1, "updated"),
            (2, "created"),
            (2, "updated"),
            (3, "created"),
        ]
        assert ids_held(held) == ["2", "3", "1"]


def test_a_deleted_contact_comes_back_once() -> None:
    with of_three("revive", "created", duplicate_in_batch="create") as held:
        held.delete({"id": 1})
        told = held.push({"External ID": "1"}, {"External ID": "1"}).body["contacts"]
        assert [item["contact"]["id"] for item in told] == [1, 4]


def test_a_contact_that_came_back_is_no_longer_a_deleted_one() -> None:
    with of_three("revive", "created") as held:
        held.delete({"id": 1})
        held.push({"External ID": "1"})
        held.store.edit(1, {"External ID": "x"})
        assert held.push({"External ID": "1"}).body["contacts"][0]["contact"]["id"] == 4
