"""A company whose plans are written first and applied later, by the commands."""

from __future__ import annotations

import json
from typing import Any

from tests.worlds.commands import Command
from tests.worlds.world import World

Row = tuple[str, str, str]


def renamed(row: Row, name: str = "Renamed") -> Row:
    return (row[0], name, row[2])


class Desk:
    """``plan`` writes a plan, ``apply`` makes it and returns the exit code and the report."""

    def __init__(self, company: World, syncd: Command) -> None:
        self.company, self.syncd = company, syncd
        self.company.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}

    def export(self, *rows: Row) -> None:
        self.company.write(rows)
        self.company.settings()

    def run(self, *rows: Row) -> None:
        self.export(*rows)
        assert self.syncd("run")[0] == 0

    def plan(self, *rows: Row) -> dict[str, Any]:
        """Write the plan of a dry run, and return the report of its first source."""
        if rows:
            self.company.write(rows)
        self.company.settings()
        code, out, err = self.syncd("run", "--dry-run", "--plan", "the.plan", "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)["sources"][0]
        return found

    def apply(self, *options: str) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.syncd("apply", "the.plan", "--json", *options)
        return code, json.loads(out)

    def refused(self) -> tuple[int, dict[str, str]]:
        """Apply, and return the exit code and the reason of each refused key."""
        code, report = self.apply()
        return code, {each["key"]: each["why"] for each in report["sources"][0]["refused"]}

    def names(self) -> dict[str, str]:
        return {key: fields["Name"] for key, fields in self.company.there().items()}
