"""Whatever changes between a plan and its application: the plan's changes are made exactly, or each is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from syncd.cli import main
from syncd.plan.file import read_plan
from tests.examples import examples
from tests.worlds.tenants import ANY_NUMBERS
from tests.worlds.world import World, company

Table = Mapping[str, tuple[str, str]]
"""By key: the match value, which no other row has, and the name."""

STAYS = {"0": ("z", "Zoe")}
"""A row that is always there."""

tables = st.lists(
    st.tuples(st.sampled_from("12345678"), st.sampled_from("abcdefgh"), st.sampled_from(["Ann", "Bob", "Cy"])),
    max_size=7,
    unique_by=(lambda row: row[0], lambda row: row[1]),
).map(lambda rows: {key: (match, name) for key, match, name in rows})


def drawn_like(table: Table) -> st.SearchStrategy[Table]:
    """Return tables of which most rows are those of another one."""

    def joined(pair: tuple[Table, set[str]]) -> Table:
        other, kept = pair
        stays = {key: table[key] for key in kept}
        taken = {match for match, _ in stays.values()}
        return stays | {key: row for key, row in other.items() if key not in stays and row[0] not in taken}

    keys = st.sets(st.sampled_from(sorted(table))) if table else st.just(set())
    return st.tuples(tables, keys).map(joined)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Table, Table, Table, Table | None, list[tuple[str, str]]]:
    """Tables: of the first run, of the plan, of the application, of a run between them; and edits by a person."""
    first = draw(tables)
    planned = draw(drawn_like(first))
    between = draw(st.none() | drawn_like(planned))
    edits = draw(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["Dee", "Eve"])), max_size=2))
    return first, planned, draw(drawn_like(planned)), between, edits


@pytest.fixture
def world(tmp_path: Path, clean_process: None) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


class Office:
    """One history: its exports, its commands, and what the target holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        for contact in world.sandbox.store.contacts():
            world.sandbox.store.delete(contact["id"])
        for path in [*world.folder.glob("syncd.db*"), *world.folder.glob("*.plan")]:
            path.unlink()
        world.numbers = ANY_NUMBERS
        world.sources["tenants"] |= {
            "mapping": {"External ID": "ref", "Name": "name"},
            "deletes": {"at_most": {"share": "100%"}},
            "updates": {"at_most": {"share": "100%"}},
            "keys": {"at_most": {"share": "100%"}},
        }
        world.settings()

    def export(self, table: Table) -> None:
        # A source without a row would be a question of its own.
        self.world.write([(key, *row) for key, row in {**table, **STAYS}.items()], header="id,ref,name")

    def syncd(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        with redirect_stdout(io.StringIO()) as out:
            code = main((*arguments, "--json", "--config", str(self.world.folder / "syncd.yaml")))
        return code, json.loads(out.getvalue())

    def there(self) -> dict[str, str]:
        """Return the name of each contact by its match value."""
        return {match: fields.get("Name", "") for match, fields in self.world.there().items()}

    def edit(self, match: str, name: str) -> None:
        """A person changes a contact at the target, or makes it."""
        store = self.world.sandbox.store
        known = {each["fields"]["External ID"]: each["id"] for each in store.contacts()}
        if match in known:
            store.edit(known[match], {"Name": name})
        else:
            store.add({"External ID": match, "Name": name})


def made_of(before: Mapping[str, str], plan: Path, refused: set[str]) -> dict[str, str]:
    """Return what the target holds if exactly the changes of the plan that are not refused are made."""
    [source] = read_plan(plan).sources
    planned = source.changes.to_dicts()
    changes = [each for each in planned if each["@key"] not in refused]
    leaving = {each["@old_match"] for each in changes if each["@kind"] == "move"}
    leaving |= {each["@match"] for each in changes if each["@kind"] == "delete"}
    # Nobody takes the place of a contact whose move is refused.
    stuck = {each["@old_match"] for each in planned if each["@kind"] == "move"} - leaving
    assert not stuck & before.keys() & {each["@match"] for each in changes if each["@kind"] != "delete"}
    stays = {match: name for match, name in before.items() if match not in leaving}
    return stays | {each["@match"]: each["Name"] for each in changes if each["@kind"] != "delete"}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(6, 500),
    phases=[Phase.explicit, Phase.generate],
)
@given(histories())
@example(({"1": ("a", "Ann"), "2": ("b", "Bob")}, {"1": ("b", "Ann"), "2": ("a", "Bob")}, {"1": ("b", "Cy")}, None, []))
@example(
    ({"1": ("a", "Ann")}, {"1": ("b", "Ann"), "2": ("a", "Bob")}, {"1": ("c", "Ann"), "2": ("a", "Bob")}, None, [])
)
def test_a_plan_is_made_exactly_or_refused_and_a_run_makes_the_rest(
    world: World, history: tuple[Table, Table, Table, Table | None, list[tuple[str, str]]]
) -> None:
    first, planned, applied, between, edits = history
    office, plan = Office(world), world.folder / "the.plan"
    office.export(first)
    assert office.syncd("run")[0] == 0
    office.export(planned)
    assert office.syncd("run", "--dry-run", "--plan", str(plan))[0] == 0
    if between is not None:
        office.export(between)
        assert office.syncd("run")[0] == 0
    for match, name in edits:
        office.edit(match, name)
    office.export(applied)
    before = office.there()
    code, report = office.syncd("apply", str(plan))
    [source] = report["sources"]
    refused = {each["key"] for each in source["refused"]}
    assert code == (3 if refused else 0)
    assert source["held"] == []
    assert office.there() == made_of(before, plan, refused)
    assert office.syncd("run")[0] == 0
    if not edits:
        assert office.there() == dict({**applied, **STAYS}.values())
