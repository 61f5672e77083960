"""The writes of the HubSpot fake: calls, messages, their links, unique properties, users and outcomes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncd.sandbox.hubspot.kinds import DISPOSITIONS
from tests.worlds.hubspot_account import Account, account

CALLS = "/crm/objects/2026-09/calls"
LINKS = "/crm/associations/2026-09/calls/contacts/batch"
UNIQUE = {"name": "our_id", "label": "Ours", "type": "string", "fieldType": "text", "groupName": "call"}


def world(*, unique: bool = True, **dialects: str) -> Account:
    made = account(2, dialects=dialects)
    if unique:
        answer = made.client.post("/crm/properties/2026-09/calls", json={**UNIQUE, "hasUniqueValue": True})
        assert answer.status_code == 201
    return made


def values(**more: str) -> dict[str, str]:
    return {"hs_timestamp": "2026-03-10T15:00:00Z", **more}


def upsert(made: Account, *inputs: dict[str, str], traced: bool = True, by: str = "our_id") -> httpx.Response:
    body = [
        {
            "id": f"call:{at}",
            "idProperty": by,
            "properties": each,
            **({"objectWriteTraceId": str(at)} if traced else {}),
        }
        for at, each in enumerate(inputs)
    ]
    return made.client.post(f"{CALLS}/batch/upsert", json={"inputs": body})


def associate(made: Account, *pairs: tuple[int, int], type_id: int = 194) -> httpx.Response:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]
    inputs = [{"from": {"id": str(call)}, "to": {"id": str(to)}, "types": types} for call, to in pairs]
    return made.client.post(f"{LINKS}/create", json={"inputs": inputs})


class TestUpserts:
    def test_a_value_that_is_known_is_changed_and_another_one_is_made(self) -> None:
        made = world()
        first = upsert(made, values(), values(), values()).json()["results"]
        assert sorted(each["objectWriteTraceId"] for each in first) == ["0", "1", "2"]
        assert [each["objectWriteTraceId"] for each in first] != ["0", "1", "2"]
        again = upsert(made, values(hs_call_title="New"), values(), values(), values()).json()["results"]
        assert {each["objectWriteTraceId"]: each["new"] for each in again} == {
            "0": False, "1": False, "2": False, "3": True,
        }  # fmt: skip
        assert len(made.fake.portal.calls.live) == 4
        assert made.get(f"{CALLS}/70001", properties="hs_call_title")["properties"] == {"hs_call_title": "New"}

    def test_an_answer_shows_values_in_the_vendor_s_form(self) -> None:
        [result] = upsert(world(), values(hs_call_duration="1000")).json()["results"]
        assert result["properties"]["hs_timestamp"] == "2026-03-10T15:00:00.000Z"
        assert result["properties"]["our_id"] == "call:0"
        [result] = upsert(world(write_answer="defaults"), values()).json()["results"]
        assert result["properties"].keys() == {"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}

    def test_one_wrong_input_is_told_by_its_trace_and_the_others_are_stored(self) -> None:
        made = world()
        answer = upsert(made, values(), values(hs_call_status="LOST"), values())
        assert answer.status_code == 207
        [error] = answer.json()["errors"]
        assert (error["category"], error["context"]) == ("VALIDATION_ERROR", {"objectWriteTraceId": ["1"]})
        assert len(made.fake.portal.calls.live) == 2

    @pytest.mark.parametrize(("multi", "traced"), [("whole", True), ("traced", False)])
    def test_or_it_refuses_them_all(self, multi: str, traced: bool) -> None:
        made = world(multi_status=multi)
        answer = upsert(made, values(), values(hs_call_status="LOST"), traced=traced)
        assert answer.status_code == 400
        assert made.fake.portal.calls.live == []

    def test_what_is_not_unique_cannot_be_upserted_by(self) -> None:
        made = world()
        assert upsert(made, values(), by="hs_call_external_id").status_code == 400
        body = [{"id": "x", "idProperty": "our_id", "properties": values()}] * 2
        assert made.client.post(f"{CALLS}/batch/upsert", json={"inputs": body}).status_code == 400

    @pytest.mark.parametrize(
        ("dialect", "own", "key"), [("custom", 201, 400), ("creation_key", 400, 200), ("none", 400, 400)]
    )
    def test_which_property_is_unique_is_a_dialect(self, dialect: str, own: int, key: int) -> None:
        made = account(0, dialects={"unique": dialect})
        answer = made.client.post("/crm/properties/2026-09/calls", json={**UNIQUE, "hasUniqueValue": True})
        assert answer.status_code == own
        assert upsert(made, values(), by="hs_unique_creation_key", traced=False).status_code == key
        known = {each["name"]: each for each in made.get("/crm/properties/2026-09/calls")["results"]}
        assert known["hs_unique_creation_key"]["modificationMetadata"]["readOnlyValue"] == (key == 400)

    def test_a_name_is_taken_once(self) -> None:
        made = world()
        assert made.client.post("/crm/properties/2026-09/calls", json=UNIQUE).status_code == 409

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"nothing": "x"}, "PROPERTY_DOESNT_EXIST"),
            ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
            ({"hubspot_owner_id": "9"}, "INVALID_OPTION"),
            ({"hs_call_disposition": "Busy"}, "INVALID_OPTION"),
            ({"hs_call_duration": "long"}, "INVALID_FORMAT"),
            ({"hs_timestamp": "soon"}, "INVALID_FORMAT"),
            ({"hs_timestamp": ""}, "REQUIRED_FIELD"),
            ({"hs_call_body": "x" * 70_000}, "INVALID_LENGTH"),
        ],
    )
    def test_what_is_wrong_is_named(self, wrong: dict[str, str], error: str) -> None:
        [told] = upsert(world(), {**values(), **wrong}).json()["errors"]
        assert error in told["message"]

    def test_unknown_properties_may_be_left_out(self) -> None:
        assert upsert(world(unknown_property="ignored"), values(nothing="x")).status_code == 200


class TestOthers:
    def test_a_value_of_a_unique_property_has_one_live_record(self) -> None:
        made = world()
        upsert(made, values())
        body = {"properties": values(our_id="call:0"), "associations": []}
        assert "already has that value" in made.post(CALLS, body)["message"]
        made.client.delete(f"{CALLS}/70001")
        assert made.client.post(CALLS, json=body).status_code == 201

    def test_updates_and_archives_by_id(self) -> None:
        made = world()
        upsert(made, values(), values())
        inputs = [{"id": "70001", "properties": {"hs_call_title": "A"}, "objectWriteTraceId": "a"}]
        inputs += [{"id": "9", "properties": {"hs_call_title": "B"}, "objectWriteTraceId": "b"}]
        answer = made.client.post(f"{CALLS}/batch/update", json={"inputs": inputs})
        assert answer.status_code == 207
        assert answer.json()["errors"][0]["context"] == {"ids": ["9"], "objectWriteTraceId": ["b"]}
        assert made.client.patch(f"{CALLS}/70002", json={"properties": {"hs_call_title": "C"}}).status_code == 200
        gone = made.client.post(f"{CALLS}/batch/archive", json={"inputs": [{"id": "70001"}, {"id": "9"}]})
        assert gone.status_code == 204
        assert made.fake.portal.calls.live == [70_002]

    def test_records_are_read_by_a_unique_property(self) -> None:
        made = world()
        upsert(made, values())
        body = {"idProperty": "our_id", "inputs": [{"id": "call:0"}, {"id": "call:9"}], "properties": ["our_id"]}
        answer = made.post(f"{CALLS}/batch/read", {**body, "propertiesWithHistory": []})
        assert [each["id"] for each in answer["results"]] == ["70001"]
        assert answer["errors"][0]["context"] == {"ids": ["call:9"]}

    def test_calls_are_searched_behind_the_index(self) -> None:
        made = world(search_lag="60")
        upsert(made, values(hs_call_external_id="x"))
        wanted = {"filters": [{"propertyName": "hs_call_external_id", "operator": "EQ", "value": "x"}]}
        assert made.post(f"{CALLS}/search", {"filterGroups": [wanted]})["total"] == 0
        made.clock.now += 61
        assert made.post(f"{CALLS}/search", {"filterGroups": [wanted]})["total"] == 1

    @pytest.mark.parametrize(("dialect", "stored"), [("stored", 1), ("not", 0)])
    def test_a_lost_answer_leaves_it_open_whether_it_was_done(self, dialect: str, stored: int) -> None:
        made = world(create_lost=dialect)
        made.fake.arm({"kind": "drop", "path": "batch_upsert"})
        with pytest.raises(httpx.TransportError):
            upsert(made, values())
        assert len(made.fake.portal.calls.live) == stored

    def test_a_scope_is_needed_to_write(self) -> None:
        made = world()
        made.fake.portal.scopes.discard("crm.objects.contacts.write")
        answer = upsert(made, values())
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


class TestLinks:
    def test_a_pair_is_linked_once_and_told_again(self) -> None:
        made = world()
        upsert(made, values())
        for _ in range(2):
            [result] = associate(made, (70_001, 2)).json()["results"]
            assert (result["fromObjectId"], result["toObjectId"]) == ("70001", "2")
        assert made.fake.portal.engaged["calls"] == {70_001: {2}}
        answer = made.post(f"{LINKS}/read", {"inputs": [{"id": "70001"}]})
        assert answer["results"][0]["to"][0]["associationTypes"][0]["typeId"] == 194

    def test_a_contact_that_is_gone_is_told_and_the_others_are_linked(self) -> None:
        made = world()
        upsert(made, values())
        made.contacts.archive(1)
        answer = associate(made, (70_001, 1), (70_001, 2))
        assert (answer.status_code, len(answer.json()["results"])) == (207, 1)
        assert answer.json()["errors"][0]["context"] == {"fromObjectId": ["70001"], "toObjectId": ["1"]}

    def test_or_it_refuses_them_all(self) -> None:
        made = world(associate_missing="whole")
        upsert(made, values())
        assert associate(made, (70_001, 9), (70_001, 2)).status_code == 404
        assert made.fake.portal.engaged["calls"] == {}

    def test_a_merged_contact_has_the_links_of_both(self) -> None:
        made = world()
        upsert(made, values())
        associate(made, (70_001, 1))
        assert made.fake.portal.merge(1, 2) == 3
        assert made.fake.portal.engaged["calls"] == {70_001: {3}}
        assert associate(made, (70_001, 1)).json()["results"][0]["toObjectId"] == "3"

    def test_the_type_of_a_link_is_asked_for_and_checked(self) -> None:
        made = world()
        upsert(made, values())
        for kind, type_id in (("calls", 194), ("communications", 81)):
            [label] = made.get(f"/crm/associations/2026-09/{kind}/contacts/labels")["results"]
            assert label == {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None}
        assert associate(made, (70_001, 2), type_id=81).status_code == 400

    def test_a_new_record_has_its_links_at_once(self) -> None:
        made = world()
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}]
        body: dict[str, Any] = {"properties": values(), "associations": [{"to": {"id": "2"}, "types": types}]}
        assert made.client.post(CALLS, json=body).status_code == 201
        assert made.fake.portal.engaged["calls"] == {70_001: {2}}
        body["associations"][0]["to"]["id"] = "9"
        assert made.client.post(CALLS, json=body).status_code == 400


def test_users_come_by_pages_and_outcomes_as_a_list() -> None:
    made = world()
    page = made.get("/crm/owners/2026-09", limit=1)
    assert (page["results"][0]["email"], page["paging"]["next"]["after"]) == ("jane@example.com", "1")
    assert "paging" not in made.get("/crm/owners/2026-09", limit=1, after="1")
    assert {each["id"]: each["label"] for each in made.get("/calling/v1/dispositions")} == DISPOSITIONS
