"""``syncd webhook`` after commands that were ended in the middle, and with ids that are none."""

from __future__ import annotations

import pytest

from syncd.activity.webhooks import trial
from syncd.sandbox.faults import Status
from tests.activity.webhooks.conftest import Company


def test_an_endpoint_whose_secret_is_lost_does_not_outlive_the_next_create(company: Company) -> None:
    company.syncd("create")
    (company.receiver.folder / "webhook.secret").unlink()
    # The new one is made; the old one should be deleted then, and the command ends early.
    company.sandbox.arm(Status(method="DELETE", path="/webhooks/1", status=422))
    assert company.syncd("create")[0] != 0
    company.sandbox.disarm()
    assert len(company.endpoints()) == 2
    code, said = company.syncd("create")
    assert (code, said["done"], said["removed"]) == (0, "unchanged", ["1"])
    [made] = company.sandbox.endpoints
    assert company.secrets() == [made.secret.encode()]


def test_a_rotation_goes_on_although_its_new_secret_is_lost(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "PATIENCE", 0.0)
    company.syncd("create")
    file = company.receiver.folder / "webhook.secret"
    first = file.read_bytes()
    assert company.syncd("rotate")[0] == 3
    file.write_bytes(first)
    assert company.syncd("rotate")[0] == 3
    assert company.sandbox.endpoints[-1].secret.encode() in company.secrets()


@pytest.mark.parametrize("number", ["", "../contacts/5", "1?x=1", "1/test", "99", "1 "])
def test_only_an_endpoint_is_deleted(company: Company, number: str) -> None:
    company.syncd("create")
    code, said = company.syncd("delete", number)
    assert (code, said["deleted"]) == (0, [])
    assert len(company.endpoints()) == 1
    assert company.kept() == [("active",)]


def test_what_a_run_saw_before_is_not_told_after_the_endpoint_is_made(company: Company) -> None:
    company.syncd("list")
    company.receiver.change(
        'INSERT INTO fact (name, value) VALUES (\'webhook.seen\', \'{"at": 1, "problem": "none"}\')'
    )
    company.syncd("create")
    assert company.receiver.fact("webhook.seen") is None
