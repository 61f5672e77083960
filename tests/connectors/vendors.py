"""Fakes of CRMs, each with its vendor's documented paging, filter by time, deletes, errors and sign-in."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from tests.connectors.vendor import Person, Vendor, bearer, form_of
from tests.connectors.vendors_whole import WHOLE


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
        assert request.url.path == "/api/v2/persons"
        found = sorted(self.changed(self.since(asked.get("updated_since"))), key=lambda each: int(each.id))
        sheet, following = self.sheet(found, int(asked.get("cursor", "c0")[1:]), int(asked["limit"]))
        data = [
            {
                "id": int(each.id),
                "name": each.name,
                "org_id": 7,
                "phones": [{"value": each.phone, "label": "work", "primary": True}],
                "is_deleted": False,
            }
            for each in sheet
        ]
        more = {"next_cursor": f"c{following}" if following else None}
        return httpx.Response(200, json={"success": True, "data": data, "additional_data": more})

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
        if path == "/contacts":
            return httpx.Response(200, json={"value": [{"parentFolderId": "main=", "id": "x"}] if self.people else []})
        if path == "/contactFolders":
            if "$skip" in asked:
                return httpx.Response(200, json={"value": [{"id": "two"}]})
            return httpx.Response(200, json={"value": [], "@odata.nextLink": f"{self.ROOT}/contactFolders?$skip=10"})
        if path == "/contactFolders/two/contacts/delta":
            return httpx.Response(200, json={"value": [], "@odata.deltaLink": f"{self.ROOT}{path}?$deltatoken=0"})
        assert path == "/contactFolders/main=/contacts/delta"
        assert "odata.maxpagesize" in request.headers["prefer"]
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


class Odoo(Vendor):
    PRESET = "odoo"
    GIVEN: ClassVar = {
        "vars": {"host": "acme.odoo.com", "database": "acme"},
        "secrets": {"api_key": "secret-key"},
    }
    NAME = "name"
    PHONE = "phone"
    HOSTS = ("acme.odoo.com",)
    SWEEPS = True

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "bearer secret-key"
        assert request.headers["x-odoo-database"] == "acme"
        body = json.loads(request.content)
        if request.url.path == "/json/2/res.partner/fields_get":
            return httpx.Response(200, json=self.fields())
        assert request.url.path == "/json/2/res.partner/search_read"
        return httpx.Response(200, json=self.search(body["domain"], body))

    def fields(self) -> dict[str, Any]:
        names = ("id", "name", "phone", "active", "write_date", "commercial_company_name")
        return {name: {"type": "char"} for name in names}

    def search(self, domain: list[Any], body: Mapping[str, Any]) -> list[dict[str, Any]]:
        assert body["context"] == {"active_test": False}
        assert body["order"] == "id"
        since, last = 0.0, 0
        for name, operator, value in domain:
            if (name, operator) == ("write_date", ">="):
                since = self.since(value, "%Y-%m-%d %H:%M:%S")
            else:
                assert (name, operator) == ("id", ">")
                last = value
        people = [(each, True) for each in self.changed(since)]
        people += [(each, False) for each in self.gone.values() if each.changed >= since and each.company == "archived"]
        people = sorted((each for each in people if int(each[0].id) > last), key=lambda each: int(each[0].id))
        rows = [self._record(each, active=active) for each, active in people[: body["limit"]]]
        return [{name: row.get(name, False) for name in body["fields"]} for row in rows]

    def _record(self, person: Person, *, active: bool) -> dict[str, Any]:
        return {"id": int(person.id), "name": person.name, "phone": person.phone or False, "active": active}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"})


class Espo(Vendor):
    PRESET = "espocrm"
    GIVEN: ClassVar = {"vars": {"host": "crm.example.com"}, "secrets": {"api_key": "secret-key"}}
    NAME = "name"
    PHONE = "phoneNumber"
    HOSTS = ("crm.example.com",)
    SWEEPS = True
    secret = ""

    def make_id(self, number: int) -> str:
        return f"{number:017x}"

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.secret:
            signed = hmac.digest(self.secret.encode(), f"{request.method} /Contact".encode(), "sha256")
            assert base64.b64decode(request.headers["x-hmac-authorization"]) == b"secret-key:" + signed
            assert "x-api-key" not in request.headers
        else:
            assert request.headers["x-api-key"] == "secret-key"
        assert request.url.path == "/api/v1/Contact"
        asked = request.url.params
        since = 0.0
        if "where[0][value]" in asked:
            assert (asked["where[0][type]"], asked["where[0][attribute]"]) == ("after", "modifiedAt")
            since = self.since(asked["where[0][value]"], "%Y-%m-%d %H:%M:%S")
        else:
            assert not [name for name in asked if name.startswith("where")]
        found = sorted(self.changed(since), key=lambda each: each.id)
        begin, size = int(asked["offset"]), min(int(asked["maxSize"]), self.page)
        rows = [
            {"id": each.id, "name": each.name, "phoneNumber": each.phone, "deleted": False}
            for each in found[begin : begin + size]
        ]
        if asked.get("select") == "id":
            rows = [{"id": row["id"]} for row in rows]
        return httpx.Response(200, json={"total": -1 if begin + size < len(found) else -2, "list": rows})

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, headers={"X-Status-Reason": "no"}, content=b"")


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
        assert (request.method, request.url.path) == ("POST", "/developer_api/v1/people/search")
        asked = json.loads(request.content)
        assert asked["page_size"] <= 200
        assert asked["page_size"] * asked["page_number"] <= 100_000
        assert isinstance(asked.get("minimum_modified_date", 0), int)  # seconds
        found = self.changed(asked.get("minimum_modified_date", 0))
        begin = (asked["page_number"] - 1) * asked["page_size"]
        rows = [
            {"id": int(each.id), "name": each.name, "phone_numbers": [{"number": each.phone, "category": "work"}]}
            for each in found[begin : begin + asked["page_size"]]
        ]
        return httpx.Response(200, json=rows, headers={"X-PW-TOTAL": str(len(found) + 7)})

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, json={"success": False, "status": 401, "message": "Invalid API Key"})


class OdooRpc(Odoo):
    PRESET = "odoo-rpc"
    GIVEN: ClassVar = {
        "vars": {"host": "acme.odoo.com", "database": "acme", "uid": "2"},
        "secrets": {"api_key": "secret-key"},
    }

    def handle(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/jsonrpc")
        said = json.loads(request.content)
        assert (said["jsonrpc"], said["method"]) == ("2.0", "call")
        assert (said["params"]["service"], said["params"]["method"]) == ("object", "execute_kw")
        database, uid, key, model, method, args, kwargs = said["params"]["args"]
        assert (database, int(uid), key, model) == ("acme", 2, "secret-key", "res.partner")
        if method == "fields_get":
            assert (args, kwargs) == ([], {"attributes": ["type"]})
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "result": self.fields()})
        assert method == "search_read"
        [domain] = args
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "result": self.search(domain, kwargs)})

    def refusal(self) -> httpx.Response:
        data = {"name": "odoo.exceptions.AccessDenied", "message": "Access Denied", "debug": "Traceback secret-key"}
        error = {"data": data, "code": 200, "message": "Odoo Server Error"}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "error": error})


VENDORS: list[type[Vendor]] = [
    Pipedrive,
    Salesforce,
    Zoho,
    Graph,
    Dataverse,
    Google,
    Odoo,
    OdooRpc,
    Espo,
    Copper,
    *WHOLE,
]
