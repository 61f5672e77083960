"""A company whose ``syncd run`` is killed: a real process against a real server, and the assertions afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from syncd.sandbox.server import Sandbox

FOREIGN = 50
LONGEST = 240.0
"""Seconds that a process may take before the test gives up."""


@dataclass(slots=True)
class Victim:
    """``rows``: key to (match value, name, phone). ``random`` decides every edit and every moment."""

    folder: Path
    sandbox: Sandbox
    random: random.Random
    rows: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    serial: int = 0
    kills: int = 0
    foreign: dict[int, dict[str, str]] = field(default_factory=dict)

    def settle_in(self, size: int) -> None:
        """Write the configuration and ``size`` rows; people have some contacts of their own at the target."""
        source = {
            "connector": "csv",
            "options": {"path": "tenants.csv", "settle": 0},
            "key": "row",
            "mapping": {"External ID": "id", "Name": "name", "Phone": ["phone"]},
            "deletes": {"at_most": {"count": 1_000_000, "share": "100%"}},
            "updates": {"at_most": {"share": "100%"}},
        }
        target = {"api_key": "test-key", "base_url": self.sandbox.url, "limits": []}
        config = {"target": target, "state": "syncd.db", "sources": {"tenants": source}}
        (self.folder / "syncd.yaml").write_text(json.dumps(config))
        own = [{"External ID": f"X{n}", "Name": f"Own {n}", "Note": "by hand"} for n in range(FOREIGN)]
        self.foreign = dict(zip(self.sandbox.store.add_all(own), own, strict=True))
        self.add(size)
        self.export()

    def add(self, count: int) -> None:
        for _ in range(count):
            self.serial += 1
            phone = f"212555{self.serial % 10_000:04}"
            self.rows[f"k{self.serial}"] = (f"{self.serial}", f"Person {self.serial}", phone)

    def edit(self, share: float) -> None:
        """Change, move, swap, remove and add rows."""
        some = self.random.sample(sorted(self.rows), max(4, int(len(self.rows) * share)))
        cut = len(some) // 4
        for key in some[:cut]:
            match, _, phone = self.rows[key]
            self.rows[key] = (match, f"Renamed {self.random.random()}", phone)
        for key in some[cut : 2 * cut]:
            self.serial += 1
            self.rows[key] = (f"{self.serial}", *self.rows[key][1:])
        for one, two in zip(some[2 * cut : 3 * cut : 2], some[2 * cut + 1 : 3 * cut : 2], strict=False):
            self.rows[one], self.rows[two] = self.rows[two], self.rows[one]
        for key in some[3 * cut :]:
            del self.rows[key]
        self.add(cut)
        self.export()

    def export(self) -> None:
        lines = [f"{key},{match},{name},{phone}\n" for key, (match, name, phone) in self.rows.items()]
        (self.folder / "tenants.csv").write_text("row,id,name,phone\n" + "".join(lines))

    def start(self, *, blocks: int | None = None) -> subprocess.Popen[str]:
        """Start a run. ``blocks``: no file may grow beyond so many KiB, as on a full disk."""
        command = [sys.executable, "-m", "syncd", "run"]
        if blocks is not None:
            command = ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "limited", *command]
        root = Path(__file__).parent.parent.parent
        environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(self.folder), "PYTHONWARNINGS": "default"}
        with (self.folder / "said.log").open("w") as said:  # a pipe that nobody reads would hold the process up
            return subprocess.Popen(
                command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=said, text=True, env=environment
            )

    def run(self, *, blocks: int | None = None) -> tuple[int, str]:
        """Run to the end; return the exit code and what stderr says."""
        code = self.start(blocks=blocks).wait(LONGEST)
        return code, (self.folder / "said.log").read_text()

    def run_and_kill(self, *, writes: int, seconds: float) -> None:
        """Start a run and kill it once it has sent ``writes`` requests that write, and ``seconds`` have passed."""
        before, begun = self.writes(), time.monotonic()
        process = self.start()
        while process.poll() is None and self.writes() - before < writes and time.monotonic() - begun < LONGEST:
            time.sleep(0.002)
        time.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            self.kills += 1
        process.wait(LONGEST)

    def writes(self) -> int:
        return sum(entry.method != "GET" for entry in list(self.sandbox.requests))

    def must_be_right(self) -> None:
        """One clean run makes the target equal to the rows; the next one writes nothing.

        Both may end with 4: for what a killed run may have made, and is not listed, they look again for some minutes.
        """
        code, said = self.run()
        assert code == 0 or (code == 4 and '"outcome": "done"' in said), said
        self.compare()
        before = self.writes()
        code, said = self.run()
        assert code == 0 or (code == 4 and '"outcome": "done"' in said), said
        assert self.writes() == before, "a further run wrote something"
        assert not list(self.folder.glob("syncd-*-*")), "a killed run left its spool"

    def compare(self) -> None:
        there = {each["id"]: each["fields"] for each in self.sandbox.store.contacts()}
        foreign = {number: there.pop(number, None) for number in self.foreign}
        assert foreign == self.foreign, "a contact that is not ours was touched"
        found = sorted((each["External ID"], each["Name"], each["Phone"]) for each in there.values())
        assert found == sorted(self.rows.values()), "the target is not what the rows say"
