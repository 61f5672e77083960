"""Sources of one company that run at once: no claim of one source is lost to another.

Each source runs with its own connection to the state file, as processes do; a source that is killed is a process.
The target holds a request until the other run has gone as far as it can, so the order of events is always the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.core.change import CallOutcome
from syncd.report.source_report import SourceReport
from syncd.state import State
from syncd.state.journal import Settled
from tests.worlds.journal import change
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import TENANTS, World

ANN, BOB, CAT = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102"), ("3", "Cat", "2125550103")


@pytest.fixture
def two(world: World) -> World:
    """Two sources in mode mirror: ``tenants`` has precedence over ``staff``; a key can have any match value."""
    world.target["timeout"] = "60s"  # so that a held request is not sent again
    for name in ("tenants", "staff"):
        source = json.loads(json.dumps(TENANTS))
        source["options"]["path"] = f"{name}.csv"
        source["key"] = "key"
        world.sources[name] = source
        export(world, name)
    return world


def export(world: World, name: str, *rows: tuple[str, tuple[str, str, str]]) -> None:
    """Write ``rows``: key, then match value, name and phone."""
    world.write(
        [(key, *row) for key, row in (*rows, ("x" + name, ("0" + name, "Zoe", "2125550199")))],
        f"{name}.csv",
        header="key,id,name,phone",
    )


class Running:
    """One run of one source, in a thread."""

    def __init__(self, world: World, source: str) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._run: Future[SourceReport] = self._pool.submit(world.run, source)

    def ended(self) -> tuple[int, dict[str, Any]]:
        """Wait until the run ends; return its exit code and report."""
        with self._pool:
            report = self._run.result(timeout=PATIENCE)
        return report.exit_code, report.to_json()


def ended(world: World, source: str) -> tuple[int, dict[str, Any]]:
    """Run ``source`` to its end while another run waits; return its exit code and report."""
    report = world.run(source)
    return report.exit_code, report.to_json()


@contextmanager
def process(world: World, source: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``syncd run SOURCE`` in its own process."""
    world.settings()
    command = [sys.executable, "-m", "syncd", "run", source, "--config", str(world.folder / "syncd.yaml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def held(world: World, method: str, **more: Any) -> Iterator[Callable[[], None]]:
    """Hold the next request of ``method`` at the target; yield a function that waits until the request has arrived."""
    world.sandbox.arm({"kind": "hold", "method": method, "path": "/contacts", **more})

    def there() -> None:
        until(lambda: world.sandbox.holding)

    try:
        yield there
    finally:
        world.sandbox.disarm()


def settle(world: World, *order: str) -> None:
    """Run the sources in this order until there are no changes; at the end every exit code is 0."""
    names = order or ("tenants", "staff")
    for name in names * 2:
        world.run(name)
    before = world.writes()
    reports = [world.run(name, full=True) for name in names]
    assert [report.exit_code for report in reports] == [0, 0]
    assert world.writes() == before


def names(world: World) -> set[str]:
    return {each["Name"] for each in world.there().values()} - {"Zoe"}


@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "before it is answered"])
def test_what_one_source_is_deleting_another_does_not_take_over_meanwhile(two: World, done: bool) -> None:
    export(two, "staff", ("a", ANN), ("b", BOB))
    settle(two)
    export(two, "staff", ("b", BOB))
    export(two, "tenants", ("c", ANN))
    with held(two, "DELETE", done=done) as there:
        staff = Running(two, "staff")
        there()
        code, report = ended(two, "tenants")
        assert (code, report["unknown"], report["counts"]["create"]) == (4, 1, 0)
    assert staff.ended()[0] == 0
    settle(two)
    assert names(two) == {"Ann", "Bob"}


@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "before it is answered"])
def test_what_one_source_is_taking_over_another_does_not_delete_meanwhile(two: World, done: bool) -> None:
    export(two, "staff", ("a", ANN), ("b", BOB))
    settle(two)
    export(two, "staff", ("b", BOB))
    export(two, "tenants", ("c", ANN))
    with held(two, "POST", done=done) as there:
        tenants = Running(two, "tenants")
        there()
        code, report = ended(two, "staff")
        assert (code, report["unknown"], two.deletes()) == (4, 1, 0)
    assert tenants.ended()[0] == 0
    settle(two)
    assert names(two) == {"Ann", "Bob"}


