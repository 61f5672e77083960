"""Fakes of hosted CRMs whose lists are filtered by the time of the last change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from tests.worlds.rest_vendor import Person, Vendor, bearer, form_of


class Pipedrive(Vendor):
    PRESET = "pipedrive"
    GIVEN: ClassVar = {"vars": {"company": "acme"}, "secrets": {"api_token": "secret-token"}}
    NAME = "name"
    PHONE = "phones.value"
    HOSTS = ("acme.pipedrive.com",)
    SWEEPS = True

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-api-token"] == "secret-token"
        asked = request.url.params
        if request.url.path == "/api/v2/organizations":
            assert len(asked["ids"].split(",")) <= 100
            return httpx.Response(200, json={"success": True, "data": [{"id": 7, "name": "Acme"}]})
        if request.url.path != "/api/v2/persons":
            return self.one(request.url.path.removeprefix("/api/v2/persons/"), lambda one: {"data": self._record(one)})
        found = sorted(self.changed(self.since(asked.get("updated_since"))), key=lambda each: int(each.id))
        sheet, following = self.sheet(found, int(asked.get("cursor", "c0")[1:]), int(asked["limit"]))
        data = [self._record(each) for each in sheet]
        more = {"next_cursor": f"c{following}" if following else None}
        return httpx.Response(200, json={"success": True, "data": data, "additional_data": more})

    def _record(self, person: Person) -> dict[str, Any]:
        return {
            "id": int(person.id),
            "name": person.name,
            "org_id": 7,
            "phones": [{"value": person.phone, "label": "work", "primary": True}],
            "is_deleted": False,
        }

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"success": False, "error": "unauthorized access", "errorCode": 401})


class Salesforce(Vendor):
    PRESET = "salesforce"
    GIVEN: ClassVar = {
        "vars": {"domain": "acme.my.salesforce.com"},
        "secrets": {"client_id": "id", "client_secret": "secret-secret"},
    }
    KEY = "Id"
    NAME = "Name"
    PHONE = "Phone"
    HOSTS = ("acme.my.salesforce.com", "eu1.my.salesforce.com")
    instance = "https://eu1.my.salesforce.com"

    def make_id(self, number: int) -> str:
        return f"003{number:015}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/services/oauth2/token":
            assert request.url.host == "acme.my.salesforce.com"
            assert form_of(request)["grant_type"] == "client_credentials"
            return httpx.Response(200, json={"access_token": "access", "instance_url": self.instance})
        assert request.url.host == "eu1.my.salesforce.com"
        if not bearer(request):
            return httpx.Response(
                401, json=[{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
            )
        if path.endswith("/describe"):
            names = [{"name": name, "relationshipName": None} for name in ("Id", "Name", "Phone", "IsDeleted")]
            names += [{"name": "MasterRecordId", "relationshipName": "MasterRecord"}]
            names += [{"name": "SystemModstamp"}, {"name": "AccountId", "relationshipName": "Account"}]
            return httpx.Response(200, json={"name": "Contact", "fields": names})
        if "-" in path.rpartition("/")[2]:
            kind, query, begin = path.rpartition("/")[2].split("-")
            return self._answer(kind, self._queries[query], int(begin))
        kind = path.rpartition("/")[2]
        assert path == f"/services/data/v62.0/{kind}"
        return self._answer(kind, request.url.params["q"], 0)

    _queries: ClassVar[dict[str, str]] = {}

    def _answer(self, kind: str, query: str, begin: int) -> httpx.Response:
        said = re.fullmatch(r"SELECT (\S+) FROM Contact(?: WHERE SystemModstamp >= (\S+))?", query)
        if not said:
            return httpx.Response(400, json=[{"message": "unexpected token", "errorCode": "MALFORMED_QUERY"}])
        since = self.since(said[2])
        found = [(each, False) for each in self.changed(since)]
        if kind == "queryAll":
            found += [(each, True) for each in self.gone.values() if each.changed >= since]
        sheet, following = self.sheet(found, begin)
        records = [self._record(each, said[1].split(","), deleted=deleted) for each, deleted in sheet]
        body: dict[str, Any] = {"totalSize": len(found), "done": following is None, "records": records}
        if following:
            name = f"q{len(self._queries)}"
            self._queries[name] = query
            body["nextRecordsUrl"] = f"/services/data/v62.0/query/{kind}-{name}-{following}"
        return httpx.Response(200, json=body)

    def _record(self, person: Person, fields: list[str], *, deleted: bool) -> dict[str, Any]:
        values = {
            "Id": person.id,
            "Name": person.name,
            "Phone": person.phone,
            "IsDeleted": deleted,
            "MasterRecordId": person.merged_into or None,
            "Account.Name": person.company,
        }
        record: dict[str, Any] = {"attributes": {"type": "Contact", "url": f"/services/data/v62.0/x/{person.id}"}}
        for name in fields:
            head, _, rest = name.partition(".")
            record[head] = {"attributes": {}, rest: values[name]} if rest else values.get(name)
        return record

    def refusal(self) -> httpx.Response:
        return httpx.Response(400, json={"error": "invalid_client", "error_description": "invalid client credentials"})


class Zoho(Vendor):
    PRESET = "zoho-crm"
    GIVEN: ClassVar = {
        "vars": {"region": "eu"},
        "secrets": {"client_id": "id", "client_secret": "secret-secret", "refresh_token": "secret-refresh"},
    }
    NAME = "Full_Name"
    PHONE = "Phone"
    HOSTS = ("www.zohoapis.eu", "accounts.zoho.eu")
    more_fields: tuple[str, ...] = ()

    def make_id(self, number: int) -> str:
        return f"5725767000000{number:06}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "accounts.zoho.eu":
            assert form_of(request)["refresh_token"] == "secret-refresh"
            return httpx.Response(200, json={"access_token": "access", "expires_in": 3600, "token_type": "Bearer"})
        if not bearer(request, "Zoho-oauthtoken"):
            return httpx.Response(
                401, json={"code": "INVALID_TOKEN", "message": "invalid oauth token", "status": "error"}
            )
        asked, path = request.url.params, request.url.path
        if path == "/crm/v8/settings/fields":
            names = ("id", "Full_Name", "Phone", "Account_Name", "Modified_Time", *self.more_fields)
            return httpx.Response(200, json={"fields": [{"api_name": name} for name in names]})
        since = self.since(request.headers.get("if-modified-since"), "%Y-%m-%dT%H:%M:%S%z")
        if path == "/crm/v8/Contacts/deleted":
            return self._deleted(since, int(asked["page"]), int(asked["per_page"]))
        assert path == "/crm/v8/Contacts"
        return self._listed(since, asked)

    def _listed(self, since: float, asked: Mapping[str, str]) -> httpx.Response:
        fields = asked["fields"].split(",")
        assert len(fields) <= 50
        found = self.changed(since)
        if since and not found:
            return httpx.Response(304)
        if not found:
            return httpx.Response(204)
        sheet, following = self.sheet(found, int(asked.get("page_token", "t0")[1:]), int(asked["per_page"]))
        info = {"more_records": following is not None, "next_page_token": f"t{following}" if following else None}
        return httpx.Response(200, json={"data": [self._record(each, fields) for each in sheet], "info": info})

    def _deleted(self, since: float, page: int, size: int) -> httpx.Response:
        found = [each for each in self.gone.values() if each.changed >= since]
        begin = (page - 1) * size
        if begin >= len(found):
            return httpx.Response(204)
        data = [{"id": each.id, "display_name": "x", "type": "recycle"} for each in found[begin : begin + size]]
        return httpx.Response(200, json={"data": data, "info": {"more_records": begin + size < len(found)}})

    def _record(self, person: Person, fields: list[str]) -> dict[str, Any]:
        values: dict[str, Any] = {"Full_Name": person.name, "Phone": person.phone}
        values["Account_Name"] = {"name": person.company, "id": "9"}
        values |= {name: f"{name} of {person.id}" for name in self.more_fields}
        return {"id": person.id, **{name: values.get(name) for name in fields if name != "id"}}


class Copper(Vendor):
    PRESET = "copper"
    GIVEN: ClassVar = {"vars": {"email": "pat@example.com"}, "secrets": {"api_key": "secret-key"}}
    NAME = "name"
    PHONE = "phone_numbers.number"
    HOSTS = ("api.copper.com",)
    SWEEPS = True

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-pw-accesstoken"] == "secret-key"
        assert request.headers["x-pw-application"] == "developer_api"
        assert request.headers["x-pw-useremail"] == "pat@example.com"
        if request.method == "GET":
            return self.one(request.url.path.removeprefix("/developer_api/v1/people/"), self._record)
        assert (request.method, request.url.path) == ("POST", "/developer_api/v1/people/search")
        asked = json.loads(request.content)
        assert asked["page_size"] <= 200
        assert asked["page_size"] * asked["page_number"] <= 100_000
        assert isinstance(asked.get("minimum_modified_date", 0), int)  # seconds
        found = self.changed(asked.get("minimum_modified_date", 0))
        begin = (asked["page_number"] - 1) * asked["page_size"]
        rows = [self._record(each) for each in found[begin : begin + asked["page_size"]]]
        return httpx.Response(200, json=rows, headers={"X-PW-TOTAL": str(len(found) + 7)})

    def _record(self, person: Person) -> dict[str, Any]:
        phones = [{"number": person.phone, "category": "work"}]
        return {"id": int(person.id), "name": person.name, "phone_numbers": phones}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"success": False, "status": 401, "message": "Invalid API Key"})
