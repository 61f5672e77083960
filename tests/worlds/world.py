"""A company for tests of whole runs: a sandbox as the target, CSV files as sources, a state file, a configuration."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from syncd.config import Settings, load
from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.sandbox.server import Sandbox
from syncd.state import State
from syncd.sync import run_source

FIELDS = [
    {"id": 1, "name": "External ID", "is_phone": False, "is_match": True, "is_integration": False},
    {"id": 2, "name": "Name", "is_phone": False, "is_match": False, "is_integration": False},
    {"id": 3, "name": "Phone", "is_phone": True, "is_match": False, "is_integration": False},
    {"id": 4, "name": "Note", "is_phone": False, "is_match": False, "is_integration": False},
]

TENANTS: dict[str, Any] = {
    "connector": "csv",
    "options": {"path": "tenants.csv", "settle": 0},
    "key": "id",
    "mapping": {"External ID": "id", "Name": "name", "Phone": ["phone"]},
}


class World:
    """One company: ``write`` writes an export, ``run`` runs the sources, ``there`` returns the target's contacts.

    ``later``: how many seconds syncd's clock is ahead.
    """

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.sources: dict[str, dict[str, Any]] = {"tenants": json.loads(json.dumps(TENANTS))}
        self.target: dict[str, Any] = {"timeout": "2s"}
        self.notify: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self.listen: str | None = None
        self.activity: dict[str, Any] | None = None
        self.sinks: dict[str, Any] = {}
        self.stopping = threading.Event()
        self.later = 0.0

    def write(self, rows: Sequence[Sequence[str]], name: str = "tenants.csv", header: str = "id,name,phone") -> None:
        lines = [header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def settings(self) -> Settings:
        target = {"api_key": "test-key", "base_url": self.sandbox.url, "limits": [], **self.target}
        path = self.folder / "syncd.yaml"
        seen: dict[str, Any] = {"notify": self.notify, **({"listen": self.listen} if self.listen else {})}
        seen |= {} if self.activity is None else {"activity": self.activity}
        seen |= {"numbers": self.numbers} if self.numbers else {}
        seen |= {"sinks": self.sinks} if self.sinks else {}
        text = json.dumps({"target": target, "state": "syncd.db", "sources": self.sources, **seen})
        if not path.exists() or path.read_text() != text:  # a run may read it while another one begins
            path.write_text(text)
        return load(path)

    def run(self, *names: str, dry_run: bool = False, full: bool = False) -> SourceReport:
        """Run the named sources, or all if none is named; return the report of the last one."""
        return self.run_all(*names, dry_run=dry_run, full=full)[-1]

    def run_all(self, *names: str, dry_run: bool = False, full: bool = False) -> list[SourceReport]:
        settings = self.settings()
        clock = partial(_clock, self.later)
        with open_session(
            settings, dry_run=dry_run, stopping=self.stopping, sleep=lambda _: None, clock=clock
        ) as session:
            session.full = full
            wanted = [source for name, source in settings.sources.items() if name in names or not names]
            return [run_source(session, source) for source in wanted]

    def state(self) -> State:
        """Open the state file."""
        return State(self.folder / "syncd.db")

    def there(self, field: str = "External ID") -> dict[str, Mapping[str, str]]:
        """Return the target's contacts by the value of ``field``; fail if two contacts have the same value."""
        contacts = self.sandbox.store.contacts()
        found = {each["fields"].get(field, ""): each["fields"] for each in contacts}
        assert len(found) == len(contacts), "there are twins at the target"
        return found

    def posts(self) -> int:
        return sum(entry.method == "POST" for entry in self.sandbox.requests)

    def deletes(self) -> int:
        return sum(entry.method == "DELETE" for entry in self.sandbox.requests)

    def writes(self) -> int:
        return self.posts() + self.deletes()


def _clock(later: float) -> float:
    return time.time() + later


@contextmanager
def company(folder: Path, **sandbox: Any) -> Any:
    with Sandbox(key="test-key", fields=sandbox.pop("fields", FIELDS), limits=None, **sandbox) as server:
        yield World(folder, server)
