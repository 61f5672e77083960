"""Contacts that leave an account: archived, restored, purged or merged ones, for both kinds of keys."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.hubspot.api import merged_ids
from connectors.hubspot.cursor import BIN_KEPT
from syncd.processes import DAEMON
from syncd.source import Needs
from tests.contract.suite import finish, rows_of
from tests.worlds.hubspot_source import HOUR, MINUTES, Ask, Crm

TENANT = Needs(("tenant",), frozenset({"tenant", "firstname"}))


def by_tenant(count: int, **more: Any) -> Crm:
    """Return an account whose key is a property that the company fills."""
    crm = Crm(0, needs=TENANT, **more)
    crm.contacts.types["tenant"] = "string"
    crm.contacts.add_all({"tenant": f"t{number}", "firstname": "Ann"} for number in range(1, count + 1))
    return crm


def tenants(crm: Crm) -> list[str]:
    crm.read_rows()
    return [row["tenant"] for row in crm.rows]


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

    def test_a_large_one_is_read_as_often_as_the_option_says(self) -> None:
        crm = Crm(200, options={"bin": "5m"})
        for number in range(1, 151):
            crm.contacts.archive(number)
        crm.read()
        crm.read()
        crm.contacts.archive(160)
        crm.read(later=5 * MINUTES)
        assert crm.end.deleted == {"160"}

    def test_a_large_one_is_read_at_once_by_the_first_run_of_a_daemon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(DAEMON, "a")
        crm = Crm(200)
        for number in range(1, 151):
            crm.contacts.archive(number)
        crm.read()
        crm.read()
        crm.contacts.archive(160)
        crm.read(later=5 * MINUTES)
        assert not crm.end.deleted
        monkeypatch.setenv(DAEMON, "b")
        crm.read(later=5 * MINUTES)
        assert crm.end.deleted == {"160"}
        crm.read(later=5 * MINUTES)
        assert crm.asked()["contacts/list"] == 0

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


class TestLookups:
    def look_up(self, crm: Crm, *ids: str) -> tuple[list[str], frozenset[str]]:
        pages, gone = finish(crm.connector().look_up(ids))  # type: ignore[arg-type]
        return [row["hs_object_id"] for row in rows_of(pages)], gone  # type: ignore[return-value]

    def test_contacts_are_looked_up_by_id(self) -> None:
        crm = Crm(5)
        crm.contacts.archive(2)
        crm.contacts.purge(3)
        assert self.look_up(crm, "1", "2", "3", "4", "x") == (["1", "4"], frozenset({"2", "3"}))

    def test_a_merged_contact_is_gone_and_not_shown_as_the_one_that_is_left(self) -> None:
        crm = Crm(3, dialects={"merge": "primary"})
        crm.fake.portal.merge(1, 2)
        assert self.look_up(crm, "2", "3") == (["3"], frozenset({"2"}))

    def test_a_contact_without_an_answer_is_unknown(self) -> None:
        crm = Crm(2)

        def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
            if request.url.path.endswith("/contacts/batch/read"):
                return httpx.Response(200, json={"status": "COMPLETE", "results": []})
            return ask(request)

        crm.meddle = meddle
        assert self.look_up(crm, "1", "2") == ([], frozenset())


class TestAnotherKey:
    """The key is a property that the company fills, but HubSpot reports deleted contacts by id only."""

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

    def test_only_ids_can_be_looked_up(self) -> None:
        assert not by_tenant(1).connector().can_look_up()
        assert Crm(1).connector().can_look_up()

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
