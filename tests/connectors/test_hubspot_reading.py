"""Reads of HubSpot one after another: what is yielded, what is said to be gone, merged, present, and at what cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.hubspot.api import merged_ids
from connectors.hubspot.cursor import BIN_KEPT, Cursor, parse_cursor
from syncd.errors import SourceDenied, SourceUnavailable
from syncd.sandbox.faults import Drop
from syncd.source import Needs
from tests.connectors.hubspot_source import BY_ID, DAY, MINUTES, WITH_COMPANY, Crm

HOUR = 3_600.0
Ask = Callable[[httpx.Request], httpx.Response]
TENANT = Needs(("tenant",), frozenset({"tenant", "firstname"}))


def by_tenant(count: int, **more: Any) -> Crm:
    """An account whose key is a property of its own."""
    crm = Crm(0, needs=TENANT, **more)
    crm.contacts.types["tenant"] = "string"
    crm.contacts.add_all({"tenant": f"t{number}", "firstname": "Ann"} for number in range(1, count + 1))
    return crm


def tenants(crm: Crm) -> list[str]:
    crm.read_rows()
    return [row["tenant"] for row in crm.rows]


class TestChanges:
    def test_new_and_edited_contacts_are_read_and_the_others_are_not(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.edit(2, {"phone": "2125550111"})
        crm.contacts.add({"firstname": "Dee"})
        assert crm.read() == ["2", "4"]
        assert [row["phone"] for row in crm.rows] == ["2125550111", None]

    def test_two_hundred_changes_cost_one_search_and_two_batch_reads(self) -> None:
        crm = Crm(1_000)
        crm.read()
        for number in range(1, 201):
            crm.contacts.edit(number, {"firstname": "Bea"})
        assert len(crm.read()) == 200
        assert crm.asked() == {
            "contacts/search": 1, "contacts/batch": 2, "contacts/properties": 1, "contacts/list": 1,
        }  # fmt: skip

    def test_what_is_changed_while_it_is_read_belongs_to_the_next_read(self) -> None:
        crm = Crm(3, options={"overlap": 0})
        crm.read()
        crm.contacts.edit(2, {"firstname": "Bea"}, at=crm.clock.ms + 20 * 60_000 + 1)
        assert crm.read() == []
        assert crm.read() == ["2"]

    def test_a_change_that_moves_no_mapped_value_is_read_all_the_same(self) -> None:
        crm = Crm(2)
        crm.read()
        crm.contacts.edit(1, {"jobtitle": "Clerk"})
        assert crm.read() == ["1"]

    def test_the_sweep_reads_the_changes_since_the_last_one_again(self) -> None:
        crm = Crm(3, options={"overlap": 60}, dialects={"search_lag": str(6 * HOUR)})
        crm.read()
        crm.contacts.edit(2, {"firstname": "Bea"})
        assert crm.read(later=HOUR) == []
        assert crm.read(later=12 * HOUR) == []  # the index knows it now, but the window has gone by
        assert crm.read(later=12 * HOUR) == ["2"]
        assert crm.present() == ["1", "2", "3"]

    def test_everything_is_read_again_after_a_week_and_after_a_clock_that_went_back(self) -> None:
        crm = Crm(3)
        proofs = []
        for later in (0, 20 * MINUTES, 7 * DAY, -2 * DAY):
            crm.read(later=later)
            proofs.append(crm.end.proof)
        assert proofs == ["complete", "partial", "complete", "complete"]

    def test_the_watermark_is_of_the_clock_that_is_behind(self) -> None:
        crm = Crm(1)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            answer = ask(request)
            answer.headers["date"] = "Fri, 01 May 2026 00:00:00 GMT"
            return answer

        crm.meddle = meddle
        crm.read()
        before = parse_cursor(crm.cursor)
        assert before is not None
        assert before.since == 1_777_593_600_000


class TestAfterACrash:
    @pytest.mark.parametrize("broken", ["search", "batch", "list"])
    def test_the_next_read_begins_at_the_same_cursor_and_loses_nothing(self, broken: str) -> None:
        crm = Crm(700)
        crm.read()
        for number in range(1, 601):
            crm.contacts.edit(number, {"firstname": "Bea"})
        crm.contacts.archive(700)
        crm.fake.arm(Drop(path=broken, after=1 if broken != "list" else 0, times=None))
        with pytest.raises(SourceUnavailable):
            crm.read()
        crm.fake.backend.faults.disarm()
        assert len(crm.read()) == 600
        assert crm.end.deleted == {"700"}

    def test_a_read_of_everything_that_broke_off_is_no_read(self) -> None:
        crm = Crm(700)
        crm.fake.arm(Drop(path="list", after=3, times=None))
        with pytest.raises(SourceUnavailable):
            crm.read()
        crm.fake.backend.faults.disarm()
        assert len(crm.read()) == 700

    def test_a_cursor_of_another_version_makes_everything_be_read(self) -> None:
        crm = Crm(2)
        for cursor in ('{"version":0}', "[]", "no JSON", '{"version":1,"x":2}'):
            crm.cursor = cursor
            crm.read()
            assert crm.end.proof == "complete"

    def test_a_cursor_reads_as_it_was_written(self) -> None:
        for cursor in (Cursor(1, 2, 3, 4), Cursor(1, 2, 3, 4, bin=(5, 6), large=True)):
            assert parse_cursor(cursor.text()) == cursor


class TestTheBin:
    def test_it_is_read_once_an_hour_when_it_is_large(self) -> None:
        crm = Crm(200)
        for number in range(1, 151):
            crm.contacts.archive(number)
        crm.read()
        crm.read()
        assert crm.asked()["contacts/list"] == 2
        crm.contacts.archive(160)
        crm.read(later=5 * MINUTES)
        assert crm.asked()["contacts/list"] == 0
        crm.read(later=HOUR)
        assert crm.end.deleted == {"160"}

    def test_what_was_archived_is_told_once_or_within_the_overlap_again(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.archive(2)
        crm.read()
        assert crm.end.deleted == {"2"}
        crm.read()
        assert not crm.end.deleted

    def test_a_vendor_s_clock_that_is_behind_hides_no_archived_contact(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.archive(2)
        crm.contacts.records[2].archived = crm.clock.ms - 60_000
        crm.read()
        assert crm.end.deleted == {"2"}

    def test_a_restored_contact_is_read_though_no_date_moved(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.archive(2)
        crm.read()
        crm.contacts.restore(2)
        assert crm.read() == ["2"]
        assert not crm.end.deleted

    def test_a_contact_that_is_restored_while_it_is_read_is_not_gone(self) -> None:
        crm = Crm(3, dialects={"restored": "touched"})
        crm.read()
        crm.contacts.archive(2)
        crm.clock.now += 5

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            answer = ask(request)
            if request.url.params.get("archived") == "true" and "2" not in map(str, crm.contacts.live):
                crm.contacts.restore(2)
            return answer

        crm.clock.now += 5
        crm.meddle = meddle
        found = crm.read()
        assert found == ["2"]
        assert not crm.end.deleted

    def test_a_contact_that_the_index_still_shows_is_gone_when_it_cannot_be_read(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.edit(2, {"firstname": "Bea"})

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            answer = ask(request)
            if request.url.path.endswith("/search"):
                crm.contacts.purge(2)
            return answer

        crm.meddle = meddle
        crm.read()
        assert crm.end.deleted == {"2"}

    def test_a_large_one_is_not_kept_in_the_cursor(self) -> None:
        crm = Crm(BIN_KEPT + 1, needs=Needs(("hs_object_id",), frozenset({"hs_object_id"})))
        crm.read()
        for number in range(1, BIN_KEPT + 2):
            crm.contacts.archive(number)
        crm.read()
        assert len(crm.end.deleted) == BIN_KEPT + 1
        assert len(crm.cursor or "") < 500


class TestMerges:
    def test_a_merge_of_a_merge_leads_to_the_last(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.fake.portal.merge(crm.fake.portal.merge(1, 2), 3)
        assert crm.read() == ["5"]
        assert crm.end.merged == {"1": "5", "2": "5", "4": "5", "3": "5"}

    def test_a_merged_contact_that_was_archived_takes_those_that_became_it_along(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.archive(crm.fake.portal.merge(1, 2))
        assert crm.read() == []
        assert crm.end.deleted == {"1", "2", "4"}

    def test_an_id_that_is_answered_by_another_is_that_one(self) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.edit(1, {"firstname": "Bea"})

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            answer = ask(request)
            if request.url.path.endswith("/search") and 1 in crm.contacts.live:
                left = crm.fake.portal.merge(1, 2)
                crm.contacts.records[left].values["hs_merged_object_ids"] = None  # the vendor promises no trace
            return answer

        crm.meddle = meddle
        found = crm.read()
        assert found == ["4"]
        assert crm.end.merged == {"1": "4"}

    def test_an_id_that_is_still_there_is_not_merged_whatever_a_trace_says(self) -> None:
        crm = Crm(3)
        crm.contacts.records[1].values["hs_merged_object_ids"] = "2"
        crm.read()
        assert crm.end.merged == {}
        crm.contacts.edit(1, {"firstname": "Bea"})
        assert crm.read() == ["1"]
        assert crm.end.merged == {}

    @pytest.mark.parametrize("trace", ["1;7", "7", "7;", "7,1", None, ""])
    def test_a_record_did_not_become_itself(self, trace: str | None) -> None:
        found = merged_ids({"id": "1", "properties": {"hs_merged_object_ids": trace}})
        assert found == (["7"] if trace else [])

    def test_everything_tells_of_merges_too(self) -> None:
        crm = Crm(2)
        crm.fake.portal.merge(1, 2)
        assert crm.read() == ["3"]
        assert crm.end.merged == {"1": "3", "2": "3"}


class TestWhatIsNotAnswered:
    @pytest.mark.parametrize("errors", [True, False])
    def test_a_contact_that_nothing_is_said_of_makes_the_read_unproved(self, errors: bool) -> None:
        crm = Crm(3)
        crm.read()
        crm.contacts.edit(2, {"firstname": "Bea"})

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if not request.url.path.endswith("/batch/read"):
                return ask(request)
            failed = [{"category": "INTERNAL_ERROR", "context": {"ids": ["2"]}}]
            return httpx.Response(207, json={"results": [], **({"errors": failed} if errors else {})})

        crm.meddle = meddle
        crm.read()
        assert (crm.end.proof, crm.end.cursor, crm.end.deleted) == ("unproved", None, frozenset())
        assert "1 of the contacts" in crm.end.why

    @pytest.mark.parametrize("body", [{}, {"results": None}, [], {"results": ["1"]}, {"results": [{"id": "x"}]}])
    def test_an_answer_that_holds_no_records_is_not_an_empty_account(self, body: Any) -> None:
        crm = Crm(1)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if "properties/" in request.url.path:
                return httpx.Response(200, json={"results": []})
            return httpx.Response(200, json=body)

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable):
            crm.read()

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({"total": 3, "results": []}, "none of the records that it counts"),
            ({"total": 3, "results": [{"id": "2"}, {"id": "1"}]}, "order of ids"),
            ({"total": 3, "results": [{"id": "0"}]}, "order of ids"),
        ],
    )
    def test_a_search_that_cannot_be_gone_through_is_given_up(self, body: Any, why: str) -> None:
        crm = Crm(3)
        crm.read()

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            is_search = request.url.path.endswith("/search")
            return httpx.Response(200, json=body) if is_search else ask(request)

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable, match=why):
            crm.read()

    def test_a_list_that_begins_again_is_given_up(self) -> None:
        crm = Crm(250)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            request = httpx.Request(request.method, request.url.copy_remove_param("after"), headers=request.headers)
            return ask(request)

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable, match="same page again"):
            crm.read()


class TestAnotherKey:
    """The key is a property that the company fills: HubSpot says of ids, not of keys, that they are gone."""

    def test_an_archived_or_merged_contact_makes_all_keys_be_looked_at(self) -> None:
        crm = by_tenant(5)
        tenants(crm)
        crm.contacts.archive(2)
        assert tenants(crm) == []
        assert (crm.end.deleted, crm.present()) == (frozenset(), ["t1", "t3", "t4", "t5"])
        crm.fake.portal.merge(3, 4)
        assert tenants(crm) == ["t3"]
        assert crm.end.merged == {}
        assert crm.present() == ["t1", "t5", "t3"]

    def test_an_archived_twin_does_not_take_the_other_one_along(self) -> None:
        crm = by_tenant(2)
        crm.contacts.add({"tenant": "t2", "firstname": "twin"})
        tenants(crm)
        crm.contacts.archive(3)
        tenants(crm)
        assert not crm.end.deleted
        assert crm.present() == ["t1", "t2"]

    def test_nothing_is_listed_while_nothing_is_gone(self) -> None:
        crm = by_tenant(2)
        tenants(crm)
        crm.contacts.edit(2, {"firstname": "Bea"})
        assert tenants(crm) == ["t2"]
        assert crm.end.present is None


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
    def test_a_company_that_nothing_is_said_of_is_not_taken_for_none(self, path: str) -> None:
        crm = Crm(1, needs=WITH_COMPANY)
        crm.companies.add({"name": "Elm"})
        crm.fake.portal.link(1, 1, primary=True)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if not request.url.path.endswith(path):
                return ask(request)
            return httpx.Response(207, json={"results": [], "errors": [{"category": "INTERNAL_ERROR"}]})

        crm.meddle = meddle
        with pytest.raises(SourceUnavailable, match=r"HubSpot (did|could) not"):
            crm.read()

    def test_accounts_that_map_no_company_ask_for_none(self) -> None:
        crm = Crm(2)
        crm.fake.portal.scopes -= {"crm.objects.companies.read", "crm.schemas.companies.read"}
        crm.connector().check()
        assert crm.read() == ["1", "2"]


class TestCheck:
    def test_the_columns_are_those_that_the_configuration_uses(self) -> None:
        assert Crm(1, needs=WITH_COMPANY).connector().check() == [
            "company.name", "firstname", "hs_object_id", "phone",
        ]  # fmt: skip

    def test_without_a_configuration_they_are_all_properties(self) -> None:
        crm = Crm(1, needs=Needs())
        assert crm.connector().check() == sorted(crm.contacts.types)
        assert crm.read() == ["1"]

    @pytest.mark.parametrize(
        ("scope", "needs"),
        [
            ("crm.schemas.contacts.read", BY_ID),
            ("crm.objects.contacts.read", BY_ID),
            ("crm.schemas.companies.read", WITH_COMPANY),
            ("crm.objects.companies.read", WITH_COMPANY),
        ],
    )
    def test_each_scope_that_is_missing_is_named(self, scope: str, needs: Needs) -> None:
        crm = Crm(1, needs=needs)
        crm.fake.portal.scopes.discard(scope)
        with pytest.raises(SourceDenied, match=scope.replace(".", r"\.")):
            crm.connector().check()
