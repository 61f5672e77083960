"""The search of the HubSpot fake: filters, sorting, limits, and an index that lags."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.hubspot.errors import CORRELATION
from tests.worlds.hubspot_account import LIST, account

BY_ID = {"sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]}


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
