"""``syncd activity deliver`` and what belongs to it, as commands: what they print, their files and exit codes."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.delivery_world import DAY, DeliveryWorld, delivery_world
from tests.worlds.memory_sink import down


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    """A company with two calls and a message; one call is old."""
    with delivery_world(tmp_path, monkeypatch) as found:
        found.at_real_time()
        found.call("c1")
        found.call("old", ago=40 * DAY)
        found.message("m1")
        monkeypatch.chdir(tmp_path)
        yield found


def deliver(syncd: Command, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = syncd("activity", "deliver", "--json", *options)
    said: dict[str, Any] = json.loads(out)
    assert said["exit"] == code
    return code, said


COUNTS = {"create": 2, "update": 0, "associate": 0, "unchanged": 0, "held": 1, "rejected": 0, "waiting": 0}


def test_json_has_the_counts_and_the_lists_that_wait(world: DeliveryWorld, syncd: Command) -> None:
    code, said = deliver(syncd, "--dry-run")
    [sink] = said["sinks"]
    assert (code, said["dry_run"], sink["sink"], sink["counts"], sink["error"]) == (3, True, "crm", COUNTS, None)
    [hold] = sink["held"]
    assert {"gate", "count", "digest"} <= hold.keys()
    assert (hold["gate"], hold["count"]) == ("activity.old", 1)
    assert world.place.records == {}
    assert not (world.folder / "syncd.db").exists()
    code, said = deliver(syncd)
    assert (code, said["sinks"][0]["counts"]) == (3, COUNTS)
    assert said["sinks"][0]["held"][0]["digest"] == hold["digest"]
    assert len(world.place.records) == 2


def test_a_dry_run_shows_each_record_field_by_field(world: DeliveryWorld, syncd: Command) -> None:
    code, out, _ = syncd("activity", "deliver", "--dry-run")
    assert code == 3
    assert "crm: 2 to create" in out
    assert "create call:c1  title: incoming call Joe Poe · status: answered" in out
    assert "held: 1 record (activity.old): 1 new record of calls and messages older than 30 days" in out
    assert "to let exactly these go on: syncd approve crm " in out
    assert "Nothing was sent: this was a dry run." in out
    syncd("activity", "deliver")
    world.call("c1", remote_name="Ann Lee")
    _, out, _ = syncd("activity", "deliver", "--dry-run")
    assert "crm: 1 to update, 1 unchanged" in out
    assert "title  incoming call Joe Poe → incoming call Ann Lee" in out


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl"])
def test_a_file_holds_every_change(world: DeliveryWorld, syncd: Command, name: str) -> None:
    deliver(syncd, "--dry-run", "--changes", name)
    file = world.folder / name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    if name.endswith("csv"):
        with file.open(newline="") as text:
            rows = list(csv.DictReader(text))
        assert {(row["key"], row["outcome"]) for row in rows} == {
            ("call:c1", "planned"),
            ("message:text:m1", "planned"),
            ("call:old", "held"),
        }
        assert rows[0].keys() == {"sink", "kind", "key", "id", "held", "field", "old", "new", "outcome"}
    else:
        found = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(each["key"], each["held"]) for each in found] == [
            ("call:c1", False),
            ("message:text:m1", False),
            ("call:old", True),
        ]
        assert found[0]["fields"]["title"] == {"new": "incoming call Joe Poe"}
    # A file of changes is replaced; another file is not.
    assert syncd("activity", "deliver", "--dry-run", "--changes", name)[0] == 3
    (world.folder / "notes.csv").write_text("a,b\n1,2\n")
    code, _, err = syncd("activity", "deliver", "--dry-run", "--changes", "notes.csv")
    assert (code, errors(err)) == (
        2,
        ["--changes notes.csv: this file is there already, and no file of changes: name another one"],
    )


def test_an_approval_is_used_by_the_next_delivery(world: DeliveryWorld, syncd: Command) -> None:
    _, said = deliver(syncd)
    digest = said["sinks"][0]["held"][0]["digest"]
    code, out, _ = syncd("approve", "crm", digest)
    assert (code, out) == (
        0,
        "crm: 1 record approved, for one run and exactly as listed: syncd activity deliver crm makes them.\n",
    )
    code, said = deliver(syncd, "crm")
    assert (code, said["sinks"][0]["counts"]["create"]) == (0, 1)
    code, _, err = syncd("approve", "crm", digest)
    assert code == 2
    assert "nothing is held under" in errors(err)[0]
    assert "syncd activity deliver crm holds it" in errors(err)[0]


def test_sources_and_sinks_share_one_name_space(world: DeliveryWorld, syncd: Command) -> None:
    _, _, err = syncd("approve", "crn", "abc")
    assert errors(err) == [
        "there is no source and no sink 'crn' (did you mean 'crm'?); there are: people, crm",
    ]
    assert errors(syncd("activity", "deliver", "people")[2]) == ["there is no sink 'people'; there are: crm"]


def test_history_names_deliveries_and_an_undo_takes_one_back(world: DeliveryWorld, syncd: Command) -> None:
    _, said = deliver(syncd)
    [run] = json.loads(syncd("history", "--json")[1])["runs"]
    assert (run["run"], run["source"], run["kind"], run["counts"]["create"]) == (said["run"], "crm", "deliver", 2)
    code, out, _ = syncd("history", "crm")
    assert (code, "2 created" in out) == (0, True)
    # A delivery that finds nothing to do is no run.
    deliver(syncd)
    assert len(json.loads(syncd("history", "--json")[1])["runs"]) == 1
    code, out, _ = syncd("undo", said["run"], "--dry-run")
    assert "crm: 2 to erase" in out
    assert len(world.place.records) == 2
    code, out, _ = syncd("undo", said["run"], "--json")
    undone = json.loads(out)["sinks"][0]
    assert (code, undone["counts"]["erase"], world.place.records) == (0, 2, {})
    code, said = deliver(syncd)
    assert (code, [each["gate"] for each in said["sinks"][0]["held"]]) == (3, ["activity.old", "undone"])
    kinds = [each["kind"] for each in json.loads(syncd("history", "--json")[1])["runs"]]
    assert kinds == ["undo", "deliver"]


def test_a_sink_that_cannot_be_reached_is_tried_again(world: DeliveryWorld, syncd: Command) -> None:
    world.place.faults = [down]
    code, said = deliver(syncd)
    assert (code, said["sinks"][0]["error"]["kind"]) == (4, "SinkUnavailable")
    world.place.faults = [down]
    code, _, err = syncd("activity", "deliver")
    assert (code, errors(err)) == (4, ["crm: the sink cannot be reached"])


def test_it_is_part_of_a_replay(world: DeliveryWorld, syncd: Command) -> None:
    deliver(syncd)
    world.place.records.clear()
    code, out, _ = syncd("activity", "replay", "--sink", "crm", "--events", "-2d..", "--json")
    assert (code, json.loads(out)["sinks"][0]["counts"]["update"]) == (3, 2)
    assert sorted(world.place.identities()) == ["call:c1", "message:text:m1"]


def test_check_asks_each_sink(world: DeliveryWorld, syncd: Command) -> None:
    world.crm = {"where": "duration >>> 5"}
    world.settings()
    _, out, _ = syncd("check")
    assert "sinks.crm.where: SQLite cannot evaluate it" in out
    world.crm = {}
    world.settings()
    _, out, _ = syncd("check")
    assert "crm: it can be delivered to" in out


def test_prepare_says_what_was_made(world: DeliveryWorld, syncd: Command) -> None:
    code, out, _ = syncd("activity", "prepare", "crm")
    assert (code, out) == (0, "crm: nothing was missing.\n")


def test_without_a_sink_there_is_nothing_to_do(world: DeliveryWorld, syncd: Command) -> None:
    path = world.folder / "syncd.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sinks": {}}))
    code, _, err = syncd("activity", "deliver")
    assert code == 2
    assert "there is no sink: add one under sinks" in errors(err)[0]


def test_a_list_shows_what_became_of_each(world: DeliveryWorld, syncd: Command) -> None:
    deliver(syncd)
    rows = json.loads(syncd("activity", "list", "--json")[1])["activities"]
    assert {row["id"]: row["deliveries"] for row in rows} == {
        "old": {"crm": "held"},
        "c1": {"crm": "accepted"},
        "m1": {"crm": "accepted"},
    }
    assert "crm accepted" in syncd("activity", "list")[1]


def test_an_explanation_names_the_record_and_what_comes_next(world: DeliveryWorld, syncd: Command) -> None:
    world.ring("c2")
    deliver(syncd)
    said = json.loads(syncd("activity", "explain", "c1", "--json")[1])
    [delivery] = said["deliveries"]
    assert (delivery["sink"], delivery["status"], delivery["id"]) == ("crm", "accepted", "r1")
    said = json.loads(syncd("activity", "explain", "old", "--json")[1])
    assert said["deliveries"][0]["reason"] == "activity.old"
    assert "crm: the gate activity.old holds it" in said["next"][-1]["why"]
    said = json.loads(syncd("activity", "explain", "c2", "--json")[1])
    assert (said["next"][-1]["do"], said["next"][-1]["why"]) == ("deliver", "crm: it is not due yet")
    out = syncd("activity", "explain", "c1")[1]
    assert "sinks     crm: accepted, record r1, " in out


def test_a_message_of_a_conversation_is_shown_with_it(world: DeliveryWorld, syncd: Command) -> None:
    world.crm = {"messages": {"group": "day"}}
    world.settings()
    deliver(syncd)
    rows = json.loads(syncd("activity", "list", "--json", "--kind", "message")[1])["activities"]
    assert rows[0]["deliveries"] == {"crm": "accepted"}


def test_the_lines_of_a_dry_run_name_the_contacts_that_are_associated(world: DeliveryWorld, syncd: Command) -> None:
    world.crm = {"contacts": "people"}
    world.settings()
    world.attribute("call:c1", "17", "18", outcome="shared")
    world.attribute("message:text:m1", "17")
    _, out, _ = syncd("activity", "deliver", "--dry-run")
    [of_call] = [line for line in out.splitlines() if "create call:c1" in line]
    [of_message] = [line for line in out.splitlines() if "create message:text:m1" in line]
    assert of_call.endswith(" · with contacts 17, 18")
    assert of_message.endswith(" · with contact 17")


def test_a_dry_run_of_many_sinks_fills_one_page(world: DeliveryWorld, syncd: Command) -> None:
    world.calls(30)
    options = {"place": str(world.folder)}
    world.more = {f"crm{number}": {"sink": "memory", "options": options} for number in range(4)}
    world.settings()
    _, out, _ = syncd("activity", "deliver", "--dry-run")
    lines = out.splitlines()
    assert len([line for line in lines if "create call:" in line]) == 5 * 5
    assert len([line for line in lines if line.strip() == "and 27 more; --changes FILE writes them all"]) == 5
    _, out, _ = syncd("activity", "deliver", "crm", "--dry-run")
    assert len([line for line in out.splitlines() if "create " in line]) == 20
    assert "and 12 more; --changes FILE writes them all" in out


def test_what_waits_for_a_person_takes_no_line_of_what_is_sent(world: DeliveryWorld, syncd: Command) -> None:
    for number in range(30):
        world.call(f"old{number}", ago=40 * DAY)
    _, out, _ = syncd("activity", "deliver", "--dry-run")
    assert "create call:c1" in out
    assert "create call:old" not in out
    assert "more" not in out
