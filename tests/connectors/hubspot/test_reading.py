"""Reads of HubSpot one after another: changed contacts, reads that broke off, and answers that prove nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.hubspot.cursor import Cursor, parse_cursor
from syncd.errors import SourceUnavailable
from syncd.sandbox.faults import Drop
from tests.worlds.hubspot_source import DAY, HOUR, MINUTES, Ask, Crm


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

    def test_what_is_changed_while_it_is_read_is_read_by_the_next_read_too(self) -> None:
        crm = Crm(3, options={"overlap": 0})
        crm.read()
        crm.contacts.edit(2, {"firstname": "Bea"}, at=crm.clock.ms + 20 * 60_000 + 1)
        assert crm.read() == ["2"]
        assert crm.read() == ["2"]
        assert crm.read() == []

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
