"""Who may import what: the flow of the data is the flow of the imports."""

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

ONLY_IN = {
    "httpx": ["syncd/rest.py"],
    "tenacity": ["syncd/retries.py"],
    "yaml": ["syncd/config/yaml_tree.py"],
    "apscheduler": ["syncd/daemon/triggers.py", "syncd/config/"],  # the configuration checks cron texts with it
    "sqlmodel": ["syncd/state/"],
    "sqlalchemy": ["syncd/state/", "connectors/sql_"],
    "alembic": ["syncd/state/"],
    "sqlite3": ["syncd/state/", "syncd/sandbox/", "connectors/sql_sqlite.py"],
    "psycopg": ["connectors/sql_postgres.py"],
    "pymysql": ["connectors/sql_mysql.py"],
    "pymssql": [],
    "apprise": ["syncd/sending.py"],
    "prometheus_client": ["syncd/endpoints.py"],
    "starlette": ["syncd/sandbox/"],
    "uvicorn": ["syncd/sandbox/", "syncd/log.py"],
    "jmespath": ["connectors/rest_paths.py"],
    "typer": ["syncd/cli.py", "syncd/commands/"],
}
CORE = {"polars", "polars_hash", "phonenumbers", "syncd"}
FOR_CONNECTORS = {"syncd.source", "syncd.rest", "syncd.errors"}


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(imported(path))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            yield node.module or ""


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def foreign_to_core(path: Path) -> list[str]:
    allowed = CORE | set(sys.stdlib_module_names)
    return [
        name
        for name in imports(path)
        if name.split(".")[0] not in allowed or (under(name, "syncd") and not under(name, "syncd.core"))
    ]


def misplaced(path: Path) -> list[str]:
    return [
        name
        for name in imports(path)
        for package, places in ONLY_IN.items()
        if under(name, package) and not any(place(path).startswith(allowed) for allowed in places)
    ]


def test_core_imports_nothing_of_the_shell() -> None:
    found = {place(path): foreign_to_core(path) for path in MODULES if place(path).startswith("syncd/core/")}
    assert len(found) > 5
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("name", ["time", "random", "socket", "logging", "os", "pathlib", "datetime", "secrets"])
def test_core_has_no_clock_no_io_and_no_randomness(name: str) -> None:
    for path in MODULES:
        if place(path).startswith("syncd/core/"):
            assert not [found for found in imports(path) if under(found, name)], place(path)


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


@pytest.mark.parametrize("name", ["polars", "sqlalchemy", "httpx", "structlog", "rich.console", "yaml", "pydantic"])
def test_help_imports_nothing_heavy(name: str) -> None:
    code = f"import sys, syncd.cli; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["polars", "sqlalchemy", "pydantic", "apprise", "httpx", "yaml"])
def test_what_looks_on_inside_the_daemon_is_small(name: str) -> None:
    code = f"import sys, syncd.endpoints, syncd.standing; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_of_a_run_imports_what_sends_notifications() -> None:
    code = "import sys, syncd.notify, syncd.commands.run; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
