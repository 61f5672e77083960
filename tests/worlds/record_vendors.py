"""The fakes of the CRMs that have a preset for the sink ``rest``."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx

from tests.worlds.record_server import Is, RecordServer, body_of, matching, one_of, reference, text, whole
from tests.worlds.rest_vendor import bearer, form_of

ISO = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


class Pipedrive(RecordServer):
    PRESET = "pipedrive"
    GIVEN: ClassVar = {"secrets": {"api_token": "secret-token"}}
    HOSTS = ("api.pipedrive.com",)
    PATH = "/v1/callLogs(/.+)?"
    CONTACT = "77"
    OWNER = "12"
    REQUIRED = frozenset({"outcome", "to_phone_number", "start_time", "end_time"})
    FIELDS: ClassVar[dict[str, Is]] = {
        "subject": text(255),
        "duration": matching(r"\d+"),
        "outcome": one_of("connected", "no_answer", "left_message", "left_voicemail", "wrong_number", "busy"),
        "from_phone_number": text(50),
        "to_phone_number": text(50),
        "start_time": matching(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        "end_time": matching(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
        "person_id": whole,
        "user_id": whole,
        "note": text(100_000),
    }

    def other(self, request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("api_token") != "secret-token":
            return httpx.Response(401, json={"success": False, "error": "unauthorized access", "errorCode": 401})
        return httpx.Response(200, json={"success": True, "data": []}) if request.method == "GET" else None

    def answer(self, request: httpx.Request, id_: str) -> httpx.Response:
        return httpx.Response(200, json={"success": True, "data": {**self.records[id_], "id": id_}})

    def refuse(self, message: str) -> httpx.Response:
        return httpx.Response(400, json={"success": False, "error": message, "errorCode": 400})

    def make_id(self, number: int) -> str:
        return f"cAL1L0G{number:04}"


class Zoho(RecordServer):
    PRESET = "zoho-crm"
    GIVEN: ClassVar = {
        "secrets": {"client_id": "client-of-ours", "client_secret": "secret-s", "refresh_token": "secret-r"}
    }
    HOSTS = ("www.zohoapis.com", "accounts.zoho.com")
    PATH = r"/crm/v8/Calls(?:/(\d+))?"
    CONTACT = "4876876000001036016"
    OWNER = "4876876000000225013"
    UPDATES_BY = "PUT"
    REQUIRED = frozenset({"Call_Type", "Call_Start_Time", "Call_Duration"})
    FIELDS: ClassVar[dict[str, Is]] = {
        "Subject": text(255),
        "Call_Type": one_of("Inbound", "Outbound", "Missed"),
        "Call_Start_Time": ISO,
        "Call_Duration": matching(r"\d\d+:[0-5]\d"),
        "Caller_ID": text(120),
        "Dialled_Number": text(120),
        "Call_Result": text(120),
        "Description": text(32_000),
        "Who_Id": reference,
        "Owner": reference,
    }
    CHANGEABLE = frozenset({"Subject", "Call_Result", "Description", "Who_Id"})

    def other(self, request: httpx.Request) -> httpx.Response | None:
        path = request.url.path
        if path == "/oauth/v2/token":
            assert form_of(request)["grant_type"] == "refresh_token"
            return httpx.Response(200, json={"access_token": "access", "expires_in": 3600})
        if not bearer(request, "Zoho-oauthtoken"):
            return httpx.Response(401, json={"code": "INVALID_TOKEN", "message": "invalid oauth token"})
        if path == "/crm/v8/settings/fields":
            return httpx.Response(200, json={"fields": [{"api_name": name} for name in self.FIELDS]})
        return self._query(body_of(request)["select_query"]) if path == "/crm/v8/coql" else None

    def record_in(self, body: Any) -> Any:
        [record] = body["data"]
        return record

    def answer(self, request: httpx.Request, id_: str) -> httpx.Response:
        if request.method == "GET":
            record = self.records[id_]
            who = record.get("Who_Id")
            shown = {**record, "id": id_, "Who_Id": {"name": "Ann Lee", **who} if who else None}
            return httpx.Response(200, json={"data": [shown]})
        done = {"code": "SUCCESS", "details": {"id": id_}, "message": "done", "status": "success"}
        return httpx.Response(201 if request.method == "POST" else 200, json={"data": [done]})

    def absent(self) -> httpx.Response:
        return httpx.Response(404, json={"code": "INVALID_DATA", "message": "the id given is invalid"})

    def _query(self, query: str) -> httpx.Response:
        said = re.fullmatch(
            r"select Subject, Call_Start_Time from Calls where Call_Start_Time between '(\S+)' and '(\S+)' limit 200",
            query,
        )
        if not said:
            return httpx.Response(
                400, json={"code": "SYNTAX_ERROR", "message": "error occurred while parsing the query"}
            )
        begin, end = map(datetime.fromisoformat, said.groups())
        data = [
            {"id": id_, "Subject": each["Subject"], "Call_Start_Time": each["Call_Start_Time"]}
            for id_, each in self.records.items()
            if begin <= datetime.fromisoformat(each["Call_Start_Time"]) <= end
        ]
        if not data:
            return httpx.Response(204)
        return httpx.Response(200, json={"data": data, "info": {"count": len(data), "more_records": False}})

    def refuse(self, message: str) -> httpx.Response:
        # Zoho says so in an answer of success.
        wrong = {"code": "INVALID_DATA", "details": {}, "message": message, "status": "error"}
        return httpx.Response(202, json={"data": [wrong]})

    def make_id(self, number: int) -> str:
        return f"48768760000{number:08}"


class Salesforce(RecordServer):
    PRESET = "salesforce"
    GIVEN: ClassVar = {
        "vars": {"domain": "acme.my.salesforce.com"},
        "secrets": {"client_id": "client-of-ours", "client_secret": "secret-secret"},
    }
    HOSTS = ("acme.my.salesforce.com", "eu1.my.salesforce.com")
    PATH = r"/services/data/v62\.0/sobjects/Task/(\w+)"
    CONTACT = "003000000000000077"
    OWNER = "005000000000000012"
    UPDATES_BY = "PATCH"
    FIELDS: ClassVar[dict[str, Is]] = {
        "Subject": text(255),
        "Status": one_of("Completed"),
        "ActivityDate": matching(r"\d{4}-\d\d-\d\d"),
        "Description": text(32_000),
        "CallType": one_of("Inbound", "Outbound", "Internal"),
        "CallDurationInSeconds": lambda value: whole(value) and value < 10**8,
        "CallDisposition": text(255),
        "CallObject": text(255),
        "WhoId": matching(r"003\w{12,15}"),
        "OwnerId": matching(r"005\w{12,15}"),
    }
    CHANGEABLE = frozenset(FIELDS)
    FIELD: ClassVar = "Vocatech_Id__c"
    external: bool = True

    def other(self, request: httpx.Request) -> httpx.Response | None:
        path = request.url.path
        if path == "/services/oauth2/token":
            assert form_of(request)["grant_type"] == "client_credentials"
            return httpx.Response(200, json={"access_token": "access", "instance_url": "https://eu1.my.salesforce.com"})
        assert request.url.host == "eu1.my.salesforce.com"
        if not bearer(request):
            return httpx.Response(401, json=[{"message": "Session expired", "errorCode": "INVALID_SESSION_ID"}])
        if path.endswith("/Task/describe"):
            return httpx.Response(200, json={"fields": [{"name": self.FIELD, "externalId": self.external}]})
        key = path.partition(f"/Task/{self.FIELD}/")[2]
        return self._upsert(key, body_of(request)) if key and request.method == "PATCH" else None

    def answer(self, request: httpx.Request, id_: str) -> httpx.Response:
        if request.method != "GET":
            return httpx.Response(204)
        return httpx.Response(200, json={"attributes": {"type": "Task"}, "Id": id_, **self.records[id_]})

    def absent(self) -> httpx.Response:
        return httpx.Response(404, json=[{"message": "The resource does not exist", "errorCode": "NOT_FOUND"}])

    def _upsert(self, key: str, record: Any) -> httpx.Response:
        if wrong := self.wrong(record, new=True):
            return self.refuse(wrong)
        id_ = next((id_ for id_, each in self.records.items() if each[self.FIELD] == key), None)
        if id_:
            self.change(id_, record)
            return httpx.Response(200, json={"id": id_, "success": True, "errors": [], "created": False})
        id_ = self.add({**record, self.FIELD: key})
        return httpx.Response(201, json={"id": id_, "success": True, "errors": [], "created": True})

    def refuse(self, message: str) -> httpx.Response:
        return httpx.Response(400, json=[{"message": message, "errorCode": "FIELD_INTEGRITY_EXCEPTION"}])

    def make_id(self, number: int) -> str:
        return f"00T{number:015}"


class Close(RecordServer):
    PRESET = "close"
    GIVEN: ClassVar = {"secrets": {"api_key": "secret-key"}}
    HOSTS = ("api.close.com",)
    PATH = r"/api/v1/activity/call/(?:(\w+)/)?"
    CONTACT = "cont_ann"
    OWNER = "user_jane"
    UPDATES_BY = "PUT"
    REQUIRED = frozenset({"lead_id"})
    FIELDS: ClassVar[dict[str, Is]] = {
        "contact_id": matching(r"cont_\w+"),
        "lead_id": matching(r"lead_\w+"),
        "user_id": matching(r"user_\w+"),
        "direction": one_of("inbound", "outbound"),
        "status": one_of("completed", "no-answer", "busy", "failed"),
        "activity_at": ISO,
        "duration": lambda value: whole(value) and value <= 604_800,
        "phone": matching(r"\+[1-9]\d{7,14}"),
        "note": text(100_000),
        "outcome_id": matching(r"outcome_\w+"),
        "recording_url": matching("https://.+"),
    }
    CHANGEABLE = frozenset(FIELDS) - {"direction"}

    def other(self, request: httpx.Request) -> httpx.Response | None:
        key = base64.b64encode(b"secret-key:").decode()
        if request.headers.get("authorization") != f"Basic {key}":
            return httpx.Response(401, json={"error": "unauthorized"})
        if contact := re.fullmatch(r"/api/v1/contact/(cont_\w+)/", request.url.path):
            if contact[1] == "cont_gone":
                return httpx.Response(404, json={"error": "Empty query: Contact does not exist."})
            return httpx.Response(200, json={"id": contact[1], "lead_id": f"lead_{contact[1][5:]}"})
        is_list = request.method == "GET" and request.url.path.endswith("/activity/call/")
        return self._list(request) if is_list else None

    def answer(self, request: httpx.Request, id_: str) -> httpx.Response:
        return httpx.Response(200, json={"id": id_, "source": "External", **self.records.get(id_, {})})

    def absent(self) -> httpx.Response:
        return httpx.Response(404, json={"error": "Empty query: Activity does not exist."})

    def _list(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        found = self.records
        if "activity_at__gt" in asked:
            if asked.get("_order_by") != "-activity_at" or "lead_id" not in asked:
                return self.refuse("filters by activity_at need _order_by, and lead_id")
            begin, end = (datetime.fromisoformat(asked[f"activity_at__{each}"]) for each in ("gt", "lt"))
            assert end - begin <= timedelta(hours=1)
            found = {
                id_: each
                for id_, each in self.records.items()
                if each["lead_id"] == asked["lead_id"] and begin < datetime.fromisoformat(each["activity_at"]) < end
            }
        limit = int(asked.get("_limit", 100))
        data = [{"id": id_, **each, "remote_phone": each.get("phone")} for id_, each in found.items()]
        return httpx.Response(200, json={"data": data[:limit], "has_more": len(data) > limit})

    def refuse(self, message: str) -> httpx.Response:
        return httpx.Response(400, json={"error": message, "field-errors": {}})

    def make_id(self, number: int) -> str:
        return f"acti_{number:06}"


VENDORS: list[type[RecordServer]] = [Pipedrive, Zoho, Salesforce, Close]
