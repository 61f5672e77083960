"""Keys that change their form in whole runs: the rows are the contacts that they were, and nobody is there twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.report.source_report import SourceReport
from tests.worlds.runs import changes_of
from tests.worlds.tenants import ANY_NUMBERS
from tests.worlds.world import World

Row = tuple[str, str, str]

PEOPLE: list[Row] = [(f"{n:06}", f"Tenant {n}", f"212555{n:04}") for n in range(1, 61)]


def under(rows: list[Row], key: Callable[[str], str]) -> list[Row]:
    return [(key(old), name, phone) for old, name, phone in rows]


def by_phone(world: World) -> None:
    """Let the contacts have a match value that is not the key."""
    world.sandbox.store.set_fields(
        [
            {"id": 1, "name": "External ID", "is_match": False},
            {"id": 2, "name": "Name"},
            {"id": 3, "name": "Phone", "is_phone": True, "is_match": True},
            {"id": 4, "name": "Note"},
        ]
    )
    del world.sources["tenants"]["mapping"]["External ID"]


def approve(world: World, report: SourceReport) -> None:
    with world.state() as state:
        for held in report.held:
            assert state.holds.approve("tenants", held.digest) > 0


def ids(world: World) -> dict[str, int]:
    return {each["fields"]["Name"]: each["id"] for each in world.sandbox.store.contacts()}


FORMS: dict[str, tuple[Callable[[str], str], str]] = {
    "leading zeros": (lambda key: key.lstrip("0"), "leading zeros are gone (000001 → 1, 000002 → 2, 000003 → 3)"),
    "a fraction": (lambda key: f"{key}.0", "“.0” was added (000001 → 000001.0, "),
    "both": (lambda key: f"{int(key)}.0", "they are written in another form (000001 → 1.0, "),
    "a prefix": (lambda key: f"T-{key}", "“T-” was added in front (000001 → T-000001, "),
    "another column": (lambda key: f"{(int(key) * 7919) % 100_003}", "they are other keys, as from another column ("),
}


@pytest.mark.parametrize(("form", "what"), FORMS.values(), ids=FORMS)
def test_creates_and_deletes_of_changed_keys_wait_together_and_approved_they_are_moves(
    world: World, form: Callable[[str], str], what: str
) -> None:
    world.write(PEOPLE)
    world.run()
    before, writes = world.there(), world.writes()
    world.write(under(PEOPLE, form))
    for _ in range(2):
        report = world.run()
        assert (report.exit_code, report.made, report.counts["held"]) == (3, 0, 120)
        [held] = report.held
        assert (held.gate, held.count) == ("keys.changed", 120)
        assert what in held.detail
        assert held.detail.startswith("60 rows come under new keys (100 %)")
    assert (world.there(), world.writes()) == (before, writes)
    approve(world, report)
    report = world.run()
    assert (report.exit_code, dict(report.counts)["move"], report.counts["held"]) == (0, 60, 0)
    assert {fields["Name"] for fields in world.there().values()} == {name for _, name, _ in PEOPLE}
    assert set(world.there()) == {form(key) for key, _, _ in PEOPLE}
    report = world.run(full=True)
    assert (report.exit_code, report.made, report.counts["unchanged"]) == (0, 0, 60)


def test_approved_keys_whose_match_value_stays_need_no_request(world: World) -> None:
    by_phone(world)
    world.write(PEOPLE)
    world.run()
    before, writes = ids(world), world.writes()
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    report = world.run()
    assert [held.gate for held in report.held] == ["keys.changed"]
    approve(world, report)
    report = world.run()
    assert (report.exit_code, report.made, report.counts["unchanged"]) == (0, 0, 60)
    assert report.taken_over["count"] == 60
    assert report.taken_over["keys"][0] == {"key": "1", "was": "000001"}
    assert (ids(world), world.writes()) == (before, writes)
    world.write(under(PEOPLE, lambda key: key.lstrip("0"))[:-1])
    assert world.run().counts["delete"] == 1


@pytest.mark.parametrize("mode", ["mirror", "upsert", "update_only"])
def test_while_changed_keys_wait_a_run_costs_no_request_more_than_without_them(world: World, mode: str) -> None:
    world.write(PEOPLE)
    world.run()
    world.sources["tenants"]["mode"] = mode
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    world.run()
    before = len(world.sandbox.requests)
    assert world.run().counts["held"] > 0
    assert [entry.path for entry in world.sandbox.requests[before:]] == ["/contacts/fields"]


def test_a_few_rows_under_new_keys_go_on_without_a_question(world: World) -> None:
    by_phone(world)
    world.write(PEOPLE)
    world.run()
    before, writes = ids(world), world.writes()
    world.write([*under(PEOPLE[:5], lambda key: f"n{key}"), *PEOPLE[5:]])
    report = world.run()
    assert (report.exit_code, report.made, report.counts["unchanged"]) == (0, 0, 60)
    assert report.taken_over["count"] == 5
    assert (ids(world), world.writes()) == (before, writes)
    report = world.run()
    assert (report.exit_code, report.taken_over) == (0, {})


def test_a_few_rows_whose_match_value_is_the_key_are_moved(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([*under(PEOPLE[:2], lambda key: f"n{key}"), *PEOPLE[2:]])
    changes = changes_of(world.run(dry_run=True))
    assert [(each["kind"], each["key"], each["why"]) for each in changes] == [
        ("move", "n000001", "the row had the key 000001 before"),
        ("move", "n000002", "the row had the key 000002 before"),
    ]
    report = world.run()
    assert (report.exit_code, report.counts["move"]) == (0, 2)
    assert len(world.there()) == 60


def test_the_share_and_the_free_number_are_settings(world: World) -> None:
    world.sources["tenants"]["keys"] = {"at_most": {"share": "50%", "free": 0}}
    world.write(PEOPLE)
    world.run()
    world.write([*under(PEOPLE[:30], lambda key: f"n{key}"), *PEOPLE[30:]])
    assert world.run(dry_run=True).counts["move"] == 30
    world.sources["tenants"]["keys"] = {"at_most": {"share": "1%", "free": 29}}
    assert [held.gate for held in world.run().held] == ["keys.changed"]


def test_keys_that_change_back_leave_nothing_to_approve(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    approve(world, world.run())
    world.write(PEOPLE)
    report = world.run()
    assert (report.exit_code, report.made, report.counts["unchanged"]) == (0, 0, 60)
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    assert world.run().counts["held"] == 120


def test_an_approval_is_for_exactly_these_pairs(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    changed = under(PEOPLE, lambda key: key.lstrip("0"))
    world.write(changed)
    held = world.run().held[0]
    approve(world, world.run())
    world.write([*changed[:-1], ("999", *PEOPLE[-1][1:])])
    report = world.run()
    assert report.made == 0
    assert report.held[0].digest != held.digest


def test_contacts_that_left_and_contacts_that_are_new_go_on_while_changed_keys_wait(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([*under(PEOPLE[2:], lambda key: key.lstrip("0")), ("77", "New", "2125550077")])
    report = world.run()
    assert (report.counts["create"], report.counts["delete"], report.counts["held"]) == (1, 2, 116)
    assert [held.gate for held in report.held] == ["keys.changed"]
    approve(world, report)
    assert world.run().counts["move"] == 58
    assert len(world.there()) == 59


def test_rows_that_were_edited_as_well_wait_with_the_others(world: World) -> None:
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    world.write(PEOPLE)
    world.run()
    edited = under(
        [*PEOPLE[:50], *((key, name, f"646555{key[2:]}") for key, name, _ in PEOPLE[50:59])], lambda k: k[4:]
    )
    world.write([*edited, ("60", "", "")])
    report = world.run()
    assert (report.made, report.counts["invalid"], len(world.there())) == (0, 1, 60)
    approve(world, report)
    report = world.run()
    assert (report.counts["move"], report.counts["delete"], report.counts["held"]) == (59, 0, 0)
    assert len(world.there()) == 60


@pytest.mark.parametrize("mode", ["upsert", "update_only", "create_only"])
def test_a_mode_that_deletes_nothing_creates_nobody_twice(world: World, mode: str) -> None:
    world.write(PEOPLE)
    world.run()
    world.sources["tenants"]["mode"] = mode
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    report = world.run()
    assert (report.made, [held.gate for held in report.held]) == (0, ["keys.changed"])
    assert len(world.there()) == 60
    approve(world, report)
    report = world.run()
    assert (report.exit_code, report.counts["move"]) == (0, 0 if mode == "create_only" else 60)
    assert len(world.there()) == 60
    assert world.run().held == ()


def test_a_contact_in_its_grace_goes_on_under_a_new_key(world: World) -> None:
    by_phone(world)
    world.sources["tenants"]["deletes"] = {"grace": "1d"}
    world.write(PEOPLE)
    world.run()
    before = ids(world)
    world.write(PEOPLE[1:])
    assert [held.gate for held in world.run().held] == ["deletes.grace"]
    world.write([("n1", *PEOPLE[0][1:]), *PEOPLE[1:]])
    report = world.run()
    assert (report.exit_code, report.made, report.taken_over["count"]) == (0, 0, 1)
    assert ids(world) == before
    with world.state() as state:
        assert state.ledger.missing_keys("tenants") == []


def test_equal_contacts_are_not_guessed_at(world: World) -> None:
    family = [(f"f{n}", "The Does", "2125550199") for n in (1, 2)]
    world.write([*PEOPLE, *family])
    world.run()
    world.write([*PEOPLE, ("g8", *family[0][1:]), ("g9", *family[1][1:])])
    report = world.run()
    assert (report.counts["create"], report.counts["delete"], report.taken_over) == (2, 2, {})
    assert len(world.there()) == 62


def test_equal_contacts_whose_keys_only_change_their_form_keep_their_rows(world: World) -> None:
    family = [(f"00{n}", "The Does", "2125550199") for n in (1, 2)]
    world.write(family)
    world.run()
    for key in ("001", "002"):
        [each] = [each for each in world.sandbox.store.contacts() if each["fields"]["External ID"] == key]
        world.sandbox.store.edit(each["id"], {"Note": f"note {key}"})
    world.write(under(family, lambda key: key.lstrip("0")))
    assert world.run().counts["move"] == 2
    assert {key: fields["Note"] for key, fields in world.there().items()} == {"1": "note 001", "2": "note 002"}


def test_many_equal_contacts_under_other_keys_wait_and_are_replaced_together(world: World) -> None:
    world.numbers = ANY_NUMBERS
    world.write([(f"f{n}", "The Does", "2125550199") for n in range(20)])
    world.run()
    world.write([(f"g{n * 7 + 3}", "The Does", "2125550199") for n in range(20)])
    report = world.run()
    assert ([held.gate for held in report.held], report.counts["held"], report.made) == (["keys.changed"], 40, 0)
    approve(world, report)
    report = world.run()
    assert (report.exit_code, report.counts["create"], report.counts["delete"]) == (0, 20, 20)
    assert len(world.there()) == 20


def test_an_adopted_contact_waits_for_its_row_and_goes_on(world: World) -> None:
    for key, name, phone in PEOPLE:
        world.sandbox.store.add({"External ID": key, "Name": name, "Phone": phone})
    world.write(PEOPLE)
    assert world.run().counts["adopt"] == 60
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    for _ in range(2):
        report = world.run()
        assert (report.made, [held.gate for held in report.held], len(world.there())) == (0, ["keys.changed"], 60)


def test_a_row_that_another_source_gets_is_no_new_key(world: World) -> None:
    world.sources["others"] = {**world.sources["tenants"], "options": {"path": "others.csv", "settle": 0}}
    world.write(PEOPLE)
    world.write([], name="others.csv")
    world.run_all()
    world.write(PEOPLE[10:])
    world.write(under(PEOPLE[:10], lambda key: f"n{key}"), name="others.csv")
    tenants, others = world.run_all()
    assert (tenants.counts["delete"], others.counts["create"], len(world.there())) == (10, 10, 60)


def test_a_missing_canary_makes_every_takeover_wait(world: World) -> None:
    world.sources["tenants"]["canaries"] = [PEOPLE[0][0]]
    world.write(PEOPLE)
    world.run()
    world.write(under(PEOPLE[:1], lambda key: key.lstrip("0")) + PEOPLE[1:])
    report = world.run()
    assert [held.gate for held in report.held] == ["keys.changed"]
    assert "not in the source: 000001 (canaries)" in report.held[0].detail
    approve(world, report)
    assert world.run().counts["move"] == 1


def test_a_row_without_a_key_makes_every_takeover_wait(world: World) -> None:
    by_phone(world)
    world.write(PEOPLE)
    world.run()
    writes = world.writes()
    nobody = ("", "No key", "2125550199")
    world.write([("n1", *PEOPLE[0][1:]), *PEOPLE[1:], nobody])
    report = world.run()
    assert ([held.gate for held in report.held], report.made) == (["keys.changed"], 0)
    assert "1 row has no readable key" in report.held[0].detail
    approve(world, report)
    report = world.run()
    assert ([*report.held], report.made, report.taken_over["count"]) == ([], 0, 1)
    assert world.writes() == writes


def test_the_parts_of_a_composite_key_may_change_their_form(world: World) -> None:
    world.sources["tenants"] |= {"key": ["house", "flat"]}
    world.sources["tenants"]["mapping"]["External ID"] = "{house}/{flat}"
    header = "house,flat,name,phone"
    world.write([(f"{n:03}", "01", f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)], header=header)
    world.run()
    world.write([(str(n), "1", f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)], header=header)
    report = world.run()
    assert "leading zeros are gone (001+01 → 1+1, 002+01 → 2+1, " in report.held[0].detail
    approve(world, report)
    assert world.run().counts["move"] == 30
    assert len(world.there()) == 30


def test_a_push_that_is_broken_off_needs_no_second_approval(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write(under(PEOPLE, lambda key: key.lstrip("0")))
    approve(world, world.run())
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None})
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    report = world.run()
    assert (report.exit_code, report.counts["move"], len(world.there())) == (0, 60, 60)
