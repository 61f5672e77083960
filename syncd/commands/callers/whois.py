"""``syncd whois NUMBER``: whom a phone shows for a number, and why; from the state alone, unless it is asked live."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.callers.whois import FORGOTTEN, phones_of
from syncd.callers.whois import whois as whois_of
from syncd.commands.callers.given import one_number
from syncd.commands.options import WhoisOptions
from syncd.commands.settings import loaded
from syncd.commands.status import shown_time
from syncd.core.activity.instants import iso
from syncd.core.callers.whois import Caller, NotThere, Whois
from syncd.errors import ConfigError
from syncd.report.exit_code import DONE
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.callers.live import Live
    from syncd.config import Settings
    from syncd.report.screen import Screen

WIDTH = 10
"""The longest name is "not there"; the lines below it are indented by as much."""

STATUSES = {
    "pending": "a call was begun whose outcome is not known: the contact may be another one by now",
    "rejected": "its last change was refused: this is what it was before",
}

NEXT = {
    "invalid": "correct the row; the next run sends it",
    "excluded": "if it is wanted, change the row, or where, require and mode in the configuration",
    "rejected": "correct the row, or send it again: syncd rejects retry {source}",
    "held": "syncd status shows the held list, and how to let it go on",
    "impossible": "correct the number in the row; the next run sends it",
    "policy": "to give it this number: syncd number {number} --to {source} {key}",
    "shared match": "only one contact can have these match fields: correct one of the rows",
    "forgotten": "syncd forget --list shows what was forgotten, and syncd forget --allow DIGEST lets it come back",
}
"""What a person may do next, by why a contact is not there."""


def whois(config: Path | None, options: WhoisOptions) -> int:
    """Print who has the number, whether somebody has it or not.

    Raises:
        ConfigError: this is no number, or no run has made a state yet.
        StateError: the state cannot be read.
    """
    # Only the target needs the key.
    settings = loaded(config, keyless=not options.live)
    found = whois_of(settings, one_number(options.number), _region(options.region))
    if not options.live:
        _print(options, found)
        return DONE
    from syncd.commands.running import error_of, finished

    answer: list[Live] = []
    error = error_of(partial(_ask, settings, found, answer))
    # What is known is printed also if the target cannot be asked.
    return finished(lambda _code: _print(options, found, answer, error), (), error)


def _region(code: str | None) -> str | None:
    from syncd.config.values import parse_region

    try:
        return None if code is None else parse_region(code)
    except ValueError as error:
        raise ConfigError(f"--region {code!r}: {error}") from None


def _ask(settings: Settings, found: Whois, answer: list[Live], stopping: threading.Event) -> None:
    from syncd.callers.live import ask
    from syncd.run.session import open_session

    with open_session(settings, dry_run=True, stopping=stopping) as session:
        answer += ask(session, found, phones_of(settings))


def _print(
    options: WhoisOptions, found: Whois, answer: Sequence[Live] = (), error: BaseException | None = None
) -> None:
    if options.as_json:
        from syncd.report.error_text import error_json

        live = None if error else [each.to_json() for each in answer]
        more = {"live": live, "error": None, **error_json(error)} if options.live else {}
        print_json({**_as_json(found), **more})
        return
    from syncd.report.screen import Screen

    printer = _Printer(Screen(), found)
    printer.show()
    if options.live and error is None:
        printer.show_live(answer)


def _as_json(found: Whois) -> Mapping[str, Any]:
    def shown(each: Caller) -> dict[str, Any]:
        names = ("source", "key", "id", "name", "fields", "at", "run")
        return {**{name: getattr(each, name) for name in names}, "since": iso(int(each.since)), "status": each.status}

    return {
        "number": found.number,
        "ambiguous": found.ambiguous,
        "contacts": [shown(each) for each in found.contacts],
        "before": [
            {
                **{name: getattr(each, name) for name in ("source", "key", "name", "run", "stays")},
                "until": iso(int(each.until)),
            }
            for each in found.before
        ],
        "not_there": [
            {name: getattr(each, name) for name in ("source", "key", "name", "at", "why", "reason")}
            for each in found.not_there
        ],
        "complete": found.complete,
        "possible": found.possible,
    }


@dataclass(frozen=True, slots=True)
class _Printer:
    """Writes the answer: first what the display shows, then since when, what it showed before, and who is not there."""

    screen: Screen
    found: Whois

    def show(self) -> None:
        found = self.found
        shown = found.number if found.possible else f"{found.number} (no possible number)"
        if not found.contacts:
            self.screen.line((f"{shown} shows nobody", "bold"), ": no contact of syncd has this number")
        elif found.ambiguous:
            self.screen.line((f"{shown} shows one of several, and nobody knows which", "bold"))
        else:
            self.screen.line((f"{shown} shows {_named(found.contacts[0])}", "bold"))
        for caller in found.contacts:
            self._contact(caller)
        if found.ambiguous:
            self._line("", ("to have one of them shown, see phones: {shared: …} in the configuration", "dim"))
        for number, former in enumerate(found.before):
            by = f", by run {former.run}" if former.run else ""
            self._line("" if number else "before", f"{_named(former)}, until {shown_time(former.until)}{by}")
            if former.stays:
                self._line(
                    "", f"it may show still: it stays at the target as id {former.stays}, and syncd leaves it alone"
                )
        for each in found.not_there:
            self._not_there(each)
        if not found.complete:
            self._line("", "more rows than syncd remembers are not sent: others with this number may be among them")

    def show_live(self, answer: Sequence[Live]) -> None:
        from syncd.callers.live import missing

        for each in answer:
            who = _named(each.known) if each.known else "a contact that syncd does not know"
            same = ", as the ledger says" if each.known and not each.differs else ""
            self._line("target", f"id {each.id}, {who}{same}")
            if not each.known:
                self._line("", (" · ".join(f"{name}: {value}" for name, value in each.fields.items()), "dim"))
            for name, both in each.differs.items():
                self._line("", f"{name}: {both['old'] or '(empty)'}, and in the ledger {both['new'] or '(empty)'}")
        lost = missing(self.found, answer)
        for caller in lost:
            self._line("target", f"a search does not find {_named(caller)}: somebody changed or deleted it there, or")
            self.screen.line("the search is late; to see what differs: ", ("syncd reconcile", "bold"), indent=WIDTH)
        if not answer and not lost:
            self._line("target", "a search finds nobody either")

    def _contact(self, each: Caller) -> None:
        run = f"; last changed by run {each.run}" if each.run else ""
        row = f", {each.at}" if each.at else ""
        when = f"{shown_time(each.since)}{run}{row}"
        # The first line has named a contact that is alone.
        one = ("one of", f"{_named(each)}, since {when}") if self.found.ambiguous else ("since", when)
        self._line(*one)
        if status := STATUSES.get(each.status):
            self._line("", (status, "yellow"))

    def _not_there(self, each: NotThere) -> None:
        if each.why == "forgotten" and not each.source:
            self._line("not there", FORGOTTEN)
        else:
            at = f", {each.at}" if each.at else ""
            self._line("not there", f"{_named(each)}{at}: {each.why}: {each.reason}")
        what = NEXT[each.why].format(source=each.source, key=each.key, number=self.found.number)
        self._line("", (what, "dim"))

    def _line(self, name: str, *parts: str | tuple[str, str]) -> None:
        self.screen.line((f"{name:<{WIDTH}}", "bold"), *parts, hanging=WIDTH)


def _named(each: Any) -> str:
    """Return a contact for people: ``Ann Lee (tenants, key 7)``."""
    which = f"key {each.key}" if each.key else "a row without a key"
    return f"{each.name or 'no name'} ({each.source}, {which})"
