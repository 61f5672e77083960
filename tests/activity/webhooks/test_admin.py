"""``syncd webhook``: no answer that is lost loses a secret or leaves an endpoint that nobody can use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from syncd.activity.receiving import secret_file
from syncd.activity.webhooks import trial
from syncd.core.activity.signature import fingerprint
from syncd.errors import ConfigError
from syncd.sandbox.faults import Drop, Empty, Hold, Html, Status
from tests.activity.webhooks.conftest import Company
from tests.worlds.commands import Command, environment
from tests.worlds.patience import PATIENCE, until
from tests.worlds.receiver import event


def test_create_keeps_the_secret_for_its_owner_only(company: Company) -> None:
    code, said = company.syncd("create")
    assert (code, said["done"]) == (0, "created")
    [endpoint] = company.endpoints()
    assert endpoint["name"].startswith("syncd-")
    assert endpoint["url"] == company.receiver.receive["url"]
    assert len(endpoint["event_filters"]) == 5
    file = company.receiver.folder / "webhook.secret"
    assert (file.stat().st_mode & 0o777) == 0o600
    [made] = company.sandbox.endpoints
    assert file.read_text() == made.secret + "\n"
    assert company.kept() == [("active",)]


def test_what_was_seen_of_the_endpoint_before_it_was_made_is_no_news_any_more(company: Company, syncd: Command) -> None:
    company.receiver.configure()

    def endpoint() -> Any:
        return json.loads(syncd("status", "--json")[1])["activity"]["endpoint"]

    assert syncd("activity", "run")[0] == 0
    assert endpoint()["problem"] == "none"
    assert company.syncd("create")[0] == 0
    assert endpoint() is None
    assert syncd("activity", "run")[0] == 0
    assert endpoint()["problem"] is None


def test_create_again_changes_nothing(company: Company) -> None:
    company.syncd("create")
    before = company.endpoints(), company.secrets()
    code, said = company.syncd("create")
    assert (code, said["done"]) == (0, "unchanged")
    assert (company.endpoints(), company.secrets()) == before


def test_create_again_brings_name_url_and_filters_and_the_secret_stays(company: Company) -> None:
    company.syncd("create")
    secrets = company.secrets()
    url = f"http://127.0.0.1:{company.receiver.port}/elsewhere"
    company.receiver.receive.update(name="office", url=url, events=["call.ended"], extensions=["101"])
    code, said = company.syncd("create")
    assert (code, said["done"], said["changed"]) == (0, "updated", ["name", "url", "events", "extensions"])
    [endpoint] = company.endpoints()
    assert endpoint["name"].startswith("office-")
    assert (endpoint["url"], endpoint["event_filters"], endpoint["extension_filters"]) == (url, ["call.ended"], ["101"])
    assert company.secrets() == secrets
    assert company.syncd("create")[1]["done"] == "unchanged"


@pytest.mark.parametrize("fault", [Drop, Empty, Html])
def test_create_answer_lost_no_orphan_no_secret_lost(company: Company, fault: Any) -> None:
    company.sandbox.arm(fault(method="POST", path="/webhooks", times=1, done=True))
    code, said = company.syncd("create")
    if code:
        assert "error" in said
        code, said = company.syncd("create")
    assert (code, said["done"]) == (0, "created")
    assert len(said["removed"]) == 1
    [made] = company.sandbox.endpoints
    assert company.secrets() == [made.secret.encode()]
    assert [state for (state,) in company.kept() if state != "reserved"] == ["active"]


@pytest.mark.parametrize("step", ["after the answer", "after the secret"])
def test_killed_between_the_steps_of_create(company: Company, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    class Killed(BaseException):
        pass

    write = secret_file.write

    def killed(*arguments: Any) -> None:
        if step == "after the secret":
            write(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(secret_file, "write", killed)
        assert company.syncd("create")[0] == 1
    code, said = company.syncd("create")
    assert (code, said["done"]) == (0, "created" if step == "after the answer" else "unchanged")
    [made] = company.sandbox.endpoints
    assert made.secret.encode() in company.secrets()


def test_a_secret_that_cannot_be_kept_is_not_asked_for(company: Company) -> None:
    company.receiver.receive["secret_file"] = "none/webhook.secret"
    code, said = company.syncd("create")
    assert code == 2
    assert "receive.secret_file" in said["error"]["message"]
    assert company.endpoints() == []


def test_a_disk_that_fills_up_after_the_answer_leaves_no_endpoint(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ConfigError("receive.secret_file: cannot be written")

    monkeypatch.setattr(secret_file, "write", full)
    assert company.syncd("create")[0] == 2
    assert company.endpoints() == []
    assert company.kept() == []


def test_a_lost_secret_is_replaced(company: Company) -> None:
    company.syncd("create")
    (company.receiver.folder / "webhook.secret").unlink()
    code, said = company.syncd("create")
    assert (code, said["done"], said["removed"]) == (0, "created", ["1"])
    [made] = company.sandbox.endpoints
    assert company.secrets() == [made.secret.encode()]


def test_an_endpoint_that_somebody_deleted_is_made_again(company: Company) -> None:
    company.syncd("create")
    company.sandbox._desk.webhooks.delete(1)
    code, said = company.syncd("list")
    assert (code, said["webhooks"], said["missing"]) == (0, [], ["1"])
    assert company.syncd("create")[1]["done"] == "created"
    assert len(company.endpoints()) == 1


def test_endpoints_of_others_are_shown_and_left_alone(company: Company) -> None:
    other = {"name": "crm", "url": "https://crm.example.com/x", "event_filters": ["call.ended"]}
    company.sandbox._desk.webhooks.create(other)
    company.syncd("create")
    company.receiver.receive["events"] = ["call.ended"]
    _, said = company.syncd("list")
    assert [(each["id"], each["ours"], each.get("differs")) for each in said["webhooks"]] == [
        ("1", False, None),
        ("2", True, ["events"]),
    ]
    assert company.syncd("delete") == (0, {"exit": 0, "deleted": ["2"]})
    assert [each["name"] for each in company.endpoints()] == ["crm"]
    assert company.syncd("delete", "1")[1]["deleted"] == ["1"]
    assert company.syncd("delete", "7")[1]["deleted"] == []


def test_test_sees_what_arrived(company: Company) -> None:
    company.receiver.start()
    company.syncd("create")
    code, said = company.syncd("test")
    assert (code, said["arrived"]) == (0, True)
    assert company.receiver.rows("SELECT type FROM event") == [("webhook.test",)]


def test_test_says_success_and_nothing_arrived(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.sandbox.dialect("test_answer", "always_ok")
    company.syncd("create")
    monkeypatch.setattr(trial, "PATIENCE", 0.5)
    code, said = company.syncd("test")
    assert (code, said["arrived"], said["said"]["success"]) == (3, False, True)


def test_test_without_an_endpoint(company: Company) -> None:
    for word in ("test", "rotate"):
        code, said = company.syncd(word)
        assert code == 2
        assert "syncd webhook create" in said["error"]["message"]


def test_rotated_secret_old_one_in_flight(company: Company) -> None:
    company.receiver.start()
    company.syncd("create")
    [old] = company.secrets()
    code, said = company.syncd("rotate")
    assert (code, said["delivered"], said["deleted"]) == (0, True, ["1"])
    [made] = company.sandbox.endpoints
    assert company.secrets() == [made.secret.encode(), old]
    # What was on its way is still accepted, for as long as it may be repeated.
    assert company.receiver.deliver(event("evt_late"), old) == 204
    hours = 4 * 3600
    company.receiver.change(f"UPDATE webhook SET created = {time.time() - hours} WHERE state = 'retired'")
    company.syncd("create")
    assert company.secrets() == [made.secret.encode()]
    assert company.receiver.deliver(event("evt_later"), old) == 401
    assert company.receiver.deliver(event("evt_later"), made.secret.encode()) == 204


def test_a_secret_that_leaked_is_refused_at_once(company: Company) -> None:
    company.receiver.start()
    company.syncd("create")
    # Whether the leak is known before or after an exchange, the command is the same.
    assert company.syncd("rotate")[0] == 0
    olds = company.secrets()
    assert len(olds) == 2
    assert company.syncd("rotate", "--at-once")[0] == 0
    [made] = company.sandbox.endpoints
    assert company.secrets() == [made.secret.encode()]
    assert {company.receiver.deliver(event(), old) for old in olds} == {401}


def test_the_old_endpoint_stays_until_the_new_one_has_delivered(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.syncd("create")
    monkeypatch.setattr(trial, "PATIENCE", 0.5)
    code, said = company.syncd("rotate")
    assert (code, said["delivered"], said["deleted"]) == (3, False, [])
    assert (len(company.endpoints()), len(company.secrets())) == (2, 2)
    company.receiver.start()
    monkeypatch.setattr(trial, "PATIENCE", PATIENCE)
    code, said = company.syncd("rotate")
    assert (code, said["deleted"]) == (0, ["1"])
    [made] = company.sandbox.endpoints
    assert fingerprint(made.secret.encode()) in {fingerprint(each) for each in company.secrets()}


def test_two_at_once_make_one_endpoint(company: Company) -> None:
    company.sandbox.arm(Hold(method="POST", path="/webhooks"))
    words = [sys.executable, "-m", "syncd", "webhook", "create"]
    company.receiver.configure()
    first = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL)
    until(lambda: company.sandbox.holding)
    code, said = company.syncd("create")
    assert (code, said["error"]["kind"]) == (5, "SourceBusy")
    assert company.syncd("list")[0] == 0
    company.sandbox.disarm()
    assert first.wait(PATIENCE) == 0
    assert len(company.endpoints()) == 1


def test_refusals_of_the_api_are_told(company: Company) -> None:
    company.sandbox.arm(Status(method="POST", path="/webhooks", status=422))
    code, said = company.syncd("create")
    assert (code, said["error"]["kind"]) == (3, "TargetRefused")
    company.sandbox.arm(Html(method="GET", path="/webhooks", status=200))
    code, said = company.syncd("list")
    assert code in {3, 4}


def test_without_a_public_address_nothing_is_made(company: Company) -> None:
    del company.receiver.receive["url"]
    code, said = company.syncd("create")
    assert code == 2
    assert "receive.url" in said["error"]["message"]


def test_the_screen_shows_no_secret(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    from syncd.cli import main

    company.syncd("create")
    for words in (["list"], ["create"], ["delete"], ["list"]):
        assert main(["webhook", *words]) == 0
    out = capsys.readouterr().out
    assert "ours" in out
    assert "There is no endpoint" in out
    assert json.dumps(out).find("whsec") == -1


def test_what_the_phone_system_sends_is_stored_once(company: Company) -> None:
    company.receiver.start()
    company.syncd("create")
    company.sandbox.dialect("retry_id", "new")
    for fault in ({"kind": "event_forge"}, {"kind": "event_double"}, {"kind": "event_gzip"}):
        company.sandbox.arm(fault)
    calls = [company.sandbox.phones.call(direction="incoming") for _ in range(5)]
    message = company.sandbox.phones.message(direction="incoming", body="Hello")
    company.sandbox.drain()
    outcomes = {each.outcome for each in company.sandbox.deliveries}
    assert {"delivered", "forged", "repeated"} <= outcomes
    subjects = [subject for (subject,) in company.receiver.rows("SELECT subject FROM event")]
    assert len(subjects) == len(set(subjects))
    # What was packed on its way was refused, and comes again in a minute.
    assert set(subjects) <= {*calls, message}
    assert len(subjects) == 5
