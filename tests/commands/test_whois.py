"""``syncd whois``: whom a phone shows for a number, from the state alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.state import State
from tests.worlds.commands import Command, errors
from tests.worlds.journal import accept
from tests.worlds.tenants import ANN, BOB
from tests.worlds.world import World


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ann has 212-555-0101, Bob 212-555-0102."""
    world.write([ANN, BOB])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


def asked(syncd: Command, number: str, *more: str) -> dict[str, Any]:
    code, out, err = syncd("whois", number, "--json", *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def requests(world: World) -> int:
    return len(world.sandbox.requests)


def newest(world: World) -> dict[str, Any]:
    with State(world.folder / "syncd.db", read_only=True) as state:
        return next(iter(state.history.runs()))


WRITTEN = (
    *("2125550101", "(212) 555-0101", "+1 212 555 0101", "001 212 555 0101", "12125550101", "011 1 212 555 0101"),
    *("tel:+1-212-555-0101;ext=5", "212.555.0101 x12"),
)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_found_however_it_is_written(office: World, syncd: Command, written: str) -> None:
    found = asked(syncd, written)
    assert (found["number"], [each["name"] for each in found["contacts"]]) == ("2125550101", ["Ann Smith"])


def test_what_is_told_of_a_contact(office: World, syncd: Command) -> None:
    run = newest(office)["run"]
    found = asked(syncd, "2125550102")
    since = found["contacts"][0].pop("since")
    assert since.endswith("Z")
    assert found == {
        "number": "2125550102",
        "ambiguous": False,
        "contacts": [
            {
                "source": "tenants",
                "key": "2",
                "id": 2,
                "name": "Bob Jones",
                "fields": {"External ID": "2", "Name": "Bob Jones", "Phone": "2125550102"},
                "at": "tenants.csv:3",
                "run": run,
                "status": "accepted",
            }
        ],
        "before": [],
        "not_there": [],
        "complete": True,
        "possible": True,
    }
    code, out, _ = syncd("whois", "2125550102")
    assert (code, out.splitlines()[0]) == (0, "2125550102 shows Bob Jones (tenants, key 2)")
    assert f"; last changed by run {run}, tenants.csv:3" in out


def test_nobody_is_no_error(office: World, syncd: Command) -> None:
    assert asked(syncd, "2125550199")["contacts"] == []
    code, out, _ = syncd("whois", "2125550199")
    assert (code, out) == (0, "2125550199 shows nobody: no contact of syncd has this number\n")


def test_what_it_showed_before_is_told_the_newest_first(office: World, syncd: Command) -> None:
    office.write([("1", "Annie Smith", ANN[2]), BOB])
    office.run()
    renamed = newest(office)["run"]
    office.write([("1", "Annie Smith", "2125550199"), BOB, ("3", "Cy Lee", ANN[2])])
    office.run()
    moved = newest(office)["run"]
    found = asked(syncd, "2125550101")
    assert [each["name"] for each in found["contacts"]] == ["Cy Lee"]
    assert [(each["key"], each["name"], each["run"]) for each in found["before"]] == [
        ("1", "Annie Smith", moved),
        ("1", "Ann Smith", renamed),
    ]
    assert found["before"][0]["until"] >= found["before"][1]["until"]
    out = syncd("whois", "2125550101")[1].splitlines()
    assert out[0] == "2125550101 shows Cy Lee (tenants, key 3)"
    assert out[2].startswith("before    Annie Smith (tenants, key 1), until ")
    assert out[3].startswith("          Ann Smith (tenants, key 1), until ")


def test_a_deleted_contact_was_shown_before(office: World, syncd: Command) -> None:
    office.write([ANN])
    office.run()
    found = asked(syncd, "2125550102")
    assert (found["contacts"], [each["name"] for each in found["before"]]) == ([], ["Bob Jones"])


def test_an_adopted_contact_that_left_its_source_may_show_still(office: World, syncd: Command) -> None:
    id_ = office.sandbox.store.add({"External ID": "3", "Name": "By hand"})
    (office.folder / "syncd.db").unlink()
    office.write([ANN, BOB, ("3", "Cy Lee", "2125550103")])
    office.run()
    office.write([ANN, BOB, ("3", "Cy L. Lee", "2125550103")])
    office.run()
    office.write([ANN, BOB])
    office.run()
    before = asked(syncd, "2125550103")["before"]
    assert [(each["name"], each["stays"]) for each in before] == [("Cy L. Lee", id_), ("Cy Lee", None)]
    assert f"it may show still: it stays at the target as id {id_}" in syncd("whois", "2125550103")[1]


def test_since_tells_when_the_number_and_the_name_came_together(office: World, syncd: Command) -> None:
    first = asked(syncd, "2125550101")["contacts"][0]["since"]
    office.sources["tenants"]["mapping"]["Note"] = "note"
    office.later = 3600
    office.write([(*ANN, "a note"), (*BOB, "")], header="id,name,phone,note")
    office.run()
    later = asked(syncd, "2125550101")["contacts"][0]
    assert (later["since"], later["run"], later["at"]) == (first, newest(office)["run"], "tenants.csv:2")
    office.later = 7200
    office.write([("1", "Annie", ANN[2], "a note"), (*BOB, "")], header="id,name,phone,note")
    office.run()
    assert asked(syncd, "2125550101")["contacts"][0]["since"] > first


def test_several_contacts_with_a_number_are_ambiguous(office: World, syncd: Command) -> None:
    office.write([ANN, BOB, ("3", "Cy Lee", ANN[2])])
    office.run()
    found = asked(syncd, "2125550101")
    assert (found["ambiguous"], [each["key"] for each in found["contacts"]]) == (True, ["1", "3"])
    out = syncd("whois", "2125550101")[1].splitlines()
    assert out[0] == "2125550101 shows one of several, and nobody knows which"
    named = [line.split(", since ")[0] for line in out[1:3]]
    assert named == ["one of    Ann Smith (tenants, key 1)", "one of    Cy Lee (tenants, key 3)"]


def test_the_display_field_is_the_configured_one(office: World, syncd: Command) -> None:
    office.target["display"] = "External ID"
    office.settings()
    assert asked(syncd, "2125550101")["contacts"][0]["name"] == "1"


def test_what_changed_after_the_index_was_made_is_found(office: World, syncd: Command) -> None:
    with State(office.folder / "syncd.db") as state:
        accept(state, "1", 1, source="tenants", after={"Name": "Annie", "Phone": "2125550188"})
        accept(state, "9", 9, source="tenants", after={"Name": "Cy", "Phone": "+1 (212) 555-0101"})
        assert state.scalar("SELECT count(*) FROM unindexed") == 2
    assert [each["name"] for each in asked(syncd, "2125550188")["contacts"]] == ["Annie"]
    assert [each["name"] for each in asked(syncd, "2125550101")["contacts"]] == ["Cy"]


def test_without_an_index_the_ledger_is_read(office: World, syncd: Command) -> None:
    with State(office.folder / "syncd.db") as state:
        state.execute("DELETE FROM fact WHERE name = 'numbers.standing'")
        state.execute("DELETE FROM number")
    assert [each["name"] for each in asked(syncd, "2125550101")["contacts"]] == ["Ann Smith"]


def test_during_a_first_load_what_was_sent_is_found(office: World, syncd: Command) -> None:
    with State(office.folder / "syncd.db") as state:
        # As if the run had not come to its end.
        state.execute("DELETE FROM fact WHERE name LIKE 'fields of %' OR name = 'numbers.standing'")
        state.execute("DELETE FROM number")
    assert [each["name"] for each in asked(syncd, "2125550101")["contacts"]] == ["Ann Smith"]


def test_it_needs_no_key_and_asks_nothing(office: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    path = office.folder / "syncd.yaml"
    path.write_text(path.read_text().replace("test-key", "${SYNCD_TEST_NO_KEY}"))
    sent = requests(office)
    before = (office.folder / "syncd.db").read_bytes()
    assert asked(syncd, "2125550101")["contacts"]
    assert (requests(office), (office.folder / "syncd.db").read_bytes()) == (sent, before)
    code, _, err = syncd("whois", "2125550101", "--live")
    assert (code, "target.api_key" in errors(err)[0]) == (2, True)


@pytest.mark.parametrize("text", ["", "abc", "n/a"])
def test_a_text_without_a_digit_is_no_number(office: World, syncd: Command, text: str) -> None:
    code, _, err = syncd("whois", text)
    assert (code, errors(err)) == (
        2,
        ["NUMBER: this is no phone number: it has no digits; write it in any way: +1 212 555 0101"],
    )


def test_before_the_first_run_nobody_is_known(world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write([ANN])
    world.settings()
    monkeypatch.chdir(world.folder)
    code, out, err = syncd("whois", "2125550101", "--json")
    assert (code, errors(err)) == (
        2,
        [f"{world.folder / 'syncd.db'}: there is no state yet, so nobody is known: syncd run makes it"],
    )
    assert json.loads(out)["error"]["kind"] == "ConfigError"
    assert not (world.folder / "syncd.db").exists()


class TestRegions:
    """A number is read as the sources write theirs."""

    @pytest.fixture
    def london(self, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
        world.sources["tenants"]["phones"] = {"region": "GB"}
        world.write([("1", "Ann Smith", "+44 20 7946 0958"), ("2", "Bob Jones", "+1 212 555 0102")])
        world.run()
        monkeypatch.chdir(world.folder)
        return world

    @pytest.mark.parametrize("text", ["+44 20 7946 0958", "020 7946 0958", "0044 20 7946 0958", "tel:+442079460958"])
    def test_a_number_of_the_region(self, london: World, syncd: Command, text: str) -> None:
        found = asked(syncd, text)
        assert (found["number"], len(found["contacts"])) == ("02079460958", 1)

    def test_another_one(self, london: World, syncd: Command) -> None:
        assert [each["key"] for each in asked(syncd, "+1 212 555 0102")["contacts"]] == ["2"]
        # Written as in the United States it is another number, unless the region says so.
        assert asked(syncd, "(212) 555-0102")["contacts"] == []
        assert [each["key"] for each in asked(syncd, "(212) 555-0102", "--region", "us")["contacts"]] == ["2"]

    def test_a_region_of_each_row(self, world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        world.sources["tenants"]["phones"] = {"region": {"column": "country"}}
        world.write([(*ANN, "US"), ("2", "Bob", "020 7946 0958", "GB")], header="id,name,phone,country")
        world.run()
        monkeypatch.chdir(world.folder)
        assert [each["key"] for each in asked(syncd, "+44 20 7946 0958")["contacts"]] == ["2"]
        assert [each["key"] for each in asked(syncd, "212-555-0101")["contacts"]] == ["1"]

    def test_a_region_that_does_not_exist_is_refused(self, london: World, syncd: Command) -> None:
        code, _, err = syncd("whois", "020 7946 0958", "--region", "XX")
        assert (code, errors(err)) == (
            2,
            ["--region 'XX': is not a region: write a two-letter country code such as US or DE"],
        )


class TestLive:
    """With ``--live``, one search tells what the target has now."""

    def test_what_is_as_the_ledger_says(self, office: World, syncd: Command) -> None:
        sent = requests(office)
        found = asked(syncd, "2125550101", "--live")
        assert requests(office) - sent == 1
        fields = {"External ID": "1", "Name": "Ann Smith", "Phone": "2125550101"}
        assert found["live"] == [{"id": 1, "fields": fields, "source": "tenants", "key": "1", "differs": {}}]
        assert (
            "target    id 1, Ann Smith (tenants, key 1), as the ledger says"
            in syncd("whois", "2125550101", "--live")[1]
        )

    def test_a_contact_of_a_person_and_an_edit(self, office: World, syncd: Command) -> None:
        office.sandbox.store.edit(1, {"Name": "Annie"})
        own = office.sandbox.store.add({"External ID": "x", "Name": "My aunt", "Phone": "2125550101"})
        found = asked(syncd, "2125550101", "--live")["live"]
        assert [(each["id"], each["key"], each["differs"]) for each in found] == [
            (1, "1", {"Name": {"old": "Annie", "new": "Ann Smith"}}),
            (own, None, {}),
        ]
        out = syncd("whois", "2125550101", "--live")[1]
        assert "Name: Annie, and in the ledger Ann Smith" in out
        assert f"id {own}, a contact that syncd does not know" in out

    def test_a_contact_that_somebody_deleted(self, office: World, syncd: Command) -> None:
        office.sandbox.store.delete(1)
        assert asked(syncd, "2125550101", "--live")["live"] == []
        out = syncd("whois", "2125550101", "--live")[1]
        assert "a search does not find Ann Smith (tenants, key 1)" in out
        assert "syncd reconcile" in out
        assert "a search finds nobody either" in syncd("whois", "2125550199", "--live")[1]

    def test_what_is_known_is_told_also_if_the_target_cannot_be_asked(self, office: World, syncd: Command) -> None:
        office.target["api_key"] = "wrong"
        office.settings()
        code, out, _ = syncd("whois", "2125550101", "--live", "--json")
        found = json.loads(out)
        assert (code, found["live"], found["error"]["kind"]) == (3, None, "AccessDenied")
        assert found["contacts"][0]["name"] == "Ann Smith"
