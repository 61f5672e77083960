"""The four endpoints over HTTP, as the guide describes them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.sandbox_client import client_of

ADA = {"External ID": "1", "Contact": "Ada Abbott", "Phone": "2125550101", "Portal": "9105"}


def pushed(api: httpx.Client, *rows: dict[str, str]) -> httpx.Response:
    return api.post("/contacts", json={"contacts": [{"fields": row} for row in rows]})


def test_the_fields_are_listed_with_their_flags_and_links(api: httpx.Client) -> None:
    fields = {field["name"]: field for field in api.get("/contacts/fields").json()["fields"]}
    assert list(fields) == ["External ID", "Contact", "Company", "Phone", "Email", "Portal"]
    assert fields["External ID"]["is_match"]
    assert fields["Phone"]["is_phone"]
    assert fields["Portal"]["integration"]["initials"] == "AP"
    assert all(list(field)[:2] == ["id", "name"] for field in fields.values())


def test_a_single_contact_is_created_then_updated(api: httpx.Client) -> None:
    created = api.post("/contacts", json={"fields": ADA})
    shown = {**ADA, "Company": "", "Email": ""}
    assert created.status_code == 201
    assert created.json() == {
        "summary": {"total": 1, "created": 1, "updated": 0, "errors": 0},
        "contacts": [{"contact": {"id": 1, "fields": shown}, "action": "created"}],
        "errors": [],
    }
    updated = api.post("/contacts", json={"fields": ADA | {"Contact": "Ada Brandt"}})
    assert updated.status_code == 200
    assert updated.json()["contacts"] == [
        {"contact": {"id": 1, "fields": shown | {"Contact": "Ada Brandt"}}, "action": "updated"}
    ]


def test_a_batch_that_creates_any_is_answered_201(api: httpx.Client) -> None:
    pushed(api, ADA)
    reply = pushed(api, ADA, {"External ID": "2"})
    assert reply.status_code == 201
    assert reply.json()["summary"] == {"total": 2, "created": 1, "updated": 1, "errors": 0}
    assert [item["action"] for item in reply.json()["contacts"]] == ["updated", "created"]


def test_phones_are_reduced_to_digits_joined_and_made_unique(api: httpx.Client) -> None:
    reply = api.post(
        "/contacts", json={"fields": {"External ID": "1", "Phone": "(212) 555-0101; 2125550101;718.555.0102"}}
    )
    assert reply.json()["contacts"][0]["contact"]["fields"]["Phone"] == "2125550101;7185550102"


def test_contacts_are_listed_in_pages(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.store.add_all({"External ID": str(number)} for number in range(1, 8))
    page = api.get("/contacts", params={"page": 2, "limit": 3}).json()
    assert page["query"] == {"page": 2, "limit": 3, "search": None}
    assert page["meta"] == {"page": 2, "limit": 3, "total_pages": 3, "total_contacts": 7}
    assert [contact["id"] for contact in page["contacts"]] == [4, 5, 6]
    assert len(api.get("/contacts", params={"page": 3, "limit": 3}).json()["contacts"]) == 1
    assert api.get("/contacts").json()["query"] == {"page": 1, "limit": 100, "search": None}


def test_a_search_is_told_and_counted(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.store.add_all([ADA, {"External ID": "2", "Contact": "Ben Brandt"}])
    found = api.get("/contacts", params={"search": "brandt"}).json()
    assert [contact["id"] for contact in found["contacts"]] == [2]
    assert found["query"]["search"] == "brandt"
    assert found["meta"]["total_contacts"] == 1


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "-1"}, {"limit": "0"}, {"limit": "x"}, {"page": "1" * 30}])
def test_a_page_or_limit_that_is_no_number_from_1_is_refused(api: httpx.Client, query: dict[str, str]) -> None:
    reply = api.get("/contacts", params=query)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "BAD_REQUEST"


def test_one_contact_or_several_are_deleted_without_a_body_in_the_answer(sandbox: Sandbox, api: httpx.Client) -> None:
    sandbox.store.add_all({"External ID": str(number)} for number in range(1, 5))
    one = api.request("DELETE", "/contacts", json={"id": 1})
    several = api.request("DELETE", "/contacts", json={"ids": [2, 3, 3]})
    assert [(reply.status_code, reply.content) for reply in (one, several)] == [(204, b""), (204, b"")]
    assert [contact["id"] for contact in sandbox.store.contacts()] == [4]


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "1", "{}", '{"contacts": []}', '{"contacts": {}}', '{"id": 1}', "[" * 9999]
)
def test_a_push_without_contacts_is_refused(sandbox: Sandbox, api: httpx.Client, body: str) -> None:
    reply = api.post("/contacts", content=body)
    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"code", "type", "message"}
    assert sandbox.store.contacts() == []


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[1]", '{"id": "1"}', '{"ids": 1}', '{"ids": [true]}', '{"contacts": [1]}']
)
def test_a_delete_without_proper_ids_is_refused(sandbox: Sandbox, api: httpx.Client, body: str) -> None:
    sandbox.store.add(ADA)
    assert api.request("DELETE", "/contacts", content=body).status_code == 400
    assert len(sandbox.store.contacts()) == 1


@pytest.mark.parametrize("row", [None, 1, "x", [], {}, {"fields": None}, {"fields": []}])
def test_a_row_without_fields_is_refused_alone(api: httpx.Client, row: Any) -> None:
    reply = api.post("/contacts", json={"contacts": [{"fields": ADA}, row]}).json()
    assert reply["summary"] == {"total": 2, "created": 1, "updated": 0, "errors": 1}
    assert [error["index"] for error in reply["errors"]] == [1]


def test_a_number_is_taken_as_text_and_other_json_is_refused(api: httpx.Client) -> None:
    rows = [{"External ID": 7}, {"External ID": True}, {"External ID": {}}, {"External ID": ["7"]}]
    reply = api.post("/contacts", json={"contacts": [{"fields": row} for row in rows]}).json()
    assert [item["contact"]["fields"]["External ID"] for item in reply["contacts"]] == ["7"]
    assert [error["index"] for error in reply["errors"]] == [1, 2, 3]


def test_any_text_that_json_can_say_is_kept(sandbox: Sandbox, api: httpx.Client) -> None:
    texts = ["Ünïcode ☎ 名前", "\x00\x1f\x7f", "\ud83d", "'); DROP TABLE contact;--", "a" * 10_000]
    body = {"contacts": [{"fields": {"External ID": str(at), "Contact": text}} for at, text in enumerate(texts)]}
    api.post("/contacts", content=json.dumps(body))
    assert [contact["fields"]["Contact"] for contact in sandbox.store.contacts()] == texts
    assert [contact["fields"]["Contact"] for contact in json.loads(api.get("/contacts").text)["contacts"]] == texts


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic sandbox-key", "sandbox-key", "Bearer ü"])
def test_a_missing_or_wrong_key_is_refused(sandbox: Sandbox, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    for path in ("/contacts", "/contacts/fields"):
        reply = httpx.get(sandbox.url + path, headers=headers)
        assert reply.status_code == 401
        assert reply.json()["error"] == {"code": 401, "type": "UNAUTHORIZED", "message": "Invalid or missing API key."}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/contacts", 405), ("GET", "/contacts/1", 404)]
)
def test_what_the_guide_does_not_have_is_refused_in_its_envelope(
    api: httpx.Client, method: str, path: str, status: int
) -> None:
    reply = api.request(method, path)
    assert reply.status_code == status
    assert reply.json()["error"]["code"] == status


def test_a_head_request_writes_nothing(sandbox: Sandbox, api: httpx.Client) -> None:
    reply = api.head("/contacts")
    assert (reply.status_code, reply.content) == (200, b"")


def test_a_fresh_company_without_fields_makes_empty_contacts() -> None:
    with Sandbox(limits=None, fields=[]) as sandbox, client_of(sandbox) as api:
        assert api.get("/contacts/fields").json() == {"fields": []}
        assert pushed(api, ADA).status_code == 201
        assert sandbox.store.contacts() == [{"id": 1, "fields": {}}]


def test_several_match_fields_must_all_match() -> None:
    fields: list[dict[str, Any]] = [
        {"name": "Company", "is_match": True},
        {"name": "Contact", "is_match": True},
        {"name": "Email"},
    ]
    with Sandbox(limits=None, fields=fields) as sandbox, client_of(sandbox) as api:
        pushed(api, {"Company": "Elm", "Contact": "Ada"}, {"Company": "Elm", "Contact": "Ben"})
        pushed(api, {"Company": "Elm", "Contact": "Ben", "Email": "ben@example.com"})
        assert [contact["fields"].get("Email") for contact in sandbox.store.contacts()] == [None, "ben@example.com"]


def test_a_changed_match_value_makes_a_twin(sandbox: Sandbox, api: httpx.Client) -> None:
    pushed(api, ADA)
    pushed(api, ADA | {"External ID": "2"})
    assert [contact["id"] for contact in sandbox.store.contacts()] == [1, 2]


def test_pushes_at_once_never_make_a_twin(sandbox: Sandbox) -> None:
    rows = [{"External ID": str(number), "Contact": "Ada"} for number in range(100)]

    def push_all(_: int) -> int:
        with client_of(sandbox) as api:
            return int(pushed(api, *rows).json()["summary"]["created"])

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(push_all, range(16)))
    assert sum(created) == 100
    assert len(sandbox.store.contacts()) == 100
    assert len({contact["id"] for contact in sandbox.store.contacts()}) == 100
