"""Fakes of CRMs that companies host themselves: Odoo, with its two APIs, and EspoCRM."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from tests.worlds.rest_vendor import Person, Vendor


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
        since, last, ids = 0.0, 0, None
        for name, operator, value in domain:
            if (name, operator) == ("write_date", ">="):
                since = self.since(value, "%Y-%m-%d %H:%M:%S")
            elif (name, operator) == ("id", "in"):
                ids = value
            else:
                assert (name, operator) == ("id", ">")
                last = value
        people = [(each, True) for each in self.changed(since)]
        people += [(each, False) for each in self.gone.values() if each.changed >= since and each.company == "archived"]
        assert ids is None or all(isinstance(each, int) for each in ids)
        people = [each for each in people if ids is None or int(each[0].id) in ids]
        people = sorted((each for each in people if int(each[0].id) > last), key=lambda each: int(each[0].id))
        rows = [self._record(each, active=active) for each, active in people[: body.get("limit")]]
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
            path = request.url.path.removeprefix("/api/v1")
            signed = hmac.digest(self.secret.encode(), f"{request.method} {path}".encode(), "sha256")
            assert base64.b64decode(request.headers["x-hmac-authorization"]) == b"secret-key:" + signed
            assert "x-api-key" not in request.headers
        else:
            assert request.headers["x-api-key"] == "secret-key"
        if request.url.path != "/api/v1/Contact":
            return self.one(request.url.path.removeprefix("/api/v1/Contact/"), self._record)
        asked = request.url.params
        since = 0.0
        if "where[0][value]" in asked:
            assert (asked["where[0][type]"], asked["where[0][attribute]"]) == ("after", "modifiedAt")
            since = self.since(asked["where[0][value]"], "%Y-%m-%d %H:%M:%S")
        else:
            assert not [name for name in asked if name.startswith("where")]
        found = sorted(self.changed(since), key=lambda each: each.id)
        begin, size = int(asked["offset"]), min(int(asked["maxSize"]), self.page)
        rows = [self._record(each) for each in found[begin : begin + size]]
        if asked.get("select") == "id":
            rows = [{"id": row["id"]} for row in rows]
        return httpx.Response(200, json={"total": -1 if begin + size < len(found) else -2, "list": rows})

    def _record(self, person: Person) -> dict[str, Any]:
        return {"id": person.id, "name": person.name, "phoneNumber": person.phone, "deleted": False}

    def refusal(self) -> httpx.Response:
        return httpx.Response(401, headers={"X-Status-Reason": "no"}, content=b"")


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
