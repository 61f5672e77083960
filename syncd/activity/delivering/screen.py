"""What was delivered, or would be, as text: sink by sink, and field by field for the first changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from syncd.activity.delivering.book import Book, Told
from syncd.activity.delivering.report import SinkReport
from syncd.core.wording import HELD_WORDS, counted, listed
from syncd.errors import Stopped
from syncd.report.change_lines import STYLES, change_lines, kinds_counted
from syncd.report.screen import PAGE, Screen

DONE_PAGE = 5
"""Changes that are shown of a sink at least, if there are as many, and at most after they were made."""


def show_deliveries(
    screen: Screen,
    reports: Sequence[SinkReport],
    book: Book | None = None,
    *,
    dry_run: bool,
    nothing: str = "nothing to do",
    whole: str = "",
) -> None:
    """Write the report of each sink, and a last line for all. ``book``: has the first changes of each.

    ``nothing``: what is said of a sink that gets nothing. ``whole``: how all changes are seen, such as an option.
    """
    # A dry run fills one page, whatever the number of sinks.
    changing = sum(bool(report.made or report.leads) for report in reports)
    size = max(DONE_PAGE, PAGE // max(1, changing)) if dry_run else DONE_PAGE
    for report in reports:
        screen.line((report.sink, "bold"), ": ", _headline(report, nothing), hanging=2)
        if book is not None:
            _changes(screen, report, book, size, whole)
        show_held(screen, report)
        _others(screen, report)
        if report.error is not None and not screen.holds_errors:
            word = ("stopped: ", "bold yellow") if isinstance(report.error, Stopped) else ("error: ", "bold red")
            screen.line(word, str(report.error).splitlines()[0], indent=2)
    if reports and dry_run:
        screen.line(("Nothing was sent", "bold"), ": this was a dry run.")


def words_of(report: SinkReport) -> list[str]:
    """Return the counts of a report in words."""
    made = kinds_counted(report.counts, done=not report.dry_run)
    return made + [f"{counted(report.leads, 'contact')} {'to make' if report.dry_run else 'made'}"] * bool(report.leads)


def _headline(report: SinkReport, nothing: str) -> str:
    parts = words_of(report)
    same = [f"{report.counts['unchanged']:,} unchanged"] if report.counts["unchanged"] else []
    waits = [f"{report.counts['waiting']:,} not due yet"] if report.counts["waiting"] else []
    if not parts and report.error is not None:
        return "nothing was delivered"
    return ", ".join([*(parts or [nothing]), *same, *waits])


def _changes(screen: Screen, report: SinkReport, book: Book, size: int, whole: str) -> None:
    shown = book.pages.get(report.sink, [])[:size]
    for change in shown:
        outcome = change["outcome"]
        for number, line in enumerate(_lines(change)):
            mark = [(f"  ({outcome})", "bold yellow")] if not number and outcome not in ("planned", "accepted") else []
            screen.line(*line, *mark, indent=2, hanging=6)
    again = book.same[report.sink]
    screen.more(report.made + report.leads - again, whole, page=len(shown))
    if again:
        screen.line(f"{counted(again, 'record')} sent again as they are: no field differs", indent=2)


def _lines(change: Told) -> Iterator[Any]:
    if change["kind"] == "associate":
        yield [("associate", STYLES["adopt"]), f" {change['key']} with {_contacts(change)}"]
        return
    if change["kind"] == "lead":
        number, name = (change["fields"].get(field, {}).get("new") for field in ("phone", "name"))
        yield [("contact", STYLES["create"]), f" of {number}" + f": {name}" * bool(name)]
        return
    first, *more = change_lines(change, frozenset())
    yield [*first, f" · with {_contacts(change)}"] if change["contacts"] else first
    yield from more


def _contacts(change: Told) -> str:
    """Return the contacts that are associated, by the sink's ids of them."""
    ids = change["contacts"]
    return f"{'contact' if len(ids) == 1 else 'contacts'} {listed(ids)}"


def show_held(screen: Screen, report: SinkReport) -> None:
    """Write what gates hold, and the commands that let it go on."""
    for each in report.held:
        what = counted(each["count"], HELD_WORDS.get(each["kind"], "change"))
        screen.line(("held", "bold yellow"), f": {what} ({each['gate']}): {each['detail']}", indent=2, hanging=6)
        command = f"syncd approve {report.sink} {each['digest']}"
        screen.line("to let exactly these go on: ", (command, "bold"), indent=4)


def _others(screen: Screen, report: SinkReport) -> None:
    for reason, number in sorted(report.reasons.items()):
        screen.line(("rejected", "bold yellow"), f": {counted(number, 'record')}: {reason}", indent=2, hanging=6)
    older = report.counts["rejected"] - report.reasons.total()
    if older > 0:
        text = f": {counted(older, 'record')} before; sent again once they change"
        screen.line(("rejected", "bold yellow"), text, indent=2)
    if report.unknown:
        text = f": {counted(report.unknown, 'record')}; the next run settles them"
        screen.line(("outcome not known", "bold yellow"), text, indent=2)
    if report.kept:
        screen.line(f"{counted(report.kept, 'field')} left as a person changed them", indent=2)
    if report.missing:
        screen.line(f"{counted(report.missing, 'contact')} that the sink does not have", indent=2)
    if report.left:
        screen.line(("not undone", "bold yellow"), f": {counted(report.left, 'record')}: {report.why_left}", indent=2)
