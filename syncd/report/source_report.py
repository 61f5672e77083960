"""What a run found and did, as a value with a JSON form, a file of changes and an exit code; as text: ``show.py``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from syncd.core.change import KINDS
from syncd.core.columns import KEY, UNIT
from syncd.core.compare import field_changes, rows
from syncd.core.plan import Held, Plan
from syncd.errors import SyncdError
from syncd.report.table_file import check_file, explained, write_table

if TYPE_CHECKING:
    import polars as pl

OUTCOME = "@outcome"
"""What became of a change: ``planned`` (by a dry run) · ``held`` · ``accepted`` · ``rejected`` · ``unknown`` (the next
run sends it again) · ``not sent`` (the push ended before, or another source had the contact in hand)."""

COUNTS = (*KINDS, "unchanged", "held", "invalid", "rejected", "excluded")

SEVERITY = (1, 2, 4, 5, 3, 0)
"""Exit codes, the gravest first: of several sources the gravest counts."""


@dataclass(slots=True)
class SourceReport:
    """One source's part of a run.

    ``read`` is how the read ended (``complete``, ``partial``, ``unproved``; "" if it did not). ``counts`` are planned
    changes in a dry run and accepted ones after a real run. ``sent`` counts requests. ``seconds`` is the forecast for
    ``planned`` requests. ``unknown`` changes have no known outcome yet and are sent again by the next run.
    ``outcomes``: ``@key``, ``@outcome`` of the plan's changes; of those it does not name, that is ``otherwise``.

    Of an undo, ``undoes`` is the run whose changes are taken back (``read`` is ``history``), and ``kept`` are those
    that are not: ``key``, ``kind``, ``reason``.
    """

    source: str
    dry_run: bool = False
    read: str = ""
    rows: int = 0
    known: int = 0
    plan: Plan | None = None
    phones: frozenset[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    planned: int = 0
    sent: int = 0
    seconds: float = 0.0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    altered: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown: int = 0
    error: SyncdError | None = None
    digest: str = ""
    same_as_before: bool = False
    undoes: str = ""
    kept: list[dict[str, Any]] = field(default_factory=list)
    outcomes: pl.DataFrame | None = None
    otherwise: str = "planned"

    @property
    def held(self) -> Sequence[Held]:
        return self.plan.held if self.plan else ()

    @property
    def exit_code(self) -> int:
        if self.error:
            return self.error.exit_code
        if self.unknown:
            return 4
        waits = self.held or self.counts["invalid"] or self.counts["rejected"] or self.kept
        return 3 if waits else 0

    @property
    def has_changes(self) -> bool:
        return self.plan is not None and not (self.plan.todo.is_empty() and self.plan.waiting.is_empty())

    def approval(self, digest: str) -> str:
        """The command that lets the list that is held under ``digest`` go on."""
        return (
            f"syncd undo {self.undoes} --approve {digest}" if self.undoes else f"syncd approve {self.source} {digest}"
        )

    def changes(self) -> Iterator[dict[str, Any]]:
        """Yield each change that is to be made: ``kind``, ``key``, ``id``, ``fields`` with old and new values."""
        if self.plan:
            yield from described(self.plan.todo, self.phones)

    def settled(self) -> Iterator[dict[str, Any]]:
        """Yield the same with what became of each, its ``outcome``."""
        if self.plan:
            yield from described(self.with_outcomes(self.plan.todo), self.phones)

    def with_outcomes(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Put beside these changes of the plan what became of each (``@outcome``)."""
        import polars as pl

        if self.outcomes is None:
            return changes.with_columns(pl.lit(self.otherwise).alias(OUTCOME))
        found = changes.join(self.outcomes, on=KEY, how="left", maintain_order="left")
        return found.with_columns(pl.col(OUTCOME).fill_null(self.otherwise))

    def to_json(self) -> dict[str, Any]:
        """The source's part of the JSON; its changes are left to :func:`write_json`."""
        found: dict[str, Any] = {
            "source": self.source,
            "read": self.read,
            "rows": self.rows,
            "digest": self.digest,
            "counts": {name: self.counts[name] for name in COUNTS},
            "requests": {"planned": self.planned, "sent": self.sent, "seconds": round(self.seconds)},
            "changes": [],
            "held": [held_json(each) for each in self.held],
            "invalid": with_shown_keys(self.invalid),
            "excluded": self.excluded,
            "rejected": with_shown_keys(self.rejected),
            "altered": with_shown_keys(self.altered),
            "warnings": self.warnings,
            "unknown": self.unknown,
        }
        if self.undoes:
            found |= {"undoes": self.undoes, "kept": with_shown_keys(self.kept)}
        if self.error:
            found["error"] = error_json(self.error)
        return found


