"""A new key takes over the contact of another key: nothing is made at the target, and the report says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.cli import main
from syncd.report.source_report import SourceReport
from tests.worlds.runs import last_run, undo
from tests.worlds.tenants import holds
from tests.worlds.world import FIELDS, World

HEADER = "row,id,name,phone"
BOB = ("b", "7", "Bob", "2125550102")
ANN = ("a", "7", "Ann", "2125550101")
MET = {"External ID": "7", "Name": "Bob", "Phone": "2125550102"}


@pytest.fixture
def bobs(world: World) -> World:
    """The target has one contact, 7, which a run made for the key ``b``."""
    world.sources["tenants"] |= {"key": "row", "updates": {"at_most": {"share": "100%"}}}
    world.sandbox.store.set_fields(FIELDS[:3])  # all fields are mapped, so no contact is looked up before an update
    assert run(world, BOB).counts["create"] == 1
    return world


def run(world: World, *rows: tuple[str, str, str, str], **options: Any) -> SourceReport:
    world.write(rows, header=HEADER)
    return world.run(**options)


def counted(report: SourceReport) -> dict[str, int]:
    kinds = ("create", "adopt", "update", "move", "delete")
    return {kind: report.counts[kind] for kind in kinds if report.counts[kind]}


def outcomes(report: SourceReport) -> dict[str, tuple[str, str]]:
    return {each["key"]: (each["kind"], each["outcome"]) for each in report.settled()}


def reasons(report: SourceReport) -> dict[str, str]:
    return {each["key"]: each["reason"] for each in report.kept}


TAKEOVERS: dict[str, tuple[list[tuple[str, str, str, str]], dict[str, int]]] = {
    "the other key's row is still there, and ranks second": ([ANN, BOB], {"adopt": 1}),
    "the other key's row has left": ([("c", *ANN[1:])], {"adopt": 1}),
    "the other key's row asks for another match value": ([ANN, ("b", "8", *BOB[2:])], {"adopt": 1, "move": 1}),
}


@pytest.mark.parametrize("batch", [1, 500])
@pytest.mark.parametrize(("rows", "counts"), TAKEOVERS.values(), ids=TAKEOVERS)
def test_a_key_that_takes_over_the_contact_of_another_key_adopts_it(
    bobs: World, rows: list[tuple[str, str, str, str]], counts: dict[str, int], batch: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr("syncd.push.upserts.BATCH", batch)
    report = run(bobs, *rows)
    assert (counted(report), bobs.deletes()) == (counts, 0)
    [change] = [each for each in report.settled() if each["kind"] == "adopt"]
    assert (change["id"], change["outcome"]) == (1, "accepted")
    assert change["fields"]["Name"] == {"old": "Bob", "new": "Ann"}
    with bobs.state() as state:
        [entry] = [each for each in state.history.changes() if each["kind"] == "adopt"]
    assert (entry["key"], entry["old_id"], entry["new_id"], entry["before"]) == (rows[0][0], 1, 1, MET)
    assert bobs.run(full=True).counts["create"] == 0


def test_it_is_deleted_like_any_contact_that_a_run_made(bobs: World) -> None:
    run(bobs, ("c", *ANN[1:]))
    report = run(bobs, ("d", "9", "Dan", ""))
    assert (counted(report), set(bobs.there())) == ({"create": 1, "delete": 1}, {"9"})


def test_the_values_of_a_contact_whose_last_call_was_lost_are_not_known(bobs: World) -> None:
    bobs.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    run(bobs, ("b", "7", "Bobby", "2125550102"))
    bobs.sandbox.disarm()
    report = run(bobs, ("c", *ANN[1:]))
    [change] = [each for each in report.settled() if each["key"] == "c"]
    assert (change["kind"], change["why"]) == ("adopt", "the target had it before; what it held then is not known")


@pytest.mark.parametrize("revive", ["created", "updated"])
def test_a_deleted_contact_that_the_target_brings_back_for_another_key_is_created(bobs: World, revive: str) -> None:
    bobs.sandbox.dialect("revive", revive)
    run(bobs, ("d", "9", "Dan", ""))
    assert set(bobs.there()) == {"9"}
    report = run(bobs, ("d", "9", "Dan", ""), ANN)
    assert (counted(report), set(bobs.there())) == ({"create": 1}, {"7", "9"})
    undo(bobs)
    assert set(bobs.there()) == {"9"}


def test_a_contact_that_another_source_had_is_adopted(bobs: World) -> None:
    first = {**bobs.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    bobs.sources = {"owners": first, **bobs.sources}
    bobs.write([ANN], "owners.csv", header=HEADER)
    assert counted(bobs.run("owners")) == {"adopt": 1}
    assert holds(bobs) == {"7": ("Ann", "2125550101")}


def test_the_screen_the_json_and_the_history_say_so(bobs: World, capsys: pytest.CaptureFixture[str]) -> None:
    bobs.write([("c", *ANN[1:])], header=HEADER)
    config = str(bobs.folder / "syncd.yaml")
    assert main(["run", "--config", config, "--json"]) == 0
    [source] = json.loads(capsys.readouterr().out)["sources"]
    assert (source["counts"]["create"], source["counts"]["adopt"]) == (0, 1)
    assert {each["key"]: each["kind"] for each in source["changes"]} == {"c": "adopt", "b": "delete"}
    bobs.write([("e", *BOB[1:])], header=HEADER)
    assert main(["run", "--config", config]) == 0
    said = capsys.readouterr().out
    assert "1 adopted" in said
    assert "created" not in said
    assert main(["history", "--config", config, "--run", last_run(bobs)]) == 0
    assert "adopt" in capsys.readouterr().out


# Undo.


def test_an_undo_deletes_no_contact_that_an_earlier_run_had_made(bobs: World) -> None:
    bobs.sources["tenants"]["mode"] = "upsert"  # so the run that takes the contact over does not delete the other key
    run(bobs, ("c", *ANN[1:]))
    assert (counted(undo(bobs)), bobs.deletes()) == ({"update": 1}, 0)
    assert holds(bobs) == {"7": ("Bob", "2125550102")}


def test_it_gets_back_its_values_if_the_other_key_is_still_there(bobs: World) -> None:
    run(bobs, ANN, BOB)
    assert counted(undo(bobs)) == {"update": 1}
    assert holds(bobs) == {"7": ("Bob", "2125550102")}
    writes = bobs.writes()
    assert (bobs.run().counts["held"], bobs.writes()) == (1, writes)


@pytest.mark.parametrize(
    "rows", [[("c", *ANN[1:])], [ANN, ("b", "8", *BOB[2:])]], ids=["the row left", "the row moved"]
)
def test_the_contact_goes_back_to_the_key_that_had_it_and_again_to_the_one_that_took_it(
    bobs: World, rows: list[tuple[str, str, str, str]]
) -> None:
    run(bobs, *rows)
    made = holds(bobs)
    for back, there in ((True, {"7": ("Bob", "2125550102")}), (False, made), (True, {"7": ("Bob", "2125550102")})):
        report = undo(bobs)
        assert (report.kept, report.exit_code, holds(bobs)) == ([], 0, there)
        with bobs.state() as state:
            assert set(state.ledger.known_now("tenants", ["a", "b", "c"])) == ({"b"} if back else {r[0] for r in rows})
        assert 1 in bobs.sandbox.store.rows, "the contact was made anew"


def test_a_contact_that_cannot_go_back_is_not_deleted(bobs: World) -> None:
    run(bobs, ("c", *ANN[1:]))
    bobs.sandbox.arm({"kind": "poison", "field": "Name", "value": "Bob"})
    report = undo(bobs)
    assert ([each["key"] for each in report.rejected], report.unknown) == (["b"], 1)
    assert (holds(bobs), bobs.deletes()) == ({"7": ("Ann", "2125550101")}, 0)
    bobs.sandbox.disarm()
