"""Whatever is edited in a source, incremental runs say what one run would say that reads everything.

``docs/what-syncd-cannot-see.md`` names the edits that no read of changes can show; these are not drawn here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.report.source_report import SourceReport
from tests.examples import examples
from tests.worlds.edited_sources import Edited, HubSpotPeople, RestPeople, SqlPeople, hubspot_people, rest_people
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World, company

Step = tuple[str, int, int]
RUN = "run"

QUICK = settings(
    max_examples=examples(3, 300),
    deadline=None,
    derandomize=examples(1, 0) == 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def steps(ops: Sequence[str]) -> st.SearchStrategy[list[Step]]:
    each = st.tuples(st.sampled_from([*ops, RUN, RUN]), st.integers(0, 4), st.integers(0, 9))
    return st.lists(each, max_size=examples(12, 40))


def invalid(report: SourceReport) -> list[tuple[str | None, str]]:
    """Return the invalid rows by key and reason, without the places of rows, which a partial read counts for itself."""
    return sorted((each["key"], re.sub(r"\w+:\d+", "ROW", each["reason"])) for each in report.invalid)


@contextmanager
def synced(edited: Edited) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, company(Path(folder)) as world:
        world.sources = {"people": edited.config()}
        yield world


def check(edited: Edited, history: Sequence[Step], between: Callable[[], object] = lambda: None) -> None:
    with synced(edited) as world:
        world.run()
        for name, which, value in history:
            if name == RUN:
                world.run()
            else:
                getattr(edited, name)(which, value)
            between()
        followed = world.run()
        with synced(edited) as fresh:
            full = fresh.run()
            assert full.read == "complete"
            assert world.there() == fresh.there()
            assert invalid(followed) == invalid(full)
            assert followed.exit_code == full.exit_code


GO = (RUN, 0, 0)
OLD: list[Step] = [GO, ("add_old", 1, 0), GO]
RESTORED: list[Step] = [("add", 1, 0), GO, ("mark", 0, 0), GO, ("unmark", 0, 1)]
TWICE: list[Step] = [("add", 1, 0), ("double", 0, 1), GO, ("edit", 1, 2), GO, ("double_old", 0, 1)]
LEFT: list[Step] = [("add", 1, 4), ("add", 2, 0), ("double", 1, 1), GO, ("drop_key", 0, 0), ("drop_key", 0, 0)]
BACK: list[Step] = [("add", 1, 0), GO, ("drop", 0, 0), GO, ("restore", 0, 0)]


@QUICK
@given(history=steps(SqlPeople.OPS))
@example(history=OLD)
@example(history=RESTORED)
@example(history=TWICE)
@example(history=LEFT)
def test_sqlite(history: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(SqlPeople(SqliteFile(Path(folder) / "people.db")), history)


@QUICK
@given(history=steps(SqlPeople.OPS))
def test_postgresql(postgres: Any, history: list[Step]) -> None:
    check(SqlPeople(postgres), history)


@QUICK
@given(history=steps(SqlPeople.OPS))
def test_mariadb(mariadb: Any, history: list[Step]) -> None:
    check(SqlPeople(mariadb), history)


@QUICK
@given(history=steps(HubSpotPeople.OPS), merge=st.sampled_from(["new", "primary"]), ahead=st.sampled_from([0, 1e7]))
@example(history=[("add", 0, 0), ("archive", 0, 0), GO, ("restore", 0, 0)], merge="new", ahead=0)
@example(history=[GO, ("add", 0, 0), ("add", 0, 4), GO, ("edit", 0, 1), GO, ("purge", 0, 0)], merge="new", ahead=1e7)
def test_hubspot(history: list[Step], merge: str, ahead: float) -> None:
    with hubspot_people(ahead, merge=merge) as people:
        check(people, history, people.later)


@QUICK
@given(history=steps(RestPeople.OPS))
@example(history=OLD)
@example(history=BACK)
def test_rest(history: list[Step]) -> None:
    with rest_people() as people:
        check(people, history)
