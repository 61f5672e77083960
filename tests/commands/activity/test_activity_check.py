"""``syncd activity check``: calls, messages and sinks, and with ``--prove`` a day with the receiver off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.drill_day import DAY, receive
from tests.worlds.phone_day import PhoneDay
from tests.worlds.world import World


@pytest.fixture
def announced(phone_day: PhoneDay) -> PhoneDay:
    """A company whose two answered calls were announced, and whose receiver is well."""
    world = phone_day.world
    receiving = {"url": "https://hooks.example.com/in", "secret_file": "webhook.secret"}
    world.activity = {"store": "activity.db", "receive": receiving}
    world.settings()
    assert phone_day.syncd("webhook", "create")[0] == 0
    rows = {row["call_id"]: row for row in world.sandbox.phones.truth_calls()}
    with phone_day.store() as store:
        for call in (phone_day.answered, phone_day.recorded):
            receive(store, "call.ended", rows[call])
    assert phone_day.syncd("activity", "run", "--events")[0] == 0
    return phone_day


def proved(syncd: Command, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, err = syncd("activity", "check", "--prove", "--json", *options)
    assert not err
    return code, json.loads(out)


def texts(found: dict[str, Any]) -> list[str]:
    return [step["text"] for step in found["steps"]]


def test_an_outage_loses_nothing_and_the_drill_only_reads(announced: PhoneDay, syncd: Command) -> None:
    before = len(announced.world.sandbox.requests)
    code, found = proved(syncd)
    assert code == 0
    assert [each["outage"] for each in found["drill"]] == ["3h", "1d"]
    for each in found["drill"]:
        assert (each["calls"], each["messages"], each["announced"], each["missed"]) == (3, 2, 2, 2)
        assert each["lost"] == each["lacking"] == []
        assert 0 < each["late"]["worst"] <= 600
    asked = announced.world.sandbox.requests[before:]
    assert {each.method for each in asked} == {"GET"}
    with announced.store() as store:
        assert store.days.get("call", DAY) is not None
        assert len(list(store.events.range(0.0, 1e18))) == 2


def test_it_is_shown_as_a_table_with_a_verdict(announced: PhoneDay, syncd: Command) -> None:
    code, out, _ = syncd("activity", "check", "--prove")
    assert code == 0
    lines = out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("receiver off"))
    assert lines[head - 1] == f"{DAY}: the receiver off, beside 3 calls and 2 messages, of which deliveries told of 2"
    assert lines[head + 1].startswith("3h            2026-03-10 09:01")
    assert lines[head + 1].endswith("nothing lost")
    assert lines[-1].startswith("Nothing would be lost; it would be known at most ")


def test_a_call_that_the_list_lacks_now_is_lost(announced: PhoneDay, syncd: Command) -> None:
    announced.world.sandbox.phones.forget(announced.recorded)
    code, found = proved(syncd)
    assert code == 3
    assert [each["lost"] for each in found["drill"]] == [[{"kind": "call", "id": announced.recorded}]] * 2
    code, out, _ = syncd("activity", "check", "--prove")
    assert code == 3
    assert f"LOST: 1d: {announced.recorded}: the list lacks what deliveries told of; syncd activity explain ID" in out
    assert out.splitlines()[-1] == "Not everything would come back: see above what, and what to do."


def test_another_day_may_be_chosen(announced: PhoneDay, syncd: Command) -> None:
    assert proved(syncd, "--days", "2026-03-01..2026-03-20")[1]["drill"][0]["from"].startswith(DAY)
    code, found = proved(syncd, "--days", "2026-03-11")
    assert (code, found["drill"]) == (3, [])
    assert texts(found)[-1].startswith("drill: no delivery of a call or a message came on a full day")


def test_without_a_receiver_nothing_can_be_missed(phone_day: PhoneDay, syncd: Command) -> None:
    code, found = proved(syncd)
    assert (code, found["drill"]) == (0, [])
    assert texts(found)[-1].startswith("drill: there is no receiver (activity.receive), so nothing can be missed")


def test_days_without_a_drill_are_refused(phone_day: PhoneDay, syncd: Command) -> None:
    code, _, err = syncd("activity", "check", "--days", "yesterday")
    assert (code, errors(err)) == (2, ["--days chooses the day of the drill: add --prove"])


def test_a_list_that_cannot_be_read_is_named(announced: PhoneDay, syncd: Command) -> None:
    # The step about the list asks for one row, the drill for pages.
    announced.world.sandbox.arm({"kind": "status", "status": 403, "times": None, "path": "/calls"})
    code, found = proved(syncd)
    assert (code, found["drill"]) == (3, [])
    assert "drill: " in texts(found)[-1]


def test_alone_it_shows_what_check_says_of_calls(company: World, syncd: Command) -> None:
    company.activity = {}
    company.settings()
    code, out, _ = syncd("activity", "check", "--json")
    of_all = json.loads(syncd("check", "--json")[1])["steps"]
    found = json.loads(out)
    assert code == 0
    assert "drill" not in found
    assert [each for each in of_all if each in found["steps"]] == found["steps"]
    assert not (company.folder / "activity.db").exists()
