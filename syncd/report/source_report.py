"""What a run or an undo found and did, as a value with a JSON form and an exit code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import Any, TextIO

import orjson
import polars as pl

from syncd.core.callers.effects import Made, Touched
from syncd.core.change import KINDS
from syncd.core.columns import KEY
from syncd.core.compare import ID, KIND, field_changes, rows
from syncd.core.plan import Held, Plan
from syncd.core.wording import shown_key
from syncd.errors import SyncdError
from syncd.report.callers_report import Callers
from syncd.report.error_text import error_json
from syncd.report.exit_code import code_for

OUTCOME = "@outcome"
"""What became of a change: ``planned`` (by a dry run) · ``held`` · ``accepted`` · ``rejected`` · ``unknown`` (the next
run sends it again) · ``not sent`` (the push ended before, or another source had the contact in hand); of a delete for
which there was no call: ``handed over`` (another key has the contact) · ``left`` (the contact stays at the target) ·
``not found`` (the target has no contact of the key)."""

MADE = ("planned", "accepted", "handed over", "left", "not found")
"""The outcomes after which the ledger says what the plan says (in a dry run, it would)."""

COUNTS = (*KINDS, "unchanged", "held", "invalid", "rejected", "excluded", "forgotten", "left_out")
"""What a run counts."""


@dataclass(slots=True)
class SourcePart:
    """One source's part of a command.

    ``known``: the contacts of the ledger. ``plan``: the changes to make. ``left``: ``key``, ``id`` and ``reason`` of
    contacts that stay at the target and that syncd no longer looks after.
    """

    source: str
    known: int = 0
    phones: frozenset[str] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    plan: Plan | None = None
    left: list[dict[str, Any]] = field(default_factory=list)
    error: SyncdError | None = None

    @property
    def held(self) -> Sequence[Held]:
        return self.plan.held if self.plan else ()


@dataclass(slots=True)
class SourceReport(SourcePart):
    """One source's part of a run.

    ``read``: how the read ended (``complete``, ``partial``, ``unproved``; "" if it did not end). ``counts``: the
    planned changes of a dry run, the accepted changes of a real run. ``planned``, ``sent``: numbers of requests;
    ``seconds``: the forecast for the planned requests. ``unknown``: the number of changes whose outcome is unknown; the
    next run sends them again. ``outcomes``: ``@key``, ``@outcome`` of changes of the plan; the outcome of every other
    change is ``otherwise``. ``without_call``: how many planned deletes got no call. ``tidied``: how many contacts were
    deleted that an interrupted run had left behind. ``taken_over``: ``count``, ``what`` and the first ``keys`` of
    contacts that go on under new keys; {} if there are none. ``news``: warnings of what this run has done, which no
    later run repeats. ``touched``: the holders of the numbers that the plan touches; None without a plan. ``left_out``:
    ``key``, ``number`` and ``reason`` of contacts that go without a number that several want. ``undecided``: those of
    these numbers that wait for a person.

    In the report of an applied plan, ``refused`` are the changes that are not made any more: ``key``, ``kind`` and
    ``why``.
    ``fields``: the target's, as :meth:`~syncd.core.schema.Schema.described` says; "" if they were not read.

    In the report of an undo, ``undoes`` is the run that is undone and ``read`` is ``history``. ``kept`` are the changes
    that were not undone: ``key``, ``kind``, ``reason``.
    """

    dry_run: bool = False
    read: str = ""
    rows: int = 0
    planned: int = 0
    sent: int = 0
    seconds: float = 0.0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    altered: list[dict[str, Any]] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    taken_over: dict[str, Any] = field(default_factory=dict)
    unknown: int = 0
    digest: str = ""
    same_as_before: bool = False
    undoes: str = ""
    kept: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] | None = None
    fields: str = ""
    outcomes: pl.DataFrame | None = None
    otherwise: str = "planned"
    without_call: int = 0
    tidied: int = 0
    touched: Touched | None = None
    left_out: list[dict[str, Any]] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return code_for(
            self.error,
            unknown_outcome=self.unknown,
            held=self.held,
            invalid=self.counts["invalid"],
            rejected=self.counts["rejected"],
            undecided=self.undecided,
            not_undone=self.kept,
            refused=self.refused,
        )

    @property
    def made(self) -> int:
        """How many changes were made; how many are planned, in a dry run."""
        return sum(self.counts[kind] for kind in KINDS)

    def take_plan(self, plan: Plan, phones: frozenset[str], forecast: Callable[[int], float]) -> None:
        """Put a plan into the report; ``forecast``: how many seconds a number of requests takes."""
        self.plan, self.phones, self.digest = plan, phones, plan.digest()
        self.planned = plan.requests()
        self.seconds = forecast(self.planned)
        self.counts.update(plan.counts(), held=plan.held_count())

    def held_together(self) -> list[list[Held]]:
        """Return what is held, in groups: one command approves a group (:meth:`approval`)."""
        groups: list[list[Held]] = []
        for each in self.held:
            with_it = [group for group in groups if any(self._is_approved_with(each, other) for other in group)]
            groups = [group for group in groups if group not in with_it]
            groups.append([*chain.from_iterable(with_it), each])
        return groups

    def _is_approved_with(self, one: Held, other: Held) -> bool:
        # One list may be held by several gates, and one approval lets it pass all of them.
        if one.digest == other.digest:
            return True
        # A change that several lists have waits for the approval of each of them, and an undo takes all at once.
        return bool(self.undoes) and one.approvable and other.approvable and not set(one.keys).isdisjoint(other.keys)

    def approval(self, held: Sequence[Held]) -> str:
        """Return the command that approves a group of held lists."""
        digests = dict.fromkeys(each.digest for each in held if each.approvable)
        # What an undo holds is not kept in the state, so that it is approved by the undo that makes it.
        undo = f"syncd undo {self.undoes} {' '.join(f'--approve {digest}' for digest in digests)}"
        return undo if self.undoes else f"syncd approve {self.source} {' '.join(digests)}"

    def settled(self) -> Iterator[dict[str, Any]]:
        """Yield each change to make: ``kind``, ``key``, ``id``, ``fields`` with old and new values, and ``outcome``."""
        if self.plan:
            yield from described(self.with_outcomes(self.plan.todo), self.phones)

    def with_outcomes(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Add the column ``@outcome`` to changes of the plan."""
        # Only changes that ended in different ways need the table: usually all of them have one outcome.
        if self.outcomes is None:
            return changes.with_columns(pl.lit(self.otherwise).alias(OUTCOME))
        found = changes.join(self.outcomes, on=KEY, how="left", maintain_order="left")
        return found.with_columns(pl.col(OUTCOME).fill_null(self.otherwise))

    def callers(self) -> list[Made]:
        """Return what the changes of the plan that were made touch; [] if there is no plan."""
        if self.touched is None or self.plan is None:
            return []
        made = self.with_outcomes(self.plan.todo.select(KIND, KEY, ID)).filter(pl.col(OUTCOME).is_in(MADE))
        ids = made.filter(pl.col(KIND) != "delete").get_column(ID).drop_nulls()
        return [Made(self.touched, None if made.height == self.plan.todo.height else made.get_column(KEY), ids)]

    def to_json(self) -> dict[str, Any]:
        """Return the source's part of the JSON, without its changes, which :func:`write_json` writes."""
        # The keys are promised in docs/reference/json.md, and the state keeps this object for syncd history.
        found: dict[str, Any] = {
            "source": self.source,
            "read": self.read,
            "rows": self.rows,
            "digest": self.digest,
            "counts": {name: self.counts[name] for name in COUNTS},
            "requests": {"planned": self.planned, "sent": self.sent, "seconds": round(self.seconds)},
            "callers": {"counts": callers_of([self]).counts},
            "changes": [],
            "held": [held_json(each) for each in self.held],
            "invalid": with_shown_keys(self.invalid),
            "excluded": self.excluded,
            "rejected": with_shown_keys(self.rejected),
            "altered": with_shown_keys(self.altered),
            "left": with_shown_keys(self.left),
            "warnings": [*self.news, *self.warnings],
            "unknown": self.unknown,
            "left_out": with_shown_keys(self.left_out),
            "undecided": self.undecided,
        }
        if self.taken_over:
            found |= {"taken_over": self.taken_over}
        if self.undoes:
            found |= {"undoes": self.undoes, "kept": with_shown_keys(self.kept)}
        if self.refused is not None:
            found |= {"refused": with_shown_keys(self.refused)}
        return {**found, **error_json(self.error)}


