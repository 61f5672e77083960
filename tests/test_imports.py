"""Who may import whom: the flow of the data is the flow of the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for folder in ("syncd", "connectors") for path in (ROOT / folder).rglob("*.py"))

FLOORS = (
    ("errors", "processes"),
    ("surroundings",),
    ("journald",),
    ("log",),
    ("core",),
    ("tables",),
    ("state", "rest", "source", "budget"),
    ("sink",),
    ("config", "target"),
    ("connectors",),
    ("run", "watch"),
    ("read",),
    ("plan",),
    ("push",),
    ("report",),
    ("finish",),
    ("activity",),
    ("sync",),
    ("reconcile", "undo", "explain", "prove", "accept", "apply", "callers", "forget"),
    ("daemon", "sandbox"),
    ("demo",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
"""The rooms of the house, the ground floor first. A room imports from itself and from lower floors only."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

ONLY_IN = {
    "httpx": ["syncd/rest/"],
    "httpcore": ["syncd/rest/"],
    "tenacity": ["syncd/rest/"],
    "yaml": ["syncd/config/"],
    "apscheduler": ["syncd/daemon/triggers.py", "syncd/config/"],  # the configuration checks cron texts with it
    "sqlmodel": ["syncd/state/", "syncd/activity/store/"],
    "sqlalchemy": ["syncd/state/", "syncd/activity/store/", "connectors/sql_query/", "connectors/sql_tables/"],
    "alembic": ["syncd/state/", "syncd/activity/store/"],
    "sqlite3": [
        "syncd/state/",
        "syncd/activity/store/",
        "syncd/activity/receiving/",
        "syncd/sandbox/",
        "connectors/sql_query/sqlite.py",
        "connectors/sql_tables/sessions.py",
    ],
    "psycopg": ["connectors/sql_query/postgres.py"],
    "pymysql": ["connectors/sql_query/mysql.py"],
    "pymssql": [],
    "apprise": ["syncd/watch/sending.py"],
    "prometheus_client": ["syncd/watch/endpoints.py"],
    "starlette": ["syncd/sandbox/"],
    "uvicorn": ["syncd/sandbox/", "syncd/activity/receiving/", "syncd/log.py"],
    "jmespath": ["connectors/http_parts/paths.py"],
    "typer": ["syncd/cli.py", "syncd/commands/"],
}
CORE = {"polars", "polars_hash", "phonenumbers", "orjson", "syncd"}
FOR_CONNECTORS = {"syncd.source", "syncd.sink", "syncd.rest", "syncd.errors"}


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(imported(path))


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, also within functions and under ``TYPE_CHECKING``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "syncd" else (module,)


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(name: str) -> str | None:
    """Return the room that a module of ours stands in: ``syncd.plan.gather`` in ``plan``; None for other modules."""
    package, _, rest = name.partition(".")
    if package == "connectors":
        return package
    room = rest.partition(".")[0]
    return room if package == "syncd" and room not in {"", "__version__"} else None


def climbing(path: Path) -> list[str]:
    """Return the imports of a module that lead to its own floor, but another room, or to a higher floor."""
    own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own in {None, "__init__"}:
        return []
    rooms = {name: room_of(name) for name in imports(path)}
    return [name for name, room in rooms.items() if room not in {None, own} and FLOOR_OF[room] >= FLOOR_OF[own]]


def foreign_to_core(path: Path) -> list[str]:
    allowed = CORE | set(sys.stdlib_module_names)
    return [
        name
        for name in imports(path)
        if name.split(".")[0] not in allowed or (under(name, "syncd") and not under(name, "syncd.core"))
    ]


