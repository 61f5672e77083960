"""What the sink ``rest`` does when a server fails: nothing is lost, made twice, or told of anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from syncd.core.settings.sinks import SinkRules
from syncd.errors import SinkDenied, SinkError, SinkInvalid, SinkUnavailable, Stopped
from syncd.sink import Outcome, Row
from tests.worlds.deliveries import call, item_of
from tests.worlds.record_server import RecordServer, body_of
from tests.worlds.record_vendors import VENDORS, Close, Pipedrive, Salesforce, Zoho

PRIVATE = ("2125550101", "Ann Lee", "lease", "c-1", "secret-")


class Account:
    def __init__(self, server: RecordServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.rules = SinkRules(contacts="crm", messages=None)
        self.sink = server.sink(folder, self.rules)

    def rows(self, count: int) -> list[Row]:
        contacts = [{"source": "crm", "key": self.server.CONTACT}]
        return [call(id=f"c-{n}", contacts=contacts, start_time=f"2026-03-10T14:{n:02}:30Z") for n in range(count)]

    def deliver(self, *rows: Row, attempt: int = 1) -> list[Outcome]:
        return [*self.sink.deliver([item_of(self.sink, row, attempt=attempt) for row in rows])]

    def another(self) -> None:
        """Go on as a later process."""
        self.sink.close()
        self.sink = self.server.sink(self.folder, self.rules)


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.PRESET)
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    return Account(request.param(), tmp_path)


def is_write(request: httpx.Request) -> bool:
    return request.method in {"POST", "PATCH", "PUT"} and not request.url.path.endswith(("/token", "/coql"))


@pytest.mark.parametrize("vendor", [Zoho, Close], ids=lambda vendor: vendor.PRESET)
def test_create_answer_lost_and_the_record_is_found(vendor: type[RecordServer], tmp_path: Path) -> None:
    account = Account(vendor(), tmp_path)
    one, other = account.rows(2)
    account.server.lost = 1
    with pytest.raises(SinkUnavailable) as raised:
        account.deliver(one)
    assert raised.value.in_doubt
    assert account.server.made == 1, "a request that may have been carried out is not sent again"
    account.another()
    items = [item_of(account.sink, row, attempt=2) for row in (one, other)]
    assert account.sink.find(items) == {"call:c-0": next(iter(account.server.records)), "call:c-1": None}


def test_create_answer_lost_and_an_upsert_makes_one_record(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    [row] = account.rows(1)
    account.server.lost = 1
    [outcome] = account.deliver(row)
    assert (outcome.status, outcome.remote_id) == ("accepted", next(iter(account.server.records)))
    account.another()
    [again] = account.deliver(row, attempt=2)
    assert (again.remote_id, again.was_there) == (outcome.remote_id, True)
    assert account.server.made == 1


def test_create_answer_lost_and_nothing_can_be_looked_for(tmp_path: Path) -> None:
    account = Account(Pipedrive(), tmp_path)
    account.server.lost = 1
    with pytest.raises(SinkUnavailable) as raised:
        account.deliver(*account.rows(3))
    assert raised.value.in_doubt
    assert account.server.made == 1
    assert not account.sink.wants().finds


def test_a_call_that_was_not_made_is_not_found(tmp_path: Path) -> None:
    account = Account(Zoho(), tmp_path)
    [row] = account.rows(1)
    assert account.sink.find([item_of(account.sink, row)]) == {"call:c-0": None}


def test_two_calls_that_look_the_same_are_left_to_a_person(tmp_path: Path) -> None:
    account = Account(Close(), tmp_path)
    [row] = account.rows(1)
    account.deliver(row, {**row, "id": "c-9"})
    assert account.sink.find([item_of(account.sink, row)]) == {}


def test_one_bad_item_in_a_hundred(account: Account) -> None:
    [row] = account.rows(1)
    rows = [{**row, "id": f"c-{n}", "remote_name": f"Ann Lee {n}"} for n in range(100)]

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if (is_write(request) and b"Ann Lee 42" in request.content) or b"c-42" in request.url.raw_path:
            return account.server.refuse("Ann Lee 42 is invalid")
        return None

    account.server.fault = refuse
    if isinstance(account.server, Close):
        # Close has no title, so the bad one is told by its text.
        rows = [{**each, "summary": each["remote_name"]} for each in rows]
    statuses = [each.status for each in account.deliver(*rows)]
    assert (statuses.count("accepted"), statuses[42]) == (99, "rejected")
    assert account.server.made == 99


def test_the_reason_of_a_refusal_holds_no_data(account: Account) -> None:
    refusal = account.server.refuse("The name Ann Lee is invalid")
    account.server.fault = lambda request: refusal if is_write(request) else None
    [outcome] = account.deliver(*account.rows(1))
    assert outcome.status == "rejected"
    assert outcome.reason.startswith("the server refused it with status")
    assert "invalid" in outcome.reason
    assert not [text for text in PRIVATE if text in outcome.reason]


def test_sink_down_nothing_lost(account: Account) -> None:
    rows = account.rows(20)
    account.server.fault = lambda _request: httpx.ConnectError("refused")
    with pytest.raises(SinkUnavailable) as raised:
        account.deliver(*rows)
    assert not raised.value.in_doubt, "nothing was sent, so nothing is in doubt"
    account.server.fault = lambda _request: None
    account.another()
    assert [each.status for each in account.deliver(*rows)] == ["accepted"] * 20
    assert account.server.made == 20


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_before_anything_is_sent_leaves_no_doubt(account: Account, status: int) -> None:
    account.server.fault = lambda _request: status
    with pytest.raises(SinkUnavailable) as raised:
        account.deliver(*account.rows(3))
    if account.server.PRESET != "salesforce":
        assert not raised.value.in_doubt
        assert not [each for each in account.server.requests if is_write(each)]


def test_a_server_that_fails_at_one_record_does_not_hold_the_others_up(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    account.server.fault = lambda request: 500 if b"c-1" in request.url.raw_path else None
    statuses = [each.status for each in account.deliver(*account.rows(5))]
    assert statuses == ["accepted", "unknown", "accepted", "accepted", "accepted"]


def test_a_server_that_went_down_is_not_asked_for_every_record(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    account.server.fault = lambda request: 502 if is_write(request) else None
    with pytest.raises(SinkUnavailable):
        account.deliver(*account.rows(50))
    assert len([each for each in account.server.requests if is_write(each)]) <= 3 * 6


def test_a_server_that_is_not_reached_leaves_no_doubt(account: Account) -> None:
    account.server.fault = lambda request: httpx.ConnectError("refused") if is_write(request) else None
    with pytest.raises(SinkUnavailable) as raised:
        account.deliver(*account.rows(3))
    assert not raised.value.in_doubt


def test_a_429_is_waited_for_and_no_doubt(account: Account) -> None:
    limits = iter([httpx.Response(429, headers={"Retry-After": "7"}, json={})])
    account.server.fault = lambda request: next(limits, None) if is_write(request) else None
    assert [each.status for each in account.deliver(*account.rows(2))] == ["accepted"] * 2
    assert account.server.made == 2
    assert account.server.now >= 7


def test_a_refused_key_ends_the_delivery_and_leaves_no_doubt(account: Account) -> None:
    account.server.fault = lambda request: 401 if "/token" not in request.url.path else None
    with pytest.raises(SinkDenied, match=r"check options\.secrets") as raised:
        account.deliver(*account.rows(3))
    assert not raised.value.in_doubt


def test_a_redirect_is_not_followed_nor_shown(account: Account) -> None:
    moved = httpx.Response(307, headers={"Location": "https://evil.example.com/c-0"})
    account.server.fault = lambda request: moved if is_write(request) else None
    with pytest.raises(SinkInvalid, match=r"check options\.base_url") as raised:
        account.deliver(*account.rows(3))
    assert "evil" not in str(raised.value)
    assert not raised.value.in_doubt


REPLIES: list[Any] = [400, 401, 403, 404, 500, 307, httpx.ReadTimeout("late"), httpx.ConnectError("no")]


@pytest.mark.parametrize("reply", REPLIES)
def test_no_log_and_no_error_holds_a_secret_or_a_persons_data(account: Account, reply: Any) -> None:
    account.server.fault = lambda request: reply if is_write(request) else None
    told = ""
    with structlog.testing.capture_logs() as logs:
        try:
            account.deliver(*account.rows(2)[1:])
        except SinkError as error:
            told = str(error)
    assert not [text for text in PRIVATE if text in told + str(logs)]


def test_an_answer_without_an_id_stops_the_sink_before_it_makes_more(tmp_path: Path) -> None:
    account = Account(Pipedrive(), tmp_path)
    said = {"success": True, "data": {}}
    account.server.fault = lambda request: httpx.Response(200, json=said) if is_write(request) else None
    with pytest.raises(SinkInvalid, match=r"no id at 'data\.id'") as raised:
        account.deliver(*account.rows(3))
    assert raised.value.in_doubt
    assert len([each for each in account.server.requests if is_write(each)]) == 1


def test_a_stop_ends_a_delivery_and_finishes_what_was_begun(account: Account) -> None:
    def stop(request: httpx.Request) -> None:
        if is_write(request):
            account.sink.cancel()

    account.server.fault = stop
    with pytest.raises(Stopped):
        account.deliver(*account.rows(3))
    assert account.server.made == 1


def test_an_update_whose_answer_was_lost_is_not_taken_for_a_persons(tmp_path: Path) -> None:
    account = Account(Close(), tmp_path)
    [row] = account.rows(1)
    first = item_of(account.sink, {**row, "summary": None, "transcription": None})
    [made] = account.sink.deliver([first])
    late = item_of(account.sink, {**row, "transcription": None}, "update", remote_id=made.remote_id)
    [once] = account.sink.deliver([late])
    assert once.status == "accepted"
    # The outcome of that update is unknown to the shell, and another text has come since.
    newer = {**row, "summary": "Another.", "transcription": None}
    tried = {"tried": {"note": body_of(account.server.requests[-1])["note"]}}
    item = item_of(account.sink, newer, "update", remote_id=made.remote_id, attempt=2, **tried)
    [outcome] = account.sink.deliver([item])
    assert (outcome.status, outcome.kept) == ("accepted", ())
    assert account.server.records[str(made.remote_id)]["note"] == "Another."
