"""``syncd history``: the runs, and every change that they made; the target is asked nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.settings import chosen_sources, loaded
from syncd.commands.status import clock
from syncd.errors import ConfigError
from syncd.watch.status import iso, outcome_shown

if TYPE_CHECKING:
    from syncd.report.screen import Screen
    from syncd.state import State

HEAD = ("run", "source", "begun", "outcome", "changes", "requests")

BRIEF = ("run", "source", "outcome", "changes", "requests")
"""Where there is no room: a run's name tells when it began."""

PAGE = 20
"""Runs or changes that are shown; ``--json`` prints them all."""

OUTCOMES = {
    "accepted": "",
    "moved": "",
    "pending": "its outcome is not known",
    "refused": "refused",
    "superseded": "settled by a later change",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What ``syncd history`` was asked. ``since``: ``7d``, or a date or time of ISO 8601 (UTC, if it names no zone)."""

    source: str | None = None
    run: str | None = None
    key: str | None = None
    since: str | None = None

    @property
    def about_changes(self) -> bool:
        return self.run is not None or self.key is not None


def history(config: Path | None, question: Question, *, as_json: bool) -> int:
    """Print it.

    Raises:
        ConfigError: there is no such source or run, or ``since`` is no time.
    """
    settings = loaded(config, keyless=True)
    chosen_sources(settings, [question.source] if question.source else [])
    since = None if question.since is None else moment(question.since, time.time())
    from syncd.state import State

    with State(settings.state, read_only=True) as state:
        if question.run is not None and not any(state.history.runs(run=question.run)):
            raise ConfigError(unknown_run(question.run))
        if as_json:
            _write(state, question, since)
        else:
            _show(state, question, since)
    return 0


def unknown_run(run: str) -> str:
    """What is said of a run that the state does not know."""
    from syncd.budget import describe
    from syncd.state.runs import RETENTION

    return f"no run is called {run!r}; syncd history lists them (what was done is known for {describe(RETENTION)})"


def moment(text: str, now: float) -> float:
    """The time that ``text`` means, in Unix seconds.

    Raises:
        ConfigError: it is neither a duration nor a date.
    """
    from syncd.core.settings.durations import parse_duration

    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError("--since: write a length of time such as 2h or 7d, or a date such as 2026-03-31") from None


def _runs(state: State, question: Question, since: float | None) -> Iterator[dict[str, Any]]:
    from syncd.report.source_report import COUNTS

    for run in state.history.runs(source=question.source, run=question.run, since=since):
        report = run["report"] or {}
        counts = dict.fromkeys(COUNTS, 0) | report.get("counts", {}) if report else {}
        told = {name: run[name] for name in ("run", "source", "kind", "undoes", "outcome", "exit", "requests")}
        ended = iso(run["ended"]) if run["ended"] else None
        yield {**told, "started": iso(run["started"]), "ended": ended, "counts": counts, "error": report.get("error")}


def _changes(state: State, question: Question, since: float | None) -> Iterator[dict[str, Any]]:
    from syncd.core.columns import UNIT
    from syncd.core.compare import field_changes
    from syncd.report.source_report import shown_key

    phones = state.history.phone_fields()
    asked = {"source": question.source, "run": question.run}
    keys = [None] if question.key is None else list(dict.fromkeys([question.key, question.key.replace("+", UNIT)]))
    for key in keys:
        for each in state.history.changes(**asked, key=key, since=since):
            told = {name: each[name] for name in ("run", "source", "kind", "outcome", "reason", "before", "after")}
            yield {
                **told,
                "key": shown_key(each["key"]),
                "id": each["new_id"] or each["old_id"],
                "at": iso(each["at"]),
                "fields": field_changes(each["before"] or {}, each["after"], phones),
            }


def _write(state: State, question: Question, since: float | None) -> None:
    """One object on one line, its lists written as they are read."""
    sys.stdout.write('{"runs": [')
    _write_items(() if question.key is not None else _runs(state, question, since))
    sys.stdout.write('], "changes": [')
    _write_items(_changes(state, question, since) if question.about_changes else ())
    sys.stdout.write("]}\n")


def _write_items(items: Any) -> None:
    for number, item in enumerate(items):
        sys.stdout.write((", " if number else "") + json.dumps(item, ensure_ascii=False))


def _show(state: State, question: Question, since: float | None) -> None:
    from syncd.report.screen import Screen

    screen = Screen()
    if question.key is None:
        _show_runs(screen, _runs(state, question, since))
    if question.about_changes:
        _show_changes(screen, state.history.phone_fields(), _changes(state, question, since), question)


def _show_runs(screen: Screen, runs: Iterator[dict[str, Any]]) -> None:
    page = list(islice(runs, PAGE + 1))
    if not page:
        screen.line("No run is known.")
        return
    shown = page[:PAGE]
    screen.table(HEAD, list(map(_row, shown)), brief=(BRIEF, list(map(_brief, shown))), wraps=("outcome", "changes"))
    if len(page) > PAGE:
        screen.line(("older ones: --since, or --json for all", "dim"))


def _row(run: Mapping[str, Any]) -> tuple[str, ...]:
    mark = f", undoes {run['undoes']}" if run["undoes"] else _mark(run)
    return (run["run"], run["source"], clock(run["started"]), _ended(run) + mark, _made(run), f"{run['requests']:,}")


def _brief(run: Mapping[str, Any]) -> tuple[str, ...]:
    return (run["run"], run["source"], _ended(run) + _mark(run), _made(run), f"{run['requests']:,}")


def _ended(run: Mapping[str, Any]) -> str:
    return outcome_shown(run["outcome"], run["exit"], (run["error"] or {}).get("kind"))


def _mark(run: Mapping[str, Any]) -> str:
    return "" if run["kind"] == "run" else f", {run['kind']}"


def _made(run: Mapping[str, Any]) -> str:
    from syncd.report.screen import KINDS

    made = [f"{run['counts'][kind]:,} {done}" for kind, (_, done) in KINDS.items() if run["counts"].get(kind)]
    return ", ".join(made) or "-"


def _show_changes(
    screen: Screen, phones: frozenset[str], changes: Iterator[dict[str, Any]], question: Question
) -> None:
    from syncd.report.changes_table import change_lines

    page = list(islice(changes, PAGE + 1))
    if not page:
        screen.line("No change is known." if question.key is None else f"No change of {question.key} is known.")
    for change in page[:PAGE]:
        screen.line((_when(change, question), "dim"))
        for line in change_lines(change, phones):
            screen.line(*line, indent=2, hanging=6)
    if len(page) > PAGE:
        screen.line(("older ones: --since, or --json for all", "dim"))


def _when(change: Mapping[str, Any], question: Question) -> str:
    told = OUTCOMES.get(change["outcome"], change["outcome"])
    reason = f": {change['reason']}" if change["reason"] else ""
    run = "" if question.run else f", run {change['run']}"
    return f"{clock(change['at'])}, {change['source']}{run}" + (f": {told}{reason}" if told else "")