def polars_io(path: Path) -> list[str]:
    """Return the names in a module that read or write with Polars, such as ``pl.read_csv`` and ``frame.write_csv``."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    names += [node.name for node in nodes if isinstance(node, ast.alias)]
    return [name for name in names if name.startswith(("read_", "scan_", "write_", "sink_"))]


def misplaced(path: Path) -> list[str]:
    return [
        name
        for name in imports(path)
        for package, places in ONLY_IN.items()
        if under(name, package) and not any(place(path).startswith(allowed) for allowed in places)
    ]


def test_every_import_leads_down() -> None:
    found = {place(path): climbing(path) for path in MODULES}
    assert len(found) > 150
    assert not {path: names for path, names in found.items() if names}


def test_core_imports_nothing_of_the_shell() -> None:
    found = {place(path): foreign_to_core(path) for path in MODULES if place(path).startswith("syncd/core/")}
    assert len(found) > 5
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("name", ["time", "random", "socket", "logging", "os", "pathlib", "datetime", "secrets"])
def test_core_has_no_clock_no_io_and_no_randomness(name: str) -> None:
    for path in MODULES:
        # This one module reads and writes times as text, and asks no clock.
        if name == "datetime" and place(path) == "syncd/core/activity/instants.py":
            continue
        if place(path).startswith("syncd/core/"):
            assert not [found for found in imports(path) if under(found, name)], place(path)


def test_core_reads_and_writes_no_files_with_polars() -> None:
    found = {place(path): polars_io(path) for path in MODULES if place(path).startswith("syncd/core/")}
    assert len(found) > 5
    assert not {path: names for path, names in found.items() if names}


def test_each_library_is_used_in_its_one_place() -> None:
    found = {place(path): misplaced(path) for path in MODULES}
    assert not {path: names for path, names in found.items() if names}


def test_connectors_know_only_what_a_third_party_may() -> None:
    for path in MODULES:
        if place(path).startswith("connectors/"):
            ours = [name for name in imports(path) if under(name, "syncd")]
            assert not [name for name in ours if name not in FOR_CONNECTORS], place(path)


def test_the_checks_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    bad = tmp_path / "syncd" / "core" / "bad.py"
    bad.parent.mkdir(parents=True)
    bad.write_text("import httpx\nfrom syncd.state import State\n")
    assert foreign_to_core(bad) == ["httpx", "syncd.state"]
    assert misplaced(bad) == ["httpx"]
    assert climbing(bad) == ["syncd.state"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import polars as pl\nframe = pl.read_csv('x.csv')\n", "read_csv"),
        ("import polars as pl\nlazy = pl.scan_parquet('x.parquet')\n", "scan_parquet"),
        ("def keep(frame): frame.write_json('x.json')\n", "write_json"),
        ("def keep(lazy): lazy.sink_csv('x.csv')\n", "sink_csv"),
        ("from polars import read_database\n", "read_database"),
        ("import polars as pl\nframe = pl.DataFrame()\n", None),
    ],
)
def test_reading_and_writing_with_polars_is_noticed(tmp_path: Path, line: str, name: str | None) -> None:
    module = tmp_path / "module.py"
    module.write_text(line)
    assert polars_io(module) == ([name] if name else [])


def test_an_import_for_types_only_counts_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    bad = tmp_path / "syncd" / "plan" / "bad.py"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "from typing import TYPE_CHECKING\nfrom syncd import cli\nfrom syncd.core.plan import Plan\n"
        "if TYPE_CHECKING:\n    from syncd.push.upserts import Push\n"
        "def late():\n    import syncd.report.screen\n"
    )
    assert climbing(bad) == ["syncd.cli", "syncd.push.upserts", "syncd.report.screen"]


def loaded(code: str) -> set[str]:
    """Return the modules that a new process has imported after ``code``."""
    line = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(line, capture_output=True, text=True, check=True).stdout.split())


def test_help_imports_nothing_heavy() -> None:
    heavy = {"polars", "sqlalchemy", "httpx", "structlog", "rich.console", "yaml", "pydantic"}
    assert loaded("import syncd.cli") & heavy == set()


def test_what_looks_on_inside_the_daemon_is_small() -> None:
    heavy = {"polars", "sqlalchemy", "pydantic", "apprise", "httpx", "yaml"}
    assert loaded("import syncd.watch.endpoints, syncd.watch.status") & heavy == set()


def test_nothing_of_a_run_imports_what_sends_notifications() -> None:
    assert "apprise" not in loaded("import syncd.watch.notify, syncd.commands.run")


def test_a_file_that_is_new_or_of_the_newest_version_is_opened_without_what_migrates_it(tmp_path: Path) -> None:
    opened = "from pathlib import Path\nfrom {} import {}\nfor _ in range(2): {}(Path({!r})).close()"
    store = opened.format("syncd.activity.store.store", *["ActivityStore"] * 2, str(tmp_path / "activity.db"))
    state = opened.format("syncd.state", *["State"] * 2, str(tmp_path / "syncd.db"))
    migrating = {"sqlalchemy", "sqlmodel", "alembic"}
    assert (loaded(store) & {*migrating, "polars"}, loaded(state) & migrating) == (set(), set())