def callers_of(reports: Sequence[SourceReport]) -> Callers:
    """Return what becomes of callers by the plans of these reports together, as far as they were carried out."""
    return Callers.of([made for report in reports for made in report.callers()])


def to_keep(report: SourceReport) -> dict[str, Any]:
    """Return what the state keeps of a report: not whose numbers are left out, which has tables of its own."""
    return {**report.to_json(), "left_out": [], "undecided": []}


PAGE = 500
"""Changes, or effects on callers, that are written at once."""

# Stands once in the JSON of each source, and in no text: there, its quotes would be escaped.
_NO_CHANGES = '"changes": []'


def write_json(file: TextIO, head: Mapping[str, Any], reports: Sequence[SourceReport], tail: Mapping[str, Any]) -> None:
    """Write the object of ``syncd run --json`` on one line: ``head``, the sources with their changes, and ``tail``."""
    # A run may have a million changes. The object is written without them and cut in pieces; the changes are written
    # page by page between the pieces, so that they are never in memory together.
    found = {**head, "sources": [report.to_json() for report in reports]}
    begin, *rest = json.dumps(found, ensure_ascii=False).removesuffix("}").split(_NO_CHANGES)
    file.write(begin)
    for part, report in zip(rest, reports, strict=True):
        file.write('"changes": ')
        _write_list(file, report.settled())
        file.write(part)
    callers = callers_of(reports)
    file.write(f', "callers": {{"counts": {json.dumps(callers.counts)}, "list": ')
    _write_list(file, callers.rows())
    file.write("}" + "".join(f", {json.dumps(name)}: {json.dumps(tail[name], ensure_ascii=False)}" for name in tail))
    file.write("}\n")


