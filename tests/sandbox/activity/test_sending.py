"""``POST /messages``."""

from __future__ import annotations

import pytest

from tests.worlds.phones_in_memory import PhoneWorld

BODY = {"platform": "text", "from": "7185550000", "to": "(212) 555-0142", "message": "Hello"}


def test_a_message_is_sent_announced_and_listed_but_the_answer_has_no_id(world: PhoneWorld) -> None:
    world.endpoint()
    reply = world.ask("POST", "/messages", BODY)
    assert (reply.status, reply.body["status"]) == (201, "success")
    assert reply.body["message"] == {
        "mode": "single",
        "platform": "text",
        "from": "7185550000",
        "to": "2125550142",
        "room_uuid": None,
        "message_sent": True,
        "created_at": "2027-01-15T08:00:00.000Z",
    }
    world.clock.now += 60
    assert [event["event_type"] for event in world.send()] == ["message.sent", "message.status_updated"]
    [row] = world.messages()
    assert (row["direction"], row["remote_number"], row["body"]) == ("outgoing", "2125550142", "Hello")
    assert row["status"] == "delivered"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"from": "2125550142"}, "from must be a number of the company."),
        ({"to": "12"}, "to must be a phone number."),
        ({"message": ""}, "message must have 1 to 1600 characters."),
        ({"message": "x" * 1601}, "message must have 1 to 1600 characters."),
        ({"platform": "fax"}, "platform must be text or whatsapp."),
    ],
)
def test_a_wrong_message_is_refused_and_a_test_says_why(world: PhoneWorld, wrong: dict[str, str], problem: str) -> None:
    assert world.ask("POST", "/messages", {**BODY, **wrong}).status == 422
    told = world.ask("POST", "/messages", {**BODY, **wrong, "test": True})
    assert (told.status, told.body) == (200, {"test": True, "valid": False, "errors": [problem]})


def test_a_test_sends_nothing(world: PhoneWorld) -> None:
    world.endpoint()
    told = world.ask("POST", "/messages", {**BODY, "test": True})
    assert (told.status, told.body["valid"], told.body["errors"]) == (200, True, [])
    assert (world.messages(), world.send()) == ([], [])


def test_a_body_that_is_no_object_is_refused(world: PhoneWorld) -> None:
    assert world.ask("POST", "/messages", [1]).status == 400
