"""Every preset of the sink ``rest`` against a fake of its vendor, which takes what the vendor's pages describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.rest_out.options import RestOutOptions
from syncd.core.activity.sent import compacted
from syncd.core.settings.sinks import SinkRules
from syncd.errors import SinkInvalid
from syncd.sink import Item, Outcome, Row
from tests.worlds.deliveries import call, item_of, message
from tests.worlds.record_server import RecordServer
from tests.worlds.record_vendors import VENDORS, Close, Pipedrive, Salesforce, Zoho


class Account:
    """A fake, the sink that writes to it, and rows of its contact."""

    def __init__(self, server: RecordServer, folder: Path, **options: Any) -> None:
        self.server = server
        messages = {} if server.PRESET == "salesforce" else {"messages": None}
        rules = SinkRules(contacts="crm", owners={"101": server.OWNER}, **messages)  # type: ignore[arg-type]
        self.sink = server.sink(folder, rules, **options)

    def row(self, **said: Any) -> Row:
        return call(**{"contacts": [{"source": "crm", "key": self.server.CONTACT}], **said})

    def make(self, row: Row) -> tuple[Item, Outcome]:
        item = item_of(self.sink, row)
        [outcome] = self.sink.deliver([item])
        assert outcome.status == "accepted", outcome
        return item, outcome

    def update(self, made: tuple[Item, Outcome], row: Row) -> Outcome:
        item, outcome = made
        [after] = self.sink.deliver(
            [item_of(self.sink, row, "update", remote_id=outcome.remote_id, sent=compacted(item.fields))]
        )
        return after

    @property
    def record(self) -> dict[str, Any]:
        [record] = self.server.records.values()
        return record


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.PRESET)
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    return Account(request.param(), tmp_path)


RECORDS: dict[str, dict[str, Any]] = {
    "pipedrive": {
        "subject": "Incoming call Ann Lee",
        "duration": "185",
        "outcome": "connected",
        "from_phone_number": "2125550101",
        "to_phone_number": "2125550199",
        "start_time": "2026-03-10 14:00:00",
        "end_time": "2026-03-10 14:03:05",
        "person_id": 77,
        "user_id": 12,
        "note": "Summary:<br>She asks for a new lease.<br><br>Transcription:<br>Hello. I would like a new lease.",
    },
    "zoho-crm": {
        "Subject": "Incoming call Ann Lee",
        "Call_Type": "Inbound",
        "Call_Start_Time": "2026-03-10T14:00:00+00:00",
        "Call_Duration": "03:05",
        "Caller_ID": "2125550101",
        "Dialled_Number": "2125550199",
        "Who_Id": {"id": "4876876000001036016"},
        "Owner": {"id": "4876876000000225013"},
    },
    "salesforce": {
        "Vocatech_Id__c": "call:c-1",
        "Subject": "Incoming call Ann Lee",
        "Status": "Completed",
        "ActivityDate": "2026-03-10",
        "CallType": "Inbound",
        "CallDurationInSeconds": 185,
        "CallObject": "c-1",
        "WhoId": "003000000000000077",
        "OwnerId": "005000000000000012",
    },
    "close": {
        "contact_id": "cont_ann",
        "lead_id": "lead_ann",
        "user_id": "user_jane",
        "direction": "inbound",
        "status": "completed",
        "activity_at": "2026-03-10T14:00:00+00:00",
        "duration": 185,
        "phone": "+12125550101",
        "note": "Summary:\nShe asks for a new lease.\n\nTranscription:\nHello. I would like a new lease.",
    },
}

DETAILS = {"zoho-crm": "Description", "salesforce": "Description"}


def test_every_preset_has_a_fake() -> None:
    assert RestOutOptions.PRESETS.names() == sorted(vendor.PRESET for vendor in VENDORS) == sorted(RECORDS)


def test_a_call_becomes_the_record_that_the_vendor_describes(account: Account) -> None:
    _, outcome = account.make(account.row())
    details = account.record.pop(DETAILS.get(account.server.PRESET, ""), "")
    assert account.record == RECORDS[account.server.PRESET]
    assert list(account.server.records) == [outcome.remote_id]
    if details:
        assert details.startswith("2026-03-10 14:00 UTC, 3:05, 2125550101, extension 101, Front desk\n\nSummary:\n")


@pytest.mark.parametrize(
    "said",
    [
        {"status": "missed", "duration": 0, "talk": 0, "summary": None, "transcription": None},
        {"direction": "outgoing"},
        {"direction": "internal", "remote_number": "102", "own_number": None},
        {"remote_number": None, "remote_name": None},
        {"remote_name": "x" * 5000, "summary": "y" * 90_000},
        {"end_time": None, "answer_time": None, "extension": None, "extension_name": None},
    ],
    ids=["missed", "outgoing", "internal", "withheld", "long", "bare"],
)
def test_every_call_is_one_that_the_vendor_takes(account: Account, said: dict[str, Any]) -> None:
    if account.server.PRESET == "pipedrive" and "remote_name" in said and said["remote_name"]:
        said = {**said, "remote_name": "x" * 200}
    account.make(account.row(**said))
    assert account.server.made == 1


def test_check_asks_and_writes_nothing(account: Account) -> None:
    notes = account.sink.check()
    assert notes[0].good
    assert account.server.writes == 0
    without = {"pipedrive": ["calls: if an answer is lost, the record is held until a person has looked for it"]}
    assert [note.text for note in notes if not note.good] == without.get(account.server.PRESET, [])


CAN = {
    "pipedrive": {"updates": False, "idempotent": False, "finds": False, "erases": False},
    "zoho-crm": {"updates": True, "idempotent": False, "finds": True, "erases": True},
    "salesforce": {"updates": True, "idempotent": True, "finds": False, "erases": True},
    "close": {"updates": True, "idempotent": False, "finds": True, "erases": True},
}


def test_what_a_sink_can_do_is_what_the_preset_declares(account: Account) -> None:
    wants = account.sink.wants()
    assert {name: getattr(wants, name) for name in CAN["close"]} == CAN[account.server.PRESET]
    assert (wants.batch, wants.makes_contacts, wants.associates) == (1, False, False)


@pytest.fixture(params=[Zoho, Salesforce, Close], ids=lambda vendor: vendor.PRESET)
def changeable(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    return Account(request.param(), tmp_path)


def texts(record: dict[str, Any]) -> str:
    return str(record.get("Description") or record.get("note"))


def test_a_summary_that_comes_late_is_an_update(changeable: Account) -> None:
    account = changeable
    made = account.make(account.row(summary=None, transcription=None))
    outcome = account.update(made, account.row(summary="A new lease."))
    assert (outcome.status, outcome.remote_id, outcome.kept) == ("accepted", made[1].remote_id, ())
    assert "A new lease." in texts(account.record)
    assert account.server.made == 1


def test_an_update_that_changes_nothing_sends_nothing(changeable: Account) -> None:
    made = changeable.make(changeable.row())
    before = len(changeable.server.requests)
    assert changeable.update(made, changeable.row(settled=False)).status == "accepted"
    assert len(changeable.server.requests) == before


def test_person_edited_the_body_kept(changeable: Account) -> None:
    account = changeable
    made = account.make(account.row())
    name = "note" if "note" in account.record else "Description"
    account.record[name] = "A person wrote this."
    outcome = account.update(made, account.row(summary="A new lease."))
    assert (outcome.status, outcome.kept) == ("accepted", (name,))
    assert account.record[name] == "A person wrote this."


def test_a_field_that_a_person_emptied_stays_empty(changeable: Account) -> None:
    account = changeable
    made = account.make(account.row())
    name = "note" if "note" in account.record else "Description"
    account.record[name] = None
    assert account.update(made, account.row(summary="A new lease.")).kept == (name,)
    assert account.record[name] is None


def test_a_record_that_a_person_removed_is_not_made_again(changeable: Account) -> None:
    account = changeable
    made = account.make(account.row())
    account.server.records.clear()
    outcome = account.update(made, account.row(summary="A new lease."))
    assert (outcome.status, outcome.reason) == ("rejected", "the record is not there any more")
    assert account.server.records == {}


def test_a_contact_that_is_found_later_is_an_update(tmp_path: Path) -> None:
    for server in (Zoho(), Salesforce()):
        account = Account(server, tmp_path)
        made = account.make(account.row(contacts=[]))
        assert account.update(made, account.row()).status == "accepted"
        assert server.CONTACT in str(account.record.get("Who_Id") or account.record["WhoId"])


def test_what_was_delivered_is_erased(changeable: Account) -> None:
    account = changeable
    _, first = account.make(account.row())
    _, second = account.make(account.row(id="c-2"))
    assert account.sink.erase([str(first.remote_id), "0000"]) == [first.remote_id, "0000"]
    assert list(account.server.records) == [second.remote_id]


def test_salesforce_takes_messages_as_tasks(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    account.make(message(contacts=[{"source": "crm", "key": account.server.CONTACT}]))
    assert account.record["Subject"] == "Text message: Sent to 2125550101"
    assert account.record["Description"].endswith("\n\nYour lease is ready.")
    assert account.record["Vocatech_Id__c"] == "message:text:m-1"


def test_salesforce_without_the_field_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    account.server.external = False  # type: ignore[attr-defined]
    with pytest.raises(SinkInvalid, match="no external id called Vocatech_Id__c: add a text field"):
        account.sink.check()


def test_a_field_that_salesforce_lacks_is_an_error_of_the_options(tmp_path: Path) -> None:
    account = Account(Salesforce(), tmp_path)
    told = [{"errorCode": "INVALID_FIELD", "message": "No such column 'CallType' on sobject of type Task"}]
    account.server.fault = lambda request: httpx.Response(400, json=told) if request.method == "PATCH" else None
    with pytest.raises(SinkInvalid, match="No such column 'CallType'"):
        account.make(account.row())


def test_a_call_of_nobody_that_close_knows_is_no_record(tmp_path: Path) -> None:
    account = Account(Close(), tmp_path)
    unknown, gone = account.row(contacts=[]), account.row(contacts=[{"source": "crm", "key": "cont_gone"}])
    outcomes = account.sink.deliver([item_of(account.sink, row) for row in (unknown, gone)])
    assert [each.status for each in outcomes] == ["rejected", "rejected"]
    assert outcomes[0].reason == "it has no contact, without which there is no record"
    assert account.server.records == {}


def test_the_outcomes_of_the_sink_go_before_those_of_the_preset(tmp_path: Path) -> None:
    server = Pipedrive()
    sink = server.sink(tmp_path, SinkRules(messages=None, outcomes={"answered": "left_message"}))
    assert sink.render(call())["outcome"] == "left_message"
    assert sink.render(call(status="missed"))["outcome"] == "no_answer"


def test_an_option_of_the_sink_takes_the_place_of_the_presets(tmp_path: Path) -> None:
    zone = {"calls": {"values": {"day": {"zone": "America/New_York"}}, "record": {"TaskSubtype": "Call"}}}
    account = Account(Salesforce(), tmp_path, **zone)
    fields = account.sink.render(account.row(start_time="2026-03-11T02:00:00Z"))
    assert (fields["ActivityDate"], fields["TaskSubtype"]) == ("2026-03-10", "Call")


def test_messages_that_a_preset_does_not_have_are_told_at_once(tmp_path: Path) -> None:
    sink = Pipedrive().sink(tmp_path, SinkRules())
    for ask in (sink.wants, sink.check):
        with pytest.raises(SinkInvalid, match="write messages: never"):
            ask()
