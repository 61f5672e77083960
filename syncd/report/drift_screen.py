"""What ``syncd reconcile`` found, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncd.core.warnings import REMEDY
from syncd.report.changes_table import change_lines
from syncd.report.drift_report import CLASSES
from syncd.report.screen import KINDS, PAGE, count
from syncd.report.source_report import shown_key

if TYPE_CHECKING:
    from syncd.report.drift_report import Reconciled, SourceDrift
    from syncd.report.screen import Screen

WORDS = {"same": "as they were left", "extra_ours": "extra (deleted before, and still there)"}
WHY = {
    "pending": "the outcome of an earlier call is unknown; the next run settles that",
    "rejected": "the target refuses what the source says; syncd rejects list says why",
    "held": "a gate holds their changes; syncd status shows them",
}


def show_drift(screen: Screen, found: Reconciled) -> None:
    """Write what was found, source by source, and last what the target holds as a whole."""
    for drift in found.sources:
        _source(screen, drift)
    if found.there or any(drift.known for drift in found.sources):
        ours = found.there - len(found.foreign)
        when = " before the repair" if found.repair else ""
        whose = f"{ours:,} of ours, {len(found.foreign):,} of others, never touched"
        said = f"{when}: {count(found.there, 'contact')}: {whose}; {count(found.sent, 'request')}."
        screen.line(("At the target", "bold"), said, hanging=2)
    if found.shared:
        groups = "; ".join(" and ".join(map(str, ids)) for ids in found.shared[:PAGE])
        rest = f"; and {len(found.shared) - PAGE:,} more groups" if len(found.shared) > PAGE else ""
        screen.line(("one number, several contacts", "bold yellow"), f" (ids {groups}{rest}): {REMEDY}", hanging=2)


def _source(screen: Screen, drift: SourceDrift) -> None:
    if not drift.counts and drift.error:
        screen.line((drift.source, "bold"), ": not compared", hanging=2)
    else:
        screen.line((drift.source, "bold"), f": {', '.join(_headline(drift))}", hanging=2)
    _missing(screen, "missing", drift.missing)
    _edited(screen, drift)
    _missing(screen, "extra", drift.extra)
    if drift.running:
        told = ": a run of the source is under way; compare again when it is over"
        screen.line(("not the last word", "bold yellow"), told, indent=2, hanging=6)
    for name, number, why in _left_open(drift):
        screen.line((name, "bold yellow"), f": {count(number, 'contact')}: {why}", indent=2, hanging=6)
    _outcome(screen, drift)
    if drift.error is not None and not screen.holds_errors:  # else it stands there already
        for line in str(drift.error).splitlines():
            screen.line(("error: ", "bold red"), line, indent=2)


def _left_open(drift: SourceDrift) -> Iterator[tuple[str, int, str]]:
    """The contacts that were not judged: in which class, how many, and why."""
    if drift.late:
        yield "pending", drift.late, "sent while the target was listed, so that the list cannot tell of them"
    for name, why in WHY.items():
        number = drift.counts[name] - (drift.late if name == "pending" else 0)
        if number:
            yield name, number, why


def _headline(drift: SourceDrift) -> Iterator[str]:
    if not drift.known:
        yield "nothing is known of it yet: syncd run comes first"
    for name in CLASSES:
        if drift.counts[name] and name not in WHY:
            yield f"{drift.counts[name]:,} {WORDS.get(name, name)}"
    for name in WHY:
        if drift.counts[name]:
            yield f"{drift.counts[name]:,} {name}"


def _missing(screen: Screen, word: str, found: Sequence[Mapping[str, Any]]) -> None:
    for each in found[:PAGE]:
        left = f": left alone ({each['left']})" if each["left"] else ""
        screen.line((word, "red"), f" {_whom(each)}{left}", indent=2, hanging=6)
    _more(screen, len(found))


def _edited(screen: Screen, drift: SourceDrift) -> None:
    for each in drift.edited[:PAGE]:
        why = f"made anew as id {each['now']}" if each["now"] else ""
        left = f"left alone: {each['left']}" if each["left"] else ""
        change = {**each, "kind": "edited", "key": shown_key(each["key"]), "why": "; ".join(filter(None, (why, left)))}
        for line in change_lines(change, drift.phones):
            screen.line(*line, indent=2, hanging=6)
    _more(screen, len(drift.edited))


def _whom(each: Mapping[str, Any]) -> str:
    return f"{shown_key(each['key'])} (id {each['id']})"


def _more(screen: Screen, total: int) -> None:
    if total > PAGE:
        screen.line((f"and {total - PAGE:,} more; --json holds them all", "dim"), indent=4)


def _outcome(screen: Screen, drift: SourceDrift) -> None:
    """What a repair did or would do, and what stays for a person."""
    if drift.plan is None:
        return
    done = drift.pushed.counts if drift.pushed else drift.plan.counts()
    tense = 1 if drift.pushed else 0
    found = [f"{done[kind]:,} {words[tense]}" for kind, words in KINDS.items() if done.get(kind)]
    if drift.pushed:
        told = [*found, *([f"{drift.noted:,} noted as they are there"] if drift.noted else [])]
        if told:
            screen.line(("repaired", "bold green"), f": {', '.join(told)}", indent=2, hanging=6)
        for each in drift.pushed.rejected[:PAGE]:
            screen.line(("rejected", "bold yellow"), f" {shown_key(each['key'])}: {each['reason']}", indent=2)
    elif found:
        command = f"syncd reconcile {drift.source} --repair"
        screen.line("to put that right: ", (command, "bold"), f" ({', '.join(found)})", indent=2)
    _held(screen, drift)
    if any(each["left"] == "on_edit: report" for each in drift.edited):
        screen.line(
            "edits stay until reconcile: {on_edit: overwrite} or {on_edit: keep} says what becomes of them, or their "
            "rows change",
            indent=2,
            hanging=6,
        )


def _held(screen: Screen, drift: SourceDrift) -> None:
    for each in drift.held:
        head = f": {count(each.count, 'change')} ({each.gate}): {each.detail}"
        screen.line(("held" if drift.pushed else "would be held", "bold yellow"), head, indent=2, hanging=6)
    for digest in dict.fromkeys(each.digest for each in drift.held if each.approvable and drift.pushed):
        command = f"syncd approve {drift.source} {digest}"
        screen.line("to let exactly these go on: ", (command, "bold"), indent=4)
