"""``syncd activity explain ID --live``: one request says what the list has of a call now, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import errors
from tests.worlds.phone_day import PhoneDay


@pytest.fixture
def live(phone_day: PhoneDay) -> Any:
    """Ask for a call live; return what is said of it, and the requests to the lists."""

    def asked(identity: str) -> tuple[dict[str, Any], list[Any]]:
        stored, before = phone_day.listed(), len(phone_day.world.sandbox.requests)
        code, out, err = phone_day.syncd("activity", "explain", identity, "--live", "--json")
        assert code == 0, err
        assert phone_day.listed() == stored, "it has stored something"
        sent = [each for each in phone_day.world.sandbox.requests[before:] if each.path in {"/calls", "/messages"}]
        found: dict[str, Any] = json.loads(out)["live"]
        return found, sent

    return asked


def test_a_call_that_is_as_it_is_stored_takes_one_request(phone_day: PhoneDay, live: Any) -> None:
    found, sent = live(phone_day.recorded)
    assert len(sent) == 1
    assert (found["start_date"], found["end_date"]) == ("2026-03-09", "2026-03-11")
    assert (found["rows"], found["others"], found["differs"]) == (1, 0, {})
    assert found["says"]["summary"] == "Wants a lease."


def test_a_text_that_came_since_and_a_corrected_name_differ(phone_day: PhoneDay, live: Any) -> None:
    phone_day.world.sandbox.phones.transcribe(phone_day.answered, "A leak.", "There is a leak.")
    phone_day.world.sandbox.phones.rename(phone_day.answered, "Ann Lea")
    found, _ = live(phone_day.answered)
    assert found["differs"]["summary"] == {"stored": None, "listed": "A leak."}
    assert found["differs"]["remote_name"] == {"stored": "Ann Lee", "listed": "Ann Lea"}
    assert found["differs"].keys() == {"summary", "transcription", "remote_name"}


def test_a_call_that_the_list_lacks_is_said_to_be_missing_and_stays(phone_day: PhoneDay, live: Any) -> None:
    phone_day.world.sandbox.phones.forget(phone_day.answered)
    found, _ = live(phone_day.answered)
    assert (found["rows"], found["others"], found["says"]) == (0, 0, None)
    assert phone_day.answered in phone_day.ids()


def test_a_text_of_an_event_that_lists_do_not_carry_is_no_difference(phone_day: PhoneDay, live: Any) -> None:
    phone_day.world.sandbox.dialect("journey", "plain")
    found, _ = live(phone_day.recorded)
    assert (found["says"]["summary"], found["differs"]) == (None, {})


def test_a_call_that_only_an_event_told_of_is_looked_for_around_its_time(phone_day: PhoneDay, live: Any) -> None:
    leg = {"direction": "incoming", "extension": "101", "start_time": "2026-03-10T15:00:00Z"}
    phone_day.receive("call.started", "15:00:00", identity="c_new", **leg)
    found, sent = live("evt_call.started_15:00:00")
    assert (found["says"], len(sent)) == (None, 1)


def test_a_server_that_does_not_search_is_said_not_to(phone_day: PhoneDay) -> None:
    world = phone_day.world
    world.sandbox.phones.forget(phone_day.answered)
    world.sandbox.dialect("call_search", "ignored")
    code, out, _ = phone_day.syncd("activity", "explain", phone_day.answered, "--live")
    assert code == 0
    assert "Vocatech did not search: it listed 2 other calls" in " ".join(out.split())


def test_the_text_form_says_what_differs(phone_day: PhoneDay) -> None:
    phone_day.world.sandbox.phones.transcribe(phone_day.answered, "A leak.", "There is a leak.")
    code, out, _ = phone_day.syncd("activity", "explain", phone_day.answered, "--live")
    assert code == 0
    said = " ".join(out.split())
    assert "the list of 2026-03-09 to 2026-03-11 has it" in said
    assert "summary: nothing is stored, A leak. is listed" in said


def test_a_message_cannot_be_asked_for_alone(phone_day: PhoneDay) -> None:
    code, _, err = phone_day.syncd("activity", "explain", phone_day.sms, "--live")
    assert code == 2
    assert "Vocatech searches calls only" in errors(err)[0]


def test_what_is_stored_is_told_also_if_the_list_cannot_be_asked(phone_day: PhoneDay) -> None:
    phone_day.world.sandbox.arm({"kind": "status", "status": 403, "times": None, "path": "/calls"})
    code, out, _ = phone_day.syncd("activity", "explain", phone_day.answered, "--live", "--json")
    assert code == 3
    found = json.loads(out)
    assert (found["activity"]["id"], found["live"], found["error"]["exit"]) == (phone_day.answered, None, 3)


def test_a_server_that_refuses_the_days_is_said_to(phone_day: PhoneDay) -> None:
    phone_day.world.sandbox.arm({"kind": "status", "status": 400, "times": None, "path": "/calls"})
    code, out, err = phone_day.syncd("activity", "explain", phone_day.answered, "--live")
    assert code == 3
    assert out.startswith(f"call {phone_day.answered}")
    assert "Vocatech refuses to list the days 2026-03-09..2026-03-11" in errors(err)[0]
