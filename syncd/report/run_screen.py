"""What a run or an undo found and did, as text: source by source, and a last line for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from syncd.budget import describe_requests
from syncd.core.callers.gates import NAMED
from syncd.core.compare import KIND
from syncd.core.identity import REPEATED
from syncd.core.wording import counted, listed, shown_key
from syncd.errors import Stopped
from syncd.report.callers_screen import show_callers
from syncd.report.change_lines import Part, change_lines, kinds_counted
from syncd.report.screen import PAGE, Screen
from syncd.report.source_report import SourceReport, callers_of, described
from syncd.report.undecided import FEW, show_undecided

DONE_PAGE = 5
"""Changes that are shown after they were made; a dry run shows ``PAGE`` of them."""

IN_JSON = "; --json holds them all"


def show_run(screen: Screen, reports: Sequence[SourceReport], *, dry_run: bool, left: Sequence[str] = ()) -> None:
    """Write the report of each source, what becomes of callers by all of them, and a last line for all.

    ``left``: the sources that were not begun.
    """
    for report in reports:
        _source(screen, report)
    if left:
        screen.line(("not run", "bold yellow"), f": {', '.join(left)}")
    show_callers(screen, callers_of(reports), dry_run=dry_run)
    if reports:
        screen.line(*_last_line(reports, dry_run=dry_run), hanging=2)


def _source(screen: Screen, report: SourceReport) -> None:
    screen.line((report.source, "bold"), ": ", _headline(report), hanging=2)
    _changes(screen, report)
    _held(screen, report)
    _rows(screen, report.invalid, "invalid", f"{counted(len(report.invalid), 'row')}, left alone at the target")
    _taken_over(screen, report)
    _excluded(screen, report)
    if report.counts["forgotten"]:
        forgotten = counted(report.counts["forgotten"], "contact is", "contacts are")
        screen.line(("forgotten", "bold"), f": {forgotten} left out", indent=2)
    again = "the target refused them; sent again when they change, or after syncd rejects retry"
    _rows(screen, report.rejected, "rejected", f"{counted(len(report.rejected), 'contact')}: {again}")
    _rows(screen, report.kept, "not undone", counted(len(report.kept), "contact"))
    _left_out(screen, report)
    _refused(screen, report.refused or [])
    _altered(screen, report)
    show_left(screen, report.left)
    warnings = [*report.news, *report.warnings]
    for warning in warnings[:PAGE]:
        screen.line(("warning", "yellow"), f": {warning}", indent=2, hanging=6)
    screen.more(len(warnings), f" warnings{IN_JSON}")
    # If stderr is shown in the same place, the command prints the error there, below the report.
    if report.error is not None and not screen.holds_errors:
        first, *more = str(report.error).splitlines() or [""]
        stopped = isinstance(report.error, Stopped)
        screen.line(("stopped: ", "bold yellow") if stopped else ("error: ", "bold red"), first, indent=2)
        for line in more:
            screen.line(line, indent=9)
    elif report.dry_run and report.planned:
        screen.line(describe_requests(report.planned, report.seconds), indent=2)


def _headline(report: SourceReport) -> str:
    if not report.read:
        return f"{'stopped' if isinstance(report.error, Stopped) else 'failed'} before it was read"
    rows, same = counted(report.rows, "row"), f"{report.counts['unchanged']:,} unchanged"
    if report.same_as_before:
        return f"{rows}, the same as in the last run; nothing to do"
    found = kinds_counted(report.counts, done=not report.dry_run)
    if report.undoes:
        nothing = "nothing to do now" if report.held else "nothing to do"
        return f"{counted(report.rows, 'change')} of run {report.undoes}; {', '.join(found) or nothing}"
    if report.read == "complete" and not report.rows:
        read = "the source is empty"
    else:
        proof = {"partial": " (what changed since the last run)", "unproved": " (perhaps not all there are)"}
        read = f"{rows} read{proof.get(report.read, '')}"
    if found:
        return f"{read}; {', '.join([*found, *([same] if report.counts['unchanged'] else [])])}"
    # "nothing to do" would be wrong while something waits.
    waits = report.held or report.unknown or report.error or report.counts["rejected"] or report.undecided
    return "; ".join([read, *([same] if report.rows else []), *([] if waits else ["nothing to do"])])


def _changes(screen: Screen, report: SourceReport) -> None:
    todo = report.plan.todo if report.plan else None
    if todo is None or todo.is_empty():
        return
    if not report.dry_run and report.made + report.without_call < todo.height:
        screen.line(f"of {counted(todo.height, 'planned change')}, {report.made:,} are done", indent=2)
    size = PAGE if report.dry_run else DONE_PAGE
    for change in described(page_of(report.with_outcomes(todo), size), report.phones):
        head, *fields = change_lines(change, report.phones)
        outcome = change["outcome"]
        # "create 7" reads as done or to be done, so only another outcome needs a word.
        if outcome not in ("planned", "accepted"):
            head.append((f"  ({outcome})", "bold yellow"))
        for line in (head, *fields):
            screen.line(*line, indent=2, hanging=6)
    screen.more(todo.height, "; --changes FILE writes them all", page=size)


def page_of(changes: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return at most ``size`` changes of a plan, of each kind as evenly as possible, in the plan's order."""
    # A plan is sorted by kind, so that thousands of creates would leave no place for a delete.
    turns = changes.with_columns(pl.int_range(pl.len()).over(KIND).alias("@turn"))
    first = turns.filter(pl.col("@turn") < size).with_row_index("@place")
    return first.sort("@turn", "@place").head(size).sort("@place").drop("@turn", "@place")