def _write_list(file: TextIO, found: Iterator[dict[str, Any]]) -> None:
    file.write("[")
    before = ""
    while page := [orjson.dumps(each).decode() for each in islice(found, PAGE)]:
        file.write(before + ", ".join(page))
        before = ", "
    file.write("]")


def held_json(held: Held) -> dict[str, Any]:
    """Return one gate's list as JSON."""
    return {
        "gate": held.gate,
        "kind": held.kind,
        "count": held.count,
        "keys": [shown_key(key) for key in held.keys],
        "digest": held.digest,
        "detail": held.detail,
        "approvable": held.approvable,
    }


def with_shown_keys(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return these rows or contacts with their keys as people see them; a row may have the key None."""
    return [{**each, "key": each["key"] and shown_key(each["key"])} for each in found]


def described(changes: pl.DataFrame, phones: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield changes as people and programs read them, with their outcome if the frame has an ``@outcome``."""
    outcomes = changes.get_column(OUTCOME) if OUTCOME in changes.columns else repeat(None)
    for change, outcome in zip(rows(changes), outcomes, strict=False):
        found = {
            "kind": change.kind,
            "key": shown_key(change.key),
            "id": change.id,
            "fields": field_changes(change.before, change.after, phones),
        }
        # Not null: most changes have no reason of their own, and a file may hold a million of them.
        if change.why:
            found["why"] = change.why
        if outcome is not None:
            found["outcome"] = outcome
        yield found
