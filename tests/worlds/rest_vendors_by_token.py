"""Fakes of CRMs that list changes since a token, with the deletes among them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from tests.worlds.rest_vendor import Person, Vendor, bearer, form_of


class Graph(Vendor):
    PRESET = "microsoft-graph"
    GIVEN: ClassVar = {
        "vars": {"tenant": "t-1", "user": "pat@example.com"},
        "secrets": {"client_id": "id", "client_secret": "secret-secret"},
    }
    NAME = "displayName"
    PHONE = "businessPhones"
    HOSTS = ("graph.microsoft.com", "login.microsoftonline.com")
    ROOT = "https://graph.microsoft.com/v1.0/users/pat%40example.com"

    def make_id(self, number: int) -> str:
        return f"AAMk{number:05}="

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            assert request.url.path == "/t-1/oauth2/v2.0/token"
            assert form_of(request)["scope"] == "https://graph.microsoft.com/.default"
            return httpx.Response(200, json={"access_token": "access", "expires_in": 3599})
        assert bearer(request)
        path, asked = request.url.path.removeprefix("/v1.0/users/pat@example.com"), request.url.params
        if path.startswith("/contacts/"):
            assert asked["$select"]
            return self.one(path.removeprefix("/contacts/"), self._record)
        assert not path.endswith("/delta") or "odata.maxpagesize" in request.headers["prefer"]
        return self._listed(path, asked)

    def _listed(self, path: str, asked: Mapping[str, str]) -> httpx.Response:
        if path == "/contacts":
            return httpx.Response(200, json={"value": [{"parentFolderId": "main=", "id": "x"}] if self.people else []})
        if path == "/contactFolders":
            if "$skip" in asked:
                return httpx.Response(200, json={"value": [{"id": "two"}]})
            return httpx.Response(200, json={"value": [], "@odata.nextLink": f"{self.ROOT}/contactFolders?$skip=10"})
        if path == "/contactFolders/two/contacts/delta":
            return httpx.Response(200, json={"value": [], "@odata.deltaLink": f"{self.ROOT}{path}?$deltatoken=0"})
        assert path == "/contactFolders/main=/contacts/delta"
        return self._delta(asked)

    def _delta(self, asked: Mapping[str, str]) -> httpx.Response:
        token = asked.get("$deltatoken", "0:0:0")
        if "$skiptoken" in asked:
            token = asked["$skiptoken"]
        if self.expired and token != "0:0:0" and "$deltatoken" in asked:
            error = {"code": "syncStateNotFound", "message": "The sync state generation is not found"}
            return httpx.Response(410, json={"error": error})
        since, until, begin = token.split(":")
        until = until if until != "0" else str(self.now)
        found: list[Any] = [self._record(each) for each in self.changed(float(since)) if each.changed <= float(until)]
        if float(since):
            gone = [each for each in self.gone.values() if float(since) <= each.changed <= float(until)]
            found += [{"id": each.id, "@removed": {"reason": "deleted"}} for each in gone]
        sheet, following = self.sheet(found, int(begin))
        root = f"{self.ROOT}/contactFolders/main%3D/contacts/delta"
        link = (
            {"@odata.nextLink": f"{root}?$skiptoken={since}:{until}:{following}"}
            if following
            else {"@odata.deltaLink": f"{root}?$deltatoken={float(until) + 0.001}:0:0"}
        )
        return httpx.Response(200, json={"@odata.context": "…", "value": sheet, **link})

    def _record(self, person: Person) -> dict[str, Any]:
        return {
            "@odata.etag": "x",
            "id": person.id,
            "displayName": person.name,
            "businessPhones": [person.phone],
            "companyName": person.company,
        }

    def refusal(self) -> httpx.Response:
        said = "AADSTS7000215: Invalid client secret provided."
        return httpx.Response(401, json={"error": "invalid_client", "error_description": said})


class Dataverse(Graph):
    PRESET = "dataverse"
    GIVEN: ClassVar = {
        "vars": {"organization": "acme.crm.dynamics.com", "tenant": "t-1"},
        "secrets": {"client_id": "id", "client_secret": "secret-secret"},
    }
    KEY = "contactid"
    NAME = "fullname"
    PHONE = "telephone1"
    HOSTS = ("acme.crm.dynamics.com", "login.microsoftonline.com")

    def make_id(self, number: int) -> str:
        return f"00000000-0000-0000-0000-{number:012}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            assert form_of(request)["scope"] == "https://acme.crm.dynamics.com/.default"
            return httpx.Response(200, json={"access_token": "access", "expires_in": 3599})
        assert bearer(request)
        if request.url.path == "/api/data/v9.2/EntityDefinitions(LogicalName='contact')/Attributes":
            kinds = {"contactid": "Uniqueidentifier", "fullname": "String", "telephone1": "String"}
            kinds["parentcustomerid"] = "Customer"
            value = [{"LogicalName": name, "AttributeType": kind} for name, kind in kinds.items()]
            return httpx.Response(200, json={"value": value})
        if asked_for := re.fullmatch(r"/api/data/v9\.2/contacts\((.+)\)", request.url.path):
            return self.one(asked_for[1], self._record)
        assert request.url.path == "/api/data/v9.2/contacts"
        asked = request.url.params
        if "$deltatoken" not in asked and "$skiptoken" not in asked:
            assert "odata.track-changes" in request.headers["prefer"]
            assert set(asked) == {"$select"}
        return self._tracked(asked)

    def _tracked(self, asked: Mapping[str, str]) -> httpx.Response:
        answer = self._delta(asked)
        if answer.status_code == 410:
            error = {"code": "0x80060888", "message": "the delta token has expired"}
            return httpx.Response(400, json={"error": error})
        text = answer.text.replace(f"{self.ROOT}/contactFolders/main%3D/contacts/delta", self.ADDRESS)
        body = json.loads(text)
        context = "https://acme.crm.dynamics.com/api/data/v9.2/$metadata#contacts/$deletedEntity"
        body["value"] = [
            {"@odata.context": context, "id": each["id"], "reason": "deleted"} if "@removed" in each else each
            for each in body["value"]
        ]
        return httpx.Response(200, json=body)

    ADDRESS = "https://acme.crm.dynamics.com/api/data/v9.2/contacts"

    def _record(self, person: Person) -> dict[str, Any]:
        return {
            "@odata.etag": "x",
            "contactid": person.id,
            "fullname": person.name,
            "telephone1": person.phone,
            "_parentcustomerid_value": "9",
        }


class Google(Vendor):
    PRESET = "google-people"
    GIVEN: ClassVar = {
        "secrets": {"client_id": "id", "client_secret": "secret-secret", "refresh_token": "secret-refresh"}
    }
    KEY = "resourceName"
    NAME = "name"
    PHONE = "phones"
    HOSTS = ("people.googleapis.com", "oauth2.googleapis.com")

    def make_id(self, number: int) -> str:
        return f"people/c{number}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "oauth2.googleapis.com":
            return httpx.Response(200, json={"access_token": "access", "expires_in": 3599})
        assert bearer(request)
        if request.url.path == "/v1/people:batchGet":
            id_ = request.url.params["resourceNames"]
            person = {"person": self._record(self.people[id_])} if id_ in self.people else {}
            return httpx.Response(200, json={"responses": [{**person, "requestedResourceName": id_}]})
        assert request.url.path == "/v1/people/me/connections"
        asked = dict(request.url.params)
        assert asked["requestSyncToken"] == "true"
        assert asked["pageSize"] == "1000"
        parts = asked.get("syncToken", "0")
        if self.expired and parts != "0":
            error = {"code": 400, "message": "Sync token is expired.", "status": "FAILED_PRECONDITION"}
            return httpx.Response(400, json={"error": {**error, "details": [{"reason": "EXPIRED_SYNC_TOKEN"}]}})
        since = float(parts)
        found = [self._record(each) for each in self.changed(since)]
        if since:
            gone = [each for each in self.gone.values() if each.changed >= since]
            found += [{"resourceName": each.id, "metadata": {"deleted": True}} for each in gone]
        sheet, following = self.sheet(found, int(asked.get("pageToken", "p0")[1:]))
        body: dict[str, Any] = {"connections": sheet} if sheet else {}
        token = {"nextPageToken": f"p{following}"} if following else {"nextSyncToken": str(self.now + 0.001)}
        return httpx.Response(200, json={**body, "totalPeople": 5, "totalItems": 5, **token})

    def _record(self, person: Person) -> dict[str, Any]:
        olds = [each.id for each in self.gone.values() if each.merged_into == person.id]
        return {
            "resourceName": person.id,
            "etag": "x",
            "metadata": {"sources": [], **({"previousResourceNames": olds} if olds else {})},
            "names": [{"displayName": person.name, "givenName": "Name"}],
            "phoneNumbers": [{"value": person.phone, "type": "work"}],
        }

    def refusal(self) -> httpx.Response:
        said = "Token has been expired or revoked."
        return httpx.Response(400, json={"error": "invalid_grant", "error_description": said})