def show_left(screen: Screen, left: Sequence[Mapping[str, Any]]) -> None:
    """Write which contacts stay at the target, and why."""
    if not left:
        return
    screen.line(
        ("left", "bold yellow"), f": {counted(len(left), 'contact')} that syncd no longer looks after", indent=2
    )
    for each in left[:PAGE]:
        which = f"id {each['id']}" if each["id"] else "not found"
        screen.line(f"{which} (key {shown_key(each['key'])}): {each['reason']}", indent=4, hanging=8)
    screen.more(len(left), IN_JSON)


def _held(screen: Screen, report: SourceReport) -> None:
    for gates in report.held_together():
        for each in gates:
            kind = {"delete": "delete", "update": "update"}.get(each.kind, "change")
            head = f": {counted(each.count, kind)} ({each.gate}): {each.detail}"
            screen.line(("held", "bold yellow"), head, indent=2, hanging=6)
            if each.gate in NAMED:
                # Not in the detail, which leaves in messages: a key may be personal data, and a number is.
                screen.line(f"keys {listed(each.keys)}; --changes FILE shows their numbers", indent=4, hanging=6)
            if not each.approvable:
                screen.line("no approval helps here: they go on once that is mended", indent=4)
        if any(each.approvable for each in gates):
            screen.line("to let exactly these go on: ", (report.approval(gates), "bold"), indent=4)


def _rows(screen: Screen, found: Sequence[Mapping[str, Any]], word: str, what: str) -> None:
    if not found:
        return
    screen.line((word, "bold yellow"), f": {what}", indent=2)
    for each in found[:PAGE]:
        screen.line(f"{_where(each)}: {each['reason']}", indent=4, hanging=8)
    screen.more(len(found), IN_JSON)


def _refused(screen: Screen, refused: Sequence[Mapping[str, Any]]) -> None:
    if not refused:
        return
    what = counted(len(refused), "change that the plan has and that is", "changes that the plan has and that are")
    screen.line(("refused", "bold yellow"), f": {what} not made any more", indent=2, hanging=6)
    for each in refused[:PAGE]:
        screen.line(f"{each['kind']} {shown_key(each['key'])}: {each['why']}", indent=4, hanging=8)
    screen.more(len(refused), IN_JSON)


def _where(row: Mapping[str, Any]) -> str:
    """Return the place and the key of a row, as far as they are known."""
    known = [str(row["at"])] if row.get("at") else []
    if row.get("key") is not None:
        known.append(f"key {shown_key(row['key'])}")
    elif row["reason"] != "no key" or not known:
        # Not beside the reason "no key", which would say it twice.
        known.append("no key")
    return ", ".join(known)


