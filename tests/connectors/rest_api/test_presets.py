"""Every preset against a fake of its vendor: one whole read, then the changes, and no deleted person is missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_api.connector import RestApi
from connectors.rest_api.options import RestOptions
from syncd.config.yaml_tree import read_plain
from syncd.errors import SourceDenied, SourceInvalid
from syncd.source import End, Needs
from tests.contract.suite import drain, looked_up, rows_of
from tests.worlds.rest_vendor import Vendor
from tests.worlds.rest_vendors import VENDORS
from tests.worlds.rest_vendors_by_time import Pipedrive, Salesforce, Zoho
from tests.worlds.rest_vendors_by_token import Google, Graph
from tests.worlds.rest_vendors_self_hosted import Espo, Odoo, OdooRpc
from tests.worlds.rest_vendors_whole import Freshsales, Suite

HOUR = 3600.0

NO_LOOKUP = {"salesforce", "suitecrm", "zoho-crm"}


class Account:
    """A fake and its connector. ``read`` goes on from the last read's cursor."""

    def __init__(self, vendor: Vendor, folder: Path, *columns: str, **options: Any) -> None:
        self.vendor = vendor
        self.cursor: str | None = None
        self.folder = folder
        self.needs = Needs((vendor.KEY,), frozenset({vendor.KEY, vendor.NAME, vendor.PHONE, *columns}))
        self.said = {"preset": vendor.PRESET, **vendor.GIVEN, **options}

    def connector(self) -> RestApi:
        options = RestOptions.model_validate(self.said, context={"folder": self.folder, "read_yaml": read_plain})
        around = Surroundings(httpx.MockTransport(self.vendor), clock=lambda: self.vendor.now, sleep=lambda _: None)
        return RestApi("crm", options, self.needs, around=around)

    def read(self) -> tuple[dict[str, dict[str, Any]], End]:
        self.vendor.now += HOUR
        pages, end = drain(self.connector(), self.cursor)
        self.vendor.now += HOUR
        rows = rows_of(pages)
        assert len({row[self.vendor.KEY] for row in rows}) == len(rows), "a row came twice"
        self.cursor = end.cursor
        return {row[self.vendor.KEY]: row for row in rows}, end


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.PRESET)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    made: Vendor = request.param()
    return made


