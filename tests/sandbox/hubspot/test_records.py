"""The records of the HubSpot fake: how they are archived, restored, purged, merged and linked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds.hubspot_account import LIST, Account, account, batch


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