def run_json(run: str | None, reports: Sequence[SourceReport], *, dry_run: bool, exit_code: int) -> dict[str, Any]:
    """The one object that ``syncd run --json`` prints, its lists of changes left empty for :func:`write_json`."""
    sources = [report.to_json() for report in reports]
    return {"run": run, "dry_run": dry_run, "exit": exit_code, "sources": sources}


PAGE = 500
"""Changes that are written at once."""

_NO_CHANGES = '"changes": []'
"""Stands once in each source's JSON; in no text, since there its quotes would be escaped."""


def write_json(file: TextIO, found: Mapping[str, Any], reports: Sequence[SourceReport]) -> None:
    """Write what :func:`run_json` made on one line, changes as they are made: a million need no memory."""
    head, *rest = json.dumps(found, ensure_ascii=False).split(_NO_CHANGES)
    file.write(head)
    for part, report in zip(rest, reports, strict=True):
        file.write('"changes": [')
        before, changes = "", report.settled()
        while page := [orjson.dumps(change).decode() for change in islice(changes, PAGE)]:
            file.write(before + ", ".join(page))
            before = ", "
        file.write("]" + part)
    file.write("\n")


def gravest(codes: Sequence[int]) -> int:
    """Of several exit codes, the one to exit with."""
    return min(codes, key=SEVERITY.index, default=0)


def held_json(held: Held) -> dict[str, Any]:
    """One gate's list, as JSON."""
    return {
        "gate": held.gate,
        "kind": held.kind,
        "count": held.count,
        "keys": [shown_key(key) for key in held.keys],
        "digest": held.digest,
        "detail": held.detail,
        "approvable": held.approvable,
    }


def error_json(error: SyncdError) -> dict[str, Any]:
    """An error, as JSON."""
    return {"kind": type(error).__name__, "exit": error.exit_code, "message": str(error)}


def with_shown_keys(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was found of rows or contacts, their keys as people see them."""
    return [{**each, "key": shown_key(each["key"])} for each in found]


def shown_key(key: str | None) -> str | None:
    """A key as people see it: the parts of a composite one joined by ``+``."""
    return None if key is None else key.replace(UNIT, "+")


def described(changes: pl.DataFrame, phones: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield changes as people and programs read them; what became of them, where an ``@outcome`` says so."""
    outcomes = changes.get_column(OUTCOME) if OUTCOME in changes.columns else repeat(None)
    for change, outcome in zip(rows(changes), outcomes, strict=False):
        found = {
            "kind": change.kind,
            "key": shown_key(change.key),
            "id": change.id,
            "fields": field_changes(change.before, change.after, phones),
        }
        if change.why:
            found["why"] = change.why
        if outcome is not None:
            found["outcome"] = outcome
        yield found


def write_changes(path: Path, reports: Sequence[SourceReport]) -> None:
    """Write every change, held ones too, to a .csv, .jsonl or .parquet file: a line for each field that differs.

    (A line for each change in .jsonl.)

    Raises:
        ConfigError: the suffix is another one, or the file cannot be written.
    """
    check_changes_file(path)
    if path.suffix == ".jsonl":
        with explained(f"--changes {path}"):
            _write_lines(path, reports)
    else:
        _write_table(path, reports)


def check_changes_file(path: Path) -> None:
    """Refuse a file of a kind that changes cannot be written to, before anything is done."""
    check_file(path, f"--changes {path}")


def _all(reports: Sequence[SourceReport]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    for report in reports:
        if report.plan:
            for change in report.settled():
                yield report.source, False, change
            for change in described(report.plan.waiting, report.phones):
                yield report.source, True, {**change, "outcome": "held"}


def _write_lines(path: Path, reports: Sequence[SourceReport]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for source, held, change in _all(reports):
            file.write(orjson.dumps({"source": source, "held": held, **change}).decode() + "\n")


def _write_table(path: Path, reports: Sequence[SourceReport]) -> None:
    import polars as pl

    kinds = {"source": pl.String, "kind": pl.String, "key": pl.String, "id": pl.Int64, "held": pl.Boolean}
    schema = {**kinds, "field": pl.String, "old": pl.String, "new": pl.String, "outcome": pl.String}
    lines = [
        (
            *(source, change["kind"], change["key"], change["id"], held),
            *(name, value.get("old"), value.get("new"), change["outcome"]),
        )
        for source, held, change in _all(reports)
        for name, value in (change["fields"] or {"": {}}).items()
    ]
    write_table(pl.DataFrame(lines, schema=schema, orient="row"), path, f"--changes {path}")
