"""``syncd activity check``: what ``syncd check`` says of calls, messages and sinks, and the outage drill."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.budget.wording import describe
from syncd.commands.activity.check import activity_steps
from syncd.commands.activity.given import span_option
from syncd.commands.activity.sinks_check import sink_steps
from syncd.commands.options import ActivityCheckOptions
from syncd.commands.running import error_of
from syncd.commands.settings import activity_of, loaded
from syncd.core.activity.days.spans import Span
from syncd.core.activity.instants import iso
from syncd.core.wording import counted
from syncd.errors import ConfigError, SyncdError
from syncd.report.exit_code import CODES, DEFECT, TEMPORARY, USAGE, gravest
from syncd.report.screen import Screen
from syncd.report.steps import Step, failed, show_step
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.activity.drill import Drill, Drilled
    from syncd.config import Settings

HEAD = ("receiver off", "from (UTC)", "to (UTC)", "missed", "lost", "lacking", "known later", "result")

PAGE = 10
"""Calls and messages that are named of an outage."""


def check(config: Path | None, options: ActivityCheckOptions) -> int:
    """Print each finding as it is known, then the drill of ``--prove``; return the gravest exit code."""
    if options.days is not None and not options.prove:
        raise ConfigError("--days chooses the day of the drill: add --prove")
    span = Span(None, None) if options.days is None else span_option("--days", options.days)
    settings = loaded(config)
    activity_of(settings)
    screen = None if options.as_json else Screen()
    found: list[Step] = []
    _note(screen, found, [*activity_steps(settings), *sink_steps(settings)])
    drills: list[Drill] = []
    # After these codes there are no lists to rehearse with.
    if options.prove and not {DEFECT, USAGE, TEMPORARY}.intersection(step.code for step in found):
        ended = error_of(partial(_rehearse, settings, span, drills))
        if ended is not None and not isinstance(ended, SyncdError):
            raise ended
        _note(screen, found, [failed("drill", ended)] if ended else [])
        for each in drills:
            _note(screen, found, _said_of(each, settings))
            if screen and each.results:
                _show(screen, each)
    results = [result for each in drills for result in each.results]
    code = gravest([*(step.code for step in found), *(CODES["not_guarded"] for each in results if not each.is_guarded)])
    if screen:
        screen.line(*_last_line(found, results, has_sinks=bool(settings.sinks)))
    else:
        drill = {"drill": [each.to_json() for each in results]} if options.prove else {}
        print_json({"exit": code, "steps": [step.to_json() for step in found], **drill})
    return code


def _rehearse(settings: Settings, span: Span, drills: list[Drill], stopping: threading.Event) -> None:
    from syncd.activity.drill import drill
    from syncd.activity.session import open_activity

    with open_activity(settings, dry_run=True, stopping=stopping) as session:
        drills.append(drill(session, span.first, span.last))


def _note(screen: Screen | None, found: list[Step], steps: Sequence[Step]) -> None:
    for step in steps:
        found.append(step)
        if screen:
            show_step(screen, step)


def _said_of(drill: Drill, settings: Settings) -> list[Step]:
    """Return what is to be known of a drill beside its results."""
    if drill.day is None:
        return [_nothing(settings)]
    notes = [Step("note", f"drill: {flaw}; what it lacks may show as lost") for flaw in drill.flaws]
    if drill.gone:
        text = f"drill: {counted(drill.gone, 'stored call or message', 'stored calls and messages')} of {drill.day}"
        notes.append(Step("note", f"{text} in no list and no delivery any more, so nothing is said of them"))
    return notes


def _nothing(settings: Settings) -> Step:
    if settings.activity is None or settings.activity.receive is None:
        text = "drill: there is no receiver (activity.receive), so nothing can be missed: calls come by the lists alone"
        return Step("note", text)
    text = (
        "drill: no delivery of a call or a message came on a full day that is kept; try again tomorrow, or choose "
        "another day by --days; syncd webhook test shows whether deliveries arrive"
    )
    return Step("note", text, code=CODES["not_guarded"])


def _show(screen: Screen, drill: Drill) -> None:
    """Write the table of the outages, and below it what would be lost or lacking."""
    first = drill.results[0]
    calls, messages = counted(first.calls, "call"), counted(first.messages, "message")
    head = f": the receiver off, beside {calls} and {messages}, of which deliveries told of {first.announced:,}"
    screen.line((drill.day or "", "bold"), head, hanging=2)
    screen.table(HEAD, [_row(each) for each in drill.results])
    for each in drill.results:
        for parts in _advice(each):
            screen.line(*parts, indent=2, hanging=6)


def _row(each: Drilled) -> Sequence[str]:
    begin, end = (iso(moment // 60 * 60)[:16].replace("T", " ") for moment in each.span)
    late = f"{describe(each.late.worst)} (half of them within {describe(each.late.median)})" if each.late else "-"
    result = "nothing lost" if each.is_guarded else "LOST" if each.lost else "lacking"
    counts = (f"{count:,}" for count in (each.missed, len(each.lost), len(each.lacking)))
    return (each.outage, begin, end, *counts, late, result)


def _advice(each: Drilled) -> Iterator[tuple[str | tuple[str, str], ...]]:
    """Yield what would not come back, and what to do."""
    of = f": {each.outage}: "
    if each.lost:
        what = f"{_named([key for _, key in each.lost])}: the list lacks what deliveries told of; "
        remedy = "syncd activity explain ID shows what is known; ask Vocatech's support why the list lacks it"
        yield ("LOST", "bold red"), of + what + remedy
    if lacking := [lack for lack in each.lacking if not lack.only_texts]:
        fields = ", ".join(sorted({field for lack in lacking for field in lack.fields}))
        what = f"{fields} of {_named([lack.name[1] for lack in lacking])}: the list has it otherwise or not at all; "
        yield ("LACKING", "bold red"), of + what + "syncd activity explain ID --live shows what the list says"
    if texts := sum(lack.only_texts for lack in each.lacking):
        what = f"{counted(texts, 'call')} would lack summary or transcription: the list carries no text of it, "
        yield ("texts", "yellow"), of + what + "so a lost call.transcription comes back by the failed deliveries only"
    if late := each.texts_late:
        half = f"half of them by at most {describe(late.median)}"
        yield (f"{each.outage}: texts of calls would come later, too, by at most {describe(late.worst)}, {half}",)


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - PAGE:,} more" if len(keys) > PAGE else ""
    return ", ".join(keys[:PAGE]) + more


def _last_line(
    found: Sequence[Step], results: Sequence[Drilled], *, has_sinks: bool
) -> Iterator[str | tuple[str, str]]:
    if bad := sum(step.mark == "bad" for step in found):
        yield (f"{counted(bad, 'problem')} to be mended first.", "bold red")
    elif any(not each.is_guarded for each in results):
        yield from (("Not everything would come back", "bold yellow"), ": see above what, and what to do.")
    elif results:
        worst = max((each.late.worst for each in results if each.late), default=0.0)
        yield from (("Nothing would be lost", "bold green"), f"; it would be known at most {describe(worst)} later.")
    else:
        command = "syncd activity deliver --dry-run" if has_sinks else "syncd activity run --dry-run"
        yield from (("Ready", "bold green"), f": {command} shows what a run would do.")
