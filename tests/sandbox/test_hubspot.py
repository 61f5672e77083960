"""The HubSpot fake: what its endpoints answer, and how its records live, vanish and are merged."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox.hubspot.errors import CORRELATION
from syncd.sandbox.hubspot.rates import LIMITS
from syncd.sandbox.hubspot.server import HubSpot, serve
from tests.sandbox.hubspot_world import Account

LIST = "/crm/objects/2026-09/contacts"
BY_ID = {"sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]}


def account(count: int = 3, **settings: Any) -> Account:
    made = Account(**settings)
    made.contacts.add_all({"firstname": f"Ann {number}", "phone": "2125550100"} for number in range(count))
    return made


def batch(made: Account, *ids: int, version: str = "2026-09", **query: str) -> httpx.Response:
    body = {"inputs": [{"id": str(each)} for each in ids], "properties": ["firstname"], "propertiesWithHistory": []}
    return made.client.post(f"/crm/objects/{version}/contacts/batch/read", params=query, json=body)


@pytest.mark.parametrize(
    "path", [LIST, "/crm/objects/2026-03/contacts", "/crm/v3/objects/contacts", "/crm/objects/2026-09/companies"]
)
def test_each_version_has_its_path(path: str) -> None:
    assert "results" in account().get(path)


@pytest.mark.parametrize("path", ["/crm/objects/2031-01/contacts", "/crm/v1/objects/contacts", "/crm/v3/contacts"])
def test_another_path_is_not_found(path: str) -> None:
    assert account().client.get(path).status_code == 404


class TestList:
    def test_it_pages_by_after_and_the_last_page_has_no_paging(self) -> None:
        made = account(25)
        assert made.ids(limit=10) == [str(number) for number in range(1, 26)]
        assert "paging" not in made.get(LIST, limit=25)

    def test_properties_replace_the_defaults_and_unknown_names_are_ignored(self) -> None:
        made = account(1)
        assert set(made.get(LIST)["results"][0]["properties"]) >= {"firstname", "lastname", "hs_object_id"}
        [result] = made.get(LIST, properties="phone,fone")["results"]
        assert result["properties"] == {"phone": "2125550100"}

    def test_more_than_a_hundred_are_refused(self) -> None:
        assert account().client.get(LIST, params={"limit": 101}).status_code == 400

    def test_a_long_url_is_too_long(self) -> None:
        answer = account().client.get(LIST, params={"properties": "x" * 16_000})
        assert answer.status_code == 414

    def test_short_pages_may_be_empty_and_lose_nothing(self) -> None:
        made = account(40, dialects={"pages": "short"})
        assert made.ids(limit=10) == [str(number) for number in range(1, 41)]
        sizes = [entry.rows for entry in made.fake.requests]
        assert 0 in sizes
        assert max(sizes) < 10


class TestSearch:
    def test_filters_and_the_keyset(self) -> None:
        made = account(10)
        page = made.search(("hs_object_id", "GT", "4"), limit=3, **BY_ID)
        assert (page["total"], [each["id"] for each in page["results"]]) == (6, ["5", "6", "7"])
        made.clock.now += 60
        made.contacts.edit(9, {"firstname": "Bea"})
        since = str(made.clock.ms)
        assert [each["id"] for each in made.search(("lastmodifieddate", "GTE", since))["results"]] == ["9"]

    def test_the_other_modified_date_of_contacts_finds_nothing(self) -> None:
        assert account().search(("hs_lastmodifieddate", "GTE", "0"))["total"] == 0

    def test_no_more_than_ten_thousand_are_shown(self) -> None:
        made = account(0)
        assert made.search(limit=200, after="9800")["total"] == 0
        refused = made.search(limit=200, after="9801")
        assert (refused["category"], refused["correlationId"]) == ("VALIDATION_ERROR", CORRELATION)

    def test_a_sort_rule_that_is_a_text_is_ignored(self) -> None:
        found = account(20).search(limit=20, sorts=["hs_object_id"])
        ids = [int(each["id"]) for each in found["results"]]
        assert ids != sorted(ids)

    @pytest.mark.parametrize(
        "body",
        [
            {"limit": 201},
            {"after": "x"},
            {"sorts": [{}, {}]},
            {"filterGroups": [{"filters": [{"propertyName": "fone", "operator": "EQ", "value": "1"}]}]},
            {"filterGroups": [{"filters": [{"propertyName": "phone", "operator": "LIKE", "value": "1"}]}]},
            {"filterGroups": [{"filters": []}] * 6},
            {"properties": ["x" * 3000]},
        ],
    )
    def test_what_it_refuses(self, body: Any) -> None:
        answer = account().client.post(f"{LIST}/search", json=body)
        assert answer.status_code == 400

    def test_in_compares_in_lower_case(self) -> None:
        made = account(0)
        made.contacts.add({"city": "Albany"})

        def found(value: str) -> int:
            filters = [{"propertyName": "city", "operator": "IN", "values": [value]}]
            total: int = made.post(f"{LIST}/search", {"filterGroups": [{"filters": filters}]})["total"]
            return total

        assert (found("albany"), found("Albany")) == (1, 0)

    def test_other_operators(self) -> None:
        made = account(0)
        made.contacts.add({"city": "New Albany", "email": "a@example.com"})
        made.contacts.add({"city": "Troy"})
        assert made.search(("city", "CONTAINS_TOKEN", "alb*"))["total"] == 1
        assert made.search(("city", "NOT_CONTAINS_TOKEN", "albany"))["total"] == 1
        assert made.search(("email", "HAS_PROPERTY", ""))["total"] == 1
        assert made.search(("city", "NEQ", "troy"))["total"] == 1
        between = {"propertyName": "hs_object_id", "operator": "BETWEEN", "value": "1", "highValue": "1"}
        assert made.post(f"{LIST}/search", {"filterGroups": [{"filters": [between]}]})["total"] == 1

    def test_the_index_lags(self) -> None:
        made = account(2, dialects={"search_lag": "30"})
        assert made.search()["total"] == 0
        made.clock.now += 31
        assert made.search()["total"] == 2
        made.contacts.edit(1, {"firstname": "Bea"})
        assert made.search(properties=["firstname"])["results"][0]["properties"]["firstname"] == "Ann 0"
        made.clock.now += 31
        assert made.search(properties=["firstname"])["results"][0]["properties"]["firstname"] == "Bea"


class TestBatchRead:
    def test_what_is_not_found_is_told_beside_the_rest(self) -> None:
        answer = batch(account(2), 1, 99)
        body = answer.json()
        assert answer.status_code == 207
        assert [each["id"] for each in body["results"]] == ["1"]
        assert body["errors"][0]["context"] == {"ids": ["99"]}

    def test_or_with_the_status_of_a_success(self) -> None:
        assert batch(account(2, dialects={"partial": "200"}), 1, 99).status_code == 200

    def test_more_than_a_hundred_are_refused_and_so_is_a_body_without_history(self) -> None:
        made = account()
        assert batch(made, *range(1, 102)).status_code == 400
        assert made.client.post(f"{LIST}/batch/read", json={"inputs": [], "properties": []}).status_code == 400


class TestRecords:
    def test_an_archived_record_is_only_in_the_bin_for_90_days_and_its_date_stays(self) -> None:
        made = account(2)
        before = made.get(f"{LIST}/2")["updatedAt"]
        made.clock.now += 60
        made.contacts.archive(2)
        assert (made.ids(), made.search()["total"]) == (["1"], 1)
        [binned] = made.get(LIST, archived="true")["results"]
        assert (binned["id"], binned["archived"], binned["updatedAt"]) == ("2", True, before)
        assert binned["archivedAt"] > before
        assert [each["id"] for each in batch(made, 2, archived="true").json()["results"]] == ["2"]
        made.clock.now += 91 * 86_400
        assert made.ids(archived="true") == []

    @pytest.mark.parametrize("way", ["silent", "touched"])
    def test_a_restored_record_is_back(self, way: str) -> None:
        made = account(1, dialects={"restored": way})
        before = made.get(f"{LIST}/1")["updatedAt"]
        made.contacts.archive(1)
        made.clock.now += 60
        made.contacts.restore(1)
        assert made.ids() == ["1"]
        assert (made.get(f"{LIST}/1")["updatedAt"] > before) == (way == "touched")

    def test_a_purged_record_leaves_no_trace(self) -> None:
        made = account(2)
        made.contacts.purge(1)
        assert made.ids() == ["2"]
        assert made.ids(archived="true") == []
        assert made.client.get(f"{LIST}/1").status_code == 404

    def test_a_merge_makes_a_new_record_that_the_old_ids_lead_to(self) -> None:
        made = account(2)
        left = made.fake.portal.merge(1, 2)
        assert made.ids() == [str(left)]
        assert made.ids(archived="true") == []
        assert {made.get(f"{LIST}/{number}")["id"] for number in (1, 2)} == {str(left)}
        [result] = made.get(LIST, properties="hs_merged_object_ids")["results"]
        assert result["properties"]["hs_merged_object_ids"] == "1;2"

    def test_or_keeps_the_primary_id(self) -> None:
        made = account(2, dialects={"merge": "primary"})
        made.clock.now += 60
        assert made.fake.portal.merge(1, 2) == 1
        [result] = made.get(LIST, properties="hs_merged_object_ids")["results"]
        assert (result["id"], result["properties"]["hs_merged_object_ids"]) == ("1", "2")

    @pytest.mark.parametrize(("trace", "shown"), [("all", "1;2;4;3"), ("latest", "4;3")])
    def test_a_merge_of_a_merge(self, trace: str, shown: str) -> None:
        made = account(3, dialects={"merge_trace": trace})
        left = made.fake.portal.merge(made.fake.portal.merge(1, 2), 3)
        assert made.contacts.records[left].values["hs_merged_object_ids"] == shown
        assert made.get(f"{LIST}/1")["id"] == str(left)


class TestAssociations:
    def read(self, made: Account, *inputs: Any, path: str = "/crm/associations/2026-09/contacts/companies") -> Any:
        return made.client.post(f"{path}/batch/read", json={"inputs": list(inputs)}).json()

    def world(self, **dialects: str) -> Account:
        made = account(2, dialects=dialects)
        made.companies.add_all({"name": name} for name in ("Elm", "Oak", "Fir"))
        for company in (1, 2, 3):
            made.fake.portal.link(1, company, primary=company == 2)
        return made

    def test_the_primary_company_has_a_type_of_its_own(self) -> None:
        [result] = self.read(self.world(), {"id": "1"})["results"]
        types = {to["toObjectId"]: [each["typeId"] for each in to["associationTypes"]] for to in result["to"]}
        assert types == {"1": [279], "2": [1, 279], "3": [279]}

    def test_they_page_for_each_record_by_itself(self) -> None:
        made = self.world(association_page="2")
        [first] = self.read(made, {"id": "1"})["results"]
        [second] = self.read(made, {"id": "1", "after": first["paging"]["next"]["after"]})["results"]
        assert [len(first["to"]), len(second["to"])] == [2, 1]
        assert "paging" not in second

    def test_a_record_without_any_is_told_as_an_error(self) -> None:
        body = self.read(self.world(), {"id": "1"}, {"id": "2"})
        assert len(body["results"]) == 1
        assert body["errors"][0]["context"] == {"fromObjectId": ["2"]}

    def test_the_older_version_answers_numbers(self) -> None:
        [result] = self.read(self.world(), {"id": "1"}, path="/crm/v4/associations/contacts/companies")["results"]
        assert result["to"][0]["toObjectId"] == 1

    def test_a_link_moves_no_date(self) -> None:
        made = self.world()
        before = made.get(f"{LIST}/1")["updatedAt"]
        made.clock.now += 60
        made.fake.portal.unlink(1, 2)
        assert made.get(f"{LIST}/1")["updatedAt"] == before

    def test_a_company_knows_its_contacts(self) -> None:
        [result] = self.read(self.world(), {"id": "2"}, path="/crm/associations/2026-09/companies/contacts")["results"]
        assert [to["toObjectId"] for to in result["to"]] == ["1"]


class TestAccess:
    def test_a_wrong_key_a_malformed_one_and_none(self) -> None:
        made = account()
        keys = {"pat-na1-other": 401, "no token at all": 530}
        answers = {key: made.client.get(LIST, headers={"Authorization": f"Bearer {key}"}).status_code for key in keys}
        assert answers == keys
        assert made.client.get(LIST, headers={"Authorization": ""}).status_code == 401

    def test_a_missing_scope_is_named(self) -> None:
        made = account()
        made.fake.portal.scopes.discard("crm.objects.contacts.read")
        body = made.get(LIST)
        assert body["category"] == "MISSING_SCOPES"
        assert body["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.read"]

    def exchange(self, made: Account, **form: str) -> httpx.Response:
        known = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        return made.client.post(
            "/oauth/2026-09/token", data={**known, "refresh_token": made.fake.backend.tokens.refresh, **form}
        )

    def test_an_access_token_is_good_for_half_an_hour(self) -> None:
        made = account()
        body = self.exchange(made).json()
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert made.client.get(LIST, headers=headers).status_code == 200
        made.clock.now += body["expires_in"]
        assert made.client.get(LIST, headers=headers).status_code == 401

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ({"refresh_token": "x"}, "BAD_REFRESH_TOKEN"),
            ({"client_secret": "x"}, "BAD_CLIENT_ID"),
            ({"grant_type": "x"}, "BAD_GRANT_TYPE"),
        ],
    )
    def test_a_wrong_form_is_refused(self, form: dict[str, str], status: str) -> None:
        answer = self.exchange(account(), **form)
        assert (answer.status_code, answer.json()["status"]) == (400, status)

    def test_a_refresh_token_may_be_used_up(self) -> None:
        made = account(dialects={"refresh_token": "rotated"})
        first = made.fake.backend.tokens.refresh
        assert self.exchange(made).json()["refresh_token"] != first
        assert self.exchange(made, refresh_token=first).status_code == 400


class TestLimits:
    def test_ten_seconds(self) -> None:
        made = account(limits=LIMITS)
        answers = [made.client.get(LIST, params={"limit": 1}) for _ in range(101)]
        assert [answer.status_code for answer in answers].count(200) == 100
        assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "100"
        assert answers[0].headers["X-HubSpot-RateLimit-Daily"] == "250000"
        made.clock.now += 10
        assert made.client.get(LIST).status_code == 200

    def test_searches_have_their_own_and_no_headers(self) -> None:
        made = account(limits=LIMITS)
        answers = [made.client.post(f"{LIST}/search", json={}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[-1].json()["policyName"] == "SECONDLY"
        assert not [name for answer in answers for name in answer.headers if "ratelimit" in name]

    def test_the_day(self) -> None:
        made = account(limits=((2, 86_400.0),), dialects={"retry_after": "seconds"})
        answers = [made.client.get(LIST) for _ in range(3)]
        assert answers[-1].json()["policyName"] == "DAILY"
        assert answers[-1].headers["Retry-After"] == "86400"


class TestFaults:
    def test_one_strikes_an_operation_once(self) -> None:
        made = account()
        made.fake.arm({"kind": "limited", "policy": "DAILY", "path": "search"})
        assert made.client.get(LIST).status_code == 200
        assert made.client.post(f"{LIST}/search", json={}).json()["policyName"] == "DAILY"
        assert made.client.post(f"{LIST}/search", json={}).status_code == 200
        assert [entry.fault for entry in made.fake.requests] == [None, "limited", None]

    def test_a_status_has_the_envelope(self) -> None:
        made = account()
        made.fake.arm({"kind": "status", "status": 477, "retry_after": "3600"})
        answer = made.client.get(LIST)
        assert (answer.status_code, answer.headers["Retry-After"]) == (477, "3600")
        assert answer.json()["status"] == "error"

    def test_an_unknown_one_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="limited"):
            account().fake.arm({"kind": "limit"})


class TestServer:
    def test_it_answers_on_loopback_and_is_changed_by_its_control_paths(self) -> None:
        with HubSpot(seed=5, limits=None) as fake, httpx.Client(base_url=fake.url, verify=False, timeout=5) as client:
            client.headers["Authorization"] = f"Bearer {fake.key}"

            def control(method: str, path: str, body: Any = None) -> Any:
                return client.request(method, f"/_sandbox{path}", json=body).json()

            assert control("GET", "/health") == {"status": "ok", "contacts": 5, "companies": 4, "requests": 0}
            assert control("POST", "/contacts", {"phone": "2125550199"}) == {"id": 6}
            assert control("PATCH", "/contacts/6", {"fone": "1"})["category"] == "VALIDATION_ERROR"
            assert control("PATCH", "/contacts/6", {"firstname": "Bea"}) == {"id": 6}
            assert control("POST", "/companies", {"name": "Elm"}) == {"id": 5}
            assert control("POST", "/link", {"contact": "6", "company": "5"})["contact"] == "6"
            assert control("DELETE", "/contacts/1") == {"id": 1}
            assert control("POST", "/contacts/1/restore") == {"id": 1}
            assert control("POST", "/contacts/1/purge") == {"id": 1}
            assert control("POST", "/merge", {"primary": "2", "secondary": "3"}) == {"id": 7}
            assert control("DELETE", "/contacts/99")["category"] == "OBJECT_NOT_FOUND"
            assert control("POST", "/things", {})["category"] == "OBJECT_NOT_FOUND"
            assert control("PATCH", "/dialects", {"merge": "primary"})["merge"]["value"] == "primary"
            assert control("POST", "/faults", {"kind": "drop"})["faults"][0]["kind"] == "drop"
            with pytest.raises(httpx.TransportError):
                client.get(LIST)
            assert [each["id"] for each in client.get(LIST).json()["results"]] == ["4", "5", "6", "7"]
            assert control("PUT", "/scopes", []) == []
            assert client.get(LIST).status_code == 403
            log = control("GET", "/requests")["requests"]
            assert [(each["operation"], each["status"]) for each in log] == [("list", 0), ("list", 200), ("list", 403)]

    def test_the_command_says_how_to_ask_it(self) -> None:
        told: list[str] = []
        leave = threading.Event()
        leave.set()
        serve(port=0, seed=2, say=told.append, until=leave)
        assert "service_key: pat-na1-sandbox" in "\n".join(told)
        assert "2 contacts" in told[0]
