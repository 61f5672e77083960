"""``syncd forget`` beside calls and messages: a number takes them along, a contact only its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import Command
from tests.worlds.phone_day import PhoneDay

HERS = "2125550101"


@pytest.fixture
def attributed(phone_day: PhoneDay) -> PhoneDay:
    """Ann, key 7, has the number of a call and a message, and Bo the number of another call."""
    phone_day.world.write([("7", "Ann Lee", HERS), ("8", "Bo Park", "2125550103")])
    for words in (("run",), ("activity", "run")):
        code, _, err = phone_day.syncd(*words)
        assert code == 0, err
    return phone_day


def said(day: PhoneDay, *words: str) -> dict[str, Any]:
    code, out, err = day.syncd("forget", *words, "--json")
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def contacts(day: PhoneDay) -> dict[str, list[str]]:
    return {row["id"]: [each["key"] for each in row["contacts"]] for row in day.listed()}


def test_calls_of_a_forgotten_contact_are_nobodys(attributed: PhoneDay) -> None:
    assert contacts(attributed)[attributed.answered] == ["7"]
    assert said(attributed, "tenants", "7", "--dry-run")["activity"] == {"attributions": 2}
    assert contacts(attributed)[attributed.answered] == ["7"]
    assert said(attributed, "tenants", "7")["activity"] == {"attributions": 2}
    attributed.syncd("activity", "run")
    found = contacts(attributed)
    assert (found[attributed.answered], found[attributed.sms], found[attributed.recorded]) == ([], [], ["8"])


def test_a_number_takes_its_calls_and_messages_along(attributed: PhoneDay, syncd: Command) -> None:
    found = said(attributed, "--number", HERS)
    assert (found["activity"]["calls"], found["activity"]["messages"]) == (1, 1)
    assert len(attributed.listed()) == 3
    assert set(attributed.world.there()) == {"8"}
    [entry] = said(attributed, "--list")["forgotten"]
    assert (entry["what"], entry["source"]) == ("number everywhere", None)


def test_forgetting_calls_alone_leaves_the_contacts(attributed: PhoneDay) -> None:
    assert attributed.syncd("activity", "forget", HERS)[0] == 0
    assert attributed.syncd("run", "--full")[0] == 0
    assert attributed.world.there()["7"]["Phone"] == HERS
