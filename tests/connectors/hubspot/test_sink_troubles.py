"""What HubSpot refuses of a delivery: it never costs more than it must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from syncd.errors import SourceDenied, SourceError, SourceUnavailable
from syncd.sandbox.hubspot.rates import LIMITS
from syncd.sandbox.hubspot.tokens import CLIENT, REFRESH
from syncd.sink import CallRules
from tests.worlds.hubspot_sink import RULES, Ask, Timeline, call, many, message

JANE = replace(RULES, owners={"101": "Jane@example.com", "102": "4155502", "103": "gone@example.com", "104": "9"})


@pytest.mark.parametrize(
    "dialects",
    [
        {},
        {"multi_status": "whole"},
        {"write_answer": "defaults"},
        {"unique": "none"},
        {"unique": "none", "multi_status": "whole"},
    ],
    ids=str,
)
def test_one_bad_item_in_a_hundred(dialects: dict[str, str]) -> None:
    world = Timeline(dialects=dialects)
    items = list(many(world, 100))
    items[37] = world.item(call(37), 1, hs_call_status="555-0100 said no")
    outcomes = world.deliver(*items)
    assert [at for at, each in enumerate(outcomes) if each.status != "accepted"] == [37]
    assert (outcomes[37].status, outcomes[37].reason[:18]) == ("rejected", "HubSpot refused it")
    assert "555-0100" not in outcomes[37].reason
    assert (len(world.calls_now()), world.linked()) == (99, [{1}] * 99)
    ids = {each["vocatech_id" if "unique" not in dialects else "hs_call_external_id"] for each in world.calls_now()}
    assert ids == {f"call:c{number}" for number in range(100)} - {"call:c37"}
    # The right record has each id: the answers are in no order.
    shown = {outcome.remote_id: item.identity for item, outcome in zip(items, outcomes, strict=True)}
    for number in world.calls.live:
        values = world.calls.records[number].values
        assert shown[f"calls/{number}"] == (values.get("vocatech_id") or values["hs_call_external_id"])


def test_one_bad_item_costs_few_requests() -> None:
    world = Timeline()
    items = list(many(world, 100))
    items[37] = world.item(call(37), hs_call_status="LOST")
    world.deliver(*items)
    assert world.written() == {"batch_upsert": 1, "associate": 1}
    world = Timeline(dialects={"multi_status": "whole"})
    world.deliver(*items)
    assert world.written()["batch_upsert"] <= 15


def test_an_owner_is_found_by_address_and_by_id() -> None:
    world = Timeline(rules=JANE)
    world.deliver(world.item(call(1)), world.item(call(2, extension="102")), world.item(call(3, extension="105")))
    assert [each.get("hubspot_owner_id") for each in world.calls_now()] == ["4155501", "4155502", None]
    assert world.asked()["owners"] == 1


def test_owner_unknown_to_hubspot() -> None:
    world = Timeline(rules=JANE)
    rows = [call(1, extension="103"), call(2, extension="104"), call(3)]
    outcomes = world.deliver(*map(world.item, rows))
    assert [each.status for each in outcomes] == ["accepted"] * 3
    assert [each.get("hubspot_owner_id") for each in world.calls_now()] == [None, None, "4155501"]
    assert outcomes[0].stored == {"hubspot_owner_id": None}
    # She comes to HubSpot later; and a later change of the call is no doubt about a person's edit.
    world.fake.portal.owners["77"] = "gone@example.com"
    world.sink = world.another_sink()
    [outcome] = world.deliver(world.item(call(1, extension="103", summary="Late.")))
    assert (outcome.kept, world.calls_now()[0]["hubspot_owner_id"]) == ((), "77")


def test_an_owner_that_hubspot_refuses_is_left_out() -> None:
    world = Timeline(rules=JANE)
    world.sink.wants()
    world.deliver(world.item(call(0)))
    del world.fake.portal.owners["4155501"]
    [outcome] = world.deliver(world.item(call(1)))
    assert (outcome.status, outcome.stored) == ("accepted", {"hubspot_owner_id": None})
    assert world.calls_now()[1].get("hubspot_owner_id") is None


def test_without_the_owners_scope_a_call_has_no_owner() -> None:
    world = Timeline(rules=JANE)
    world.fake.portal.scopes.discard("crm.objects.owners.read")
    outcomes = world.deliver(world.item(call(1)), world.item(call(2, extension="102")))
    assert [each.status for each in outcomes] == ["accepted"] * 2
    assert [each.get("hubspot_owner_id") for each in world.calls_now()] == [None, "4155502"]


@pytest.mark.parametrize(
    ("outcome", "id_"),
    [
        ("connected", "f240bbac-87c9-4f6e-bf70-924b57d47db7"),
        ("Left voicemail", "b2cf5968-551e-4856-9783-52b3da59a7d0"),
        ("73A0D17F-1163-4015-BDD5-EC830791DA20", "73a0d17f-1163-4015-bdd5-ec830791da20"),
        ("no such outcome", None),
    ],
)
def test_an_outcome_is_found_by_its_name(outcome: str, id_: str | None) -> None:
    world = Timeline(rules=replace(RULES, outcomes={"answered": outcome}))
    assert world.deliver(world.item(call()))[0].status == "accepted"
    assert world.calls_now()[0].get("hs_call_disposition") == id_


@pytest.mark.parametrize("status", [200, 404, 403])
def test_outcomes_that_the_property_does_not_tell_are_asked_for(status: int) -> None:
    world = Timeline(rules=replace(RULES, outcomes={"answered": "connected"}))

    def hidden(request: httpx.Request, ask: Ask) -> httpx.Response:
        if request.url.path.endswith("dispositions") and status != 200:
            return httpx.Response(status, json={"status": "error", "message": "no", "category": "NOT_FOUND"})
        answer = ask(request)
        if "properties" in request.url.path:
            body = answer.json()
            body["results"] = [{**each, "options": []} for each in body["results"]]
            return httpx.Response(200, json=body)
        return answer

    world.meddle = hidden
    world.deliver(world.item(call()))
    assert world.calls_now()[0]["hs_call_disposition"] == "f240bbac-87c9-4f6e-bf70-924b57d47db7"


def test_text_longer_than_the_sink_takes() -> None:
    world = Timeline(dialects={"text_limit": "20000"})
    long = "word & word " * 10_000
    rows = [call(1, transcription=long), call(2), message(1, body=long)]
    outcomes = world.deliver(*map(world.item, rows))
    assert [each.status for each in outcomes] == ["accepted"] * 3
    for text in (world.calls_now()[1]["hs_call_body"], world.texts_now()[0]["hs_communication_body"]):
        assert text
        assert 1_000 < len(text) <= 20_000
        assert text.endswith("… [cut]")
    # What was cut is not taken for an edit of a person.
    [outcome] = world.deliver(world.item(call(1, transcription="short")))
    assert (outcome.kept, world.calls_now()[1]["hs_call_body"]) == ((), "short")


def test_sixty_thousand_characters_are_taken_at_once() -> None:
    world = Timeline()
    world.deliver(world.item(call(transcription="<" * 60_000)))
    assert len(str(world.calls_now()[0]["hs_call_body"])) <= 60_000
    assert world.written() == {"batch_upsert": 1}


@pytest.mark.parametrize("dialect", ["partial", "whole"])
def test_a_contact_that_is_gone_is_told_and_costs_nothing_else(dialect: str) -> None:
    world = Timeline(5, dialects={"associate_missing": dialect})
    world.contacts.archive(2)
    survivor = world.fake.portal.merge(3, 4)
    rows = [(call(1), (1, 2)), (call(2), (99,)), (call(3), (3,)), (call(4), (5,))]
    outcomes = world.deliver(*(world.item(row, *contacts) for row, contacts in rows))
    assert [each.status for each in outcomes] == ["accepted"] * 4
    assert [each.contacts for each in outcomes] == [("1",), (), ("3",), ("5",)]
    assert [each.missing for each in outcomes] == [("2",), ("99",), (), ()]
    assert world.linked() == [{1}, set(), {survivor}, {5}]


def test_a_key_that_is_no_id_is_missing_as_well() -> None:
    world = Timeline()
    item = replace(world.item(call(), 1), contacts=("1", "ann@example.com"))
    [outcome] = world.deliver(item)
    assert (outcome.contacts, outcome.missing) == (("1",), ("ann@example.com",))


def test_another_type_of_links_is_learned() -> None:
    world = Timeline()

    def other(request: httpx.Request, ask: Ask) -> httpx.Response:
        if request.url.path.endswith("/labels"):
            return httpx.Response(
                200, json={"results": [{"category": "HUBSPOT_DEFINED", "typeId": 999, "label": None}]}
            )
        body = request.content
        if "associations" in request.url.path:
            if b"999" not in body:
                return httpx.Response(400, json={"status": "error", "category": "VALIDATION_ERROR", "message": "type"})
            return ask(
                httpx.Request("POST", request.url, headers=request.headers, content=body.replace(b"999", b"194"))
            )
        return ask(request)

    world.meddle = other
    assert world.deliver(world.item(call(), 1))[0].contacts == ("1",)


def test_what_was_written_before_an_error_is_told() -> None:
    world = Timeline()
    world.fake.arm({"kind": "status", "status": 403, "path": "associate", "times": None})
    outcomes = world.deliver(world.item(call(1), 1), world.item(message(1), 1))
    assert [(each.status, each.contacts) for each in outcomes] == [("accepted", ()), ("unknown", ())]
    with pytest.raises(SourceDenied):
        world.deliver(world.item(call(1), 1, change="associate"))


@pytest.mark.parametrize("status", [423, 502, 503])
def test_what_passes_is_waited_for(status: int) -> None:
    world = Timeline()
    world.fake.arm({"kind": "status", "status": status, "times": 2, "path": "batch_upsert"})
    assert world.deliver(world.item(call()))[0].status == "accepted"


def test_the_limits_of_the_account_are_kept() -> None:
    world = Timeline(limits=LIMITS)
    for start in range(120):
        world.deliver(world.item(call(start), 1))
    assert 429 not in {each.status for each in world.fake.requests}
    assert sum(world.clock.slept) > 5


def test_requests_of_the_day_that_are_used_up_are_not_waited_for() -> None:
    world = Timeline()
    world.fake.arm({"kind": "limited", "policy": "DAILY", "times": None})
    with pytest.raises(SourceUnavailable, match="used up"):
        world.deliver(world.item(call()))


def test_a_missing_scope_is_named() -> None:
    world = Timeline()
    world.fake.portal.scopes.discard("crm.objects.contacts.write")
    with pytest.raises(SourceDenied, match=r"crm\.objects\.contacts\.write"):
        world.deliver(world.item(call()))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 414, 477, 500, 530])
@pytest.mark.parametrize("path", [None, "batch_upsert", "associate"])
def test_no_error_holds_the_key_or_what_was_said(status: int, path: str | None, caplog: Any) -> None:
    world = Timeline()
    said = f"no good: {world.fake.key} 2125550100 ann@example.com"
    world.fake.arm({"kind": "status", "status": status, "message": said, "times": None, "path": path})
    told: list[str] = []
    try:
        told += [each.reason for each in world.deliver(world.item(call(), 1))]
    except SourceError as error:
        told.append(str(error))
    assert not [each for each in (world.fake.key, "2125550100", "ann@example.com") if each in "".join(told)]


def test_the_sink_is_asked_with_oauth_too(tmp_path: Any) -> None:
    oauth = {**CLIENT, "refresh_token": REFRESH, "tokens": tmp_path / "tokens.json"}
    world = Timeline(options={"service_key": None, "oauth": oauth})
    assert world.deliver(world.item(call()))[0].status == "accepted"


def test_the_older_paths_are_served_as_well() -> None:
    world = Timeline(options={"api_version": "v3"}, rules=replace(JANE, calls=CallRules(summary=False)))
    [outcome] = world.deliver(world.item(call(), 1))
    assert (outcome.contacts, world.calls_now()[0]["hubspot_owner_id"]) == (("1",), "4155501")
