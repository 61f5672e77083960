"""``syncd activity explain ID``: what is known of a call or a message, and what the next run would do, and why."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe
from syncd.commands.activity.given import existing_store
from syncd.commands.options import ActivityExplainOptions
from syncd.commands.settings import activity_of, loaded
from syncd.commands.status import shown_time
from syncd.core.wording import counted
from syncd.report.error_text import error_json
from syncd.report.exit_code import DONE
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.explain import Explained
    from syncd.activity.live import Live
    from syncd.config import Settings
    from syncd.config.activity import Activity
    from syncd.report.screen import Screen

WIDTH = 10
"""The longest name is "next run"; the lines below it are indented by as much."""

LONG = 60
"""Characters that are shown of a value which differs; ``--json`` has all of them."""


def explain(config: Path | None, options: ActivityExplainOptions) -> int:
    """Print the explanation; with ``--live`` also what the list says now.

    Raises:
        ConfigError: the id names nothing or several things, no activity is configured, or there is no store yet.
    """
    # Only the list needs the key.
    settings = loaded(config, keyless=not options.live)
    activity = activity_of(settings)
    with existing_store(settings) as store:
        from syncd.activity.attributing.work import Attributing, policy_of
        from syncd.activity.explain import explained
        from syncd.state import State

        with State(settings.state, read_only=True) as state:
            work = Attributing(policy_of(settings, activity), store, state)
            found = explained(work, activity, options.id.strip(), time.time(), settings.sinks.values())
    if not options.live:
        _print(options, found, activity)
        return DONE
    from syncd.activity.live import require_call
    from syncd.commands.running import error_of, finished

    require_call(found)
    answer: list[Live] = []
    error = error_of(partial(_ask, settings, found, answer))
    # What is stored is printed also if the list cannot be asked.
    return finished(lambda _code: _print(options, found, activity, answer, error), (), error)


def _ask(settings: Settings, found: Explained, answer: list[Live], stopping: threading.Event) -> None:
    from syncd.activity.live import look_up
    from syncd.activity.session import open_activity

    with open_activity(settings, dry_run=True, stopping=stopping) as session:
        answer.append(look_up(session, found))


def _print(
    options: ActivityExplainOptions,
    found: Explained,
    activity: Activity,
    answer: Sequence[Live] = (),
    error: BaseException | None = None,
) -> None:
    live = answer[0].to_json() if answer else None
    if options.as_json:
        more = {"live": live, "error": None, **error_json(error)} if options.live else {}
        print_json({**found.to_json(), **more})
        return
    from syncd.report.screen import Screen

    printer = _Printer(Screen(), found, found.to_json(), activity)
    printer.show()
    if live:
        printer.show_live(live)


@dataclass(frozen=True, slots=True)
class _Printer:
    """Writes an explanation: a name such as ``events`` at the left, and lines of text beside it."""

    screen: Screen
    found: Explained
    shown: Mapping[str, Any]
    activity: Activity

    def show(self) -> None:
        named, shown = self.found.named, self.shown
        of = f", of {shown['kind']} {self.found.key}" if shown["kind"] and named.what != shown["kind"] else ""
        self.screen.line((f"{named.what} {named.key}{of}", "bold"))
        row = shown["activity"]
        if row is not None:
            self._call(row) if row["kind"] == "call" else self._message(row)
        elif not shown["left_out"]:
            self._line("stored", "nothing is stored of a call or a message")
        self._many("events", map(_event, shown["events"]), "none: no webhook told of it")
        if shown["kind"]:
            self._contacts(shown["attribution"])
            self._lists(shown["lists"])
            self._many("texts", map(_text, shown["texts"]), "")
            self._many("media", map(self._file, shown["media"]), "")
            self._many("day", map(_day, shown["days"]), "")
            self._many("sinks", map(_delivery, shown["deliveries"]), "")
        self._many("next run", map(_prospect, shown["next"]), "")

    def show_live(self, live: Mapping[str, Any]) -> None:
        """Write what the list says now."""
        days = f"the list of {live['start_date']} to {live['end_date']}"
        if live["says"] is None:
            self._many("live", _not_listed(live, days), "")
            return
        rows = f", in {live['rows']} rows" if live["rows"] > 1 else ""
        self._line("live", f"{days} has it{rows}, {_moment(live['at'])}")
        if self.shown["left_out"]:
            self._line("", "activity.only keeps nothing of it")
        elif self.shown["activity"] is None:
            self._line("", "it is not stored yet: a pull stores it")
        else:
            same = "nothing differs from what is stored"
            self._many("", (_difference(name, each) for name, each in live["differs"].items()), same)

    def _call(self, row: Mapping[str, Any]) -> None:
        length = f", {describe(row['duration'])} long, {describe(row['talk'] or 0)} of talk" if row["end_time"] else ""
        self._line("call", f"{row['direction']}, {row['status']}, began {_moment(row['start_time'])}{length}")
        name = f" ({row['remote_name']})" if row["remote_name"] else ""
        own = f", our number {row['own_number']}" if row["own_number"] else ""
        extension = f", extension {row['extension']}" if row["extension"] else ""
        self._line("", f"{row['remote_number'] or 'withheld'}{name}{own}{extension}")
        self._line("", f"first known by {row['first_by']}, {'settled' if row['settled'] else 'not settled'}")
        self._many("segments", map(_segment, row["segments"]), "")

    def _message(self, row: Mapping[str, Any]) -> None:
        self._line("message", f"{row['channel']}, {row['direction']}, {row['status']}, sent {_moment(row['sent_at'])}")
        own = f", our number {row['own_number']}" if row["own_number"] else ""
        self._line("", f"{row['remote_number'] or 'withheld'}{own}, first known by {row['first_by']}")
        if row["body"]:
            self._line("", (row["body"], "dim"))

    def _contacts(self, whose: Mapping[str, Any] | None) -> None:
        if whose is None:
            return
        if whose["outcome"]:
            self._line("contact", f"{whose['outcome']}, decided {_moment(whose['decided_at'])}: {whose['reason']}")
        self._many("" if whose["outcome"] else "contact", map(_candidate, whose["candidates"]), "")

    def _lists(self, lists: Mapping[str, Any]) -> None:
        if not lists["listed_at"]:
            self._line("lists", "no list has shown it")
            return
        day = f", in the list of {lists['day']}" if lists["day"] else ""
        rows = [each for each in lists["rows"] if each["leg"]]
        legs = f", in {len(rows)} rows" if len(rows) > 1 else ""
        self._line("lists", f"shown last {_moment(lists['listed_at'])}{day}{legs}")
        if lists["missing_since"]:
            self._line("", (f"missing from that list since {_moment(lists['missing_since'])}; it stays here", "yellow"))

    def _file(self, item: Mapping[str, Any]) -> str:
        """Name a file, as a path that can be opened if its folder is configured."""
        folder = self.activity.recordings if item["kind"] == "recording" else self.activity.attachments
        path = os.fspath(folder.folder / item["path"]) if item["path"] and folder else item["path"]
        where = f", in {path}" if path else ""
        reason = f": {item['reason']}" if item["reason"] else ""
        tried = f", tried {counted(item['attempts'], 'time')}" if item["attempts"] else ""
        return f"{item['media_id']}, {item['kind']}, {item['state']}{reason}{tried}{where}"

    def _many(self, name: str, lines: Any, nothing: str) -> None:
        found = [*lines] or ([nothing] if nothing else [])
        for number, line in enumerate(found):
            self._line(name if number == 0 else "", line)

    def _line(self, name: str, *parts: str | tuple[str, str]) -> None:
        self.screen.line((f"{name:<{WIDTH}}", "bold"), *parts, hanging=WIDTH)


def _moment(text: str | None) -> str:
    return "at an unknown time" if text is None else shown_time(text)


def _event(event: Mapping[str, Any]) -> str:
    processed = "merged" if event["processed"] else "not merged"
    done = processed if event["outcome"] == "new" else event["outcome"]
    return f"{event['type']}, {_moment(event['at'])}, received {_moment(event['received'])}, {done} ({event['id']})"


def _segment(segment: Mapping[str, Any]) -> str:
    who = " ".join(each for each in (segment["type"], segment["name"], segment["extension"]) if each)
    length = "" if segment["duration"] is None else f", {describe(segment['duration'])}"
    answered = "answered" if segment["answered"] else "not answered"
    return f"{segment['n']}. {who or 'a leg'}: {answered}, {_moment(segment['start_time'])}{length}"


def _candidate(each: Mapping[str, Any]) -> str:
    times = "".join(f" {name} {_moment(each[name])}" for name in ("since", "until") if each[name])
    chosen = "chosen" if each["chosen"] else "not chosen"
    return f"{each['source']} {each['key']} ({each['number']}{times}): {chosen}: {each['why']}"


def _text(text: Mapping[str, Any]) -> str:
    size = "its words were removed" if text["characters"] is None else f"{text['characters']:,} characters"
    shown = "" if text["shown"] or text["characters"] is None else ", not shown: another one counts more"
    return f"{text['what']}, by {text['by']}, {_moment(text['at'])}, {size}{shown}"


def _day(day: Mapping[str, Any]) -> str:
    total = "" if day["total"] is None else f", {day['total']:,} in the list"
    when = day["proved_at"] or day["read_at"]
    since = f" ({_moment(when)})" if when else ""
    return f"{day['day']}: {day['state']}{since}{total}"


def _delivery(each: Mapping[str, Any]) -> str:
    if each["status"] is None:
        return f"{each['sink']}: nothing was delivered"
    record = f", record {each['id']}" if each["id"] else ""
    contacts = f", {counted(len(each['contacts']), 'contact')}" if each["contacts"] else ""
    reason = f": {each['reason']}" if each["reason"] else ""
    tried = f", tried {counted(each['attempts'], 'time')}" if each["attempts"] else ""
    return f"{each['sink']}: {each['status']}{reason}{record}{contacts}{tried}, {_moment(each['at'])}"


def _prospect(each: Mapping[str, Any]) -> str:
    return f"{each['do']}{', ' + _moment(each['at']) if each['at'] else ''}: {each['why']}"


def _not_listed(live: Mapping[str, Any], days: str) -> Iterator[str]:
    yield f"{days} does not have it, {_moment(live['at'])}"
    if live["others"]:
        yield f"but Vocatech did not search: it listed {counted(live['others'], 'other call')}, and perhaps not all"
    else:
        yield "what is stored stays: a call that a list lacks is never deleted here"


def _difference(name: str, each: Mapping[str, Any]) -> str:
    return f"{name}: {_value(each['stored'])} is stored, {_value(each['listed'])} is listed"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return counted(len(value), "part")
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    words = " ".join(text.split())
    return words if len(words) <= LONG else f"{words[: LONG - 1]}…"
