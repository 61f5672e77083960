"""The paths of the HubSpot fake, its lists and its batch reads."""

from __future__ import annotations

import pytest

from tests.worlds.hubspot_account import LIST, account, batch


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
