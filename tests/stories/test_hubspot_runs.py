"""Whole runs from a HubSpot fake to the sandbox, both on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.config import load
from syncd.errors import ConfigError
from syncd.explain import explain
from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.sandbox.company import FIELDS
from syncd.sandbox.hubspot.server import HubSpot
from syncd.sandbox.server import Sandbox
from syncd.sync import run_source

PAGE = (Path(__file__).parent.parent.parent / "docs" / "how-to" / "hubspot.md").read_text()
[SIX_LINES] = re.findall(r"```yaml\n(sources:\n  hubspot:\n.*?)```", PAGE, re.DOTALL)


class Company:
    """A company with the CRM ``crm``; ``there`` returns the contacts of its phone system by External ID."""

    def __init__(self, folder: Path, crm: HubSpot, phones: Sandbox) -> None:
        self.folder = folder
        self.crm = crm
        self.phones = phones

    def write(self, source: str = SIX_LINES, *, key: str | None = None) -> Path:
        base = f'service_key: "${{HUBSPOT_KEY}}", base_url: "{self.crm.url}"'
        source = source.replace('service_key: "${HUBSPOT_KEY}"', base)
        target = f"target: {{api_key: {self.phones.key}, base_url: '{self.phones.url}', limits: []}}\n"
        path = self.folder / "syncd.yaml"
        path.write_text(f"{target}state: syncd.db\n{source}")
        return path

    def run(self, source: str = SIX_LINES, *, full: bool = False) -> SourceReport:
        settings = load(self.write(source), {"HUBSPOT_KEY": self.crm.key})
        with open_session(settings, dry_run=False, sleep=lambda _: None) as session:
            session.full = full
            return run_source(session, settings.sources["hubspot"])

    def there(self) -> dict[str, dict[str, str]]:
        return {each["fields"]["External ID"]: dict(each["fields"]) for each in self.phones.store.contacts()}


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with HubSpot(limits=None, seed=8) as crm, Sandbox(limits=None, fields=FIELDS) as phones:
        yield Company(tmp_path, crm, phones)


def test_six_lines_are_a_source() -> None:
    assert len(SIX_LINES.splitlines()) == 6


def test_the_six_lines_of_the_page_bring_every_contact_over(company: Company) -> None:
    company.crm.portal.contacts.edit(
        1, {"firstname": "Ada", "lastname": "Abbott", "phone": "(212) 555-0123 ext. 4", "mobilephone": None}
    )
    report = company.run()
    assert (report.error, report.counts["create"]) == (None, 8)
    assert {name: value for name, value in company.there()["1"].items() if value} == {
        "External ID": "1",
        "Contact": "Ada Abbott",
        "Company": company.crm.portal.contacts.records[1].values["company"],
        "Phone": "2125550123",
    }


def test_what_changes_is_followed(company: Company) -> None:
    company.run()
    contacts = company.crm.portal.contacts
    contacts.edit(1, {"firstname": "Bea", "lastname": "Brandt"})
    contacts.archive(2)
    contacts.add({"firstname": "Cy", "phone": "2125550177"})
    company.run()
    there = company.there()
    assert there["1"]["Contact"] == "Bea Brandt"
    assert "2" not in there
    assert there["9"]["Phone"] == "2125550177"
    assert len(there) == 8


def test_a_property_that_is_not_there_is_told_with_its_place_and_the_nearest(company: Company) -> None:
    report = company.run(SIX_LINES.replace("{firstname}", "{fristname}").replace("company.name", "company.nmae"))
    assert isinstance(report.error, ConfigError)
    told = str(report.error)
    assert re.search(r"syncd\.yaml:\d+: .*fristname.*'firstname'", told)
    assert re.search(r"company\.nmae.*'company\.name'", told)


def test_a_second_run_without_changes_sends_nothing(company: Company) -> None:
    company.run()
    sent = len(company.phones.requests)
    report = company.run()
    assert report.counts["update"] == report.counts["create"] == report.counts["delete"] == 0
    assert not [each for each in company.phones.requests[sent:] if each.method != "GET"]


BY_EMAIL = SIX_LINES.replace("External ID: hs_object_id", "External ID: email")


def with_options(more: str, source: str = SIX_LINES) -> str:
    return source.replace("options: {", f"options: {{{more}, ")


def ids_there(company: Company) -> dict[str, int]:
    return {each["fields"]["External ID"]: each["id"] for each in company.phones.store.contacts()}


@pytest.mark.parametrize("behaviour", ["new", "primary"])
def test_a_merged_contact_is_neither_deleted_nor_made_anew(company: Company, behaviour: str) -> None:
    company.crm.dialect("merge", behaviour)
    company.run(BY_EMAIL)
    before = ids_there(company)
    emails = {number: str(company.crm.portal.contacts.records[number].values["email"]) for number in (1, 2)}
    company.crm.portal.merge(1, 2)
    report = company.run(BY_EMAIL)
    assert (report.read, report.counts["create"], report.counts["delete"]) == ("partial", 0, 1)
    del before[emails[2]]
    assert ids_there(company) == before
    assert company.run(BY_EMAIL).counts == {**report.counts, "delete": 0, "update": 0, "unchanged": 7}


def test_explain_sees_that_a_key_takes_over_the_contact_of_a_merged_key(company: Company) -> None:
    company.crm.dialect("merge", "new")
    company.run(BY_EMAIL)
    company.crm.portal.merge(1, 2)
    settings = load(company.write(BY_EMAIL), {"HUBSPOT_KEY": company.crm.key})
    with open_session(settings, dry_run=True, sleep=lambda _: None) as session:
        session.full = True
        found = explain(session, settings.sources["hubspot"], "9")
    assert found.ledger is not None
    assert (found.takes_over, found.decision == "create") == ("1", False)


@pytest.mark.parametrize(("behaviour", "left"), [("new", "9"), ("primary", "1")])
def test_where_the_id_is_the_match_field_a_merge_leaves_one_contact(
    company: Company, behaviour: str, left: str
) -> None:
    company.crm.dialect("merge", behaviour)
    company.run()
    company.crm.portal.merge(1, 2)
    company.run()
    assert set(company.there()) == {left, "3", "4", "5", "6", "7", "8"}


def test_a_purged_contact_is_found_by_the_sweep_and_deleted_through_the_gates(company: Company) -> None:
    quiet = with_options("overlap: 0s")  # an overlap would read recent edits again, and find the purge before the sweep
    for records in (company.crm.portal.contacts, company.crm.portal.companies):
        records.touch_all(at=company.crm.portal.now() - 60_000)
    company.run(quiet)
    company.crm.portal.contacts.purge(3)
    assert company.run(quiet).counts["delete"] == 0
    gated = with_options("sweep: 0s", quiet) + "    deletes: {at_most: {count: 0, share: 100%, free: 0}}\n"
    report = company.run(gated)
    assert ([held.gate for held in report.held], "3" in company.there()) == (["deletes.count"], True)
    company.run(with_options("sweep: 0s"))
    assert set(company.there()) == {"1", "2", "4", "5", "6", "7", "8"}


def test_a_contact_that_is_restored_after_a_full_read_is_found_by_the_sweep(company: Company) -> None:
    contacts = company.crm.portal.contacts
    for records in (contacts, company.crm.portal.companies):
        records.touch_all(at=company.crm.portal.now() - 3_600_000)
    company.run()
    contacts.archive(3)
    company.run(full=True)
    assert "3" not in company.there()
    contacts.restore(3)
    assert company.run().counts["create"] == 0
    report = company.run(with_options("sweep: 0s"))
    assert (report.read, report.counts["create"]) == ("complete", 1)  # other options: a full read
    contacts.archive(4)
    company.run(with_options("sweep: 0s"), full=True)
    assert "4" not in company.there()
    contacts.restore(4)
    report = company.run(with_options("sweep: 0s"))
    assert (report.read, report.counts["create"]) == ("partial", 1)
    assert set(company.there()) == {"1", "2", "3", "4", "5", "6", "7", "8"}


def test_of_two_contacts_with_one_key_the_first_one_stays_also_if_the_other_changes(company: Company) -> None:
    by_job = with_options("sweep: 0s").replace("key: hs_object_id", "key: jobtitle")
    by_job = by_job.replace("External ID: hs_object_id", "External ID: jobtitle")
    contacts = company.crm.portal.contacts
    for number in range(1, 9):
        contacts.edit(number, {"jobtitle": f"job {max(number, 2)}", "firstname": f"Person {number}", "lastname": ""})
    company.run(by_job)
    assert company.there()["job 2"]["Contact"] == "Person 1"
    contacts.edit(2, {"firstname": "Other"})
    report = company.run(by_job)
    assert [each["key"] for each in report.invalid] == ["job 2"]
    assert company.there()["job 2"]["Contact"] == "Person 1"


@pytest.mark.parametrize("broken", ["source", "target"])
def test_a_run_that_breaks_off_inside_its_window_loses_nothing(company: Company, broken: str) -> None:
    exact = with_options("overlap: 0s")  # so that only the stored watermark decides which rows are read
    company.run(exact)
    company.crm.portal.contacts.edit(1, {"firstname": "Ada", "lastname": "Abbott"})
    company.crm.portal.contacts.archive(2)
    if broken == "source":
        company.crm.arm({"kind": "limited", "policy": "DAILY", "path": "batch", "times": None})
    else:
        company.phones.arm({"kind": "status", "status": 503, "method": "POST", "times": None})
    assert company.run(exact).error
    company.crm.backend.faults.disarm()
    company.phones.disarm()
    report = company.run(exact)
    assert (report.error, report.counts["update"], report.counts["delete"]) == (None, 1, 1)
    assert company.there()["1"]["Contact"] == "Ada Abbott"
    assert "2" not in company.there()
