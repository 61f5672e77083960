"""Reports as text: tables and colours on a terminal, plain text in a pipe.

What is shown of a source or the target is data: it is never read as markup, and cannot steer the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.budget import describe_requests
from syncd.errors import Stopped
from syncd.report.changes_table import change_lines, page_of
from syncd.report.endings import printable

if TYPE_CHECKING:
    from syncd.errors import SyncdError
    from syncd.report.source_report import SourceReport

PAGE = 20
"""So many changes, rows or warnings of a source are shown; a file holds them all."""

DONE_PAGE = 5
"""So many changes are shown once they are made: a dry run is there to look through them."""

NARROW = 20
"""Columns that a line has for its text however narrow the terminal is."""

WRAPPED = 12
"""The same of a column of a table that may be broken."""

WIDE = 100_000
"""Columns of a page without an edge: what reads a pipe breaks no lines."""

KINDS = {
    "create": ("to create", "created"),
    "adopt": ("to adopt", "adopted"),
    "update": ("to update", "updated"),
    "move": ("to move", "moved"),
    "delete": ("to delete", "deleted"),
}


Brief = tuple[Sequence[str], Sequence[Sequence[str]]]
"""The head and the rows of a table."""


class _Console(Console):
    """Leaves it to the command what a reader that went away means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _is_stderr_too(file: IO[str] | None) -> bool:
    """Whether ``file`` and stderr are one terminal, one pipe or one file (``2>&1``)."""
    try:
        places = [os.fstat((each or sys.stdout).fileno()) for each in (file, sys.stderr)]
    except (OSError, ValueError):  # a text in memory, or closed
        return False
    one, other = [(place.st_dev, place.st_ino) for place in places]
    return one == other


