"""The status of every source, from the state file: for ``syncd status``, the alarms and the metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncd.budget import Budget
from syncd.core.activity.facts import LEASE
from syncd.core.company.identity import Company
from syncd.core.warnings import of_unconfigured
from syncd.errors import Stopped
from syncd.processes import is_dead
from syncd.state.glance import RETRY, Glance, repairs_of
from syncd.watch.activity.alarms import warnings_of
from syncd.watch.activity.sinks import sinks_status
from syncd.watch.activity.status import activity_status
from syncd.watch.alarms import alarms_of
from syncd.watch.settings import Watch, WatchedSource, digest_due


def company_status(watch: Watch, now: float, *, counted: bool = True) -> dict[str, Any]:
    """Return what ``syncd status --json`` prints. Times are ISO 8601 in UTC, ages in seconds.

    ``counted``: count the contacts, which takes a while for a million; otherwise ``contacts`` is None and ``warnings``
    is empty.

    Raises:
        StateError: the state file cannot be read.
    """
    names = [each.name for each in watch.sources]
    with Glance(Path(watch.state)) as glance:
        budget = Budget(glance.requests("default"), watch.windows, clock=lambda: now)
        # One view of the budget for all sources: they share the key's windows.
        sources = [_source(glance, each, now, budget, counted=counted) for each in watch.sources]
        activity = _activity(glance, watch, now, counted=counted)
        sinks = _sinks(glance, watch, now, counted=counted)
        return {
            "state": watch.state,
            "company": company_json(glance.company()),
            "healthy": not (alarms := alarms_of(sources, watch, activity, sinks)),
            "alarms": [{"source": each.source, "kind": each.kind, "text": each.text} for each in alarms],
            "warnings": [
                *(of_unconfigured(glance.unconfigured(names)) if counted else []),
                *(warnings_of(activity) if counted and activity else []),
            ],
            "sources": sources,
            "activity": activity,
            "sinks": sinks,
            **_left(budget),
            "tiers": {
                tier: _left(Budget(glance.requests(tier), windows, clock=lambda: now)) for tier, windows in watch.tiers
            },
        }


def _activity(glance: Glance, watch: Watch, now: float, *, counted: bool) -> dict[str, Any] | None:
    if watch.activity is None:
        return None
    return activity_status(watch.activity, now, running=_is_running(glance, LEASE, now), counted=counted)


def _sinks(glance: Glance, watch: Watch, now: float, *, counted: bool) -> list[dict[str, Any]]:
    if watch.activity is None:
        return []
    return sinks_status(
        watch.activity,
        now,
        running=lambda name: _is_running(glance, name, now),
        held=lambda name: [_hold_of_sink(name, hold) for hold in glance.holds(name)],
        counted=counted,
    )


def _hold_of_sink(name: str, hold: Mapping[str, Any]) -> dict[str, Any]:
    return {**_hold(name, hold), "by": f"syncd activity deliver {name}"}


def _is_running(glance: Glance, name: str, now: float) -> bool:
    holder = glance.holder(name, now)
    # A lease outlives a process that was killed: for a while the state still calls its run running.
    return holder is not None and not is_dead(holder)


def _left(budget: Budget) -> dict[str, Any]:
    """Return what is left in a tier's windows, and the seconds until its next request."""
    return {
        "budget": [
            {"requests": window.requests, "seconds": window.seconds, "left": number} for window, number in budget.left()
        ],
        "next_request": round(max(0.0, budget.forecast(1, each=0.0)), 1),
    }


def company_json(company: Company | None) -> dict[str, Any] | None:
    """Return a company as JSON shows it; None for a state that was never used."""
    if company is None:
        return None
    proved = None if company.proved_at is None else iso(company.proved_at)
    return {"address": company.address, "fingerprint": company.fingerprint, "proved_at": proved}


def is_news(watch: Watch, now: float) -> bool:
    """Return whether an alarm began or ended unnoted, a notice waits to be sent, or the digest is due.

    Raises:
        StateError: the state file cannot be read.
    """
    # The daemon asks every minute without writing: only if there is news does it start a process that opens the state.
    alarms = company_status(watch, now, counted=False)["alarms"]
    wanted = {(each["source"], each["kind"]) for each in alarms if each["kind"] in watch.about}
    due = digest_due(watch, now)
    with Glance(Path(watch.state)) as glance:
        made = float(glance.fact("digest.made") or 0)
        return wanted != glance.alarms() or glance.waits_to_be_told(now - RETRY) or (due is not None and made < due)


def _source(glance: Glance, watched: WatchedSource, now: float, budget: Budget, *, counted: bool) -> dict[str, Any]:
    name = watched.name
    running = _is_running(glance, name, now)
    newest, ended, good = glance.newest_run(name), glance.ended_run(name), glance.good_run(name)
    broken_off = newest is not None and newest["outcome"] == "running" and not running
    since = None if good is None else good["ended"] or good["started"]
    # A source that never had a good run is late from its first attempt on, not from the beginning of time.
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
        "undecided": glance.undecided(name),
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
    """Return how a run ended, with its exit ``code``; ``error`` is the class of the error that ended it."""
    # The state knows no outcome of its own for a run that a person stopped, and it did not fail.
    word = "stopped" if outcome == "failed" and error == Stopped.__name__ else outcome
    return word if code is None else f"{word} ({code})"


def _counts(run: Mapping[str, Any] | None) -> dict[str, int]:
    counts: dict[str, int] = json.loads(run["counts"]) if run and run["counts"] else {}
    return counts


def _failure(run: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Return why the run failed, or None if it did not."""
    if run is None or run["outcome"] == "done":
        return None
    if run["error"] is None:
        message = "a defect of syncd ended it" if run["outcome"] == "failed" else "it was broken off before its end"
        return {"kind": "", "message": message}
    return {"kind": run["error_kind"], "message": run["error"]}


def _forecast(run: Mapping[str, Any], budget: Budget) -> dict[str, Any] | None:
    """Return how much the run under way still has to send, and how long that takes."""
    if run["planned"] is None:
        return None
    left = max(0, run["planned"] - run["requests"])
    return {"requests": left, "of": run["planned"], "seconds": round(budget.forecast(left))}


def held_of(source: Mapping[str, Any]) -> int:
    """Return how many changes of the source wait; a list that several gates hold counts once."""
    return sum({hold["digest"]: int(hold["count"]) for hold in source["held"]}.values())


def _hold(source: str, hold: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: hold[name] for name in ("gate", "kind", "count", "digest", "detail")}
    command = f"syncd approve {source} {hold['digest']}"
    # A repair's holds are stored under a name of their own: a run must not carry them out.
    by = "the next run" if hold["source"] == source else f"syncd reconcile {source} --repair"
    approved = hold["approved"] is not None
    return {**values, "since": iso(hold["since"]), "approved": approved, "approve": command, "by": by}


def iso(moment: float) -> str:
    """Return a time as JSON shows it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
