"""Deliveries to HubSpot: exactly once, and nothing of a person is undone."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from syncd.core.activity.sent import compacted
from syncd.errors import SourceError, Stopped
from syncd.sink import Item
from tests.worlds.hubspot_sink import Ask, Timeline, again, call, many, message


@pytest.fixture(params=["custom", "creation_key"])
def unique(request: pytest.FixtureRequest) -> str:
    """Which property is unique in the account."""
    kind: str = request.param
    return kind


def test_a_call_is_on_the_timeline_of_its_contact(unique: str) -> None:
    world = Timeline(dialects={"unique": unique})
    assert world.sink.wants().idempotent
    [outcome] = world.deliver(world.item(call(summary="They agreed."), 1))
    assert (outcome.status, outcome.remote_id, outcome.contacts) == ("accepted", "calls/70001", ("1",))
    [record] = world.calls_now()
    record.pop("vocatech_id", None)
    record.pop("hs_unique_creation_key", None)
    assert record == {
        "hs_timestamp": "2026-03-10T15:00:00.000Z",
        "hs_call_title": "Incoming call Ann Lee",
        "hs_call_body": "They agreed.",
        "hs_call_duration": "120000",
        "hs_call_direction": "INBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_from_number": "2125550100",
        "hs_call_to_number": "2125550199",
    }
    assert world.linked() == [{1}]


def test_a_message_is_too() -> None:
    world = Timeline()
    [outcome] = world.deliver(world.item(message(channel="whatsapp", direction="outgoing"), 1, 2))
    assert (outcome.remote_id, outcome.contacts) == ("communications/80001", ("1", "2"))
    [record] = world.texts_now()
    assert record == {
        "vocatech_id": "message:whatsapp:m1",
        "hs_timestamp": "2026-03-10T15:00:00.000Z",
        "hs_communication_channel_type": "WHATS_APP",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": "Sent to 2125550100<br>See you at nine",
    }
    assert world.linked("communications") == [{1, 2}]


def test_a_hundred_calls_are_one_upsert_and_one_request_of_links() -> None:
    world = Timeline()
    outcomes = world.deliver(*many(world, 100))
    assert {each.status for each in outcomes} == {"accepted"}
    assert world.written() == {"batch_upsert": 1, "associate": 1}
    assert world.asked() - world.written() == {"properties": 2, "batch": 1}


def test_an_answer_about_one_record_is_about_the_one_that_was_sent() -> None:
    world = Timeline(dialects={"write_answer": "defaults"})
    assert world.deliver(world.item(call()))[0].remote_id == "calls/70001"
    assert world.asked()["batch"] == 1


@pytest.mark.parametrize("lost", ["stored", "not"])
def test_create_answer_lost(lost: str, unique: str) -> None:
    world = Timeline(dialects={"create_lost": lost, "unique": unique})
    items = many(world, 3)
    world.fake.arm({"kind": "drop", "path": "batch_upsert", "times": 6})
    with pytest.raises(SourceError):
        world.deliver(*items)
    assert len(world.calls_now()) == (3 if lost == "stored" else 0)
    outcomes = world.deliver(*map(again, items))
    assert [each.status for each in outcomes] == ["accepted"] * 3
    assert (len(world.calls_now()), world.linked()) == (3, [{1}] * 3)


def test_what_comes_while_the_create_is_pending_is_written_by_the_next_attempt() -> None:
    world = Timeline()
    world.fake.arm({"kind": "drop", "path": "batch_upsert", "times": 6})
    with pytest.raises(SourceError):
        world.deliver(world.item(call()))
    world.deliver(again(world.item(call(summary="They agreed."))))
    assert [each["hs_call_body"] for each in world.calls_now()] == ["They agreed."]


def test_create_stored_association_lost() -> None:
    world = Timeline()
    world.fake.arm({"kind": "drop", "path": "associate", "times": 6})
    [outcome] = world.deliver(world.item(call(), 1))
    assert (outcome.status, outcome.remote_id, outcome.contacts) == ("accepted", "calls/70001", ())
    [outcome] = world.deliver(world.item(call(), 1, change="associate"))
    assert outcome.contacts == ("1",)
    assert (len(world.calls_now()), world.linked()) == (1, [{1}])


def test_stopped_between_upsert_and_association() -> None:
    world = Timeline()

    def stop(request: httpx.Request, ask: Ask) -> httpx.Response:
        if "associations" not in request.url.path:
            return ask(request)
        world.sink.cancel()
        return httpx.Response(503)

    world.meddle = stop
    [outcome] = world.deliver(world.item(call(), 1))
    assert (outcome.status, outcome.remote_id, outcome.contacts) == ("accepted", "calls/70001", ())
    with pytest.raises(Stopped):
        world.deliver(world.item(call(), 1, change="associate"))


def test_killed_between_upsert_and_association() -> None:
    world = Timeline()
    items = many(world, 2)

    def killed(request: httpx.Request, ask: object) -> httpx.Response:
        if "associations" in request.url.path:
            raise KeyboardInterrupt
        return world.ask(request)

    world.meddle = killed
    with pytest.raises(KeyboardInterrupt):
        world.deliver(*items)
    world.meddle = lambda request, ask: ask(request)
    world.sink = world.another_sink()
    assert [each.contacts for each in world.deliver(*map(again, items))] == [("1",), ("1",)]
    assert (len(world.calls_now()), world.linked()) == (2, [{1}, {1}])


def test_a_later_summary_is_written_into_the_record() -> None:
    world = Timeline()
    world.deliver(world.item(call(), 1))
    world.forget_requests()
    [outcome] = world.deliver(world.item(call(summary="They agreed.", duration=121)))
    assert (outcome.status, outcome.kept) == ("accepted", ())
    assert world.written() == {"batch_update": 1}
    assert world.calls_now()[0]["hs_call_body"] == "They agreed."
    assert world.calls_now()[0]["hs_call_duration"] == "121000"


def test_an_update_whose_answer_is_lost_is_no_edit_of_a_person() -> None:
    world = Timeline()
    world.deliver(world.item(call(summary="First.")))
    tried = world.item(call(summary="Second."))
    world.fake.arm({"kind": "drop", "path": "batch_update", "times": 6})
    with pytest.raises(SourceError):
        world.deliver(tried)
    [outcome] = world.deliver(replace(world.item(call(summary="Third.")), attempt=2, tried=compacted(tried.fields)))
    assert (outcome.kept, world.calls_now()[0]["hs_call_body"]) == ((), "Third.")


def test_person_edited_the_body_kept() -> None:
    world = Timeline()
    world.deliver(world.item(call(summary="They agreed.")))
    world.calls.edit(70_001, {"hs_call_body": "They did not.", "hs_call_title": "Mine"})
    [outcome] = world.deliver(world.item(call(summary="They agreed.", transcription="Hello.", remote_name="Bea")))
    assert (outcome.status, set(outcome.kept)) == ("accepted", {"hs_call_body", "hs_call_title"})
    # The text is now as it was sent, so only the title is still to be changed.
    [outcome] = world.deliver(world.item(call(summary="They agreed.", remote_name="Cy", duration=3)))
    assert set(outcome.kept) == {"hs_call_title"}
    [record] = world.calls_now()
    assert (record["hs_call_body"], record["hs_call_title"]) == ("They did not.", "Mine")
    assert record["hs_call_duration"] == "3000"


def test_a_person_s_own_contacts_stay() -> None:
    world = Timeline()
    world.deliver(world.item(call(), 1))
    world.fake.portal.engage("calls", 70_001, 3)
    world.deliver(world.item(call(summary="They agreed."), 2))
    assert world.linked() == [{1, 2, 3}]


@pytest.mark.parametrize("shown", ["sent", "defaults"])
@pytest.mark.parametrize("html", ["kept", "cleaned"])
def test_hubspot_s_own_form_of_a_text_is_no_edit(html: str, shown: str) -> None:
    world = Timeline(dialects={"html": html, "write_answer": shown})
    said = '"It\'s" <b>A & B</b>\nfine, and more of it, so that it is remembered by its digest alone. ' * 2
    world.deliver(world.item(call(summary=said)))
    [outcome] = world.deliver(world.item(call(summary=f"{said}\nThat is all.")))
    assert outcome.kept == ()
    assert "That is all." in str(world.calls_now()[0]["hs_call_body"])
    assert "&lt;b&gt;" in str(world.calls_now()[0]["hs_call_body"])


def test_a_record_that_a_person_deleted_stays_deleted() -> None:
    world = Timeline()
    world.deliver(*many(world, 2))
    world.calls.archive(70_001)
    outcomes = world.deliver(world.item(call(0, summary="Late.")), world.item(call(1, summary="Late.")))
    assert [each.status for each in outcomes] == ["rejected", "accepted"]
    assert "deleted in HubSpot" in outcomes[0].reason
    [outcome] = world.deliver(world.item(call(0), 2, change="associate"))
    assert outcome.status == "rejected"
    assert world.calls.live == [70_002]


def test_state_lost_sink_has_everything_no_doubles() -> None:
    world = Timeline()
    world.deliver(*many(world, 150)[:100])
    world.calls.edit(70_003, {"hs_call_title": "Mine"})
    world.calls.edit(70_004, {"hs_call_title": None})
    world.known.clear()
    world.sent.clear()
    world.sink = world.another_sink()
    items = [world.item(call(number), 1) for number in range(150)]
    outcomes = world.deliver(*items[:100]) + world.deliver(*items[100:])
    assert {each.status for each in outcomes} == {"accepted"}
    # An undo of this delivery leaves what it has not made.
    assert [each.was_there for each in outcomes] == [True] * 100 + [False] * 50
    assert len(world.calls_now()) == 150
    assert world.linked() == [{1}] * 150
    # A person may have edited what is there, and nothing is known of what was sent.
    assert (outcomes[2].kept, world.calls_now()[2]["hs_call_title"]) == (("hs_call_title",), "Mine")
    assert world.calls_now()[3]["hs_call_title"] == "Incoming call Ann Lee"
    [outcome] = world.deliver(world.item(call(4, summary="Late.")))
    assert (outcome.kept, world.calls_now()[4]["hs_call_body"]) == ((), "Late.")


def test_erased_records_are_in_the_bin_and_nothing_else_is() -> None:
    world = Timeline()
    world.deliver(*many(world, 3), world.item(message()))
    assert set(world.sink.erase(["calls/70001", "communications/80001", "calls/9"])) >= {
        "calls/70001", "communications/80001",
    }  # fmt: skip
    assert (world.calls.live, world.communications.live) == ([70_002, 70_003], [])
    assert world.contacts.live == [1, 2, 3]


def test_what_is_there_is_found_by_its_identity(unique: str) -> None:
    world = Timeline(dialects={"unique": unique, "search_lag": "600"})
    items = [world.item(call(1)), world.item(message(1)), world.item(call(2))]
    world.deliver(*items[:2])
    assert world.sink.find(items) == {
        "call:c1": "calls/70001", "message:text:m1": "communications/80001", "call:c2": None,
    }  # fmt: skip


def test_an_empty_batch_is_nothing() -> None:
    world = Timeline()
    nothing: list[Item] = []
    assert world.sink.deliver(nothing) == []
    assert world.sink.find(nothing) == {}
    assert world.sink.erase([]) == []


def test_requests_are_counted_over_all_sessions() -> None:
    world = Timeline()
    prepared = world.sink.sent
    world.deliver(world.item(call(), 1))
    first = world.sink.sent - prepared
    assert first == sum(world.asked().values())
    world.sink.close()
    world.deliver(world.item(call(), 1))
    assert world.sink.sent - prepared == sum(world.asked().values()) > first
