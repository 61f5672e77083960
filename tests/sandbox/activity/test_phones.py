"""What happens on the phones shows at once, also in a list that was asked for before."""

from __future__ import annotations

import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.phones_in_memory import PhoneWorld


def test_a_new_call_and_a_new_message_are_in_the_next_answer(world: PhoneWorld) -> None:
    assert (world.calls(), world.messages()) == ([], [])
    world.phones.call()
    world.phones.message()
    assert (len(world.calls()), len(world.messages())) == (1, 1)


def test_a_call_that_ends_later_is_in_the_answer_after_its_end(world: PhoneWorld) -> None:
    world.phones.call(start=world.clock.now + 100, ring=5, talk=60)
    assert (world.calls(), world.phones.truth_calls()) == ([], [])
    world.clock.now += 120
    assert (world.calls(), len(world.phones.truth_calls())) == ([], 1)
    world.clock.now += 45
    assert len(world.calls()) == 1


def test_an_activity_can_leave_the_lists(world: PhoneWorld) -> None:
    call, message = world.phones.call(), world.phones.message()
    assert (len(world.calls()), len(world.messages())) == (1, 1)
    world.phones.forget(call)
    world.phones.forget(message)
    assert (world.calls(), world.messages()) == ([], [])
    assert (world.phones.truth_calls(), world.phones.truth_messages()) == ([], [])


def test_a_name_can_be_corrected(world: PhoneWorld) -> None:
    call = world.phones.call(remote_name="Ada")
    assert world.calls()[0]["remote_name"] == "Ada"
    world.phones.rename(call, "Ada Abbott")
    assert world.calls()[0]["remote_name"] == world.phones.truth_calls()[0]["remote_name"] == "Ada Abbott"


def test_texts_come_later_to_the_list_and_as_an_event(world: PhoneWorld) -> None:
    world.dialects.choose("journey", "with_text")
    world.endpoint("call.transcription")
    call = world.phones.call()
    assert world.calls()[0]["journey"][0]["transcription"] is None
    world.phones.transcribe(call, "S", "T")
    assert world.calls()[0]["journey"][0]["transcription"] == "T"
    assert [event["data"]["call_id"] for event in world.send()] == [call]


def test_a_status_changes_the_list_and_is_announced(world: PhoneWorld) -> None:
    world.endpoint("message.status_updated")
    message = world.phones.message(direction="outgoing", channel="whatsapp")
    assert world.messages()[0]["status"] == "sent"
    for status in ("delivered", "read"):
        world.clock.now += 1
        world.phones.status(message, status, channel="whatsapp")
        assert world.messages()[0]["status"] == status
    assert [event["data"]["status"] for event in world.send()] == ["delivered", "read"]


def test_an_event_can_be_left_out(world: PhoneWorld) -> None:
    world.endpoint()
    world.phones.call(announce=False)
    world.phones.message(announce=False)
    assert (len(world.calls()), world.send()) == (1, [])


def test_what_nobody_is_told_of_does_not_pile_up(world: PhoneWorld) -> None:
    world.phones.call()
    assert world.phones.has_happened()
    world.calls()
    assert not world.phones.has_happened()


def test_an_unknown_medium_is_a_mistake_of_the_test() -> None:
    with Sandbox(limits=None) as sandbox, pytest.raises(KeyError):
        sandbox.medium("rec_1")
