"""The vendor's clock and this machine's differ: no change is lost, and none comes late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd import cli
from syncd.sandbox.company import FIELDS
from syncd.sandbox.hubspot.server import HubSpot
from syncd.sandbox.server import Sandbox

MINUTE, DAY = 60.0, 86_400.0

SOURCE = """
sources:
  hubspot:
    connector: hubspot
    options: {service_key: "KEY", base_url: "URL", overlap: 0s}
    key: hs_object_id
    mapping: {External ID: hs_object_id, Contact: "{firstname} {lastname}", Company: company.name}
"""


class Company:
    """A CRM whose clock is ``ahead`` seconds ahead of this machine's, and which is synced by ``syncd run``."""

    def __init__(self, folder: Path, crm: HubSpot, phones: Sandbox, ahead: float) -> None:
        self.path, self.crm, self.phones, self.ahead = folder / "syncd.yaml", crm, phones, ahead
        target = f"target: {{api_key: {phones.key}, base_url: '{phones.url}', limits: []}}\nstate: syncd.db"
        self.path.write_text(target + SOURCE.replace("KEY", crm.key).replace("URL", crm.url))

    def run(self) -> int:
        return cli.main(["run", "--config", str(self.path)])

    def wait_a_second(self) -> None:
        """Let the CRM's time go on: a date in an answer has whole seconds."""
        self.ahead += 1.5

    def names(self) -> dict[str, str]:
        return {each["fields"]["External ID"]: each["fields"]["Contact"] for each in self.phones.store.contacts()}


@pytest.fixture(params=[-DAY, -30 * MINUTE, 30 * MINUTE, DAY], ids=["-1d", "-30m", "+30m", "+1d"])
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    made: list[Company] = []
    ahead: float = request.param
    clock = lambda: time.time() + (made[0].ahead if made else ahead)  # noqa: E731 (it must see the company)
    with HubSpot(limits=None, seed=4, clock=clock) as crm, Sandbox(limits=None, fields=FIELDS) as phones:
        made.append(Company(tmp_path, crm, phones, ahead))
        yield made[0]


def test_each_change_reaches_the_target_with_the_next_run(company: Company) -> None:
    assert company.run() == 0
    contacts = company.crm.portal.contacts
    for name in ("Ada", "Bea", "Cyd"):
        company.wait_a_second()
        contacts.edit(1, {"firstname": name, "lastname": "Abbott"})
        contacts.add({"firstname": name, "lastname": "New"})
        assert company.run() == 0
        assert company.names()["1"] == f"{name} Abbott"
        assert f"{name} New" in company.names().values()
    contacts.archive(2)
    assert company.run() == 0
    assert "2" not in company.names()


def test_a_quiet_account_is_not_read_again(company: Company) -> None:
    assert company.run() == 0
    company.wait_a_second()
    company.run()
    company.crm.backend.log.clear()
    company.run()
    kinds = [f"{each.kind}/{each.operation}" for each in company.crm.requests]
    assert "contacts/batch" not in kinds[2:]
    assert kinds.count("contacts/list") == 1  # the bin
