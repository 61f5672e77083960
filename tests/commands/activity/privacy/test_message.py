"""``syncd message``: each message goes out at most once, and to nobody who wants none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from syncd.activity.messaging import settle as settling
from syncd.sandbox.activity.directory import OWN_NUMBERS
from syncd.sandbox.faults import Drop
from tests.worlds.commands import Command, errors
from tests.worlds.world import World

OWN, HERS = OWN_NUMBERS[0], "2125550123"
Say = Callable[..., dict[str, Any]]


@pytest.fixture
def phones(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.activity = {"since": "2d", "pull": {"every": 0.001}}
    world.target |= {"reports": [], "messaging": []}
    world.settings()
    monkeypatch.chdir(world.folder)
    return world


@pytest.fixture
def say(phones: World, syncd: Command) -> Say:
    """Carry out a command and return its JSON."""

    def carry_out(*words: str, code: int = 0) -> dict[str, Any]:
        found, out, err = syncd(*words, "--json")
        assert found == code, out + err
        assert HERS not in err
        said: dict[str, Any] = json.loads(out)
        assert said["exit"] == code
        return said

    return carry_out


def send(say: Say, text: str = "We call you back at three.", *more: str, code: int = 0) -> dict[str, Any]:
    return say("message", "send", "--from", OWN, "--to", "(212) 555-0123", text, *more, code=code)


def texts(phones: World) -> list[str]:
    return [each["body"] for each in phones.sandbox.phones.truth_messages() if each["direction"] == "outgoing"]


def states(say: Say) -> list[str]:
    return [each["state"] for each in say("message", "list")["messages"]]


def test_a_message_is_sent_and_remembered_without_its_text(phones: World, say: Say) -> None:
    assert send(say) == {"exit": 0, "state": "sent", "reason": None}
    assert texts(phones) == ["We call you back at three."]
    [row] = say("message", "list")["messages"]
    assert (row["from"], row["to"], row["state"]) == (OWN, HERS, "sent")
    assert b"call you back" not in (phones.folder / "activity.db").read_bytes()


def test_a_test_sends_nothing(phones: World, say: Say) -> None:
    assert send(say, "Hello", "--test")["state"] == "valid"
    assert texts(phones) == []
    assert states(say) == []


def test_what_the_target_refuses_is_not_sent_and_exits_with_3(phones: World, say: Say) -> None:
    said = say("message", "send", "--from", "2125550199", "--to", HERS, "Hello", code=3)
    assert said["state"] == "refused"
    assert "422" in said["reason"]
    assert texts(phones) == []


@pytest.mark.parametrize(
    ("text", "to", "what"),
    [(" ", HERS, "empty"), ("x" * 1_601, HERS, "1,601"), ("Hello", "101", "--to: this is no phone number")],
)
def test_wrong_input_is_told_before_anything_is_sent(phones: World, say: Say, text: str, to: str, what: str) -> None:
    said = say("message", "send", "--from", OWN, "--to", to, text, code=2)
    assert what in said["error"]["message"]
    assert phones.writes() == 0


def test_send_answer_lost_not_sent_again_found_in_the_list(phones: World, say: Say) -> None:
    phones.sandbox.arm(Drop(path="/messages", method="POST", done=True))
    said = send(say, code=4)
    assert "not sent again" in said["error"]["message"]
    assert texts(phones) == ["We call you back at three."]
    # A second try of the same text is refused as long as the first may have arrived.
    assert "on its way" in send(say, code=2)["error"]["message"]
    assert texts(phones) == ["We call you back at three."]
    say("activity", "pull")
    assert states(say) == ["sent"]
    assert send(say)["state"] == "sent"
    assert len(texts(phones)) == 2


def test_a_message_that_no_list_has_was_not_sent(phones: World, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    phones.sandbox.arm(Drop(path="/messages", method="POST"))
    send(say, code=4)
    say("activity", "pull")
    say("activity", "pull")
    assert states(say) == ["pending"], "ten minutes must have gone by as well"
    monkeypatch.setattr(settling, "UNSEEN", 0.0)
    say("activity", "pull")
    assert states(say) == ["not seen"]
    assert send(say)["state"] == "sent"


def test_the_message_of_another_time_is_not_taken_for_the_lost_one(phones: World, say: Say) -> None:
    send(say)
    say("activity", "pull")
    phones.sandbox.arm(Drop(path="/messages", method="POST"))
    send(say, "another text", code=4)
    say("activity", "pull")
    assert states(say) == ["pending", "sent"]


@pytest.mark.parametrize("word", ["STOP", "Opt out."])
def test_stop_then_send(phones: World, say: Say, word: str) -> None:
    phones.sandbox.phones.message(direction="incoming", remote_number=HERS, group_number=OWN, body=word)
    say("activity", "pull")
    [row] = say("message", "opt-outs")["opt_outs"]
    assert (row["number"], row["by"]) == (HERS, "message")
    said = send(say, code=3)
    assert "opt-out" in said["reason"]
    assert texts(phones) == []
    assert states(say) == ["refused"]


def test_start_allows_messages_again_whichever_is_read_first(phones: World, say: Say) -> None:
    now = time.time()
    for word, ago in (("START", 60.0), ("STOP", 120.0)):
        phones.sandbox.phones.message(
            direction="incoming", remote_number=HERS, group_number=OWN, body=word, sent=now - ago
        )
        say("activity", "pull")
    assert say("message", "opt-outs")["opt_outs"] == []
    assert send(say)["state"] == "sent"


def test_a_person_adds_and_removes_a_number(phones: World, say: Say) -> None:
    say("message", "opt-outs", "add", "+1 212 555 0123")
    assert [each["by"] for each in say("message", "opt-outs", "list")["opt_outs"]] == ["person"]
    assert send(say, code=3)["state"] == "refused"
    say("message", "opt-outs", "remove", HERS)
    assert send(say)["state"] == "sent"


def test_a_stop_counts_although_only_keeps_no_messages(phones: World, say: Say) -> None:
    phones.activity = {**(phones.activity or {}), "only": "kind = 'call'"}
    phones.settings()
    phones.sandbox.phones.message(direction="incoming", remote_number=HERS, group_number=OWN, body="stop")
    say("activity", "pull")
    assert send(say, code=3)["state"] == "refused"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("message", "opt-outs", "add", "abc"), "NUMBER: "),
        (("message", "opt-outs", "remove", "101"), "NUMBER: "),
        (("activity", "forget", "abc"), "NUMBER: "),
        (("message", "send", "--from", OWN, "--to", "abc", "Hello"), "--to: "),
    ],
)
def test_what_is_no_number_is_named_by_its_argument(
    phones: World, say: Say, syncd: Command, words: tuple[str, ...], named: str
) -> None:
    say("activity", "pull")
    code, _, err = syncd(*words)
    said = f"{named}this is no phone number: write it with its area code, such as +1 212 555 0101"
    assert (code, errors(err)) == (2, [said])


def test_people_read_times_in_one_form(phones: World, say: Say, syncd: Command) -> None:
    send(say)
    say("message", "opt-outs", "add", "2125550177")
    say("activity", "forget", "2125550178")
    for words in (("message", "list"), ("message", "opt-outs"), ("activity", "forget", "--list")):
        out = syncd(*words)[1]
        assert re.search(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\b", out), words
        assert not re.search(r"\d\dT\d\d:", out), words
