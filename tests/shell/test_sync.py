"""Whole runs against the sandbox: what a source says is what the target holds, whatever happened in between."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from syncd.errors import AccessDenied, SourceBusy, StateError, Stopped
from syncd.report.source_report import SourceReport
from syncd.run.session import Watcher, open_session
from syncd.sandbox.server import Sandbox
from syncd.state import State
from syncd.sync import run_source
from tests.shell.world import FIELDS, World

ANN = ("1", "Ann Smith", "212-555-0101")
BOB = ("2", "Bob Jones", "(212) 555-0102")
CY = ("3", "Cy Lee", "2125550103")
DEE = ("4", "Dee Diaz", "2125550104")
LOST_POSTS = {"kind": "drop", "method": "POST", "times": None, "done": True}
LOST_DELETES = {**LOST_POSTS, "method": "DELETE"}
POISON = {"kind": "poison", "field": "Name", "value": "Poison"}
MANY = [(str(n), f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


def holds(world: World) -> dict[str, tuple[str, str]]:
    return {key: (fields.get("Name", ""), fields.get("Phone", "")) for key, fields in world.there().items()}


def test_a_first_run_creates_every_contact(world: World) -> None:
    world.write([ANN, BOB])
    report = world.run()
    assert report.exit_code == 0
    assert report.counts["create"] == 2
    assert holds(world) == {"1": ("Ann Smith", "2125550101"), "2": ("Bob Jones", "2125550102")}


def test_a_run_with_nothing_to_do_writes_nothing_and_costs_one_request(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    before = len(world.sandbox.requests)
    report = world.run()
    assert report.same_as_before
    assert report.counts["unchanged"] == 2
    assert len(world.sandbox.requests) - before == 1


def test_a_file_that_was_only_touched_up_costs_one_request_too(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([BOB, ANN])
    before = len(world.sandbox.requests)
    report = world.run()
    assert not report.same_as_before
    assert report.counts["unchanged"] == 2
    assert len(world.sandbox.requests) - before == 1


def test_only_what_differs_is_sent(world: World) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([ANN, ("2", "Bob Jones", "2125550102; 2125550199"), CY, DEE])
    report = world.run()
    assert (report.counts["create"], report.counts["update"], report.counts["unchanged"]) == (1, 1, 2)
    assert list(report.changes())[1] == {
        "kind": "update",
        "key": "2",
        "id": 2,
        "fields": {"Phone": {"old": "2125550102", "new": "2125550102;2125550199"}},
    }
    assert world.there()["2"]["Phone"] == "2125550102;2125550199"


def test_the_order_of_numbers_does_not_matter(world: World) -> None:
    world.write([("1", "Ann", "2125550101;2125550102")])
    world.run()
    world.write([("1", "Ann", "2125550102;2125550101")])
    assert world.run().counts["unchanged"] == 1


def test_a_vanished_contact_is_deleted(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN])
    report = world.run()
    assert report.counts["delete"] == 1
    assert set(world.there()) == {"1"}


def test_a_dry_run_sends_only_gets_and_leaves_the_state_alone(world: World) -> None:
    world.write([ANN, BOB])
    report = world.run(dry_run=True)
    assert report.counts["create"] == 2
    assert world.writes() == 0
    assert not (world.folder / "syncd.db").exists()
    world.run()
    before = (world.folder / "syncd.db").read_bytes()
    world.write([ANN])
    assert world.run(dry_run=True).counts["delete"] == 1
    assert (world.folder / "syncd.db").read_bytes() == before
    assert set(world.there()) == {"1", "2"}


def test_a_dry_run_says_what_the_run_then_does(world: World) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([("1", "Ann Smith-Lee", "2125550101"), BOB, DEE])
    planned = list(world.run(dry_run=True).changes())
    report = world.run()
    assert list(report.changes()) == planned
    assert [change["kind"] for change in planned] == ["create", "update", "delete"]


def test_creates_and_deletes_go_in_batches_of_500(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"at_most": {"count": 5000, "share": "100%"}}
    world.write([(str(n), f"T {n}", f"212555{n % 10000:04}") for n in range(1, 1202)])
    world.run()
    assert world.posts() == 3
    world.write([(str(n), f"T {n}", f"212555{n % 10000:04}") for n in range(601, 1202)])
    world.run()
    assert world.deletes() == 2
    assert len(world.there()) == 601


def test_contacts_that_were_there_are_adopted_and_shown_with_their_old_values(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "ANN", "Phone": "2125550101", "Note": "VIP"})
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([ANN, BOB])
    plan = world.run(dry_run=True)
    assert (plan.counts["adopt"], plan.counts["create"]) == (1, 1)
    adopt = next(change for change in plan.changes() if change["kind"] == "adopt")
    assert adopt["fields"] == {"Name": {"old": "ANN", "new": "Ann Smith"}}
    world.run()
    assert set(world.there()) == {"1", "2", "99"}
    assert world.there()["1"]["Note"] == "VIP"


def test_foreign_and_adopted_contacts_are_never_deleted(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann"})
    world.sandbox.store.add({"External ID": "99", "Name": "Somebody else"})
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    report = world.run()
    assert report.counts["delete"] == 0
    assert any("adopted" in warning for warning in report.warnings)
    assert set(world.there()) == {"1", "2", "99"}


def test_adopted_contacts_are_deleted_where_that_is_wanted(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann"})
    world.sources["tenants"]["deletes"] = {"adopted": True}
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    world.run()
    assert set(world.there()) == {"2"}


@pytest.mark.parametrize("update", ["merge", "replace"])
def test_fields_that_are_not_mapped_survive_under_either_reading(world: World, update: str) -> None:
    world.sandbox.dialect("update", update)
    for n in range(1, 5):
        world.sandbox.store.add({"External ID": str(n), "Name": "Old", "Note": f"note {n}"})
    world.write([ANN, BOB, CY, DEE])
    assert world.run().exit_code == 0
    world.write([("1", "Ann Brown", "2125550101"), BOB, CY, DEE])
    assert world.run().exit_code == 0
    assert [fields["Note"] for _, fields in sorted(world.there().items())] == ["note 1", "note 2", "note 3", "note 4"]
    assert world.there()["1"]["Name"] == "Ann Brown"


def test_a_lost_state_file_adopts_and_deletes_nothing(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    (world.folder / "syncd.db").unlink()
    world.write([ANN])
    report = world.run()
    assert (report.counts["adopt"], report.counts["delete"]) == (1, 0)
    assert set(world.there()) == {"1", "2"}


def test_an_emptied_source_deletes_nothing_until_it_is_approved(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    report = world.run()
    assert report.exit_code == 3
    assert report.counts["held"] == 30
    assert {held.gate for held in report.held} == {"deletes.empty", "deletes.share"}
    assert len(world.there()) == 30
    with world_state(world) as state:
        assert state.holds.approve("tenants", report.held[0].digest) == 2
    report = world.run()
    assert report.exit_code == 0
    assert report.counts["delete"] == 30
    assert world.there() == {}


def test_an_approval_is_for_exactly_its_list(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write(MANY[:15])
    held = world.run().held[0]
    with world_state(world) as state:
        state.holds.approve("tenants", held.digest)
    world.write(MANY[:14])
    report = world.run()
    assert report.counts["held"] == 16
    assert report.held[0].digest != held.digest
    assert len(world.there()) == 30


def test_creates_and_updates_go_on_while_deletes_are_held(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([("1", "Renamed", "2125550001"), ("77", "New", "2125550077")])
    report = world.run()
    assert (report.counts["create"], report.counts["update"], report.counts["held"]) == (1, 1, 29)
    assert world.there()["1"]["Name"] == "Renamed"
    assert len(world.there()) == 31


def test_held_deletes_are_shown_until_they_no_longer_arise(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    assert world.run().counts["held"] == 30
    assert world.run().counts["held"] == 30
    world.write(MANY)
    report = world.run()
    assert report.exit_code == 0
    with world_state(world) as state:
        assert state.holds.of("tenants") == []


def test_more_updates_than_the_share_are_held(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([(key, f"{name}!", phone) for key, name, phone in MANY])
    report = world.run()
    assert report.held[0].gate == "updates.share"
    assert report.counts["held"] == 30
    assert world.there()["1"]["Name"] == "Tenant 1"


def test_a_missing_canary_holds_the_deletes(world: World) -> None:
    world.sources["tenants"]["canaries"] = ["1"]
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    assert [held.gate for held in world.run().held] == ["deletes.canary"]
    assert set(world.there()) == {"1", "2"}


def test_an_invalid_row_is_left_alone_and_named(world: World) -> None:
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("2", "", "2125550199")])
    report = world.run()
    assert report.exit_code == 3
    assert [(each["key"], each["at"]) for each in report.invalid] == [("2", "tenants.csv:3")]
    assert holds(world)["2"] == ("Bob Jones", "2125550102")


def test_a_row_without_a_key_holds_the_deletes(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("", "Bob Jones", "2125550102")])
    report = world.run()
    assert [held.gate for held in report.held] == ["deletes.keyless"]
    assert set(world.there()) == {"1", "2"}


def test_a_malformed_row_holds_the_deletes(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    (world.folder / "tenants.csv").write_text("id,name,phone\n1,Ann Smith,2125550101\n2,Bob\n")
    report = world.run()
    assert report.invalid[0]["at"] == "tenants.csv:3"
    assert [held.gate for held in report.held] == ["deletes.keyless"]
    assert set(world.there()) == {"1", "2"}


def test_an_excluded_row_is_deleted(world: World) -> None:
    world.sources["tenants"]["where"] = "name <> 'former'"
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("2", "former", "2125550102")])
    report = world.run()
    assert (report.counts["delete"], report.counts["excluded"], report.exit_code) == (1, 1, 0)
    assert set(world.there()) == {"1"}


def test_the_first_of_two_rows_with_one_key_is_used(world: World) -> None:
    world.write([ANN, ("1", "Another", "2125550199")])
    report = world.run()
    assert report.exit_code == 3
    assert "tenants.csv:2" in report.invalid[0]["reason"]
    assert report.invalid[0]["at"] == "tenants.csv:3"
    assert holds(world) == {"1": ("Ann Smith", "2125550101")}


SWAP_FIELDS = [
    {"id": 1, "name": "Name", "is_match": True},
    {"id": 2, "name": "Phone", "is_phone": True, "is_match": True},
    {"id": 3, "name": "Ref"},
]


@pytest.fixture
def by_phone(world: World) -> World:
    """A company whose match fields change: name and phone."""
    world.sandbox.store.set_fields(SWAP_FIELDS)
    world.sources["tenants"]["mapping"] = {"Name": "name", "Phone": ["phone"], "Ref": "id"}
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    return world


def refs(world: World) -> dict[str, str]:
    return {ref: fields["Phone"] for ref, fields in world.there("Ref").items()}


def test_a_moved_contact_leaves_no_twin(by_phone: World) -> None:
    by_phone.write([ANN, BOB])
    by_phone.run()
    by_phone.write([("1", "Ann Smith", "2125550199"), BOB])
    report = by_phone.run()
    assert report.counts["move"] == 1
    assert refs(by_phone) == {"1": "2125550199", "2": "2125550102"}


def test_contacts_that_swap_their_match_values_both_survive(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102"), ("3", "A", "2125550103")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550102"), ("2", "A", "2125550103"), ("3", "A", "2125550101")])
    report = by_phone.run()
    assert report.counts["move"] == 3
    assert by_phone.deletes() == 0
    assert refs(by_phone) == {"1": "2125550102", "2": "2125550103", "3": "2125550101"}
    assert by_phone.run().counts["unchanged"] == 3


def test_a_chain_of_moves_comes_out_right(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550102"), ("2", "A", "2125550199")])
    by_phone.run()
    assert refs(by_phone) == {"1": "2125550102", "2": "2125550199"}
    by_phone.write([("2", "A", "2125550199")])
    by_phone.run()
    assert refs(by_phone) == {"2": "2125550199"}


def test_a_cycle_of_moves_comes_out_right(by_phone: World) -> None:
    numbers = ["2125550101", "2125550102", "2125550103", "2125550104"]
    for turn in range(3):
        wanted = {str(place): numbers[(place + turn) % 4] for place in range(4)}
        by_phone.write([(key, "A", number) for key, number in wanted.items()])
        assert by_phone.run().exit_code == 0
        assert refs(by_phone) == wanted


def test_a_row_that_vanishes_while_its_twin_appears_is_handed_over(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101")])
    by_phone.run()
    by_phone.write([("2", "A", "2125550101")])
    by_phone.run()
    assert refs(by_phone) == {"2": "2125550101"}
    by_phone.write([("3", "B", "2125550103")])
    by_phone.run()
    assert refs(by_phone) == {"3": "2125550103"}


def test_two_sources_hand_a_contact_over(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    world.write([ANN, BOB])
    world.write([CY], "owners.csv")
    world.run_all()
    world.write([BOB])
    world.write([CY, ANN], "owners.csv")
    for _ in range(2):
        world.run_all()
    assert set(world.there()) == {"1", "2", "3"}
    world.write([CY], "owners.csv")
    world.run_all()
    assert set(world.there()) == {"2", "3"}


def test_the_first_source_wins_a_shared_match_value(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    world.write([ANN])
    world.write([("1", "Owner Ann", "2125550199")], "owners.csv")
    tenants, owners = world.run_all()
    assert tenants.counts["create"] == 1
    assert "shares match fields with 1 of source tenants" in owners.invalid[0]["reason"]
    world.run_all()
    assert world.there()["1"]["Name"] == "Ann Smith"
    world.write([])
    world.sources["tenants"]["deletes"] = {"at_most": {"free": 5}}
    world.run_all()


@pytest.mark.parametrize(
    ("policy", "there"),
    [
        ("first", {"7": "2125550101"}),
        ("merge_phones", {"7": "2125550101;2125550102"}),
        ("hold", {}),
    ],
)
def test_contacts_with_one_match_value(world: World, policy: str, there: dict[str, str]) -> None:
    world.sources["tenants"] |= {"shared_match": policy, "key": "row"}
    header = "row,id,name,phone"
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=header)
    world.run()
    assert {key: fields["Phone"] for key, fields in world.there().items()} == there
    assert world.run().counts["create"] == 0
    assert world.posts() <= 1


def test_create_with_a_lost_answer_whose_row_leaves_the_source_is_found_and_deleted(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(LOST_POSTS)
    world.write([ANN, BOB])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert set(world.there()) == {"1", "2"}
    world.write([ANN])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1"}


def test_update_with_a_lost_answer_whose_row_reverts_is_undone(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(LOST_POSTS)
    world.write([("1", "Ann Brown", "2125550101")])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert world.there()["1"]["Name"] == "Ann Brown"
    world.write([ANN])
    assert world.run().exit_code == 0
    assert world.there()["1"]["Name"] == "Ann Smith"


def test_delete_with_a_lost_answer_whose_row_returns_is_made_again(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.arm(LOST_DELETES)
    world.write([ANN])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert set(world.there()) == {"1"}
    world.write([ANN, BOB])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2"}


def test_move_with_a_lost_answer_whose_row_reverts_leaves_no_twin(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101")])
    by_phone.run()
    by_phone.sandbox.arm(LOST_POSTS)
    by_phone.write([("1", "A", "2125550199")])
    assert by_phone.run().exit_code == 4
    by_phone.sandbox.disarm()
    by_phone.write([("1", "A", "2125550101")])
    assert by_phone.run().exit_code == 0
    assert refs(by_phone) == {"1": "2125550101"}


def test_one_bad_row_does_not_cost_the_others(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166"), BOB])
    report = world.run()
    assert report.exit_code == 3
    assert [each["key"] for each in report.rejected] == ["66"]
    assert set(world.there()) == {"1", "2"}
    posts = world.posts()
    report = world.run()
    assert (report.counts["rejected"], report.exit_code, world.posts()) == (1, 3, posts)
    world.sandbox.disarm()
    world.write([ANN, ("66", "Cured", "2125550166"), BOB])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2", "66"}


def test_a_wrong_key_stops_everything(world: World) -> None:
    world.write([ANN])
    world.target["api_key"] = "wrong"
    with pytest.raises(AccessDenied, match=r"support@vocatech\.com"):
        world.run()
    assert world.there() == {}


def test_a_schema_without_a_match_field_refuses_the_push(world: World) -> None:
    world.sandbox.store.set_fields(
        [{"id": 1, "name": "External ID"}, {"id": 2, "name": "Name"}, {"id": 3, "name": "Phone"}]
    )
    world.write([ANN])
    report = world.run()
    assert report.exit_code == 2
    assert "match field" in str(report.error)


def test_an_unreachable_target_is_temporary(world: World) -> None:
    world.write([ANN])
    world.target["base_url"] = "http://127.0.0.1:9/v1"
    world.target["timeout"] = "1s"
    report = world.run()
    assert report.exit_code == 4


def world_state(world: World) -> State:
    return State(world.folder / "syncd.db")


def test_another_target_than_the_ledgers_is_refused(world: World) -> None:
    world.write([ANN])
    world.run()
    with Sandbox(key="test-key", limits=None) as other:
        world.target["base_url"] = other.url
        with pytest.raises(StateError, match="state file says what was sent to"):
            world.run()


def test_an_added_match_field_holds_the_source_until_it_is_approved(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.set_fields(
        [{**field, "is_match": field["name"] in {"External ID", "Name"}} for field in FIELDS]
    )
    world.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    for _ in range(2):
        report = world.run()
        assert [(held.gate, held.count) for held in report.held] == [("schema.match", 2)]
        assert holds(world)["2"] == ("Bob Jones", "2125550102")
    with world_state(world) as state:
        state.holds.approve("tenants", report.held[0].digest)
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2", "3"}
    assert world.run().counts["unchanged"] == 3


def test_a_number_that_only_a_merged_contact_has_is_followed(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    header = "row,id,name,phone"
    first, second = ("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")
    world.write([first, second], header=header)
    world.run()
    world.write([first, ("b", "7", "Ann", "2125550199")], header=header)
    assert world.run().counts["update"] == 1
    assert world.there()["7"]["Phone"] == "2125550101;2125550199"
    assert world.run(full=True).counts["unchanged"] == 1
    world.write([second], header=header)
    world.run()
    assert world.there()["7"]["Phone"] == "2125550102"


def test_a_source_that_a_killed_process_held_is_free_at_once(world: World) -> None:
    world.write([ANN])
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with world_state(world) as state:
        assert state.leases.take("tenants", f"{socket.gethostname()}:{killed.pid}:x", 60) is None
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now: killed, and not asked for
        assert world.run().counts["create"] == 1
    killed.wait()


def test_a_source_that_another_run_holds_is_busy(world: World) -> None:
    world.write([ANN])
    with world_state(world) as state:
        assert state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60) is None
        with pytest.raises(SourceBusy, match="another run holds it"):
            world.run()
    assert world.there() == {}


def test_a_first_load_that_was_broken_off_still_tells_create_from_adopt(world: World) -> None:
    world.sandbox.store.add({"External ID": "2", "Name": "Bob"})
    world.write([ANN])
    world.sandbox.arm({**LOST_POSTS, "done": False})
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    world.write([ANN, BOB])
    report = world.run()
    assert (report.counts["create"], report.counts["adopt"]) == (1, 1)


def test_what_a_killed_run_spooled_does_not_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(world.folder))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = world.folder / f"syncd-{gone.pid}-x"
    kept = world.folder / f"syncd-{os.getpid()}-x"
    left.mkdir()
    kept.mkdir()
    world.write([ANN])
    world.run()
    assert [path.name for path in world.folder.glob("syncd-*")] == [kept.name]


def test_a_foreign_contact_with_the_match_value_of_a_rejected_one_is_never_deleted(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sandbox.store.add({"External ID": "66", "Name": "By hand"})
    world.write([ANN])
    assert world.run().exit_code == 0
    assert world.there()["66"]["Name"] == "By hand"


def test_merged_contacts_without_a_number_leave_the_targets_alone_where_empty_values_do(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    world.sources["tenants"]["mapping"]["Phone"] = {"from": "phone", "empty": "keep"}
    world.sandbox.store.add({"External ID": "7", "Name": "Ann", "Phone": "2125550188"})
    world.write([("a", "7", "Ann", ""), ("b", "7", "Ann", "")], header="row,id,name,phone")
    world.run()
    assert world.there()["7"]["Phone"] == "2125550188"


def test_the_parts_of_a_key_are_shown_joined_by_a_plus(world: World) -> None:
    world.sources["tenants"] |= {"key": ["house", "flat"], "canaries": [["1", "1"]]}
    world.sources["tenants"]["mapping"] |= {
        "External ID": "{house}-{flat}",
        "Name": {"from": "name", "empty": "reject"},
    }
    header = "house,flat,name,phone"
    world.sandbox.arm(POISON)
    world.write([("1", "1", *ANN[1:]), ("1", "2", "Poison", ""), ("1", "3", "", "")], header=header)
    found = world.run().to_json()
    assert [each["key"] for each in found["invalid"]] == ["1+3"]
    assert [each["key"] for each in found["rejected"]] == ["1+2"]
    world.write([("1", "2", "Bob", "")], header=header)
    assert [held.gate for held in world.run().held] == ["deletes.canary"]


def test_a_run_that_a_defect_ended_is_not_recorded_as_done(world: World) -> None:
    def broken(_source: str, _done: int, _total: int) -> None:
        raise RuntimeError("a defect")

    world.write([ANN])
    settings = world.settings()
    with open_session(settings, watcher=Watcher(pushing=broken)) as session:
        with pytest.raises(RuntimeError):
            run_source(session, settings.sources["tenants"])
        last = session.state.runs.last("tenants")[0]
    assert (last["outcome"], last["exit"]) == ("failed", 1)


def test_a_refused_delete_is_tried_again(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.arm({"kind": "status", "method": "DELETE", "status": 400, "times": None})
    world.write([ANN])
    assert world.run().exit_code == 3
    world.sandbox.disarm()
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"1"}


def test_rejected_contacts_are_sent_again_when_the_schema_changes(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sandbox.disarm()
    assert world.run(full=True).counts["rejected"] == 1
    world.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "More"}])
    assert world.run(dry_run=True).counts["create"] == 1
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "66"}


def test_a_contact_that_several_at_the_target_could_be_waits_until_one_is_left(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann by hand"})
    twin = world.sandbox.store.add({"External ID": "1", "Name": "Ann again"})
    world.write([ANN, BOB])
    assert world.run().counts["invalid"] == 1
    world.write([ANN, BOB, CY])
    assert world.run().counts["invalid"] == 1
    world.sandbox.store.delete(twin)
    assert world.run().counts["adopt"] == 1


@pytest.mark.parametrize(("mode", "name"), [("create_only", "By hand"), ("update_only", "Bob Jones")])
def test_a_mode_keeps_its_word_about_contacts_that_come_to_be_there_later(world: World, mode: str, name: str) -> None:
    world.sources["tenants"]["mode"] = mode
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.write([ANN, BOB])
    world.run()
    assert world.there()["2"]["Name"] == name
    assert ("1" in world.there()) == (mode == "create_only")


def test_grace_begins_with_a_proved_read(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"grace": "1h"}
    world.sources["tenants"]["options"]["trailer"] = r"END (\d+)"

    def gates_at(seconds: float, rows: list[tuple[str, str, str]], trailer: str) -> list[str]:
        world.write(rows)
        with (world.folder / "tenants.csv").open("a") as file:
            file.write(f"{trailer}\n")
        settings = world.settings()
        with open_session(settings, clock=lambda: 1e9 + seconds) as session:
            return [held.gate for held in run_source(session, settings.sources["tenants"]).held]

    assert gates_at(0, [ANN, BOB], "END 2") == []
    assert gates_at(10, [ANN], "END 2") == ["deletes.unproved", "deletes.grace"]
    assert gates_at(4_000, [ANN], "END 1") == ["deletes.grace"]
    assert gates_at(5_000, [ANN], "END 1") == ["deletes.grace"]
    assert gates_at(7_700, [ANN], "END 1") == []
    assert set(world.there()) == {"1"}


def test_the_contact_of_an_invalid_row_is_not_taken_by_its_twin(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    header = "row,id,name,phone"
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Bea", "2125550102")], header=header)
    world.run()
    world.write([("a", "7", "", "2125550101"), ("b", "7", "Bea", "2125550102")], header=header)
    assert world.run().counts["invalid"] == 2
    assert world.there()["7"]["Name"] == "Ann"


def test_an_approval_waits_while_something_else_holds_its_whole_list(world: World) -> None:
    world.sources["tenants"]["options"]["trailer"] = r"END (\d+)"

    def run(rows: list[tuple[str, str, str]], trailer: str) -> SourceReport:
        world.write(rows)
        with (world.folder / "tenants.csv").open("a") as file:
            file.write(f"{trailer}\n")
        return world.run()

    run(MANY, "END 30")
    held = run(MANY[:10], "END 10").held[0]
    with world_state(world) as state:
        state.holds.approve("tenants", held.digest)
    assert [each.gate for each in run(MANY[:10], "END 11").held] == ["deletes.unproved", "deletes.share"]
    assert run(MANY[:10], "END 10").counts["delete"] == 20


def test_a_rejected_update_that_is_taken_back_is_no_longer_rejected(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(POISON)
    world.write([("1", "Poison", "2125550101")])
    assert world.run().exit_code == 3
    world.write([ANN])
    for dry_run in (True, False):
        report = world.run(dry_run=dry_run)
        assert (report.exit_code, report.counts["rejected"], report.counts["unchanged"]) == (0, 0, 1)


def test_a_dry_run_does_not_call_rejected_what_it_would_send_again(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([("1", "Poison", ""), ("2", "Poison", "")])
    assert world.run().counts["rejected"] == 2
    world.write([ANN, ("2", "Poison", "")])
    for dry_run in (True, False):
        report = world.run(dry_run=dry_run)
        assert (report.counts["create"], [each["key"] for each in report.rejected]) == (1, ["2"])


def test_a_plan_without_changes_has_one_digest_whether_the_source_was_parsed_or_not(world: World) -> None:
    world.write([ANN])
    world.run()
    assert world.run(full=True).digest == world.run().digest


def test_what_a_mode_leaves_alone_is_counted_with_its_reason(world: World) -> None:
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.sources["tenants"]["mode"] = "create_only"
    world.write([ANN, BOB])
    report = world.run()
    assert report.excluded == [{"reason": "mode: create_only, and the target has it already", "count": 1}]
    world.write([("1", "Ann Brown", "2125550101"), BOB])
    for dry_run in (True, False):
        assert world.run(dry_run=dry_run).counts["excluded"] == 2


UPPER = ("A1", "Bea Brown", "2125550102")
LOWER = ("a1", "Ann Smith", "2125550101")


@pytest.mark.parametrize("first", [[LOWER], [UPPER, LOWER]])
def test_where_the_target_folds_case_the_later_of_two_contacts_is_invalid(
    world: World, first: list[tuple[str, str, str]]
) -> None:
    world.sandbox.dialect("match_case", "fold")
    world.write(first)
    world.run()
    world.write([LOWER, UPPER])
    world.run()
    posts = world.posts()
    report = world.run(full=True)
    assert [(each["key"], each["reason"]) for each in report.invalid] == [("a1", "shares match fields with A1")]
    assert (world.posts(), report.counts["rejected"]) == (posts, 0)
    assert holds(world) == {"A1": UPPER[1:]}
    world.write([LOWER])
    assert world.run().exit_code == 0
    assert holds(world) == {"a1": LOWER[1:]}


def test_a_stop_begins_no_further_batch(world: World) -> None:
    world.target["in_flight"] = 1
    world.write([(str(n), f"T {n}", f"212555{n:04}") for n in range(1, 2001)])

    def stop_in_the_first_batch(done: int) -> None:
        if done:
            world.stopping.set()

    with open_session(world.settings(), stopping=world.stopping, sleep=lambda _: None) as session:
        session.watcher.pushing = lambda _source, done, _total: stop_in_the_first_batch(done)
        with pytest.raises(Stopped):
            run_source(session, session.settings.sources["tenants"])
    assert world.posts() == 1
    with world_state(world) as state:
        assert state.ledger.pending_keys("tenants") == set()
    world.stopping.clear()
    assert world.run().counts["create"] == 1500


def test_hold_holds_contacts_of_all_sources_until_one_has_the_match_value_alone(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "hold", "key": "row"}
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    header = "row,id,name,phone"
    ann, twin, owner = ("a", "7", "Ann", "1"), ("b", "7", "Ann B", "1"), ("c", "7", "Owner", "1")
    other, changed = ("d", "8", "Other", "1"), ("a", "7", "Ann Brown", "1")

    def run(tenants: list[tuple[str, str, str, str]], owners: list[tuple[str, str, str, str]]) -> dict[str, str]:
        world.write(tenants, header=header)
        world.write(owners, "owners.csv", header=header)
        for _ in range(2):
            world.run_all()
        return {match: fields["Name"] for match, fields in world.there().items()}

    assert run([ann, twin], [owner, other]) == {"8": "Other"}, "two of one source hold that of another as well"
    assert run([ann], [owner, other]) == {"8": "Other"}
    assert run([ann], [other]) == {"7": "Ann", "8": "Other"}
    assert run([ann], [owner, other]) == {"7": "Ann", "8": "Other"}
    assert run([changed], [owner, other]) == {"7": "Ann", "8": "Other"}, "a contact that is there is left as it is"
    reasons = [each["reason"] for report in world.run_all() for each in report.invalid]
    assert reasons == ["shares match fields with c of source owners", "shares match fields with a of source tenants"]
    assert run([changed], [other]) == {"7": "Ann Brown", "8": "Other"}


def test_contacts_of_two_sources_that_exchange_match_values_do_not_hold_each_other(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "hold", "key": "row"}
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    header = "row,id,name,phone"
    for one, other in (("7", "8"), ("8", "7")):
        world.write([("a", one, "Ann", "1")], header=header)
        world.write([("b", other, "Owner", "1")], "owners.csv", header=header)
        for _ in range(2):
            reports = world.run_all()
        assert [report.invalid for report in reports] == [[], []]
        assert {match: fields["Name"] for match, fields in world.there().items()} == {one: "Ann", other: "Owner"}