def test_an_old_id_that_another_source_is_taking_over_is_not_deleted_meanwhile(two: World) -> None:
    export(two, "staff", ("a", ANN))
    settle(two)
    export(two, "staff", ("a", ("9", "Ann", "2125550101")))
    export(two, "tenants", ("c", ("1", "Cat", "2125550103")))
    with held(two, "DELETE") as there:
        staff = Running(two, "staff")
        there()
        code, report = ended(two, "tenants")
        assert (code, report["unknown"]) == (4, 1)
    assert staff.ended()[0] == 0
    settle(two)
    assert names(two) == {"Ann", "Cat"}


def test_two_sources_that_let_go_of_one_contact_at_once_delete_it(two: World) -> None:
    export(two, "tenants", ("a", ANN))
    settle(two)
    let_hold(two, "staff", "c")
    export(two, "tenants")
    export(two, "staff")
    with held(two, "DELETE") as there:
        tenants = Running(two, "tenants")
        staff = Running(two, "staff")
        there()
    tenants.ended()
    staff.ended()
    settle(two)
    assert names(two) == set()


def let_hold(world: World, source: str, key: str) -> None:
    """Record Ann's contact for ``source`` too, as it is in the middle of a hand-over."""
    [ann] = [row for row in world.sandbox.store.contacts() if row["fields"]["Name"] == "Ann"]
    with State(world.folder / "syncd.db") as state:
        [entry] = state.journal.mark("run", source, [change(key, ann["fields"]["External ID"], digest=1, after={})])
        state.journal.record([Settled(entry, CallOutcome.ACCEPTED, ann["id"])])


def test_one_contact_that_two_sources_create_at_once_is_sent_by_one_of_them(two: World) -> None:
    export(two, "tenants", ("a", ANN))
    export(two, "staff", ("c", ("1", "Cat", "2125550103")))
    with held(two, "POST") as there:
        staff = Running(two, "staff")
        there()
        code, report = ended(two, "tenants")
        assert (code, report["counts"]["create"]) == (4, 1)
    staff.ended()
    for _ in range(3):
        two.run("tenants")
        two.run("staff")
    assert names(two) == {"Ann"}, "the first in the order of the configuration has it"


def test_an_id_that_was_deleted_while_it_was_taken_over_is_not_recorded_as_there(two: World) -> None:
    """The target matches two match values as one, so only the id in the answer shows the deletion."""
    export(two, "tenants", ("a", ANN))
    settle(two)
    [ann] = [row["id"] for row in two.sandbox.store.contacts() if row["fields"]["Name"] == "Ann"]
    export(two, "staff", ("c", CAT))
    two.sandbox.store.edit(ann, {"External ID": "3"})  # a person gave Ann's contact the match value of Cat's row
    export(two, "tenants")
    with held(two, "POST", done=True) as there:
        staff = Running(two, "staff")
        there()
        assert ended(two, "tenants")[1]["counts"]["delete"] == 1
    code, report = staff.ended()
    assert (code, report["unknown"]) == (4, 1)
    settle(two)
    assert names(two) == {"Cat"}


def test_a_source_whose_process_died_blocks_no_other(two: World) -> None:
    export(two, "staff", ("a", ANN), ("b", BOB))
    settle(two)
    export(two, "staff", ("b", BOB))
    export(two, "tenants", ("c", ANN))
    with held(two, "DELETE") as there, process(two, "staff") as staff:
        there()
        staff.kill()
        staff.wait()
        assert ended(two, "tenants")[0] == 4
    settle(two, "staff", "tenants")
    assert names(two) == {"Ann", "Bob"}


@pytest.mark.parametrize("policy", ["first", "merge_phones"])
def test_a_row_that_an_earlier_source_let_go_is_sent_though_a_later_source_took_it(world: World, policy: str) -> None:
    tenants = world.sources.pop("tenants")
    for name in "abc":
        options = {"path": f"{name}.csv", "settle": 0}
        world.sources[name] = {**tenants, "options": options, "shared_match": policy}
        world.write([("7", f"Ann of {name}", "2125550101"), (name, name, "")], f"{name}.csv")
    for _ in range(2):
        world.run()
    world.write([("a", "a", "")], "a.csv")
    world.run("a")
    world.run("c")
    assert world.there()["7"]["Name"] == "Ann of c"
    assert world.run("b").invalid == []
    assert world.there()["7"]["Name"] == "Ann of b"
    assert [each["reason"] for each in world.run("c").invalid] == ["shares match fields with 7 of source b"]
    assert world.there()["7"]["Name"] == "Ann of b"
