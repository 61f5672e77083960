"""The endpoints of the company: made, listed, changed, deleted, and what they subscribe to."""

from __future__ import annotations

import httpx
import pytest

from tests.worlds.phones_in_memory import PhoneWorld

BODY = {"name": "CRM", "url": "https://hooks.example.com/in", "event_filters": ["call.ended", "message.received"]}


def test_only_the_answer_to_a_create_has_the_secret(world: PhoneWorld) -> None:
    made = world.ask("POST", "/webhooks", BODY)
    assert (made.status, made.body["id"], made.body["extension_filters"]) == (201, 1, [])
    assert made.body["secret_key"].startswith("whsec_")
    shown = {name: value for name, value in made.body.items() if name != "secret_key"}
    assert world.ask("GET", "/webhooks/1").body == shown
    # The list is a bare array, unlike other lists.
    assert world.ask("GET", "/webhooks").body == [shown]


def test_a_patch_changes_what_it_names_and_keeps_the_secret(world: PhoneWorld) -> None:
    secret = world.ask("POST", "/webhooks", BODY).body["secret_key"]
    changed = world.ask("PATCH", "/webhooks/1", {"url": "https://other.example.com/", "extension_filters": ["101"]})
    assert (changed.status, changed.body["url"]) == (200, "https://other.example.com/")
    assert "secret_key" not in changed.body
    kept = world.desk.webhooks.endpoints[1]
    assert (kept.secret, kept.events, kept.name) == (secret, ("call.ended", "message.received"), "CRM")


def test_a_deleted_endpoint_is_gone_and_its_number_is_not_given_again(world: PhoneWorld) -> None:
    world.ask("POST", "/webhooks", BODY)
    deleted = world.ask("DELETE", "/webhooks/1")
    assert (deleted.status, deleted.body) == (204, None)
    assert [world.ask(method, "/webhooks/1", {}).status for method in ("GET", "PATCH", "DELETE")] == [404] * 3
    assert world.ask("GET", "/webhooks/1").body["error"]["message"] == "Webhook endpoint not found."
    assert world.ask("POST", "/webhooks", BODY).body["id"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"url": "http://hooks.example.com/"},
        {"url": "https://"},
        {"url": "https://host:port/"},
        {"url": 7},
        {"event_filters": []},
        {"event_filters": ["call.stopped"]},
        {"event_filters": "call.ended"},
        {"extension_filters": "101"},
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused(world: PhoneWorld, wrong: dict[str, object]) -> None:
    assert world.ask("POST", "/webhooks", {**BODY, **wrong}).status == 422
    assert world.ask("GET", "/webhooks").body == []


def test_plain_http_is_allowed_on_this_machine(world: PhoneWorld) -> None:
    assert world.ask("POST", "/webhooks", {**BODY, "url": "http://127.0.0.1:9188/"}).status == 201


def test_an_endpoint_gets_only_the_events_of_its_filters(world: PhoneWorld) -> None:
    world.endpoint("call.ended", "message.received", extension_filters=["102"])
    world.phones.call(extension="101")
    call = world.phones.call(extension="102")
    world.phones.message()
    sent = world.send()
    assert [event["event_type"] for event in sent] == ["call.ended", "message.received"]
    assert sent[0]["data"]["call_id"] == call


def test_a_disabled_endpoint_gets_nothing(world: PhoneWorld) -> None:
    world.endpoint()
    world.ask("PATCH", "/webhooks/1", {"status": "disabled"})
    world.phones.message()
    assert world.send() == []


def test_events_say_what_the_guide_says(world: PhoneWorld) -> None:
    world.endpoint()
    world.phones.call(call_id="c", remote_name="Ada", remote_number="2125550199", ring=10, talk=60)
    world.phones.transcribe("c", "S", "T")
    started, answered, ended, texts = world.send()
    assert [event["event_type"] for event in (started, answered, ended, texts)] == [
        "call.started",
        "call.answered",
        "call.ended",
        "call.transcription",
    ]
    assert ended["company_id"] == 123
    assert ended["timestamp"] == "2027-01-15T08:00:00+00:00"
    assert ended["data"] == {
        "call_id": "c",
        "direction": "incoming",
        "extension": "101",
        "extension_name": "John Doe",
        "remote_name": "Ada",
        "remote_number": "2125550199",
        "group_number": "7185550000",
        "start_time": "2027-01-15T07:58:50.000Z",
        "end_time": "2027-01-15T08:00:00.000Z",
        "duration": 70,
    }
    assert set(ended["data"]) - set(started["data"]) == {"end_time", "duration"}
    assert set(started["data"]) == set(answered["data"])
    assert (texts["data"]["summary"], texts["data"]["transcription"]) == ("S", "T")


def test_message_events_say_what_the_guide_says(world: PhoneWorld) -> None:
    world.endpoint()
    name = world.phones.message(direction="outgoing", body="Hi", attachments=[{}], statuses=[("delivered", 5)])
    world.clock.now += 5
    sent, updated = world.send()
    assert (sent["event_type"], updated["event_type"]) == ("message.sent", "message.status_updated")
    assert sent["data"] == {
        "message_id": name,
        "direction": "outgoing",
        "channel": "text",
        "from": "+17185550000",
        "to": "+12125550142",
        "body": "Hi",
        "status": "sent",
        "sent_at": "2027-01-15T08:00:00.000Z",
        "attachments": [
            {
                "url": "http://api.example.com/v1/media/att_84001",
                "content_type": "image/jpeg",
                "filename": "photo1.jpg",
                "size": 24576,
            }
        ],
    }
    assert (updated["data"]["status"], updated["data"]["updated_at"]) == ("delivered", "2027-01-15T08:00:05.000Z")
    assert httpx.URL(sent["data"]["attachments"][0]["url"]).scheme == "http"
