"""Each open point of the guide in each of its readings: the same events end differently."""

from __future__ import annotations

from contextlib import closing

import pytest

from syncd.errors import ConfigError
from syncd.sandbox.dialects import DIALECTS, Dialects, dialect_help, parse_dialects
from tests.worlds.sandbox_dialects import Shows, ids_held, of_three, world
from tests.worlds.sandbox_dialects_batches import BATCHES
from tests.worlds.sandbox_dialects_deletes import DELETES
from tests.worlds.sandbox_dialects_listing import LISTING
from tests.worlds.sandbox_dialects_matching import MATCHING
from tests.worlds.sandbox_dialects_phones import PHONES
from tests.worlds.sandbox_in_memory import World

SHOWS = Shows({**MATCHING, **BATCHES, **DELETES, **PHONES, **LISTING})


CASES = [(name, value) for name, dialect in DIALECTS.items() for value in dialect.values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_dialect_does_what_its_value_says(name: str, value: str) -> None:
    show, seen = SHOWS[name]
    assert show(name, value) == seen[value]


@pytest.mark.parametrize("name", DIALECTS)
def test_no_two_values_of_a_dialect_look_alike(name: str) -> None:
    _, seen = SHOWS[name]
    assert set(seen) == set(DIALECTS[name].values)
    assert len({repr(expected) for expected in seen.values()}) == len(seen)


def test_only_dialects_that_exist_are_shown() -> None:
    assert set(SHOWS) == set(DIALECTS)


def test_the_default_of_a_dialect_is_its_first_value() -> None:
    assert Dialects()["update"] == "merge"
    assert dict(Dialects()) == {name: dialect.values[0] for name, dialect in DIALECTS.items()}


def test_a_wrong_name_is_refused_with_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"no dialect is called 'updat' \(did you mean 'update'\?\); there are: .*read_lag"
    ):
        Dialects({"updat": "merge"})


def test_a_wrong_value_is_refused_with_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"update has no value 'replce' \(did you mean 'replace'\?\); it has: merge, replace"
    ):
        Dialects({"update": "replce"})


def test_all_wrong_texts_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_dialects(["update", "updat=merge", "update=x", "clear=null"])
    assert len(refused.value.problems) == 3


def test_texts_become_dialects() -> None:
    assert parse_dialects(["update=replace", " read_lag = 1.5 "]) == {"update": "replace", "read_lag": "1.5"}


@pytest.mark.parametrize("value", ["", "-1", "1e3", "x", "1.2.3", "."])
def test_a_number_of_seconds_is_one(value: str) -> None:
    with pytest.raises(ConfigError):
        Dialects({"read_lag": value})


def test_the_help_tells_of_every_dialect() -> None:
    told = dialect_help()
    for name, dialect in DIALECTS.items():
        assert f"{name}={'|'.join(dialect.values)}" in told
        assert dialect.meaning in told


def test_a_dialect_of_matching_changed_later_holds_for_contacts_stored_before() -> None:
    with closing(World()) as held:
        held.push({"External ID": "a"})
        held.dialects.choose("match_case", "fold")
        held.push({"External ID": "A"})
        assert len(held.ids()) == 1


def test_a_match_value_that_was_given_up_in_a_batch_is_free_in_it() -> None:
    with closing(World(rekey="integration")) as held:
        held.push({"External ID": "1", "Portal": "p"})
        rows = [{"External ID": "2", "Portal": "p"}, {"External ID": "1", "Portal": "q"}]
        rows += [{"External ID": "3", "Portal": "q"}, {"External ID": "1", "Portal": "r"}]
        told = held.push(*rows).body["contacts"]
        assert [(item["contact"]["id"], item["action"]) for item in told] == [
            (1, "updated"),
            (2, "created"),
            (2, "updated"),
            (3, "created"),
        ]
        assert ids_held(held) == ["2", "3", "1"]


def test_a_deleted_contact_comes_back_once() -> None:
    with of_three("revive", "created", duplicate_in_batch="create") as held:
        held.delete({"id": 1})
        told = held.push({"External ID": "1"}, {"External ID": "1"}).body["contacts"]
        assert [item["contact"]["id"] for item in told] == [1, 4]


def test_a_contact_that_came_back_is_no_longer_a_deleted_one() -> None:
    with of_three("revive", "created") as held:
        held.delete({"id": 1})
        held.push({"External ID": "1"})
        held.store.edit(1, {"External ID": "x"})
        assert held.push({"External ID": "1"}).body["contacts"][0]["contact"]["id"] == 4


@pytest.mark.parametrize("size", [1, 2, 5])
def test_an_unstable_list_shows_every_contact_to_a_patient_reader(size: int) -> None:
    for count in range(2, 13):
        with world("list_order", "unstable") as held:
            held.push(*({"External ID": str(number)} for number in range(count)))
            pages = range(1, -(-count // size) + 1)
            replies = [held.page(page=page, limit=size) for _ in range(16) for page in pages]
            assert {contact["id"] for reply in replies for contact in reply.body["contacts"]} == set(held.ids())
