"""What templates of the sink ``rest`` may use: the values of an activity, and what is made of them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.rest_out.forms import ValueForm
from connectors.rest_out.matching import alike, changed, found_id, of_a_person
from connectors.rest_out.values import e164, value_of, values_of
from syncd.core.settings.sinks import CallRules, SinkRules
from syncd.sink import compact
from tests.worlds.deliveries import call, message


def values(row: Any, **rules: Any) -> dict[str, Any]:
    return values_of(row, SinkRules(contacts="crm", **rules), {}, "1")


@pytest.mark.parametrize(
    ("direction", "caller", "called"),
    [("incoming", "2125550101", "2125550199"), ("outgoing", "2125550199", "2125550101")],
)
def test_who_called_whom_follows_the_direction(direction: str, caller: str, called: str) -> None:
    found = values(call(direction=direction))
    assert (found["from_number"], found["to_number"]) == (caller, called)


def test_without_an_own_number_it_is_the_extension() -> None:
    assert values(call(own_number=None))["to_number"] == "101"


@pytest.mark.parametrize(
    ("number", "country", "found"),
    [
        ("2125550101", "1", "+12125550101"),
        ("12125550101", "1", "+12125550101"),
        ("442079460018", "1", "+442079460018"),
        ("02079460018", "44", "+442079460018"),
        ("442079460018", "44", "+442079460018"),
        ("101", "1", None),
        (None, "1", None),
    ],
)
def test_a_number_with_its_country(number: str | None, country: str, found: str | None) -> None:
    assert e164(number, country) == found


@pytest.mark.parametrize(("seconds", "minutes"), [(0, "00:00"), (65.4, "01:05"), (7325, "122:05"), (None, None)])
def test_minutes_are_a_text(seconds: float | None, minutes: str | None) -> None:
    assert values(call(duration=seconds))["minutes"] == minutes


def test_the_end_of_a_call_is_its_begin_and_its_length_if_it_is_not_said() -> None:
    assert values(call(end_time=None))["end_time"] == "2026-03-10T14:03:05Z"
    assert values(call(end_time=None, duration=None))["end_time"] is None


def test_contacts_are_those_of_the_source_that_the_sink_names() -> None:
    rows = [{"source": "office", "key": "1"}, {"source": "crm", "key": "77"}, {"source": "crm", "key": "78"}]
    found = values(call(contacts=rows))
    assert (found["contact"], found["contacts"]) == ("77", ["77", "78"])
    assert values(call(contacts=rows[:1]))["contact"] is None


def test_the_rules_of_calls_decide_on_texts() -> None:
    rules = CallRules(summary=False, transcript="none", title="{status}")
    found = values(call(), calls=rules)
    assert (found["title"], found["text"], found["html"]) == ("Answered", None, None)
    assert found["details"] == "2026-03-10 14:00 UTC, 3:05, 2125550101, extension 101, Front desk"


def test_a_message_has_its_body_for_a_text() -> None:
    found = values(message())
    assert (found["title"], found["text"]) == ("Sent to 2125550101", "Your lease is ready.")
    assert found["identity"] == "message:text:m-1"


VALUES: dict[str, tuple[dict[str, Any], Any]] = {
    "a time": ({"time": "start_time", "form": "%Y-%m-%d %H:%M:%S"}, "2026-03-10 14:00:00"),
    "a time in milliseconds": ({"time": "start_time", "form": "unix_ms"}, 1_773_151_200_000),
    "a time elsewhere": ({"time": "start_time", "form": "%H:%M", "zone": "America/New_York"}, "10:00"),
    "a time elsewhere with its offset": (
        {"time": "start_time", "form": "iso_offset", "zone": "Asia/Kolkata"},
        "2026-03-10T19:30:00+05:30",
    ),
    "a time before": ({"time": "start_time", "shift": -60}, "2026-03-10T13:59:00Z"),
    "no time": ({"time": "sent_at"}, None),
    "a choice": ({"of": "{direction} {status}", "choices": {"incoming answered": "In"}, "otherwise": "Out"}, "In"),
    "another choice": ({"of": "{status}", "choices": {"missed": "No"}, "otherwise": "Yes"}, "Yes"),
    "a choice that is a value": ({"of": "{status}", "choices": {"answered": "{minutes}"}}, "03:05"),
    "no choice": ({"of": "{status}", "choices": {"missed": "No"}}, None),
    "a choice of nothing": ({"of": "{channel}", "otherwise": "call"}, "call"),
    "a number": ({"number": "{extension}"}, 101),
    "no number": ({"number": "{remote_name}"}, None),
    "a text": ({"text": "{seconds}"}, "185"),
    "a long text": ({"text": "{title}", "most": 14}, "Incomi … [cut]"),
    "no text": ({"text": "to {channel}"}, None),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_made_of_others(name: str) -> None:
    said, found = VALUES[name]
    assert value_of(ValueForm.model_validate(said), values(call())) == found


@pytest.mark.parametrize(
    ("there", "ours"),
    [
        ("2026-03-10T14:00:30.000Z", "2026-03-10 14:00:30"),
        ("2026-03-10T19:30:30+05:30", "2026-03-10T14:00:30+00:00"),
        ("2026-03-10T14:00:00Z", "2026-03-10T14:00:30Z"),
        ("+1 212-555-0101", "2125550101"),
        (101, "101"),
        ("Ann ", "Ann"),
    ],
)
def test_a_server_may_write_a_value_in_its_own_form(there: Any, ours: Any) -> None:
    assert alike(there, ours)


@pytest.mark.parametrize(
    ("there", "ours"),
    [
        ("2026-03-10T14:00:31Z", "2026-03-10T14:00:30Z"),
        ("2026-03-10T14:01:00Z", "2026-03-10T14:00:30Z"),
        ("2125550102", "2125550101"),
        ("1234", "991234"),
        (None, "Ann"),
        ("2026-03-10", "2026-03-10T00:00:00Z"),
    ],
)
def test_another_value_is_another(there: Any, ours: Any) -> None:
    assert not alike(there, ours)


SAME = {"at": "{begin}"}
ONE, TWO = {"id": 1, "at": "14:00"}, {"id": 2, "at": "14:00"}


@pytest.mark.parametrize(
    ("records", "whole", "found"),
    [
        ([ONE], True, (True, "1")),
        ([ONE], False, (True, "1")),
        ([{**ONE, "at": "15:00"}], True, (True, None)),
        ([{**ONE, "at": "15:00"}], False, (False, None)),
        ([ONE, TWO], True, (False, None)),
        ([{"at": "14:00"}], True, (False, None)),
        ([ONE, {"at": "14:00"}], True, (False, None)),
        ([], True, (True, None)),
    ],
)
def test_a_search_proves_only_what_is_certain(records: Any, whole: bool, found: Any) -> None:
    assert found_id(records, "id", SAME, {"begin": "14:00"}, whole=whole) == found


def test_a_condition_without_a_value_proves_nothing() -> None:
    assert found_id([ONE], "id", SAME, {}, whole=True) == (False, None)


def test_what_has_changed_since_is_sent() -> None:
    record = {"a": "1", "b": "2", "c": "3"}
    assert changed(record, {"a": "1", "b": "0"}, {}) == {"b": "2", "c": "3"}
    # A try whose answer was lost may have been carried out.
    assert changed(record, {"a": "1", "b": "2", "c": "3"}, {"a": "0", "b": "2"}) == {"a": "1"}


LONG = "y" * 500


@pytest.mark.parametrize(
    ("value", "there", "remembered", "is_persons"),
    [
        ("new", "old", ["old"], False),
        ("new", "new", ["old"], False),
        ("new", "other", ["old"], True),
        ("new", "other", [], True),
        ("new", None, [], False),
        ("new", "", ["old"], True),
        ("new", f" {LONG}\r\n", [LONG], False),
        ({"id": "7"}, {"id": "7", "name": "Ann"}, [], False),
        ({"id": "7"}, {"id": "8", "name": "Bob"}, [{"id": "8"}], False),
        ({"id": "7"}, {"id": "9", "name": "Cy"}, [{"id": "8"}], True),
    ],
)
def test_a_field_is_a_persons_if_it_is_neither_old_nor_new(
    value: Any, there: Any, remembered: list[Any], is_persons: bool
) -> None:
    assert of_a_person(value, there, [compact(each) for each in remembered]) is is_persons
