"""Fakes of CRMs that are read whole each time, because they have no filter by time or report no deletes."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx

from tests.worlds.rest_vendor import Person, Vendor, bearer, form_of


class Buildium(Vendor):
    PRESET = "buildium"
    GIVEN: ClassVar = {"secrets": {"client_id": "secret-id", "client_secret": "secret-secret"}}
    KEY = "Id"
    NAME = "LastName"
    PHONE = "PhoneNumbers.Number"
    HOSTS = ("api.buildium.com",)
    CHANGES = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-buildium-client-id"] == "secret-id"
        assert request.headers["x-buildium-client-secret"] == "secret-secret"
        if request.url.path != "/v1/leases/tenants":
            return self.one(request.url.path.removeprefix("/v1/leases/tenants/"), self._record)
        begin, size = int(request.url.params["offset"]), min(int(request.url.params["limit"]), self.page)
        found = sorted(self.people.values(), key=lambda each: int(each.id))[begin : begin + size]
        rows = [self._record(each) for each in found]
        return httpx.Response(200, json=rows, headers={"X-Total-Count": str(len(self.people))})

    def _record(self, person: Person) -> dict[str, Any]:
        phones = [{"Number": person.phone, "Type": "Cell"}]
        return {"Id": int(person.id), "LastName": person.name, "PhoneNumbers": phones}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"UserMessage": "Not authenticated.", "ErrorCode": 401})


class Close(Vendor):
    PRESET = "close"
    GIVEN: ClassVar = {"secrets": {"api_key": "secret-key"}}
    NAME = "name"
    PHONE = "phones.phone"
    HOSTS = ("api.close.com",)
    CHANGES = False

    def make_id(self, number: int) -> str:
        return f"cont_{number:06}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Basic c2VjcmV0LWtleTo="
        if request.url.path != "/api/v1/contact/":
            return self.one(request.url.path.removeprefix("/api/v1/contact/").removesuffix("/"), self._record)
        begin, size = int(request.url.params["_skip"]), int(request.url.params["_limit"])
        assert size <= 100
        found = sorted(self.people.values(), key=lambda each: each.id)
        rows = [self._record(each) for each in found[begin : begin + size]]
        return httpx.Response(200, json={"has_more": begin + size < len(found), "data": rows})

    def _record(self, person: Person) -> dict[str, Any]:
        phones = [{"phone": person.phone, "type": "office"}]
        return {"id": person.id, "name": person.name, "phones": phones, "lead_id": "lead_1"}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"error": "The api key is not valid."})


class Freshsales(Vendor):
    PRESET = "freshsales"
    GIVEN: ClassVar = {"vars": {"host": "acme.myfreshworks.com"}, "secrets": {"api_key": "secret-key"}}
    NAME = "display_name"
    PHONE = "mobile_number"
    HOSTS = ("acme.myfreshworks.com",)
    CHANGES = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Token token=secret-key"
        path = request.url.path.removeprefix("/crm/sales/api")
        if path == "/contacts/filters":
            views = [{"id": 401, "name": "My Contacts"}, {"id": 402, "name": "All Contacts"}]
            return httpx.Response(200, json={"filters": views})
        if path != "/contacts/view/402":
            return self.one(path.removeprefix("/contacts/"), lambda person: {"contact": self._record(person)})
        size = min(int(request.url.params["per_page"]), 25)
        begin = (int(request.url.params["page"]) - 1) * size
        found = [(each, False) for each in self.people.values()] + [(each, True) for each in self.gone.values()]
        rows = [self._record(each, deleted=deleted) for each, deleted in found[begin : begin + size]]
        return httpx.Response(200, json={"contacts": rows, "meta": {"total": len(found)}})

    def _record(self, person: Person, *, deleted: bool = False) -> dict[str, Any]:
        named = {"id": int(person.id), "display_name": person.name}
        return {**named, "mobile_number": person.phone, "is_deleted": deleted}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"login": "failed", "message": "You are not authorized"})


class Suite(Vendor):
    PRESET = "suitecrm"
    GIVEN: ClassVar = {
        "vars": {"host": "crm.example.com"},
        "secrets": {"client_id": "id", "client_secret": "secret-secret"},
    }
    NAME = "attributes.last_name"
    PHONE = "attributes.phone_mobile"
    HOSTS = ("crm.example.com",)
    CHANGES = False
    links = True

    def make_id(self, number: int) -> str:
        return f"{number:08x}-0000-0000-0000-000000000000"

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/legacy/Api/access_token":
            assert form_of(request)["grant_type"] == "client_credentials"
            return httpx.Response(200, json={"access_token": "access", "token_type": "Bearer", "expires_in": 3600})
        assert bearer(request)
        assert request.url.path == "/legacy/Api/V8/module/Contacts"
        number, size = int(request.url.params["page[number]"]), int(request.url.params["page[size]"])
        found = list(self.people.values())
        pages = -(-len(found) // size)
        if number > pages and self.links:  # behind the last page is the last page
            number = pages or 1
        data = [self._record(each) for each in found[(number - 1) * size : number * size]]
        body: dict[str, Any] = {"data": data}
        if data and self.links:
            path = "/V8/module/Contacts?page[number]="
            body["meta"] = {"total-pages": pages, "records-on-this-page": len(data)}
            body["links"] = {"next": f"{path}{number + 1}" if number < pages else None}
        return httpx.Response(200, json=body)

    def _record(self, person: Person) -> dict[str, Any]:
        attributes = {"last_name": person.name, "phone_mobile": person.phone, "deleted": "0"}
        return {"type": "Contact", "id": person.id, "attributes": attributes, "relationships": {}}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"error": "invalid_client", "message": "Client authentication failed"})


class Sell(Vendor):
    PRESET = "zendesk-sell"
    GIVEN: ClassVar = {"secrets": {"access_token": "secret-token"}}
    NAME = "name"
    PHONE = "mobile"
    HOSTS = ("api.getbase.com",)
    CHANGES = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret-token"
        assert request.headers["user-agent"]
        if request.url.path != "/v2/contacts":
            return self.one(request.url.path.removeprefix("/v2/contacts/"), self._record)
        number, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        assert size <= 100
        rows = [self._record(each) for each in list(self.people.values())[(number - 1) * size : number * size]]
        return httpx.Response(200, json={"items": rows, "meta": {"type": "collection", "count": len(rows)}})

    def _record(self, person: Person) -> dict[str, Any]:
        return {
            "data": {"id": int(person.id), "name": person.name, "mobile": person.phone},
            "meta": {"type": "contact"},
        }

    def refusal(self) -> httpx.Response:
        error = {"error": {"code": "invalid_token", "message": "The access token is invalid"}}
        return httpx.Response(401, json={"errors": [error], "meta": {"http_status": "401 Unauthorized"}})


WHOLE: list[type[Vendor]] = [Buildium, Close, Freshsales, Suite, Sell]
