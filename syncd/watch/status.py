"""How every source stands, as the state file tells it: for ``syncd status``, the alarms and the metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncd.budget import Budget
from syncd.core.warnings import of_unconfigured
from syncd.errors import Stopped
from syncd.processes import is_dead
from syncd.state.glance import RETRY, Glance, repairs_of
from syncd.watch.alarms import alarms_of
from syncd.watch.settings import Watch, WatchedSource, digest_due


def standing(watch: Watch, now: float, *, counted: bool = True) -> dict[str, Any]:
    """What ``syncd status --json`` prints. Times are ISO 8601 in UTC, ages in seconds.

    ``counted``: count the contacts, which takes a while when there are a million; else ``contacts`` is None, and
    nothing is warned of.

    Raises:
        StateError: the state file cannot be read.
    """
    with Glance(Path(watch.state)) as glance:
        budget = Budget(glance, watch.windows, clock=lambda: now)
        sources = [_source(glance, each, now, budget, counted=counted) for each in watch.sources]
        return {
            "state": watch.state,
            "healthy": not (alarms := alarms_of(sources, watch)),
            "alarms": [{"source": each.source, "kind": each.kind, "text": each.text} for each in alarms],
            "warnings": list(of_unconfigured(_unconfigured(glance, watch))) if counted else [],
            "sources": sources,
            "budget": [
                {"requests": window.requests, "seconds": window.seconds, "left": number}
                for window, number in budget.left()
            ],
            "next_request": round(max(0.0, budget.forecast(1, each=0.0)), 1),
        }


def _unconfigured(glance: Glance, watch: Watch) -> dict[str, int]:
    return glance.unconfigured(each.name for each in watch.sources)


def is_news(watch: Watch, now: float) -> bool:
    """Whether an alarm began or ended that is not noted yet, a notice waits to be told, or the digest is due.

    Raises:
        StateError: the state file cannot be read.
    """
    alarms = standing(watch, now, counted=False)["alarms"]
    wanted = {(each["source"], each["kind"]) for each in alarms if each["kind"] in watch.about}
    due = digest_due(watch, now)
    with Glance(Path(watch.state)) as glance:
        made = float(glance.fact("digest.made") or 0)
        return wanted != glance.alarms() or glance.waits_to_be_told(now - RETRY) or (due is not None and made < due)


def _source(glance: Glance, watched: WatchedSource, now: float, budget: Budget, *, counted: bool) -> dict[str, Any]:
    name = watched.name
    holder = glance.holder(name, now)
    running = holder is not None and not is_dead(holder)
    newest, ended, good = glance.newest_run(name), glance.ended_run(name), glance.good_run(name)
    broken_off = newest is not None and newest["outcome"] == "running" and not running
    since = None if good is None else good["ended"] or good["started"]
    first = glance.first_started(name)
    open_ = glance.open_contacts(name)
    return {
        "source": name,
        "running": running,
        "last": _run(newest, now, running=running) if newest else None,
        "good": None if since is None else iso(since),
        "age": None if since is None else round(now - since),
        "waiting_for": None if first is None else round(now - (since or first)),
        "max_age": watched.max_age,
        "failures": glance.failures(name) + broken_off,
        "failure": _failure(newest if broken_off else ended),
        "contacts": glance.known(name) if counted else None,
        "pending": open_.get("pending", 0),
        "rejected": open_.get("rejected", 0),
        "invalid": _counts(ended).get("invalid", 0),
        "held": [_hold(name, hold) for each in (name, repairs_of(name)) for hold in glance.holds(each)],
        "forecast": _forecast(newest, budget) if running and newest else None,
    }


def _run(run: Mapping[str, Any], now: float, *, running: bool) -> dict[str, Any]:
    return {
        "run": run["run"],
        "started": iso(run["started"]),
        "ended": iso(run["ended"]) if run["ended"] else None,
        "age": round(now - (run["ended"] or run["started"])),
        "outcome": "broken off" if run["outcome"] == "running" and not running else run["outcome"],
        "exit": run["exit"],
        "requests": run["requests"],
        "counts": _counts(run),
        "error": run["error"],
        "error_kind": run["error_kind"],
    }


def outcome_shown(outcome: str, code: int | None, error: str | None) -> str:
    """How a run ended, with its exit ``code``; one that a person stopped did not fail, for whatever the state says."""
    told = "stopped" if outcome == "failed" and error == Stopped.__name__ else outcome
    return told if code is None else f"{told} ({code})"


def _counts(run: Mapping[str, Any] | None) -> dict[str, int]:
    found: dict[str, int] = json.loads(run["counts"]) if run and run["counts"] else {}
    return found


def _failure(run: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Why the run failed, if it did."""
    if run is None or run["outcome"] == "done":
        return None
    if run["error"] is None:
        what = "a defect of syncd ended it" if run["outcome"] == "failed" else "it was broken off before its end"
        return {"kind": "", "message": what}
    return {"kind": run["error_kind"], "message": run["error"]}


def _forecast(run: Mapping[str, Any], budget: Budget) -> dict[str, Any] | None:
    """What the run under way still has to send, and how long that takes."""
    if run["planned"] is None:
        return None
    left = max(0, run["planned"] - run["requests"])
    return {"requests": left, "of": run["planned"], "seconds": round(budget.forecast(left))}


def held_of(source: Mapping[str, Any]) -> int:
    """How many changes of the source wait; a list that several gates hold counts once."""
    return sum({hold["digest"]: int(hold["count"]) for hold in source["held"]}.values())


def _hold(source: str, hold: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: hold[name] for name in ("gate", "kind", "count", "digest", "detail")}
    command = f"syncd approve {source} {hold['digest']}"
    by = "the next run" if hold["source"] == source else f"syncd reconcile {source} --repair"
    approved = hold["approved"] is not None
    return {**told, "since": iso(hold["since"]), "approved": approved, "approve": command, "by": by}


def iso(moment: float) -> str:
    """A time as JSON has it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
