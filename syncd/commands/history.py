"""``syncd history``: the runs, and every change that they made; the target is asked nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe
from syncd.commands.options import HistoryQuery
from syncd.commands.settings import chosen, loaded
from syncd.commands.status import shown_time
from syncd.core.callers.kinds import RENAMED, in_words
from syncd.core.columns import UNIT
from syncd.core.wording import shown_key
from syncd.errors import ConfigError
from syncd.report.change_lines import change_lines, kinds_counted
from syncd.report.exit_code import DONE
from syncd.watch.status import iso, outcome_shown

if TYPE_CHECKING:
    from syncd.report.screen import Screen
    from syncd.state import State

HEAD = ("run", "source", "begun", "outcome", "changes", "requests")

BRIEF = ("run", "source", "outcome", "changes", "requests")
"""The columns on a narrow terminal: the name of a run tells when it began."""

Found = Iterator[dict[str, Any]]
"""Runs or changes, as JSON has them."""

PAGE = 20
"""Runs or changes that are shown; ``--json`` prints them all."""

# A change that was made needs no word: its line says what it did.
OUTCOMES = {
    "accepted": "",
    "moved": "",
    "pending": "its outcome is not known",
    "refused": "refused",
    "superseded": "settled by a later change",
}


def history(config: Path | None, query: HistoryQuery) -> int:
    """Print what the query finds.

    Raises:
        ConfigError: there is no such source or run, or ``since`` is no time.
    """
    settings = loaded(config, keyless=True)
    if query.source:
        chosen(settings, query.source)
    # Before the import, which is slow: a mistyped option is reported at once.
    since = None if query.since is None else _moment(query.since, time.time())
    from syncd.state import State

    with State(settings.state, read_only=True) as state:
        if query.run is not None and not any(state.history.runs(run=query.run)):
            raise ConfigError(unknown_run(query.run))
        # Iterators, of which a screen takes a page: the history of a year may have millions of changes.
        runs = _runs(state, query, since) if query.key is None else None
        changes = _changes(state, query, since) if query.run is not None or query.key is not None else None
        if query.as_json:
            _write(runs or (), changes or ())
        else:
            _show(query, runs, changes, state.history.phone_fields())
    return DONE


def unknown_run(run: str) -> str:
    """Return the message for a run that the state does not know."""
    from syncd.state.runs import RETENTION

    return f"no run is called {run!r}; syncd history lists them (what was done is known for {describe(RETENTION)})"


def _moment(text: str, now: float) -> float:
    """Return the time that ``text`` means, in Unix seconds.

    Raises:
        ConfigError: it is neither a duration nor a date.
    """
    from syncd.core.settings.durations import parse_duration

    with suppress(ValueError):
        return now - parse_duration(text)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):  # OverflowError: a year that has no timestamp
        raise ConfigError("--since: write a length of time such as 2h or 7d, or a date such as 2026-03-31") from None


def _runs(state: State, query: HistoryQuery, since: float | None) -> Found:
    from syncd.report.source_report import COUNTS

    for run in state.history.runs(source=query.source, run=query.run, since=since):
        report = run["report"] or {}
        # The report of an older version may lack a count that there is now.
        names = () if "sink" in report else COUNTS
        counts = dict.fromkeys(names, 0) | report.get("counts", {}) if report else {}
        found = {name: run[name] for name in ("run", "source", "kind", "undoes", "outcome", "exit", "requests")}
        ended = iso(run["ended"]) if run["ended"] else None
        # What each source did alone, one after the other, is not what the run said of all of them together.
        callers = report.get("callers") if query.as_json or run["sources"] == 1 else None
        said = {"counts": counts, "callers": callers, "error": report.get("error")}
        yield {**found, "started": iso(run["started"]), "ended": ended, **said}


def _changes(state: State, query: HistoryQuery, since: float | None) -> Found:
    from syncd.core.compare import field_changes

    phones = state.history.phone_fields()
    # A key with a + is looked for as it is, and as a composite key, whose parts people join by +.
    keys = [None] if query.key is None else list(dict.fromkeys([query.key, query.key.replace("+", UNIT)]))
    for key in keys:
        for each in state.history.changes(source=query.source, run=query.run, key=key, since=since):
            names = ("run", "source", "kind", "outcome", "reason", "place", "before", "after")
            found = {name: each[name] for name in names}
            yield {
                **found,
                "key": shown_key(each["key"]),
                "id": each["new_id"] or each["old_id"],
                "at": iso(each["at"]),
                "fields": field_changes(each["before"] or {}, each["after"], phones),
            }


def _write(runs: Iterable[Any], changes: Iterable[Any]) -> None:
    """Write one JSON object on one line; its lists are written as they are read."""
    for head, items in (('{"runs": [', runs), ('], "changes": [', changes)):
        sys.stdout.write(head)
        for number, item in enumerate(items):
            sys.stdout.write((", " if number else "") + json.dumps(item, ensure_ascii=False))
    sys.stdout.write("]}\n")


def _show(query: HistoryQuery, runs: Found | None, changes: Found | None, phones: frozenset[str]) -> None:
    from syncd.report.screen import Screen

    screen = Screen()
    if runs is not None:
        page = list(islice(runs, PAGE))
        brief = BRIEF, [_row(run, brief=True) for run in page]
        if page:
            screen.table(HEAD, [_row(run) for run in page], brief=brief, wraps=("outcome", "changes"))
        _end(screen, page, runs, "No run is known.")
    if changes is not None:
        page = list(islice(changes, PAGE))
        for change in page:
            screen.line((_when(change, query), "dim"))
            for line in change_lines(change, phones):
                screen.line(*line, indent=2, hanging=6)
        of = "" if query.key is None else f" of {query.key}"
        _end(screen, page, changes, f"No change{of} is known.")


def _end(screen: Screen, page: list[Any], others: Iterator[Any], nothing: str) -> None:
    # One more is read only to know that there is one: to count them all takes a while.
    if not page:
        screen.line(nothing)
    elif next(others, None) is not None:
        screen.line(("older ones: --since, or --json for all", "dim"))


def _row(run: Mapping[str, Any], *, brief: bool = False) -> tuple[str, ...]:
    kind = "" if run["kind"] == "run" else f", {run['kind']}"
    mark = f", undoes {run['undoes']}" if run["undoes"] and not brief else kind
    outcome = outcome_shown(run["outcome"], run["exit"], (run["error"] or {}).get("kind")) + mark
    # Most runs are of contacts that come and go: to say of each that numbers do too would fill the table.
    callers = in_words((run["callers"] or {}).get("counts", {}), RENAMED)
    made = "; callers: ".join(filter(None, [", ".join(kinds_counted(run["counts"], done=True)), callers])) or "-"
    begun = () if brief else (shown_time(run["started"]),)
    return (run["run"], run["source"], *begun, outcome, made, f"{run['requests']:,}")


def _when(change: Mapping[str, Any], query: HistoryQuery) -> str:
    outcome = OUTCOMES.get(change["outcome"], change["outcome"])
    reason = f": {change['reason']}" if change["reason"] else ""
    run = "" if query.run else f", run {change['run']}"
    return f"{shown_time(change['at'])}, {change['source']}{run}" + (f": {outcome}{reason}" if outcome else "")