def _taken_over(screen: Screen, report: SourceReport) -> None:
    found = report.taken_over
    if not found:
        return
    goes = counted(found["count"], "contact goes on under a new key", "contacts go on under new keys")
    screen.line(("taken over", "bold"), f": {goes}: {found['what']}", indent=2)
    for each in found["keys"][:PAGE]:
        screen.line(f"{each['was']} → {each['key']}", indent=4)
    screen.more(found["count"], IN_JSON)


def _excluded(screen: Screen, report: SourceReport) -> None:
    again = sum(each["count"] for each in report.excluded if each["reason"] == REPEATED)
    if again:
        same = counted(again, "row is", "rows are")
        screen.line(("repeated", "bold"), f": {same} {REPEATED}, and not counted again", indent=2)
    others = [each for each in report.excluded if each["reason"] != REPEATED]
    if not others:
        return
    total = sum(each["count"] for each in others)
    screen.line(("excluded", "bold"), f": {counted(total, 'row')}, not wanted at the target", indent=2)
    for each in others[:PAGE]:
        screen.line(f"{each['count']:,}: {each['reason']}", indent=4)
    screen.more(len(others))


def _left_out(screen: Screen, report: SourceReport) -> None:
    if not report.left_out:
        return
    go = counted(report.counts["left_out"], "contact goes without a number", "contacts go without a number")
    screen.line(("left out", "bold"), f": {go} that others have, too", indent=2)
    for each in report.left_out[:FEW]:
        screen.line(f"key {shown_key(each['key'])}, {each['number']}: {each['reason']}", indent=4, hanging=8)
    screen.more(len(report.left_out), IN_JSON, page=FEW)
    show_undecided(screen, report.undecided)


def _altered(screen: Screen, report: SourceReport) -> None:
    if not report.altered:
        return
    differ = counted(len(report.altered), "contact differs", "contacts differ")
    screen.line(("altered", "bold yellow"), f": {differ} at the target from what was sent", indent=2)
    for each in report.altered[:PAGE]:
        for line in change_lines({"kind": "altered", **each}, report.phones, old="sent", new="there"):
            screen.line(*line, indent=4, hanging=8)
    screen.more(len(report.altered), IN_JSON)


def _last_line(reports: Sequence[SourceReport], *, dry_run: bool) -> Sequence[Part]:
    changes = sum(report.made for report in reports)
    sent = counted(sum(report.sent for report in reports), "request")
    waiting = list(_waiting(reports))
    # A stopped source did not fail: a person stopped it, and the next run goes on.
    errors = [report.error for report in reports if report.error is not None]
    failed = sum(not isinstance(error, Stopped) for error in errors)
    tail = f"; {', '.join(waiting)}" if waiting else ""
    if failed:
        tail += f"; {counted(failed, 'source')} of {len(reports)} failed"
    if dry_run:
        return ("Nothing was sent", "bold"), f": this was a dry run{tail}."
    if failed < len(errors):
        planned = sum(report.plan.todo.height for report in reports if report.plan)
        of = f" of {counted(planned, 'planned change')}" if planned else " changes"
        return ("Stopped", "bold yellow"), f": {changes:,}{of} accepted, in {sent}{tail}."
    if changes:
        style = "bold" if waiting or failed else "bold green"
        return ("Done", style), f": {counted(changes, 'change')} accepted, in {sent}{tail}."
    if failed == len(reports):
        return ("Nothing was done", "bold red"), f"{tail}."
    asked = any(report.sent for report in reports)
    return ("Nothing was changed", "bold"), f", in {sent}{tail}." if asked else f"{tail}."


def _waiting(reports: Sequence[SourceReport]) -> Iterator[str]:
    held = sum(report.counts["held"] for report in reports)
    if held:
        yield f"{counted(held, 'change')} held"
    numbers = {name: sum(report.counts[name] for report in reports) for name in ("invalid", "rejected")}
    # A number of several sources waits in each of them, for one decision.
    numbers["to decide"] = len({number for report in reports for number in report.undecided})
    numbers["refused"] = sum(len(report.refused or ()) for report in reports)
    numbers["not undone"] = sum(len(report.kept) for report in reports)
    numbers["with an unknown outcome, sent again by the next run"] = sum(report.unknown for report in reports)
    for name, number in numbers.items():
        if number:
            yield f"{number:,} {name}"
