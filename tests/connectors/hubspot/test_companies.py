"""The company of a contact: which one it is, when it is read, and at what cost."""

from __future__ import annotations

import httpx
import pytest

from syncd.errors import SourceUnavailable
from tests.worlds.hubspot_source import WITH_COMPANY, Ask, Crm


class TestCompanies:
    def test_the_properties_of_a_company_are_read_once_for_all_its_contacts(self) -> None:
        crm = Crm(1_200, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        for contact in range(1, 1_001):
            crm.fake.portal.link(contact, 1, primary=True)
        crm.read()
        assert [row["company.name"] for row in crm.rows] == ["Elm"] * 1_000 + [None] * 200
        assert (crm.asked()["companies/batch"], crm.asked()["contacts/associations"]) == (1, 3)

    def test_a_contact_that_changed_beside_its_company_is_read_once(self) -> None:
        crm = Crm(3, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        crm.fake.portal.link(1, 1, primary=True)
        crm.read()
        crm.companies.edit(1, {"name": "Oak"})
        crm.contacts.edit(1, {"firstname": "Bea"})
        assert crm.read() == ["1"]
        assert crm.asked()["contacts/batch"] == 1

    def test_a_company_that_is_not_the_primary_one_is_none(self) -> None:
        crm = Crm(1, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        crm.fake.portal.link(1, 1)
        crm.read()
        assert crm.rows[0]["company.name"] is None

    def test_a_company_that_was_merged_or_archived_is_followed_or_none(self) -> None:
        crm = Crm(2, needs=WITH_COMPANY)
        crm.companies.add_all({"name": name} for name in ("Elm", "Oak", "Fir"))
        crm.fake.portal.link(1, 1, primary=True)
        crm.fake.portal.link(2, 3, primary=True)
        crm.companies.merge(1, 2)
        crm.companies.archive(3)
        crm.read()
        assert [row["company.name"] for row in crm.rows] == ["Elm", None]

    @pytest.mark.parametrize("path", ["/2026-09/companies/batch/read", "/contacts/companies/batch/read"])
    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(207, json={"results": [], "errors": [{"category": "INTERNAL_ERROR"}]}),
            httpx.Response(200, json={"status": "COMPLETE", "results": []}),
            httpx.Response(200, json={"status": "COMPLETE", "results": [], "errors": [], "numErrors": 1}),
            httpx.Response(207, json={"status": "COMPLETE", "results": [], "errors": [{"message": "sorry"}]}),
        ],
        ids=["failed", "empty", "counted", "unclear"],
    )
    def test_a_company_that_nothing_is_said_of_is_not_taken_for_none(self, path: str, answer: httpx.Response) -> None:
        crm = Crm(1, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        crm.fake.portal.link(1, 1, primary=True)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if not request.url.path.endswith(path):
                return ask(request)
            return answer

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable, match=r"HubSpot (did|could) not"):
            crm.read()

    def test_the_contacts_of_a_changed_company_are_not_taken_for_none(self) -> None:
        crm = Crm(1, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        crm.fake.portal.link(1, 1, primary=True)
        crm.read()
        crm.companies.edit(1, {"name": "Oak"})

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if not request.url.path.endswith("/companies/contacts/batch/read"):
                return ask(request)
            return httpx.Response(200, json={"status": "COMPLETE", "results": []})

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable, match="HubSpot did not answer for 1 of the records"):
            crm.read()

    @pytest.mark.parametrize("named", [{"context": {"fromObjectId": ["1"]}}, {"context": {"ids": ["1"]}}, {}])
    def test_a_contact_that_is_said_to_have_no_company_has_none(self, named: dict[str, object]) -> None:
        crm = Crm(1, needs=WITH_COMPANY)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if not request.url.path.endswith("/contacts/companies/batch/read"):
                return ask(request)
            error = {"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", **named}
            return httpx.Response(207, json={"status": "COMPLETE", "results": [], "errors": [error]})

        crm.meddle = meddle
        crm.read()
        assert [row["company.name"] for row in crm.rows] == [None]

    def test_accounts_that_map_no_company_ask_for_none(self) -> None:
        crm = Crm(2)
        crm.fake.portal.scopes -= {"crm.objects.companies.read", "crm.schemas.companies.read"}
        crm.connector().check()
        assert crm.read() == ["1", "2"]
