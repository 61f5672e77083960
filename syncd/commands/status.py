"""``syncd status``: what the state file knows of each source and of the budget; the target is asked nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.settings import loaded
from syncd.processes import is_dead

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.show import Screen
    from syncd.state import State


def status(config: Path | None, *, as_json: bool) -> int:
    """Print it."""
    found = facts(loaded(config), time.time())
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        from syncd.show import Screen

        _show(Screen(), found)
    return 0


def facts(settings: Settings, now: float) -> dict[str, Any]:
    """What ``--json`` prints. Times are ISO 8601 in UTC, ages in seconds.

    Raises:
        StateError: the state file cannot be read.
    """
    from syncd.budget import Budget
    from syncd.state import State

    with State(settings.state, read_only=True) as state:
        left = Budget(state, settings.target.limits).left()
        return {
            "state": str(settings.state),
            "sources": [_source(state, name, now) for name in settings.sources],
            "budget": [
                {"requests": window.requests, "seconds": window.seconds, "left": number} for window, number in left
            ],
        }


def _source(state: State, name: str, now: float) -> dict[str, Any]:
    from syncd.state.runs import repairs_of

    runs = state.last_runs(name)
    holder = state.holder(name)
    running = holder is not None and not is_dead(holder)
    good = next((run for run in runs if run["outcome"] == "done"), None)
    since = None if good is None else good["ended"] or good["started"]
    ledger = state.counts(name)
    return {
        "source": name,
        "running": running,
        "last": _run(runs[0], now, running=running) if runs else None,
        "good": None if since is None else iso(since),
        "age": None if since is None else round(now - since),
        "contacts": state.known(name),
        "pending": ledger.get("pending", 0),
        "rejected": ledger.get("rejected", 0),
        "invalid": len((runs[0]["report"] or {}).get("invalid", ())) if runs else 0,
        "held": [_hold(name, hold) for each in (name, repairs_of(name)) for hold in state.holds(each)],
    }


def _run(run: Mapping[str, Any], now: float, *, running: bool) -> dict[str, Any]:
    report = run["report"] or {}
    outcome = "broken off" if run["outcome"] == "running" and not running else run["outcome"]
    return {
        "run": run["run"],
        "started": iso(run["started"]),
        "ended": iso(run["ended"]) if run["ended"] else None,
        "age": round(now - (run["ended"] or run["started"])),
        "outcome": outcome,
        "exit": run["exit"],
        "requests": run["requests"],
        "counts": report.get("counts", {}),
        "error": (report.get("error") or {}).get("message"),
    }


def _hold(source: str, hold: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: hold[name] for name in ("gate", "kind", "count", "digest", "detail")}
    approved = hold["approved"] is not None
    command = f"syncd approve {source} {hold['digest']}"
    by = "the next run" if hold["source"] == source else f"syncd reconcile {source} --repair"
    return {**told, "since": iso(hold["since"]), "approved": approved, "approve": command, "by": by}


def iso(moment: float) -> str:
    """A time as JSON has it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


HEAD = ("source", "last run", "outcome", "last good", "contacts", "held", "invalid", "rejected", "unknown")


def _show(screen: Screen, found: Mapping[str, Any]) -> None:
    screen.table(HEAD, [_row(source) for source in found["sources"]])
    for source in found["sources"]:
        _details(screen, source)
    windows = [f"{each['left']:,} of {each['requests']:,} in {_span(each['seconds'])}" for each in found["budget"]]
    screen.line(("requests left: ", "bold"), ", ".join(windows) or "no limits", hanging=2)


def _row(source: Mapping[str, Any]) -> Sequence[str]:
    last = source["last"]
    when = "running" if source["running"] else _ago(last["age"]) if last else "never"
    outcome = "-" if not last else last["outcome"] if last["exit"] is None else f"{last['outcome']} ({last['exit']})"
    held = sum({hold["digest"]: hold["count"] for hold in source["held"]}.values())
    good = "never" if source["age"] is None else _ago(source["age"])
    numbers = (source["contacts"], held, source["invalid"], source["rejected"], source["pending"])
    return (source["source"], when, outcome, good, *(f"{number:,}" for number in numbers))


def _details(screen: Screen, source: Mapping[str, Any]) -> None:
    last = source["last"]
    if last:
        screen.line((source["source"], "bold"), ": ", ", ".join(_counted(last)), hanging=2)
    if last and last["error"]:
        screen.line(("error: ", "bold red"), last["error"], indent=2)
    for hold in source["held"]:
        screen.line(("held", "bold yellow"), f": {hold['count']:,} ({hold['gate']}): {hold['detail']}", indent=2)
    for digest, hold in {hold["digest"]: hold for hold in source["held"]}.items():
        if hold["approved"]:
            screen.line(f"{digest} is approved; {hold['by']} makes use of it", indent=4)
        else:
            screen.line("to let exactly these go on: ", (hold["approve"], "bold"), indent=4)
    if source["rejected"]:
        screen.line(f"rejected: {source['rejected']:,}; syncd rejects list says why", indent=2)


def _counted(last: Mapping[str, Any]) -> Iterator[str]:
    from syncd.show import KINDS, count

    for kind, (_, done) in KINDS.items():
        if last["counts"].get(kind):
            yield f"{last['counts'][kind]:,} {done}"
    if last["counts"]:
        yield f"{last['counts'].get('unchanged', 0):,} unchanged"
    yield f"{count(last['requests'], 'request')}, begun at {clock(last['started'])}"


def clock(moment: str) -> str:
    """A time of the JSON form as people read it."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC"


def _ago(seconds: float) -> str:
    from syncd.budget import describe

    return f"{describe(max(1, seconds))} ago"


def _span(seconds: float) -> str:
    from syncd.budget import describe

    return describe(seconds)
