"""``syncd status``: what the state file knows of each source and of the budget; the target is asked nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe
from syncd.commands.settings import loaded
from syncd.errors import StateError, Stopped
from syncd.watch.settings import Watch, watch_of
from syncd.watch.status import company_status, held_of, outcome_shown

if TYPE_CHECKING:
    from syncd.report.screen import Screen

UNHEALTHY = 3


def status(config: Path | None, *, as_json: bool, check: bool = False) -> int:
    """Print it; with ``check``, one line and an exit code for a monitor."""
    watch = watch_of(loaded(config, keyless=True))
    if check:
        return _check(watch, as_json=as_json)
    found = company_status(watch, time.time())
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        from syncd.report.screen import Screen

        _show(Screen(), found)
    return 0


def _check(watch: Watch, *, as_json: bool) -> int:
    """0 and ``healthy``, or 3 and why: a state file that cannot be read is not healthy either."""
    try:
        found = company_status(watch, time.time(), counted=False)
        problems = [*_alarms(found), *_never_run(found)]
    except StateError as error:
        found, problems = {"state": watch.state, "sources": []}, [str(error)]
    if as_json:
        sys.stdout.write(
            json.dumps({**found, "healthy": not problems, "problems": problems}, ensure_ascii=False) + "\n"
        )
    else:
        more = f" (and {len(problems) - 1} more: syncd status)" if len(problems) > 1 else ""
        sys.stdout.write(f"{problems[0]}{more}\n" if problems else "healthy\n")
    return UNHEALTHY if problems else 0


def _alarms(found: Mapping[str, Any]) -> Iterator[str]:
    for alarm in found["alarms"]:
        yield ": ".join(part for part in (alarm["source"], alarm["kind"], alarm["text"].splitlines()[0]) if part)


def _never_run(found: Mapping[str, Any]) -> Iterator[str]:
    for source in found["sources"]:
        if source["max_age"] is not None and source["last"] is None:
            yield f"{source['source']}: has not run yet"


HEAD = ("source", "last run", "outcome", "last good", "contacts", "held", "invalid", "rejected", "unknown")


def _show(screen: Screen, found: Mapping[str, Any]) -> None:
    for alarm in _alarms(found):
        screen.line(("alarm: ", "bold red"), alarm, hanging=2)
    for warning in found["warnings"]:
        screen.line(("warning: ", "bold yellow"), warning, hanging=2)
    screen.table(HEAD, [_row(source) for source in found["sources"]])
    told = {each["text"] for each in found["alarms"]}
    for source in found["sources"]:
        _details(screen, source, told)
    windows = [f"{each['left']:,} of {each['requests']:,} in {describe(each['seconds'])}" for each in found["budget"]]
    waits = [f"the next in {describe(found['next_request'])}"] if found["next_request"] >= 1 else []
    screen.line(("requests left: ", "bold"), ", ".join([*windows, *waits]) or "no limits", hanging=2)


def _row(source: Mapping[str, Any]) -> Sequence[str]:
    last = source["last"]
    when = "running" if source["running"] else _ago(last["age"]) if last else "never"
    outcome = outcome_shown(last["outcome"], last["exit"], last["error_kind"]) if last else "-"
    held = held_of(source)
    good = "never" if source["age"] is None else _ago(source["age"])
    numbers = (source["contacts"], held, source["invalid"], source["rejected"], source["pending"])
    return (source["source"], when, outcome, good, *(f"{number:,}" for number in numbers))


def _details(screen: Screen, source: Mapping[str, Any], told: Collection[str]) -> None:
    """Write what is to be said of a source, without an error that is ``told`` already: the refused key is of all."""
    last = source["last"]
    if last:
        screen.line((source["source"], "bold"), ": ", ", ".join(_counted(last)), hanging=2)
    if source["forecast"] and source["forecast"]["requests"]:
        ahead = source["forecast"]
        left = f"{ahead['requests']:,} of {ahead['of']:,} requests to go, about {describe(ahead['seconds'])}"
        screen.line(left, indent=2, hanging=4)
    if last and last["error"] and last["error"] not in told:
        stopped = last["error_kind"] == Stopped.__name__
        word = ("stopped: ", "bold yellow") if stopped else ("error: ", "bold red")
        screen.line(word, last["error"], indent=2)
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
    from syncd.report.screen import KINDS, count

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
    return f"{describe(max(1, seconds))} ago"
