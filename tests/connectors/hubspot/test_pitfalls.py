"""Mistakes that other integrations with HubSpot made, one test for each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.sandbox.hubspot.portal import READING
from syncd.sandbox.hubspot.rates import LIMITS
from syncd.sandbox.hubspot.tokens import CLIENT, REFRESH
from syncd.source import Needs
from tests.worlds.hubspot_source import DAY, MINUTES, WITH_COMPANY, Ask, Crm


def searches(crm: Crm) -> list[Any]:
    """Read, and return the bodies of the search requests."""
    kept: list[Any] = []

    def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
        if request.url.path.endswith("/search"):
            kept.append(json.loads(request.content))
        return ask(request)

    crm.meddle = meddle
    crm.read()
    return kept


def test_01_contacts_are_searched_by_lastmodifieddate() -> None:
    crm = Crm(3)
    crm.read()
    crm.contacts.edit(2, {"firstname": "Bea"})
    assert crm.read() == ["2"]


def test_02_ten_thousand_contacts_of_one_moment_are_no_endless_loop(crm_of_one_moment: Crm) -> None:
    crm = crm_of_one_moment
    assert len(set(crm.read())) == 10_500
    assert crm.asked()["contacts/search"] == 53
    assert not [each for each in crm.fake.requests if each.status != 200]


@pytest.fixture
def crm_of_one_moment() -> Crm:
    crm = Crm(10_500, needs=Needs(("hs_object_id",), frozenset({"hs_object_id"})))
    crm.read_up_to_now()
    crm.contacts.touch_all(at=crm.clock.ms)
    return crm


def test_03_what_the_index_shows_late_is_read_with_the_next_window() -> None:
    crm = Crm(3, dialects={"search_lag": "600"})
    crm.read()
    crm.clock.now += 15 * MINUTES
    crm.contacts.edit(2, {"firstname": "Bea"})
    assert crm.read(later=5 * MINUTES) == []
    assert crm.read(later=15 * MINUTES) == ["2"]


def test_03_the_watermark_is_the_beginning_of_the_read() -> None:
    crm = Crm(3)
    crm.read()
    began = crm.clock.ms
    crm.contacts.edit(2, {"firstname": "Bea"}, at=began + 500 * 60_000)  # a date that is ahead of every clock
    crm.read()
    assert f'"since":{crm.clock.ms}' in (crm.cursor or "")


def test_04_an_archived_contact_is_found_in_the_bin() -> None:
    crm = Crm(3)
    crm.read()
    crm.contacts.archive(2)
    assert crm.read() == []
    assert crm.end.deleted == {"2"}
    assert crm.end.proof == "partial"


@pytest.mark.parametrize(("merge", "survivor"), [("new", "4"), ("primary", "1")])
def test_05_a_merge_is_the_same_contact_under_its_new_id(merge: str, survivor: str) -> None:
    crm = Crm(3, dialects={"merge": merge})
    crm.read()
    crm.fake.portal.merge(1, 2)
    assert crm.read() == [survivor]
    assert crm.end.merged == {old: survivor for old in ("1", "2") if old != survivor}
    assert not crm.end.deleted


def test_06_a_purged_contact_is_missing_from_the_sweep() -> None:
    crm = Crm(3)
    crm.read()
    crm.contacts.purge(2)
    crm.read()
    assert (crm.end.deleted, crm.end.present) == (frozenset(), None)
    crm.read(later=DAY)
    assert crm.present() == ["1", "3"]


def test_07_a_property_that_is_not_there_is_a_mistake_and_all_names_are_told() -> None:
    needs = Needs(("hs_object_id",), frozenset({"hs_object_id", "fristname"}))
    names = Crm(1, needs=needs).connector().check()
    assert "fristname" not in names
    assert "firstname" in names


def test_08_the_id_and_the_merges_are_asked_for_beside_the_properties() -> None:
    crm = Crm(2, needs=Needs(("hs_object_id",), frozenset({"phone"})))
    crm.fake.portal.merge(1, 2)
    pages = crm.connector().read(None)
    assert next(pages).frame.to_dicts() == [{"phone": "2125550100"}]
    with pytest.raises(StopIteration) as stop:
        next(pages)
    assert stop.value.value.merged == {"1": "3", "2": "3"}


@pytest.mark.parametrize("url", ["16000", "2000"])
def test_09_many_properties_go_into_bodies_and_a_long_url_is_shortened(url: str) -> None:
    names = [f"custom_property_number_{number}" for number in range(70 if url == "2000" else 300)]
    crm = Crm(2, needs=Needs(("hs_object_id",), frozenset({"hs_object_id", *names})), dialects={"url": url})
    crm.contacts.types |= dict.fromkeys(names, "string")
    crm.contacts.edit(1, {names[7]: "seven"})
    assert crm.read() == ["1", "2"]
    assert [row[names[7]] for row in crm.rows] == ["seven", None]
    assert crm.asked()["contacts/batch"] == 1
    assert [each.status for each in crm.fake.requests].count(414) == (url == "2000")


def test_10_the_body_of_a_search_stays_small_however_many_properties_there_are() -> None:
    names = [f"custom_property_number_{number}" for number in range(300)]
    crm = Crm(2, needs=Needs(("hs_object_id",), frozenset({"hs_object_id", *names})))
    crm.contacts.types |= dict.fromkeys(names, "string")
    crm.read()
    crm.contacts.edit(1, {names[0]: "x"})
    assert crm.read() == ["1"]
    assert all(len(str(body)) < 500 for body in searches(crm))


def test_11_the_companies_of_one_contact_come_in_pages() -> None:
    crm = Crm(2, needs=WITH_COMPANY, dialects={"association_page": "1"})
    crm.companies.add_all({"name": name} for name in ("Elm", "Oak", "Fir"))
    for number in (1, 2, 3):
        crm.fake.portal.link(1, number, primary=number == 3)
    crm.read()
    assert [row["company.name"] for row in crm.rows] == ["Fir", None]
    assert crm.asked()["contacts/associations"] == 3


def test_12_another_company_is_found_though_the_contact_was_not_touched() -> None:
    crm = Crm(2, needs=WITH_COMPANY)
    crm.companies.add_all({"name": name} for name in ("Elm", "Oak"))
    crm.fake.portal.link(1, 1, primary=True)
    crm.read()
    crm.fake.portal.link(1, 2, primary=True)
    crm.read(later=7 * DAY)  # the full read; nothing tells of it before
    assert crm.rows[0]["company.name"] == "Oak"


def test_12_a_renamed_company_is_found_at_once() -> None:
    crm = Crm(3, needs=WITH_COMPANY)
    crm.companies.add({"name": "Elm"})
    for contact in (1, 3):
        crm.fake.portal.link(contact, 1, primary=True)
    crm.read()
    crm.companies.edit(1, {"name": "Elm Street"})
    assert crm.read() == ["1", "3"]
    assert {row["company.name"] for row in crm.rows} == {"Elm Street"}


def test_13_searches_keep_a_place_for_other_programs() -> None:
    crm = Crm(2_400, needs=Needs(("hs_object_id",), frozenset({"hs_object_id"})), limits=LIMITS)
    crm.read()
    crm.contacts.touch_all(at=crm.clock.ms)
    crm.read()
    at = [each.at for each in crm.fake.requests if each.operation == "search"]
    assert len(at) == 12
    assert all(later - earlier >= 1.0 for earlier, later in zip(at, at[4:], strict=False))
    assert all(each.status == 200 for each in crm.fake.requests)


@pytest.mark.parametrize(
    ("policy", "told", "waited"),
    [
        ("SECONDLY", None, 1.0),
        ("TEN_SECONDLY_ROLLING", None, 10.0),
        ("TEN_SECONDLY_ROLLING", "3", 3.0),
        ("TEN_SECONDLY_ROLLING", "9000", 60.0),
    ],
)
def test_14_a_limit_is_waited_for_as_its_policy_says(policy: str, told: str | None, waited: float) -> None:
    crm = Crm(1)
    crm.fake.arm({"kind": "limited", "policy": policy, "retry_after": told, "path": "list"})
    crm.clock.slept.clear()
    assert crm.read() == ["1"]
    assert crm.clock.slept == [pytest.approx(waited)]


def test_14_the_limit_of_the_day_is_for_a_later_run() -> None:
    crm = Crm(1)
    crm.fake.arm({"kind": "limited", "policy": "DAILY"})
    with pytest.raises(SourceUnavailable, match="this day are used up"):
        crm.read()
    assert crm.clock.slept == []


def test_15_a_wrong_key_is_refused_with_the_remedy() -> None:
    with pytest.raises(SourceDenied, match=r"status 401.*check options\.service_key"):
        Crm(1, options={"service_key": "pat-na1-other"}).connector().check()


def test_15_a_malformed_key_is_no_outage() -> None:
    crm = Crm(1, options={"service_key": "pat na1 sandbox"})
    with pytest.raises(SourceDenied, match=r"530.*the key is malformed"):
        crm.connector().check()
    assert len(crm.fake.requests) == 1


def test_15_a_missing_scope_is_named_and_the_key_is_not_called_wrong() -> None:
    crm = Crm(1)
    crm.fake.portal.scopes.discard("crm.objects.contacts.read")
    with pytest.raises(SourceDenied, match=r"lacks the scope crm\.objects\.contacts\.read.*add it") as refused:
        crm.connector().check()
    assert "service_key" not in str(refused.value)


def test_15_all_missing_scopes_are_named_at_once() -> None:
    crm = Crm(1, needs=WITH_COMPANY)
    crm.fake.portal.scopes = {"crm.objects.contacts.read"}
    with pytest.raises(
        SourceDenied, match=r"the scopes crm\.schemas\.contacts\.read and .*: add them to the key"
    ) as refused:
        crm.connector().check()
    named = {scope for scope in READING if scope in str(refused.value)}
    assert named == READING - {"crm.objects.contacts.read"}


def test_15_an_oauth_token_that_is_refused_early_is_renewed_once(tmp_path: Path) -> None:
    oauth = {**CLIENT, "refresh_token": REFRESH, "tokens": tmp_path / "tokens.json"}
    crm = Crm(1, options={"service_key": None, "oauth": oauth})
    assert crm.read() == ["1"]
    crm.fake.backend.tokens._given.clear()  # as when the account's owner ends all sessions
    assert crm.read() == []
    assert crm.asked()["/token"] == 1


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_16_the_version_chooses_the_paths(version: str) -> None:
    crm = Crm(2, needs=WITH_COMPANY, options={"api_version": version})
    crm.companies.add({"name": "Elm"})
    crm.fake.portal.link(1, 1, primary=True)
    crm.read()
    assert [row["company.name"] for row in crm.rows] == ["Elm", None]
    crm.contacts.edit(2, {"firstname": "Bea"})
    assert crm.read() == ["2"]


def test_16_a_version_that_is_not_there_is_named() -> None:
    crm = Crm(1, options={"api_version": "2031-03"})
    with pytest.raises(SourceInvalid, match=r"404.*check api_version"):
        crm.connector().check()


def test_17_the_link_to_the_next_page_is_not_followed() -> None:
    crm = Crm(250, dialects={"next_link": "foreign"})
    hosts: set[str] = set()

    def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
        hosts.add(request.url.host)
        return ask(request)

    crm.meddle = meddle
    assert len(crm.read()) == 250
    assert hosts == {"hubspot.example.com"}


def test_18_a_short_page_is_not_the_last_one() -> None:
    crm = Crm(950, dialects={"pages": "short"})
    assert len(crm.read()) == 950
    assert crm.end.proof == "complete"
    crm.contacts.touch_all(at=crm.clock.ms)
    assert len(crm.read()) == 950


@pytest.mark.parametrize("dates", ["iso", "ms"])
def test_19_dates_are_written_in_one_way_and_moved_by_no_time_zone(dates: str) -> None:
    columns = {"hs_object_id", "date_of_birth", "createdate", "custom_time", "flag"}
    crm = Crm(0, needs=Needs(("hs_object_id",), frozenset(columns)), dialects={"dates": dates})
    crm.contacts.types |= {"custom_time": "datetime", "flag": "bool"}
    crm.contacts.add({"date_of_birth": "1980-02-29", "custom_time": "1572480000000.0", "flag": "false"})
    crm.contacts.add({"custom_time": "2026-01-01T01:00:00+02:00", "date_of_birth": ""})
    crm.read()
    assert [(row["date_of_birth"], row["custom_time"], row["flag"]) for row in crm.rows] == [
        ("1980-02-29", "2019-10-31T00:00:00.000Z", "false"),
        ("", "2025-12-31T23:00:00.000Z", None),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", crm.rows[0]["createdate"])


def test_20_the_one_sort_rule_is_an_object() -> None:
    crm = Crm(2)
    crm.read()
    [body] = searches(crm)
    assert body["sorts"] == [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    assert "after" not in body
