"""However a source is read, what was forgotten stays away, and whoever shared something with it keeps that."""

from __future__ import annotations

import json
from typing import Any

import pytest

import syncd.source
from syncd import forget as story
from syncd.errors import StateError
from syncd.forget import Forgetting, Wanted, forget
from syncd.run.session import open_session
from syncd.state.leaving.erasing import Erasing
from syncd.state.leaving.forgotten import Forgotten
from tests.worlds.feed import Account, Feed
from tests.worlds.forgetting import ANN, BOB, CY, left_in_files
from tests.worlds.tenants import SWAP_FIELDS
from tests.worlds.world import TENANTS, World

FEED: dict[str, Any] = {
    "connector": "feed",
    "key": "id",
    "mapping": {"External ID": "ref", "Name": "name", "Phone": ["phone"]},
    "deletes": {"at_most": {"share": "100%"}},
}


def forgotten(world: World, source: str = "", key: str = "", *, number: str = "") -> Forgetting:
    found = Forgetting(dry_run=False)
    with open_session(world.settings(), sleep=lambda _: None) as session:
        forget(session, Wanted(source, key, frozenset([number] if number else [])), found)
    return found


@pytest.fixture
def crm(synced: World, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Account:
    """A source that is read incrementally beside the other one; it has Dee, Eve and Fay."""
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    account = Account()
    monkeypatch.setattr(Feed, "ACCOUNTS", {"crm": account})
    options = {"account": "crm", "tells": getattr(request, "param", "deleted")}
    synced.sources["crm"] = json.loads(json.dumps({**FEED, "options": options}))
    account.put(k1=("d", "Dee", "3125550101"), k2=("e", "Eve", "3125550102"), k3=("f", "Fay", "3125550103"))
    assert synced.run("crm").exit_code == 0
    return account


@pytest.mark.parametrize("crm", ["deleted", "present"], indirect=True)
def test_a_change_of_a_forgotten_row_is_not_sent_and_nothing_is_asked_of_it(synced: World, crm: Account) -> None:
    forgotten(synced, "crm", "1")
    assert synced.run("crm").read == "complete"
    for name in ("Dora", "Doris"):
        crm.put(k1=("d", name, "3125550101"), k2=("e", f"Eve {len(name)}", "3125550102"))
        report = synced.run("crm")
        assert (report.read, report.counts["update"], report.counts["forgotten"]) == ("partial", 1, 1)
    crm.drop("1")
    assert synced.run("crm").made == 0
    assert crm.looked_up == []
    assert set(synced.there()) == {"1", "2", "3", "e", "f"}
    assert left_in_files(synced.folder, "Dora", "Doris", "3125550101") == {}


def test_who_is_merged_into_a_forgotten_key_goes(synced: World, crm: Account) -> None:
    forgotten(synced, "crm", "1")
    synced.run("crm")
    crm.merge("2", "1")
    assert synced.run("crm").counts["delete"] == 1
    assert set(synced.there()) == {"1", "2", "3", "f"}


def test_a_number_comes_back_to_its_contacts_after_it_was_allowed(synced: World, crm: Account) -> None:
    found = forgotten(synced, number="7185550102")
    assert synced.there()["2"]["Phone"] == "2125550102"
    assert synced.run("tenants").made == 0
    with synced.state() as state:
        assert Forgotten(state.path).allow(found.entries[0].digest)
    assert synced.run("tenants").counts["update"] == 1
    assert synced.there()["2"]["Phone"] == "2125550102;7185550102"


def killed(*_: object) -> None:
    raise StateError("killed")


def test_after_a_kill_behind_the_digest_the_next_run_goes_on(synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "erase", killed)
    with pytest.raises(StateError):
        forgotten(synced, "tenants", "1")
    monkeypatch.undo()
    assert "1" in synced.there()
    assert synced.run().counts["forgotten"] == 1
    assert "1" not in synced.there()
    assert left_in_files(synced.folder, *ANN[1:]) == {}


def test_after_a_kill_behind_the_delete_the_same_command_erases_the_rest(
    synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Erasing, "erase", killed)
    with pytest.raises(StateError):
        forgotten(synced, number=ANN[2])
    monkeypatch.undo()
    assert "1" not in synced.there()
    assert left_in_files(synced.folder, ANN[1])
    forgotten(synced, number=ANN[2])
    assert left_in_files(synced.folder, *ANN[1:]) == {}


def test_another_source_that_has_the_same_contact_keeps_it(synced: World) -> None:
    synced.sources["owners"] = json.loads(json.dumps(TENANTS))
    synced.sources["owners"]["options"]["path"] = "owners.csv"
    synced.write([ANN], "owners.csv")
    synced.write([BOB, CY])
    synced.run()
    forgotten(synced, "tenants", "1")
    assert synced.there()["1"]["Name"] == ANN[1]
    found = forgotten(synced, "owners", "1")
    assert found.parts[0].done
    assert "1" not in synced.there()


def test_an_adopted_contact_goes_too(synced: World) -> None:
    synced.sandbox.store.add({"External ID": "4", "Name": "Dee", "Phone": "3125550101"})
    synced.write([ANN, BOB, CY, ("4", "Dee", "3125550101")])
    with synced.state() as state:
        state.execute("DELETE FROM fact WHERE name LIKE 'first load%'")
    assert synced.run(full=True).counts["adopt"] == 1
    found = forgotten(synced, "tenants", "4")
    assert found.parts[0].fates[0].holder.adopted
    assert "4" not in synced.there()


def test_a_contact_whose_match_value_loses_the_number_is_moved_or_goes(synced: World) -> None:
    synced.sandbox.store.set_fields(SWAP_FIELDS)
    synced.sources["people"] = json.loads(json.dumps(TENANTS))
    synced.sources["people"] |= {"mapping": {"Name": "name", "Phone": ["phone"], "Ref": "id"}}
    synced.sources["people"]["options"]["path"] = "people.csv"
    del synced.sources["tenants"]
    rows = [("1", "Kim", "2125550107;7185550107"), ("2", "Lou", "2125550107;7185550108"), ("3", "Lou", "7185550108")]
    synced.write(rows, "people.csv")
    assert synced.run("people").counts["create"] == 3
    found = forgotten(synced, number="2125550107")
    kinds = {each.holder.key: each.after is not None for part in found.parts for each in part.fates}
    assert kinds == {"1": True, "2": False}
    there = {each["fields"]["Name"]: each["fields"]["Phone"] for each in synced.sandbox.store.contacts()}
    assert {"Kim": "7185550107", "Lou": "7185550108"}.items() <= there.items()
    assert len(there) == len(synced.sandbox.store.contacts())


def test_the_one_whose_match_value_was_taken_is_sent_once_the_other_is_forgotten(synced: World) -> None:
    synced.sources["people"] = json.loads(json.dumps(TENANTS))
    synced.sources["people"]["options"]["path"] = "people.csv"
    synced.sources["people"]["mapping"] |= {"External ID": {"value": "same"}}
    synced.write([("8", "Kim", "7185550107"), ("9", "Lou", "7185550108")], "people.csv")
    synced.run("people")
    assert synced.there()["same"]["Name"] == "Kim"
    forgotten(synced, "people", "8")
    synced.run("people")
    assert synced.there()["same"]["Name"] == "Lou"
