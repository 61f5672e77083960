"""The contacts that the sandbox stores, also after a restart."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.sandbox.company import FIELDS, people
from syncd.sandbox.fields import Fields
from syncd.sandbox.server import Sandbox
from syncd.sandbox.store import Store
from tests.worlds.sandbox_client import client_of
from tests.worlds.sandbox_in_memory import World


def test_contacts_are_added_edited_and_deleted_by_hand() -> None:
    with closing(Store()) as store:
        first, second = store.add({"External ID": "1"}), store.add({"External ID": "2"})
        store.edit(first, {"Contact": "Ada", "External ID": ""})
        store.delete(second)
        assert store.contacts() == [{"id": first, "fields": {"Contact": "Ada"}}]


def test_what_is_not_there_cannot_be_edited_deleted_or_named() -> None:
    with closing(Store()) as store:
        with pytest.raises(KeyError):
            store.delete(1)
        with pytest.raises(KeyError):
            store.edit(1, {})
        with pytest.raises(ConfigError, match="no field 'Shoe size'; it has: External ID, "):
            store.add({"Shoe size": "9"})


def test_a_restart_keeps_contacts_fields_and_ids(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    with Sandbox(file, limits=None, fields=[{"name": "Key", "is_match": True}]) as sandbox, client_of(sandbox) as api:
        api.post("/contacts", json={"contacts": [{"fields": {"Key": key}} for key in "abc"]})
        api.request("DELETE", "/contacts", json={"ids": [1, 3]})
    with Sandbox(file, limits=None) as sandbox, client_of(sandbox) as api:
        assert [field["name"] for field in api.get("/contacts/fields").json()["fields"]] == ["Key"]
        assert sandbox.store.contacts() == [{"id": 2, "fields": {"Key": "b"}}]
        again = api.post("/contacts", json={"contacts": [{"fields": {"Key": key}} for key in "bc"]}).json()
        assert [(item["contact"]["id"], item["action"]) for item in again["contacts"]] == [
            (2, "updated"),
            (4, "created"),
        ]


def test_an_answered_push_is_in_the_file_though_the_process_ends_at_once(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    with Sandbox(file, limits=None) as sandbox, client_of(sandbox) as api:
        api.post("/contacts", json={"fields": {"External ID": "1"}})
        for part in tmp_path.iterdir():
            (tmp_path / part.name.replace("sandbox", "copy")).write_bytes(part.read_bytes())
    with closing(Store(tmp_path / "copy.db")) as store:
        assert store.contacts() == [{"id": 1, "fields": {"External ID": "1"}}]


def test_a_deleted_contact_can_come_back_after_a_restart(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s.db")) as store:
        store.add({"External ID": "1"})
        store.delete(1)
    with closing(Store(tmp_path / "s.db")) as store:
        assert store.contacts() == []
        assert list(store.gone) == [1]


def test_a_second_sandbox_on_a_file_is_refused(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s.db")), pytest.raises(ConfigError, match="is another sandbox running on it"):
        Store(tmp_path / "s.db")


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE contact (id)")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="belongs to another program"):
        Store(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, whatever its name says " * 40, None])
def test_a_file_that_is_no_database_or_cannot_be_made_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "s.db" if content else tmp_path / "no" / "s.db"
    if content:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="not usable as the sandbox's file"):
        Store(file)


def test_a_push_that_cannot_be_recorded_changes_nothing(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "s.db", limits=None) as sandbox, client_of(sandbox) as api:
        api.post("/contacts", json={"fields": {"External ID": "1"}})
        sandbox.store._file.execute("PRAGMA query_only = ON")
        reply = api.post("/contacts", json={"contacts": [{"fields": {"External ID": key}} for key in "12"]})
        assert (reply.status_code, reply.json()["error"]["message"]) == (500, "The sandbox's file cannot be written.")
        assert len(sandbox.store.contacts()) == 1
        sandbox.store._file.execute("PRAGMA query_only = OFF")
        assert api.post("/contacts", json={"fields": {"External ID": "2"}}).json()["contacts"][0]["contact"]["id"] == 2


# Fields.


def test_a_renamed_field_keeps_its_values_and_a_dropped_one_loses_them() -> None:
    with closing(Store()) as store:
        store.add({"External ID": "1", "Contact": "Ada", "Company": "Elm"})
        store.set_fields([{"id": 12, "name": "NAME"}, {"name": "External ID", "is_match": True}, {"name": "New"}])
        assert store.contacts() == [{"id": 1, "fields": {"NAME": "Ada", "External ID": "1"}}]
        assert [item["id"] for item in store.fields.items] == [12, 11, 21]


def test_a_new_match_field_holds_for_the_contacts_there_are() -> None:
    with closing(World()) as held:
        held.push({"External ID": "1", "Email": "ada@example.com"})
        held.store.set_fields([{"name": "Email", "is_match": True}, {"name": "External ID"}])
        held.push({"External ID": "2", "Email": "ada@example.com"})
        assert held.held() == [{"Email": "ada@example.com", "External ID": "2"}]


def test_of_two_fields_of_one_name_the_first_is_used_and_both_are_listed() -> None:
    fields = Fields([{"name": "Phone"}, {"name": "Phone", "is_phone": True}])
    assert fields.shown(fields.row({"Phone": "1"})) == {"Phone": "1"}
    assert [item["id"] for item in fields.items] == [1, 2]


def test_a_field_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a name"):
        Fields([{"id": 1}])


# The invented company.


def test_a_seed_makes_the_same_people_each_time() -> None:
    assert list(people(50, seed=7)) == list(people(50, seed=7))
    assert list(people(50, seed=7)) != list(people(50, seed=8))


def test_invented_people_cannot_be_anyone() -> None:
    for person in people(300):
        assert set(person) == {field["name"] for field in FIELDS}
        assert person["Email"].endswith("@example.com")
        assert all(number[3:6] == "555" and len(number) == 10 for number in person["Phone"].split(";"))


def test_a_new_company_is_seeded_once(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(tmp_path / "s.db", seed=20) as sandbox:
            assert len(sandbox.store.contacts()) == 20


# Laws.

KEYS = st.sampled_from(["a", "b", "c", "d", ""])
ROWS = st.fixed_dictionaries({"External ID": KEYS}, optional={"Contact": st.sampled_from(["", "Ada", "Ben"])})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.lists(ROWS, min_size=1, max_size=4)),
        st.tuples(st.just("delete"), st.lists(st.integers(1, 6), min_size=1, max_size=3)),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(deadline=None)
def test_a_company_is_what_its_requests_made_of_it(steps: list[tuple[str, Any]]) -> None:
    """The store agrees with a model of a few lines: contacts by match value, and no id is used twice."""
    with closing(World()) as held:
        model: dict[int, dict[str, str]] = {}
        last = 0
        for act, items in steps:
            if act == "delete":
                held.delete({"ids": items})
                model = {number: fields for number, fields in model.items() if number not in items}
                continue
            held.push(*items)
            for row in (row for row in items if row["External ID"]):
                found = [number for number, old in model.items() if old["External ID"] == row["External ID"]]
                last += not found
                number = found[0] if found else last
                model[number] = model.get(number, {}) | row
        shown = {contact["id"]: contact["fields"] for contact in held.store.contacts()}
        assert shown == {number: {k: v for k, v in fields.items() if v} for number, fields in model.items()}
        assert in_file(held.store) == dict(held.store.rows)


@given(steps=STEPS, dialects=st.sampled_from([{"match_case": "fold"}, {"rekey": "integration"}, {"revive": "created"}]))
@settings(deadline=None)
def test_the_index_is_always_what_a_new_one_would_be(steps: list[tuple[str, Any]], dialects: dict[str, str]) -> None:
    with closing(World(None, None, **dialects)) as held:
        for act, items in steps:
            rows = [row | {"Portal": row.get("Contact", "")} for row in items] if act == "push" else []
            held.push(*rows) if rows else held.delete({"ids": items})
            now = {key: sorted(numbers) for key, numbers in held.store._index.items()}
            held.store.reindex()
            assert now == {key: sorted(numbers) for key, numbers in held.store._index.items()}
            assert held.ids() == sorted(held.store.rows)


def in_file(store: Store) -> dict[int, tuple[str, ...]]:
    rows = store._file.execute("SELECT id, fields FROM contact WHERE gone = 0").fetchall()
    return {number: tuple(json.loads(text)) for number, text in rows}


def test_the_file_of_contacts_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "old.db").touch(mode=0o644)
        for name in ("new.db", "old.db"):
            with Sandbox(data=tmp_path / name, fields=FIELDS):
                assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(f"{name}*")} == {0o600}
    finally:
        os.umask(before)
