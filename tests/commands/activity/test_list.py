"""``syncd activity list``: which calls and messages it shows, in which order, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.phone_day import DAY, PhoneDay
from tests.worlds.world import World


def test_calls_and_messages_are_listed_the_oldest_first(phone_day: PhoneDay) -> None:
    day = phone_day
    assert day.ids() == [day.answered, day.missed, day.recorded, day.sms, day.photo]
    first, second, third, *_ = day.listed()
    assert (first["kind"], first["status"], first["remote_number"], first["start_time"]) == (
        *("call", "answered", "2125550101"),
        f"{DAY}T09:00:00Z",
    )
    assert second["status"] == "missed"
    assert third["summary"] == "Wants a lease."
    assert third["segments"][0]["media_id"]


@pytest.mark.parametrize("number", ["2125550101", "+1 (212) 555-0101", "1-212-555-0101", "tel:+12125550101"])
def test_a_number_is_found_however_it_is_written(phone_day: PhoneDay, number: str) -> None:
    assert phone_day.ids("--number", number) == [phone_day.answered, phone_day.sms]


def test_a_foreign_number_is_found(phone_day: PhoneDay) -> None:
    assert phone_day.ids("--number", "+44 20 7183 8750") == [phone_day.missed]


def test_only_one_kind_and_only_some_days(phone_day: PhoneDay) -> None:
    day = phone_day
    assert day.ids("--kind", "message") == [day.sms, day.photo]
    assert day.ids("--kind", "call", "--days", f"{DAY}..") == [day.answered, day.missed, day.recorded]
    assert day.ids("--days", "2026-03-11..2026-03-20") == day.ids("--days", "yesterday") == []
    assert len(day.ids("--days", DAY)) == len(day.ids("--days", f"..{DAY}")) == 5


def test_a_table_is_for_people(phone_day: PhoneDay) -> None:
    code, out, _ = phone_day.syncd("activity", "list")
    assert code == 0
    head, *lines = out.splitlines()
    assert head.split()[0] == "time"
    assert [line[:19] for line in lines] == [f"{DAY} {hour:02}:00:00" for hour in (9, 10, 11, 12, 13)]
    assert "Ann Lee" in lines[0]
    assert "See you at nine" in lines[3]
    # The id is the last column, for explain.
    assert lines[0].split()[-1] == phone_day.answered
    assert phone_day.syncd("activity", "list", "--days", "2026-01-01")[1] == (
        "No such call and no such message is stored: syncd activity pull fetches what is new.\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--days", "2026-02-30"), "--days '2026-02-30': write days"),
        (("--days", "2026-03-10..2026-03-01"), "the oldest first"),
        (("--kind", "fax"), "--kind 'fax': write call or message"),
        (("--number", "anonymous"), "--number: this is no phone number"),
    ],
)
def test_what_means_nothing_is_refused(phone_day: PhoneDay, options: tuple[str, ...], said: str) -> None:
    code, out, err = phone_day.syncd("activity", "list", "--json", *options)
    assert (code, json.loads(out)["error"]["exit"]) == (2, 2)
    assert said in errors(err)[0]


ALL = [("days",), ("list",), ("export", "calls.csv"), ("explain", "c1"), ("replay",)]


@pytest.mark.parametrize("command", ALL)
def test_without_activity_it_says_what_to_add(company: World, syncd: Command, command: tuple[str, ...]) -> None:
    code, _, err = syncd("activity", *command)
    assert code == 2
    assert "calls and messages are not configured: add activity: {}" in errors(err)[0]


@pytest.mark.parametrize("command", ALL[3:])
def test_what_works_on_stored_calls_needs_the_store(company: World, syncd: Command, command: tuple[str, ...]) -> None:
    company.activity = {}
    company.settings()
    code, _, err = syncd("activity", *command)
    assert code == 2
    assert "there are no calls and messages yet; syncd activity pull fetches them" in errors(err)[0]
    assert not (company.folder / "activity.db").exists()


def test_before_the_first_pull_no_day_is_known_and_that_is_no_error(company: World, syncd: Command) -> None:
    company.activity = {}
    company.settings()
    code, out, _ = syncd("activity", "days", "--json")
    assert (code, json.loads(out)) == (0, {"days": []})
    code, out, _ = syncd("activity", "days")
    assert (code, out) == (0, "No day is known: syncd activity pull reads them.\n")
    assert not (company.folder / "activity.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("activity", "list"),
        ("activity", "list", "--json"),
        ("activity", "deliver"),
        ("activity", "deliver", "--dry-run"),
        ("activity", "deliver", "--dry-run", "--json"),
        ("activity", "export", "calls.csv"),
        ("activity", "unknown"),
        ("activity", "explain", "c1"),
        ("message", "list"),
    ],
)
def test_before_the_first_pull_all_say_the_same(company: World, syncd: Command, words: tuple[str, ...]) -> None:
    company.activity = {}
    company.sinks = {"lake": {"sink": "files", "options": {"folder": "lake"}}}
    company.settings()
    code, _, err = syncd(*words)
    store = company.folder / "activity.db"
    said = f"{store}: there are no calls and messages yet; syncd activity pull fetches them"
    assert (code, errors(err)) == (2, [said])
    assert not store.exists()
