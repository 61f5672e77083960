"""``syncd forget``: a contact goes at the target and here, and no source brings it back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from syncd.state.leaving.forgotten import Forgotten
from tests.worlds.commands import Command, errors
from tests.worlds.forgetting import ANN, BOB, CY, left_in_files
from tests.worlds.world import World


def as_json(syncd: Command, *words: str) -> dict[str, Any]:
    code, out, err = syncd(*words, "--json")
    found: dict[str, Any] = json.loads(out)
    assert found["exit"] == code, err
    return found


def test_the_contact_goes_and_the_next_run_leaves_it_out(synced: World, syncd: Command) -> None:
    found = as_json(syncd, "forget", "tenants", "1")
    assert (found["exit"], found["clean"]) == (0, True)
    assert found["sources"][0]["counts"]["deleted"] == 1
    assert set(synced.there()) == {"2", "3"}
    for full in (False, True):
        report = synced.run(full=full)
        assert (report.exit_code, report.made, report.counts["forgotten"], report.invalid) == (0, 0, 1, [])
    assert set(synced.there()) == {"2", "3"}


def test_no_byte_of_it_is_left_in_the_files_of_the_state(synced: World, syncd: Command) -> None:
    synced.write([("1", "Ann Newername", "2125550199"), BOB, CY])
    synced.run()
    synced.write([("1", "", "212-not-a-number-777"), BOB, ("3", "Cy Thirdly", "")])
    synced.sources["tenants"]["phones"] = {"invalid": "reject"}
    assert synced.run().invalid
    shutil.copy(synced.folder / "syncd.db", synced.folder / "syncd.db.before-0099-from-0012")
    texts = ("Ann Withername", "Ann Newername", "2125550101", "2125550199", "not-a-number")
    assert left_in_files(synced.folder, *texts)
    found = as_json(syncd, "forget", "tenants", "1")
    assert found["exit"] == 0
    assert left_in_files(synced.folder, *texts) == {}
    assert left_in_files(synced.folder, "Bob Otherman") == {"syncd.db": ["Bob Otherman"]}
    assert found["copies"] == [str(synced.folder / "syncd.db.before-0099-from-0012")]
    synced.run()
    assert left_in_files(synced.folder, *texts) == {}


@pytest.mark.parametrize("name", ["syncd.db.before-upgrade", "syncd.db.before-restore", ".syncd.db.mine.new"])
def test_a_backup_that_a_person_keeps_beside_the_state_stays_and_is_named(
    synced: World, syncd: Command, name: str
) -> None:
    assert syncd("state", "backup", name)[0] == 0
    copied = Path(shutil.copy(synced.folder / name, synced.folder / f"{name}-2"))
    assert str(synced.folder / name) in syncd("forget", "tenants", "1", "--dry-run")[1]
    found = as_json(syncd, "forget", "tenants", "1")
    assert (found["copies"], found["elsewhere"]) == ([], [str(synced.folder / name)])
    assert (synced.folder / name).exists()
    assert copied.exists()


def test_a_backup_of_an_earlier_version_stays_under_whatever_name(synced: World, syncd: Command) -> None:
    kept = synced.folder / "syncd.db.before-0099-from-0012"
    shutil.copy(synced.folder / "syncd.db", kept)
    with synced.state() as state:
        state.facts.backups.set([{"path": str(kept), "at": 1.0}])
    assert as_json(syncd, "forget", "tenants", "1")["copies"] == []
    assert kept.exists()
    assert json.loads(syncd("state", "check", "--json")[1])["copies"] == []


def test_a_dry_run_shows_what_would_go_and_changes_nothing(
    synced: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.write([("1", "Ann Newername", "2125550101"), BOB, CY])
    synced.run()
    synced.target["api_key"] = "${SYNCD_TEST_KEY}"
    monkeypatch.setenv("SYNCD_TEST_KEY", "test-key")
    synced.settings()
    monkeypatch.delenv("SYNCD_TEST_KEY", raising=False)
    requests = len(synced.sandbox.requests)
    found = as_json(syncd, "forget", "tenants", "1", "--dry-run")
    [part] = found["sources"]
    assert part["contacts"] == [
        {
            "key": "1",
            "id": 1,
            "kind": "delete",
            "adopted": False,
            "released": False,
            "fields": {
                "External ID": {"old": "1", "new": None},
                "Name": {"old": "Ann Newername", "new": None},
                "Phone": {"old": "2125550101", "new": None},
            },
        }
    ]
    assert part["kept"]["history"] == 2
    code, out, _ = syncd("forget", "tenants", "1", "--dry-run")
    assert code == 0
    assert "delete 1 (id 1)" in out
    assert out.endswith("Dry run: nothing was forgotten.\n")
    assert len(synced.sandbox.requests) == requests
    assert not (synced.folder / "syncd.forgotten").exists()
    assert set(synced.there()) == {"1", "2", "3"}


def test_with_a_number_every_contact_loses_it_and_one_without_another_goes(synced: World, syncd: Command) -> None:
    synced.write([ANN, BOB, CY, ("4", "Dee Shared", "2125550101;3125550104")])
    synced.run()
    found = as_json(syncd, "forget", "--number", "+1 (212) 555-0101")
    assert found["sources"][0]["counts"] | {"deleted": 1, "changed": 1} == found["sources"][0]["counts"]
    assert {key: each["Phone"] for key, each in synced.there().items()} == {
        "2": "2125550102;7185550102",
        "3": "2125550103",
        "4": "3125550104",
    }
    assert left_in_files(synced.folder, "2125550101", "Ann Withername") == {}
    report = synced.run(full=True)
    assert (report.made, report.counts["forgotten"], report.exit_code) == (0, 1, 0)
    synced.write([ANN, BOB, ("3", "Cy Thirdly", "2125550103;2125550101")])
    assert synced.run().made == 1
    assert synced.there()["3"]["Phone"] == "2125550103"
    assert left_in_files(synced.folder, "2125550101") == {}


def test_a_number_of_many_contacts_waits_until_these_contacts_are_approved(synced: World, syncd: Command) -> None:
    synced.write([(f"{n}", f"Person {n}", "2125550150;" + f"212555{n:04}") for n in range(1, 8)])
    synced.run()
    code, out, _ = syncd("forget", "--number", "2125550150")
    assert code == 3
    assert "Nothing was forgotten." in out
    assert not (synced.folder / "syncd.forgotten").exists()
    found = as_json(syncd, "forget", "--number", "2125550150")
    [held] = found["held"]
    assert (held["gate"], held["count"], found["exit"]) == ("forget.contacts", 7, 3)
    assert as_json(syncd, "forget", "--number", "2125550150", "--approve", held["digest"])["exit"] == 0
    assert not any("2125550150" in each["Phone"] for each in synced.there().values())


def test_a_list_says_when_and_of_which_source_and_allow_lets_it_come_back(synced: World, syncd: Command) -> None:
    digest = as_json(syncd, "forget", "tenants", "1")["digests"][0]
    [entry] = as_json(syncd, "forget", "--list")["forgotten"]
    assert (entry["what"], entry["source"], entry["digest"]) == ("key", "tenants", digest)
    assert synced.run().counts["forgotten"] == 1
    assert as_json(syncd, "forget", "--allow", digest.upper())["forgotten"] == []
    report = synced.run()
    assert (report.counts["create"], report.counts["forgotten"]) == (1, 0)
    assert errors(syncd("forget", "--allow", digest)[2]) == [
        "nothing was forgotten under this digest: syncd forget --list shows the digests"
    ]


def test_allow_says_first_what_it_did_and_then_what_is_still_forgotten(synced: World, syncd: Command) -> None:
    one, two = (as_json(syncd, "forget", "tenants", key)["digests"][0] for key in ("1", "2"))
    _, out, _ = syncd("forget", "--allow", one)
    assert out.index(f"Allowed: {one}.") < out.index("may come back") < out.index(two)
    assert syncd("forget", "--allow", two)[1].splitlines()[-1] == "Nothing else is forgotten."


def test_a_restored_state_is_brought_in_line_by_the_next_run(synced: World, syncd: Command) -> None:
    shutil.copy(synced.folder / "syncd.db", synced.folder / "backup")
    as_json(syncd, "forget", "tenants", "1")
    as_json(syncd, "forget", "--number", "2125550102")
    (synced.folder / "backup").replace(synced.folder / "syncd.db")
    synced.sandbox.store.add({"External ID": "1", "Name": "Ann Withername", "Phone": "2125550101"})
    report = synced.run()
    assert (report.exit_code, report.counts["forgotten"]) == (0, 1)
    assert left_in_files(synced.folder, "Ann Withername", "2125550101", "2125550102") == {}
    assert synced.there()["2"]["Phone"] == "7185550102"


def test_a_lost_state_does_not_bring_it_back(synced: World, syncd: Command) -> None:
    as_json(syncd, "forget", "tenants", "1")
    for path in synced.folder.glob("syncd.db*"):
        path.unlink()
    assert synced.run().counts["forgotten"] == 1
    assert set(synced.there()) == {"2", "3"}


def test_undo_and_repair_do_not_bring_it_back(synced: World, syncd: Command) -> None:
    synced.write([BOB, CY])
    synced.run()
    run = json.loads(syncd("history", "--json")[1])["runs"][0]["run"]
    as_json(syncd, "forget", "tenants", "1")
    assert syncd("undo", run)[0] == 0
    assert syncd("reconcile", "--repair")[0] == 0
    assert set(synced.there()) == {"2", "3"}


def test_after_a_restored_state_neither_undo_nor_repair_bring_it_back(synced: World, syncd: Command) -> None:
    synced.write([BOB, CY])
    synced.run()
    run = json.loads(syncd("history", "--json")[1])["runs"][0]["run"]
    shutil.copy(synced.folder / "syncd.db", synced.folder / "after")
    as_json(syncd, "forget", "tenants", "1")
    as_json(syncd, "forget", "tenants", "3")
    for command in (("undo", run), ("reconcile", "--repair")):
        shutil.copy(synced.folder / "after", synced.folder / "syncd.db")
        assert syncd(*command)[0] == 0
        assert set(synced.there()) == {"2"}


def test_a_forget_waits_for_nobody_and_does_nothing_while_a_run_holds_the_source(synced: World, syncd: Command) -> None:
    with synced.state() as state:
        assert state.leases.take("tenants", "elsewhere:1:aa", 60.0) is None
    code, _, err = syncd("forget", "tenants", "1")
    assert code == 5
    assert "another run holds it" in err
    assert not Forgotten(synced.folder / "syncd.db")


def test_when_the_target_is_away_the_digest_is_kept_and_the_next_run_goes_on(synced: World, syncd: Command) -> None:
    synced.sandbox.arm({"kind": "status", "status": 503, "method": "DELETE", "times": None})
    assert syncd("forget", "tenants", "1")[0] == 4
    synced.sandbox.disarm()
    assert Forgotten(synced.folder / "syncd.db")
    assert synced.run().counts["forgotten"] == 1
    assert set(synced.there()) == {"2", "3"}
    assert left_in_files(synced.folder, "Ann Withername", "2125550101") == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "write one of: SOURCE KEY, --number NUMBER, --list, --allow DIGEST"),
        (("tenants",), "write one of: SOURCE KEY, --number NUMBER, --list, --allow DIGEST"),
        (("tenants", "1", "--list"), "write one of: SOURCE KEY, --number NUMBER, --list, --allow DIGEST"),
        (("tenant", "1"), "there is no source 'tenant' (did you mean 'tenants'?); there are: tenants"),
        (("--number", "12"), "this is no phone number: write it with its area code"),
    ],
)
def test_what_cannot_be_meant_is_refused(synced: World, syncd: Command, words: tuple[str, ...], said: str) -> None:
    code, _, err = syncd("forget", *words)
    assert (code, errors(err)) == (2, [said])


def test_a_plan_of_before_does_not_bring_it_back(synced: World, syncd: Command) -> None:
    synced.write([("1", "Ann Newername", "2125550101"), ("2", "Bob Newer", "2125550102"), CY])
    assert syncd("run", "--dry-run", "--plan", "plan.syncd")[0] == 0
    as_json(syncd, "forget", "tenants", "1")
    found = as_json(syncd, "apply", "plan.syncd")
    assert [(each["key"], each["why"]) for each in found["sources"][0]["refused"]] == [("1", "gone")]
    assert {each["Name"] for each in synced.there().values()} == {"Bob Newer", CY[1]}


def test_explain_says_that_the_key_was_forgotten(synced: World, syncd: Command) -> None:
    as_json(syncd, "forget", "tenants", "1")
    code, _, err = syncd("explain", "tenants", "1")
    assert (code, errors(err)) == (
        2,
        ["tenants: the key '1' was forgotten, so that no run sends it: syncd forget --list"],
    )


def test_a_key_of_which_nothing_is_known_is_forgotten_before_it_comes(synced: World, syncd: Command) -> None:
    requests = len(synced.sandbox.requests)
    code, out, _ = syncd("forget", "tenants", "4")
    assert (code, len(synced.sandbox.requests)) == (0, requests)
    assert "No contact of it is known" in out
    synced.write([ANN, BOB, CY, ("4", "Dee", "3125550101")])
    assert synced.run().counts["forgotten"] == 1
    assert set(synced.there()) == {"1", "2", "3"}
