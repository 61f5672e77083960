"""A company to measure: a folder with its configuration and export, and a sandbox in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Measured, measure

KEY = "bench-key"
SERVE = f"from syncd.sandbox.server import serve; serve(port=%d, limits=None, key={KEY!r})"
"""A company without contacts and without request windows, in memory."""

SOURCE: dict[str, Any] = {
    "connector": "csv",
    "options": {"path": "tenants.csv"},
    "key": "tenant_id",
    "where": "status <> 'former'",
    "mapping": {
        "External ID": "tenant_id",
        "Contact": "{first_name} {last_name}",
        "Company": "company",
        "Phone": ["mobile", "home_phone", "work_phone"],
        "Email": {"from": "email", "case": "lower"},
        "Portal": "tenant_id",
    },
    "require": ["Contact", "Phone"],
    # A hundredth of a million is more than the 500 deletes that pass without an approval.
    "deletes": {"at_most": {"count": 1_000_000, "share": "100%"}},
    "updates": {"at_most": {"share": "100%"}},
}


NUMBERS = {"at_most": {"same": "100%", "lost": "100%", "contacts": 1_000_000}}


class Company:
    """``folder`` holds ``syncd.yaml``, ``tenants.csv`` and the state; ``url`` is the target's."""

    def __init__(self, folder: Path, url: str, source: dict[str, Any] = SOURCE) -> None:
        self.folder = folder
        self.url = url
        folder.mkdir(parents=True, exist_ok=True)
        target = {"api_key": KEY, "base_url": url, "limits": []}
        configuration = {"target": target, "state": "syncd.db", "sources": {"tenants": source}, "numbers": NUMBERS}
        (folder / "syncd.yaml").write_text(json.dumps(configuration, indent=1))

    def export(self, snapshot: Path) -> None:
        """Make ``snapshot`` what the source holds now."""
        link = self.folder / "tenants.csv.new"
        link.unlink(missing_ok=True)
        os.link(snapshot, link)
        link.replace(self.folder / "tenants.csv")

    def run(self, *options: str) -> Measured:
        """``syncd run`` as a process."""
        return self.command("run", *options)

    def command(self, *words: str) -> Measured:
        """A command as a process."""
        config = str(self.folder / "syncd.yaml")
        return measure([sys.executable, "-m", "syncd", "--log-level", "warning", "--config", config, *words])

    def contacts(self) -> int:
        """How many contacts the target holds."""
        return int(self._asked("health")["contacts"])

    def push_seconds(self) -> float:
        """From the last answer before the first batch to the answer of the last batch, by the server's log."""
        log = self._asked("requests")["requests"]
        first = next(place for place, entry in enumerate(log) if entry["method"] == "POST")
        return float(log[-1]["at"] - log[first - 1]["at"])

    def _asked(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/_sandbox/{path}") as answer:
            return json.load(answer)


@contextmanager
def sandbox(port: int = 0) -> Iterator[str]:
    """A sandbox while the block lasts; its base URL."""
    command = [sys.executable, "-c", SERVE % port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            found = re.search(r"http://\S+", said)
            if not found:
                raise SystemExit(f"the sandbox did not start on port {port}: --port takes another one")
            yield found[0]
        finally:
            server.terminate()