@pytest.fixture(params=[each for each in VENDORS if each.CHANGES], ids=lambda vendor: vendor.PRESET)
def incremental(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    return Account(request.param(), tmp_path)


@pytest.fixture
def account(vendor: Vendor, tmp_path: Path) -> Account:
    return Account(vendor, tmp_path)


def gone(account: Account, end: End, before: set[str]) -> set[str]:
    """Return the keys that a read reports as gone."""
    absent = set() if end.present is None else before - set(end.present.get_column(account.vendor.KEY))
    return set(end.deleted) | absent


def test_every_preset_has_a_fake() -> None:
    assert RestOptions.PRESETS.names() == sorted(vendor().PRESET for vendor in VENDORS)


def test_a_first_read_is_of_everyone_and_complete(account: Account) -> None:
    ids = account.vendor.add(330)
    rows, end = account.read()
    assert sorted(rows) == sorted(ids)
    assert (end.proof, end.why) == ("complete", "")
    first = account.vendor.people[ids[0]]
    assert rows[ids[0]][account.vendor.NAME] == first.name
    assert rows[ids[0]][account.vendor.PHONE] == first.phone


def test_check_names_the_columns(account: Account) -> None:
    account.vendor.add(2)
    columns = account.connector().check()
    assert {account.vendor.KEY, account.vendor.NAME, account.vendor.PHONE} <= set(columns)


def test_then_only_changes_are_read(incremental: Account) -> None:
    account = incremental
    ids = account.vendor.add(250)
    account.read()
    account.vendor.edit(ids[3], phone="2125559999")
    [new] = account.vendor.add()
    rows, end = account.read()
    assert set(rows) == {ids[3], new}
    assert rows[ids[3]][account.vendor.PHONE] == "2125559999"
    assert (end.proof, end.deleted) == ("partial", frozenset())
    quiet, end = account.read()
    assert (quiet, end.proof) == ({}, "partial")


def test_what_was_deleted_is_known_within_a_day(incremental: Account) -> None:
    account = incremental
    ids = account.vendor.add(120)
    account.read()
    account.vendor.delete(ids[5])
    _, end = account.read()
    if account.vendor.SWEEPS:
        assert gone(account, end, set(ids)) == set()
        account.vendor.now += 24 * HOUR
        account.said["full_every"] = "7d"
        _, end = account.read()
    assert end.proof == "partial"
    assert gone(account, end, set(ids)) == {ids[5]}


def test_a_full_read_comes_again_every_day(account: Account) -> None:
    ids = account.vendor.add(20)
    account.read()
    account.vendor.delete(ids[0])
    account.vendor.gone.clear()  # as if it was purged, and no list told of it
    account.vendor.now += 24 * HOUR
    rows, end = account.read()
    assert (set(rows), end.proof) == (set(ids[1:]), "complete")


def test_a_refused_key_is_told_in_the_vendors_words_and_ours(account: Account) -> None:
    account.vendor.add()
    account.vendor.denied = True
    with structlog.testing.capture_logs() as logs, pytest.raises(SourceDenied) as raised:
        account.connector().check()
    said = account.vendor.refusal()
    words = next((text for text in _texts(said.content) if " " in text), "")
    assert words[:20] in str(raised.value)
    assert "check" in str(raised.value)
    assert "secret-" not in str(raised.value) + str(logs)


def _texts(content: bytes) -> list[str]:
    return content.decode().split('"')


def test_without_a_filter_by_time_every_read_is_of_everyone(tmp_path: Path) -> None:
    for make in (each for each in VENDORS if not each.CHANGES):
        account = Account(make(), tmp_path)
        ids = account.vendor.add(150)
        account.read()
        account.vendor.delete(ids[0])
        rows, end = account.read()
        assert (set(rows), end.proof) == (set(ids[1:]), "complete")


def test_who_is_missing_is_asked_for_alone(account: Account) -> None:
    vendor = account.vendor
    if vendor.PRESET in NO_LOOKUP:
        pytest.skip("the vendor does not say how it answers about a record that is gone")
    stays, goes, *_ = vendor.add(20)
    connector = account.connector()
    _, end = drain(connector)
    assert connector.can_look_up()
    vendor.delete(goes)
    pages, gone_now = looked_up(connector, [stays, goes])
    rows = rows_of(pages)
    assert [row[vendor.KEY] for row in rows] == [stays]
    assert (rows[0][vendor.NAME], rows[0][vendor.PHONE]) == (vendor.people[stays].name, vendor.people[stays].phone)
    assert gone_now == {goes}
    assert end.proof == "complete"


@pytest.mark.parametrize("make", [Pipedrive, Salesforce, Odoo, OdooRpc], ids=lambda vendor: vendor.PRESET)
def test_these_lists_cannot_slip(make: type[Vendor], tmp_path: Path) -> None:
    account = Account(make(), tmp_path)
    account.vendor.add(330)
    assert not account.read()[1].slips


def test_an_account_without_anyone_is_complete_and_empty(account: Account) -> None:
    rows, end = account.read()
    assert rows == {}
    assert end.proof == "complete"


@pytest.mark.parametrize("make", [Graph, Google], ids=lambda vendor: vendor.PRESET)
def test_an_expired_token_means_a_full_read_and_no_gap(make: type[Vendor], tmp_path: Path) -> None:
    account = Account(make(), tmp_path)
    ids = account.vendor.add(30)
    account.read()
    account.vendor.delete(ids[0])
    account.vendor.expired = True
    rows, end = account.read()
    assert (set(rows), end.proof) == (set(ids[1:]), "complete")


def test_pipedrive_looks_up_organizations_only_if_they_are_used(tmp_path: Path) -> None:
    plain = Account(Pipedrive(), tmp_path)
    plain.vendor.add(5)
    plain.read()
    assert {request.url.path for request in plain.vendor.requests} == {"/api/v2/persons"}
    with_names = Account(Pipedrive(), tmp_path, "organization.name")
    ids = with_names.vendor.add(5)
    rows, _ = with_names.read()
    assert rows[ids[0]]["organization.name"] == "Acme"


def test_salesforce_reads_parents_and_takes_a_merge_for_what_it_is(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path, "Account.Name")
    loser, master, gone_for_good = account.vendor.add(3)
    rows, _ = account.read()
    assert rows[master]["Account.Name"] == "Acme"
    account.vendor.delete(loser, merged_into=master)
    account.vendor.delete(gone_for_good)
    account.vendor.edit(master, name="Pat")
    rows, end = account.read()
    assert set(rows) == {master}
    assert end.merged == {loser: master}
    assert end.deleted == {gone_for_good}


def test_google_takes_a_renamed_person_for_the_same(tmp_path: Path) -> None:
    account = Account(Google(), tmp_path)
    old, new = account.vendor.add(2)
    account.read()
    account.vendor.delete(old, merged_into=new)
    account.vendor.edit(new)
    _, end = account.read()
    assert end.merged == {old: new}
    assert old not in end.deleted


def test_zoho_has_lookups_by_name_and_takes_its_silence_for_empty(tmp_path: Path) -> None:
    account = Account(Zoho(), tmp_path, "Account_Name.name")
    ids = account.vendor.add(2)
    rows, _ = account.read()
    assert rows[ids[0]]["Account_Name.name"] == "Acme"
    rows, end = account.read()
    assert (rows, end.proof) == ({}, "partial")


def test_odoo_takes_an_archived_partner_for_deleted_and_false_for_nothing(tmp_path: Path) -> None:
    account = Account(Odoo(), tmp_path)
    archived, empty = account.vendor.add(2)
    account.vendor.edit(empty, phone="")
    rows, _ = account.read()
    assert rows[empty]["phone"] is None
    account.vendor.edit(archived, company="archived")
    account.vendor.delete(archived)
    _, end = account.read()
    assert end.deleted == {archived}


def test_graph_reads_every_folder_and_follows_links_to_its_own_host_only(tmp_path: Path) -> None:
    account = Account(Graph(), tmp_path)
    account.vendor.add(3)
    account.read()
    folders = {request.url.path.split("/")[5] for request in account.vendor.requests if "/delta" in request.url.path}
    assert folders == {"main=", "two"}


@pytest.mark.parametrize("instance", ["https://evil.example.com", "https://salesforce.com.evil.net"])
def test_salesforce_gets_its_token_at_its_own_hosts_only(instance: str, tmp_path: Path) -> None:
    vendor = Salesforce()
    vendor.instance = instance
    with pytest.raises(SourceInvalid, match=r"under salesforce\.com, salesforce\.mil only"):
        Account(vendor, tmp_path).read()
    assert [request.url.path for request in vendor.requests] == ["/services/oauth2/token"]


def test_zoho_is_asked_in_parts_for_more_than_fifty_fields(tmp_path: Path) -> None:
    vendor = Zoho()
    vendor.more_fields = tuple(f"Custom_{number}" for number in range(60))
    account = Account(vendor, tmp_path, *vendor.more_fields)
    ids = vendor.add(120)
    rows, end = account.read()
    assert (end.proof, len(rows)) == ("complete", 120)
    assert rows[ids[7]]["Custom_0"] == f"Custom_0 of {ids[7]}"
    assert rows[ids[7]]["Custom_59"] == f"Custom_59 of {ids[7]}"
    vendor.edit(ids[7], phone="2125559999")
    rows, end = account.read()
    assert (end.proof, set(rows), rows[ids[7]]["Phone"]) == ("partial", {ids[7]}, "2125559999")


def test_espocrm_signs_each_request_where_a_secret_is_given(tmp_path: Path) -> None:
    vendor = Espo()
    vendor.secret = "hush-hush"
    hmac = {"header": "X-Hmac-Authorization", "secret": "{secret_key}", "before": "{api_key}:"}
    secrets = {"api_key": "secret-key", "secret_key": "hush-hush"}
    account = Account(vendor, tmp_path, auth={"headers": None, "hmac": hmac}, secrets=secrets)
    ids = vendor.add(3)
    rows, end = account.read()
    assert (end.proof, set(rows)) == ("complete", set(ids))


def test_freshsales_leaves_out_what_is_deleted(tmp_path: Path) -> None:
    account = Account(Freshsales(), tmp_path)
    ids = account.vendor.add(60)
    account.vendor.delete(ids[3])
    rows, end = account.read()
    assert (set(rows), end.proof) == (set(ids) - {ids[3]}, "complete")


def test_suitecrm_is_read_to_its_end_though_it_links_to_no_next_page(tmp_path: Path) -> None:
    vendor = Suite()
    vendor.links = False
    ids = vendor.add(250)
    rows, end = Account(vendor, tmp_path).read()
    assert (set(rows), end.proof) == (set(ids), "complete")


def test_odoo_says_in_an_answer_of_success_what_is_wrong(tmp_path: Path) -> None:
    account = Account(OdooRpc(), tmp_path)
    data = {"name": "builtins.KeyError", "message": "res.partners", "debug": "Traceback (most recent call last)"}
    error = {"code": 200, "message": "Odoo Server Error", "data": data}
    account.vendor.refusal = lambda: httpx.Response(200, json={"jsonrpc": "2.0", "error": error})  # type: ignore[method-assign]
    account.vendor.denied = True
    with pytest.raises(SourceInvalid, match=r"KeyError|jsonrpc") as raised:
        account.read()
    assert "Traceback" not in str(raised.value)
