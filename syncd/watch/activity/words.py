"""The status of the work on calls and messages, for people: one line for each subject, without a person's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncd.budget import describe
from syncd.core.wording import counted

DAYS = {"proved": "proved", "read": "read once", "changed": "changed", "open": "open"}


def activity_lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what there is to say: a subject, and what is known of it. The first line is about the lists."""
    if found["error"] is not None:
        return [("calls and messages", found["error"])]
    return list(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    pull, events, calls = found["pull"], found["events"], found["calls"]
    ago = "never pulled" if pull["age"] is None else f"last good pull {_ago(pull['age'])}"
    days = [f"{number:,} {DAYS[state]}" for state, number in found["days"].items() if number]
    parts = [
        *(["a run is under way"] if found["running"] else []),
        ago,
        *(["days: " + ", ".join(days)] if days else []),
    ]
    if calls:
        parts += [counted(calls["open"], "open call")] * bool(calls["open"])
        parts += [f"{counted(calls['text_overdue'], 'call')} of a week without a summary"] * bool(calls["text_overdue"])
    yield "calls and messages", "; ".join(parts)
    if found["receiver"] is not None:
        yield "webhooks", "; ".join(_webhooks(found, events))
    if found["coverage"] and found["coverage"]["calls"]:
        yield "announced", coverage_text(found["coverage"])
    for kind, each in (found["media"] or {}).items():
        if each["kept"] or each["wanted"]:
            yield kind, f"{each['kept']:,} kept ({each['size'] / 1e9:.1f} GB), {each['wanted']:,} to be fetched"


def _webhooks(found: Mapping[str, Any], events: Mapping[str, Any]) -> Iterator[str]:
    receiver = found["receiver"]
    if receiver["up"]:
        yield "the receiver is up"
    else:
        yield "the receiver is down" + (f", last seen {_ago(receiver['age'])}" if receiver["seen"] else "")
    yield "nothing delivered yet" if events["age"] is None else f"newest delivery {_ago(events['age'])}"
    if events["waiting"]:
        yield f"{events['waiting']:,} not merged yet"
    if found["endpoint"]:
        problem = found["endpoint"]["problem"]
        differs = f" ({', '.join(found['endpoint']['differs'])})" if found["endpoint"]["differs"] else ""
        yield f"endpoint {problem or 'as configured'}{differs}"


def coverage_text(coverage: Mapping[str, Any]) -> str:
    """Say how many calls webhooks announced: it tells a wrong subscription on its first day."""
    missing = [
        f"none of {each['calls']:,} {name}"
        for name, each in coverage["by_direction"].items()
        if each["calls"] and not each["announced"]
    ]
    return ", ".join([f"{counted(coverage['calls'], 'call')} of a week, {coverage['announced']:,} announced", *missing])


def _ago(seconds: float) -> str:
    return f"{describe(max(1, seconds))} ago"