class Screen:
    """Writes lines and tables to ``file`` (standard output, if None); ``terminal`` says that it is one, or is none.

    ``holds_errors``: what is written to stderr is seen in the same place, so that errors need not be said here as well.
    """

    def __init__(self, file: IO[str] | None = None, *, terminal: bool | None = None) -> None:
        self._console = _Console(file=file, force_terminal=terminal, markup=False, highlight=False, emoji=False)
        self.is_terminal = self._console.is_terminal
        self.holds_errors = _is_stderr_too(file)
        if not self.is_terminal:
            self._console.width = WIDE

    def line(self, *parts: str | tuple[str, str], indent: int = 0, hanging: int | None = None) -> None:
        """Write one line of ``parts``: text, or text with a style.

        With ``hanging``, what a terminal has no room for goes on between words, indented by so much; without, the line
        stays one, so that a command in it can be copied.
        """
        text = Text(" " * indent)
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            text.append(printable(words), style)
        if hanging is None or not self.is_terminal:
            self._console.print(text, soft_wrap=True)
            return
        width = max(self._console.width, hanging + NARROW)
        first, *_ = text.wrap(self._console, width)
        self._console.print(first, soft_wrap=True)
        left = text.plain[len(first) :].lstrip()
        for more in text[-len(left) :].wrap(self._console, width - hanging) if left else ():
            self._console.print(Text(" " * hanging).append_text(more), soft_wrap=True)

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        brief: Brief | None = None,
        wraps: Collection[str] = (),
    ) -> None:
        """Write a table of text; numbers (``1,234``) stand at the right. Where it has no room, write a list of it.

        ``brief``: what to write where that has room and the whole has not; ``wraps``: its columns that may be broken.
        """
        if self.is_terminal and rows and not self._has_room(head, rows, ()):
            if brief is None or not self._has_room(*brief, wraps):
                self._list(head, rows)
                return
            head, rows = brief
        box, padding = (SIMPLE_HEAD, (0, 1)) if self.is_terminal else (None, (0, 2, 0, 0))
        table = Table(box=box, padding=padding, pad_edge=False, header_style="bold")
        columns = list(zip(*rows, strict=True)) or [()] * len(head)
        for name, column in zip(head, columns, strict=True):
            numeric = bool(column) and all(cell.replace(",", "").isdigit() or cell == "-" for cell in column)
            fixed = bool(wraps) and name not in wraps
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=fixed)
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        if self.is_terminal:
            self._console.print(table)
            return
        with self._console.capture() as plain:
            self._console.print(table)
        self._console.file.write("".join(f"{line.rstrip()}\n" for line in plain.get().splitlines()))

    def _has_room(self, head: Sequence[str], rows: Sequence[Sequence[str]], wraps: Collection[str]) -> bool:
        widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
        least = [min(width, WRAPPED) if name in wraps else width for name, width in zip(head, widths, strict=True)]
        return sum(least) + 3 * len(least) - 1 <= self._console.width

    def _list(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        for row in rows:
            told = (f" · {name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True))
            self.line((row[0], "bold"), *told, hanging=4)


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_run(screen: Screen, reports: Sequence[SourceReport], *, dry_run: bool, left: Sequence[str] = ()) -> None:
    """Write what a run found and did, source by source, and in a last line what that comes to.

    ``left``: the sources that were not begun.
    """
    for report in reports:
        _source(screen, report)
    if left:
        screen.line(("not run", "bold yellow"), f": {', '.join(left)}")
    if reports:
        screen.line(*_last_line(reports, dry_run=dry_run), hanging=2)


def _source(screen: Screen, report: SourceReport) -> None:
    screen.line((report.source, "bold"), ": ", _headline(report), hanging=2)
    if report.plan is not None:
        _changes(screen, report)
    _held(screen, report)
    _rows(screen, report.invalid, "invalid", f"{count(len(report.invalid), 'row')}, left alone at the target")
    _excluded(screen, report)
    again = "the target refused them; sent again when they change, or after syncd rejects retry"
    _rows(screen, report.rejected, "rejected", f"{count(len(report.rejected), 'contact')}: {again}")
    _rows(screen, report.kept, "not undone", count(len(report.kept), "contact"))
    _altered(screen, report)
    _warnings(screen, report.warnings)
    if report.error is not None and not screen.holds_errors:  # else it stands there already
        first, *more = str(report.error).splitlines() or [""]
        screen.line(_word_for(report.error), first, indent=2)
        for line in more:
            screen.line(line, indent=9)
    elif report.dry_run and report.planned:
        screen.line(describe_requests(report.planned, report.seconds), indent=2)


def _word_for(error: SyncdError) -> tuple[str, str]:
    return ("stopped: ", "bold yellow") if isinstance(error, Stopped) else ("error: ", "bold red")


def _headline(report: SourceReport) -> str:
    if not report.read:
        return f"{'stopped' if isinstance(report.error, Stopped) else 'failed'} before it was read"
    if report.undoes:
        read = f"{count(report.rows, 'change')} of run {report.undoes}"
    elif report.read == "complete" and not report.rows:
        read = "the source is empty"
    else:
        proof = {"partial": " (what changed since the last run)", "unproved": " (perhaps not all there are)"}
        read = f"{count(report.rows, 'row')} read{proof.get(report.read, '')}"
    if report.same_as_before:
        return f"{count(report.rows, 'row')}, the same as in the last run; nothing to do"
    tense = 0 if report.dry_run else 1
    found = [f"{report.counts[kind]:,} {words[tense]}" for kind, words in KINDS.items() if report.counts[kind]]
    same = f"{report.counts['unchanged']:,} unchanged"
    if report.undoes:
        return "; ".join([read, ", ".join(found) or ("nothing to do" if not report.held else "nothing to do now")])
    if found:
        return f"{read}; {', '.join([*found, *([same] if report.counts['unchanged'] else [])])}"
    waits = report.held or report.unknown or report.error or report.counts["rejected"]
    return "; ".join([read, *([same] if report.rows else []), *([] if waits else ["nothing to do"])])


def _changes(screen: Screen, report: SourceReport) -> None:
    todo = report.plan.todo if report.plan else None
    if todo is None or todo.is_empty():
        return
    done = sum(report.counts[kind] for kind in KINDS)
    if not report.dry_run and done < todo.height:
        screen.line(f"of {count(todo.height, 'planned change')}, {done:,} are done", indent=2)
    size = PAGE if report.dry_run else DONE_PAGE
    for change in page_of(report.with_outcomes(todo), report.phones, size):
        head, *fields = change_lines(change, report.phones)
        for line in ([*head, *_outcome(change["outcome"])], *fields):
            screen.line(*line, indent=2, hanging=6)
    _more(screen, todo.height, "; --changes FILE writes them all", page=size)


def _outcome(outcome: str) -> list[str | tuple[str, str]]:
    """What is said of a change that was not made as its line says."""
    return [] if outcome in ("planned", "accepted") else [(f"  ({outcome})", "bold yellow")]


def _more(screen: Screen, total: int, how: str = "", *, page: int = PAGE) -> None:
    if total > page:
        screen.line((f"and {total - page:,} more{how}", "dim"), indent=4)


def _held(screen: Screen, report: SourceReport) -> None:
    """Show each list that waits, all the gates that hold it, and below it the command that lets it go on."""
    for digest in dict.fromkeys(each.digest for each in report.held):
        gates = [each for each in report.held if each.digest == digest]
        for each in gates:
            kind = {"delete": "delete", "update": "update"}.get(each.kind, "change")
            head = f": {count(each.count, kind)} ({each.gate}): {each.detail}"
            screen.line(("held", "bold yellow"), head, indent=2, hanging=6)
            if not each.approvable:
                screen.line("no approval helps here: they go on once that is mended", indent=4)
        if any(each.approvable for each in gates):
            screen.line("to let exactly these go on: ", (report.approval(digest), "bold"), indent=4)


def _rows(screen: Screen, found: Sequence[Mapping[str, Any]], word: str, what: str) -> None:
    if not found:
        return
    screen.line((word, "bold yellow"), f": {what}", indent=2)
    for each in found[:PAGE]:
        screen.line(f"{_where(each)}: {each['reason']}", indent=4, hanging=8)
    _more(screen, len(found), "; --json holds them all")


def _where(row: Mapping[str, Any]) -> str:
    """A row's place and key, as far as they are known and the reason does not say that there is none."""
    known = [str(row["at"])] if row.get("at") else []
    if row.get("key") is not None:
        known.append(f"key {row['key']}".replace("\x1f", "+"))
    elif row["reason"] != "no key" or not known:
        known.append("no key")
    return ", ".join(known)


def _excluded(screen: Screen, report: SourceReport) -> None:
    total = sum(each["count"] for each in report.excluded)
    if not total:
        return
    screen.line(("excluded", "bold"), f": {count(total, 'row')}, not wanted at the target", indent=2)
    for each in report.excluded[:PAGE]:
        screen.line(f"{each['count']:,}: {each['reason']}", indent=4)
    _more(screen, len(report.excluded))


def _altered(screen: Screen, report: SourceReport) -> None:
    if not report.altered:
        return
    what = f": {count(len(report.altered), 'contact')} came to be otherwise at the target than sent"
    screen.line(("altered", "bold yellow"), what, indent=2)
    for each in report.altered[:PAGE]:
        for line in change_lines({"kind": "altered", **each}, report.phones, old="sent", new="there"):
            screen.line(*line, indent=4, hanging=8)
    _more(screen, len(report.altered), "; --json holds them all")


def _warnings(screen: Screen, warnings: Sequence[str]) -> None:
    for warning in warnings[:PAGE]:
        screen.line(("warning", "yellow"), f": {warning}", indent=2, hanging=6)
    _more(screen, len(warnings), " warnings; --json holds them all")


def _last_line(reports: Sequence[SourceReport], *, dry_run: bool) -> Iterator[str | tuple[str, str]]:
    changes = sum(report.counts[kind] for report in reports for kind in KINDS)
    sent = sum(report.sent for report in reports)
    waiting = ", ".join(_waiting(reports))
    stopped = any(isinstance(report.error, Stopped) for report in reports)
    failed = sum(report.error is not None and not isinstance(report.error, Stopped) for report in reports)
    tail = f"; {waiting}" if waiting else ""
    if failed:
        tail += f"; {count(failed, 'source')} of {len(reports)} failed"
    if dry_run:
        yield ("Nothing was sent", "bold")
        yield f": this was a dry run{tail}."
    elif stopped:
        planned = sum(report.plan.todo.height for report in reports if report.plan)
        of = f" of {count(planned, 'planned change')}" if planned else ""
        yield ("Stopped", "bold yellow")
        yield f": {changes:,}{of or ' changes'} accepted, in {count(sent, 'request')}{tail}."
    elif changes:
        yield ("Done", "bold green" if not (waiting or failed) else "bold")
        yield f": {count(changes, 'change')} accepted, in {count(sent, 'request')}{tail}."
    elif failed == len(reports):
        yield ("Nothing was done", "bold red")
        yield f"{tail}."
    else:
        yield ("Nothing was changed", "bold")
        yield f", in {count(sent, 'request')}{tail}." if sent else f"{tail}."


def _waiting(reports: Sequence[SourceReport]) -> Iterator[str]:
    held = sum(report.counts["held"] for report in reports)
    if held:
        yield f"{count(held, 'change')} held"
    for name in ("invalid", "rejected"):
        number = sum(report.counts[name] for report in reports)
        if number:
            yield f"{number:,} {name}"
    kept = sum(len(report.kept) for report in reports)
    if kept:
        yield f"{kept:,} not undone"
    unknown = sum(report.unknown for report in reports)
    if unknown:
        yield f"{unknown:,} with an unknown outcome, sent again by the next run"
