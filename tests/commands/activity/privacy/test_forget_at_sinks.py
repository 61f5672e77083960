"""``syncd activity forget --sinks``: what was delivered is erased there too, once a person has approved the list."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.day_files.sink import DayFiles
from syncd.sink import Wants
from tests.worlds.commands import Command
from tests.worlds.phone_day import DAY, PhoneDay

HERS = "2125550101"
Say = Callable[..., dict[str, Any]]


@pytest.fixture
def delivered(phone_day: PhoneDay) -> PhoneDay:
    """The day's calls and messages, of whatever age, stand in files; messages by conversation."""
    options = {"folder": "lake", "format": "jsonl"}
    limits = {"older": "3650d"}
    phone_day.world.sinks = {
        "lake": {"sink": "files", "options": options, "at_most": limits, "messages": {"group": "day"}}
    }
    phone_day.world.settings()
    said(phone_day.syncd, "activity", "deliver")
    assert "Ann Lee" in lake(phone_day)
    return phone_day


def said(syncd: Command, *words: str, code: int = 0) -> dict[str, Any]:
    found, out, err = syncd(*words, "--json")
    assert found == code, out + err
    assert HERS not in err
    report: dict[str, Any] = json.loads(out)
    return report


def lake(day: PhoneDay) -> str:
    files = sorted(Path(day.world.folder, "lake").rglob("*.jsonl"))
    return "".join(file.read_text() for file in files)


def test_delivered_then_forgotten(delivered: PhoneDay) -> None:
    syncd = delivered.syncd
    report = said(syncd, "activity", "forget", HERS)
    assert report["sinks"] == [{"sink": "lake", "records": 2}], "a call, and a conversation of a day"
    assert "Ann Lee" in lake(delivered), "without --sinks it is named only"
    report = said(syncd, "activity", "forget", "--sinks", code=3)
    [held] = report["at_sinks"][0]["held"]
    assert (held["gate"], held["count"]) == ("erase", 2)
    code, out, _ = syncd("approve", "lake", held["digest"])
    assert (code, "forget --sinks" in out) == (0, True)
    report = said(syncd, "activity", "forget", "--sinks")
    assert report["at_sinks"] == [{"sink": "lake", "erased": 2, "left": [], "held": [], "error": None}]
    assert "Ann Lee" not in lake(delivered)
    assert HERS not in lake(delivered)
    assert len(lake(delivered).splitlines()) == 3, "what others said stays"


def test_what_was_forgotten_is_not_delivered_again(delivered: PhoneDay) -> None:
    syncd = delivered.syncd
    held = said(syncd, "activity", "forget", HERS, "--sinks", code=3)["at_sinks"][0]["held"][0]
    syncd("approve", "lake", held["digest"])
    said(syncd, "activity", "forget", "--sinks")
    said(syncd, "activity", "pull", "--days", DAY)
    assert said(syncd, "activity", "deliver")["sinks"][0]["counts"]["create"] == 0
    assert HERS not in lake(delivered)
    assert said(syncd, "activity", "forget", "--sinks")["at_sinks"][0]["erased"] == 0


def test_what_a_sink_cannot_erase_is_named_until_a_person_has_done_it(
    delivered: PhoneDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncd = delivered.syncd
    monkeypatch.setattr(DayFiles, "wants", lambda _: Wants(days=True))
    [at] = said(syncd, "activity", "forget", HERS, "--sinks", code=3)["at_sinks"]
    assert len(at["left"]) == 2
    assert "by hand" in at["held"][0]["detail"]
    assert said(syncd, "activity", "forget", "--sinks", code=3)["at_sinks"] == [at], "until it is approved"
    syncd("approve", "lake", at["held"][0]["digest"])
    [at] = said(syncd, "activity", "forget", "--sinks")["at_sinks"]
    assert (at["erased"], len(at["left"])) == (0, 2)
    [at] = said(syncd, "activity", "forget", "--sinks")["at_sinks"]
    assert (at["held"], at["left"]) == ([], [])
    assert "Ann Lee" in lake(delivered)


def test_an_approval_is_for_exactly_that_list(delivered: PhoneDay) -> None:
    syncd = delivered.syncd
    held = said(syncd, "activity", "forget", HERS, "--sinks", code=3)["at_sinks"][0]["held"][0]
    syncd("approve", "lake", held["digest"])
    more = said(syncd, "activity", "forget", "2125550103", "--sinks", code=3)["at_sinks"][0]["held"][0]
    assert more["digest"] != held["digest"]
    assert "Ann Lee" in lake(delivered)


def test_the_list_tells_nobody_whom_and_an_entry_may_be_taken_back(delivered: PhoneDay) -> None:
    syncd = delivered.syncd
    said(syncd, "activity", "forget", HERS)
    [entry] = said(syncd, "activity", "forget", "--list")["forgotten"]
    assert HERS not in json.dumps(entry)
    said(syncd, "activity", "forget", "--allow", "0" * 32, code=2)
    assert said(syncd, "activity", "forget", "--allow", entry["digest"])["forgotten"] == []


@pytest.mark.parametrize("words", [(), (HERS, "--list"), ("--list", "--allow", "ab")])
def test_one_thing_at_a_time(delivered: PhoneDay, words: tuple[str, ...]) -> None:
    assert "NUMBER" in said(delivered.syncd, "activity", "forget", *words, code=2)["error"]["message"]
