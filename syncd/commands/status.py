"""``syncd status``: what the state file knows of each source and of the budget; the target is asked nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe
from syncd.commands.options import StatusOptions
from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.errors import StateError, Stopped
from syncd.report.change_lines import kinds_counted
from syncd.report.exit_code import DONE, code_for
from syncd.report.streams import print_json
from syncd.report.undecided import show_undecided
from syncd.watch.activity.sinks import SEE_STATUS
from syncd.watch.settings import Watch, watch_of
from syncd.watch.status import company_status, held_of, outcome_shown

if TYPE_CHECKING:
    from syncd.report.screen import Screen


def status(config: Path | None, options: StatusOptions) -> int:
    """Print the status; with ``--check``, print one line and return an exit code for a monitor."""
    watch = watch_of(loaded(config, keyless=True))
    if options.check:
        return _check(watch, as_json=options.as_json)
    found = company_status(watch, time.time())
    if options.as_json:
        print_json(found)
    else:
        from syncd.report.screen import Screen

        _show(Screen(), found)
    return DONE


def _check(watch: Watch, *, as_json: bool) -> int:
    try:
        # Without the numbers of contacts: a monitor asks every minute, and to count a million takes a while.
        found = company_status(watch, time.time(), counted=False)
        problems = [*_alarms(found), *_never_run(found)]
    except StateError as error:
        # For a monitor a state file that cannot be read is an alarm, not an error of the command.
        found, problems = {"state": watch.state, "sources": []}, [str(error)]
    if as_json:
        print_json({**found, "healthy": not problems, "problems": problems})
    else:
        more = f" (and {len(problems) - 1} more: syncd status)" if len(problems) > 1 else ""
        sys.stdout.write(f"{problems[0]}{more}\n" if problems else "healthy\n")
    return code_for(alarm=problems)


def _alarms(found: Mapping[str, Any]) -> Iterator[str]:
    for alarm in found["alarms"]:
        yield ": ".join(part for part in (alarm["source"], alarm["kind"], alarm["text"].splitlines()[0]) if part)


def _never_run(found: Mapping[str, Any]) -> Iterator[str]:
    for source in found["sources"]:
        if source["max_age"] is not None and source["last"] is None:
            yield f"{source['source']}: has not run yet"
    pull = (found["activity"] or {}).get("pull")
    if pull and pull["waiting_for"] is None:
        yield "activity: has not run yet"


HEAD = ("source", "last run", "outcome", "last good", "contacts", "held", "invalid", "rejected", "unknown")

TIERS = {"reports": "lists of calls and messages", "messaging": "text messages"}
"""What the further kinds of requests are called."""


def _show(screen: Screen, found: Mapping[str, Any]) -> None:
    for alarm in _alarms(found):
        screen.line(("alarm: ", "bold red"), alarm.removesuffix(SEE_STATUS), hanging=2)
    for warning in found["warnings"]:
        screen.line(("warning: ", "bold yellow"), warning, hanging=2)
    if company := found["company"]:
        screen.line(("company: ", "bold"), company_shown(company), hanging=2)
    if found["sources"]:
        screen.table(HEAD, [_row(source) for source in found["sources"]])
    shown = {each["text"] for each in found["alarms"]}
    for source in found["sources"]:
        _details(screen, source, shown)
    if found["activity"]:
        from syncd.watch.activity.words import activity_lines

        for subject, text in activity_lines(found["activity"]):
            screen.line((f"{subject}: ", "bold"), text, hanging=2)
    for sink in found["sinks"]:
        _sink(screen, sink, shown)
    screen.line(("requests left: ", "bold"), _windows(found), hanging=2)
    for tier, left in found["tiers"].items():
        screen.line((f"{TIERS[tier]} left: ", "bold"), _windows(left), hanging=2)


def _sink(screen: Screen, sink: Mapping[str, Any], shown: Collection[str]) -> None:
    from syncd.watch.activity.sinks import sink_line

    screen.line((f"sink {sink['sink']}: ", "bold"), sink_line(sink), hanging=2)
    failure = sink["failure"]
    if failure and not any(text.endswith(failure["message"]) for text in shown):
        screen.line(("error: ", "bold red"), failure["message"], indent=2)
    _held(screen, sink["held"])


def _windows(left: Mapping[str, Any]) -> str:
    windows = [f"{each['left']:,} of {each['requests']:,} in {describe(each['seconds'])}" for each in left["budget"]]
    if left["next_request"] >= 1:
        windows.append(f"the next in {describe(left['next_request'])}")
    return ", ".join(windows) or "no limits"


def company_shown(company: Mapping[str, Any]) -> str:
    """Return the company that a state belongs to, from its JSON form, for people."""
    proved = f", proved at {shown_time(company['proved_at'])}" if company["proved_at"] else ""
    return f"{company['address']} (key {company['fingerprint'] or 'not known yet'}{proved})"


def _row(source: Mapping[str, Any]) -> Sequence[str]:
    last = source["last"]
    when = "running" if source["running"] else _ago(last["age"]) if last else "never"
    outcome = outcome_shown(last["outcome"], last["exit"], last["error_kind"]) if last else "-"
    good = "never" if source["age"] is None else _ago(source["age"])
    numbers = (source["contacts"], held_of(source), source["invalid"], source["rejected"], source["pending"])
    return (source["source"], when, outcome, good, *(f"{number:,}" for number in numbers))


def _details(screen: Screen, source: Mapping[str, Any], shown: Collection[str]) -> None:
    """Write what there is to say of a source; ``shown``: texts of alarms that are on the screen already."""
    last, ahead = source["last"], source["forecast"]
    if last:
        screen.line((source["source"], "bold"), ": ", ", ".join(_done(last)), hanging=2)
    if ahead and ahead["requests"]:
        left = f"{ahead['requests']:,} of {ahead['of']:,} requests to go, about {describe(ahead['seconds'])}"
        screen.line(left, indent=2, hanging=4)
    # A refused key is one alarm of all sources; every source has the same error then.
    if last and last["error"] and last["error"] not in shown:
        stopped = last["error_kind"] == Stopped.__name__
        screen.line(("stopped: ", "bold yellow") if stopped else ("error: ", "bold red"), last["error"], indent=2)
    _held(screen, source["held"])
    show_undecided(screen, source["undecided"])
    if source["rejected"]:
        screen.line(f"rejected: {source['rejected']:,}; syncd rejects list says why", indent=2)


def _held(screen: Screen, held: Sequence[Mapping[str, Any]]) -> None:
    for hold in held:
        screen.line(("held", "bold yellow"), f": {hold['count']:,} ({hold['gate']}): {hold['detail']}", indent=2)
    for digest, hold in {hold["digest"]: hold for hold in held}.items():
        if hold["approved"]:
            screen.line(f"{digest} is approved; {hold['by']} makes use of it", indent=4)
        else:
            screen.line("to let exactly these go on: ", (hold["approve"], "bold"), indent=4)


def _done(last: Mapping[str, Any]) -> Iterator[str]:
    yield from kinds_counted(last["counts"], done=True)
    # A run that was broken off has no counts, and a count of 0 would say that it compared something.
    if last["counts"]:
        yield f"{last['counts'].get('unchanged', 0):,} unchanged"
    yield f"{counted(last['requests'], 'request')}, begun at {shown_time(last['started'])}"


def shown_time(moment: float | str) -> str:
    """Return a time, in Unix seconds or as JSON has it, for people: in UTC."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else datetime.fromtimestamp(moment, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _ago(seconds: float) -> str:
    return f"{describe(max(1, seconds))} ago"
