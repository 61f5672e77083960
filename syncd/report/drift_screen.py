"""What ``syncd reconcile`` found, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syncd.core.warnings import REMEDY
from syncd.core.wording import counted, shown_key
from syncd.report.change_lines import change_lines, kinds_counted
from syncd.report.drift_report import CLASSES, Reconciled, SourceDrift
from syncd.report.run_screen import show_left
from syncd.report.screen import PAGE, Screen

WORDS = {"same": "as they were left", "extra_ours": "extra (deleted before, and still there)"}
WHY = {
    "pending": "the outcome of an earlier call is unknown; the next run settles that",
    "rejected": "the target refuses what the source says; syncd rejects list says why",
    "held": "a gate holds their changes; syncd status shows them",
}
"""The classes of contacts that were not judged, each with the reason."""

EDITS_STAY = (
    "edits stay until reconcile: {on_edit: overwrite} or {on_edit: keep} says what becomes of them, "
    "or their rows change"
)


def show_drift(screen: Screen, found: Reconciled) -> None:
    """Write what was found of each source, and last the contacts of the whole target."""
    for drift in found.sources:
        _source(screen, drift)
    if found.there or any(drift.known for drift in found.sources):
        ours = found.there - len(found.foreign)
        when = " before the repair" if found.repair else ""
        whose = f"{ours:,} of ours, {len(found.foreign):,} of others, never touched"
        total = f"{when}: {counted(found.there, 'contact')}: {whose}; {counted(found.sent, 'request')}."
        screen.line(("At the target", "bold"), total, hanging=2)
    if found.shared:
        groups = "; ".join(" and ".join(map(str, ids)) for ids in found.shared[:PAGE])
        rest = f"; and {len(found.shared) - PAGE:,} more groups" if len(found.shared) > PAGE else ""
        screen.line(("one number, several contacts", "bold yellow"), f" (ids {groups}{rest}): {REMEDY}", hanging=2)


def _source(screen: Screen, drift: SourceDrift) -> None:
    # Without counts the error came before the comparison; with counts, in the repair.
    compared = drift.counts or not drift.error
    screen.line((drift.source, "bold"), f": {', '.join(_headline(drift)) if compared else 'not compared'}", hanging=2)
    _missing(screen, "missing", drift.missing)
    _edited(screen, drift)
    _missing(screen, "extra", drift.extra)
    if drift.running:
        _item(screen, "not the last word", "a run of the source is under way; compare again when it is over")
    for name, number, why in _not_judged(drift):
        _item(screen, name, f"{counted(number, 'contact')}: {why}")
    _outcome(screen, drift)
    # If stderr is shown in the same place, the command prints the error there, below the report.
    if drift.error is not None and not screen.holds_errors:
        for line in str(drift.error).splitlines():
            screen.line(("error: ", "bold red"), line, indent=2)


def _item(screen: Screen, word: str, text: str, style: str = "bold yellow") -> None:
    screen.line((word, style), f": {text}", indent=2, hanging=6)


def _headline(drift: SourceDrift) -> Iterator[str]:
    if not drift.known:
        yield "nothing is known of it yet: syncd run comes first"
    # First the classes that were judged, then the others.
    for name in (*(name for name in CLASSES if name not in WHY), *WHY):
        if drift.counts[name]:
            yield f"{drift.counts[name]:,} {WORDS.get(name, name)}"


def _not_judged(drift: SourceDrift) -> Iterator[tuple[str, int, str]]:
    """Yield each class of contacts that were not judged, with their number and the reason."""
    # A contact that a run sent meanwhile is pending only for this comparison: no outcome is unknown.
    if drift.late:
        yield "pending", drift.late, "sent while the target was listed, so that the list cannot tell of them"
    for name, why in WHY.items():
        number = drift.counts[name] - (drift.late if name == "pending" else 0)
        if number:
            yield name, number, why


def _missing(screen: Screen, word: str, found: Sequence[Mapping[str, Any]]) -> None:
    for each in found[:PAGE]:
        left = f": left alone ({each['left']})" if each["left"] else ""
        whom = f"{shown_key(each['key'])} (id {each['id']})"
        screen.line((word, "red"), f" {whom}{left}", indent=2, hanging=6)
    screen.more(len(found), "; --json holds them all")


def _edited(screen: Screen, drift: SourceDrift) -> None:
    for each in drift.edited[:PAGE]:
        why = [f"made anew as id {each['now']}"] if each["now"] else []
        why += [f"left alone: {each['left']}"] if each["left"] else []
        for line in change_lines({**each, "kind": "edited", "why": "; ".join(why)}, drift.phones):
            screen.line(*line, indent=2, hanging=6)
    screen.more(len(drift.edited), "; --json holds them all")


def _outcome(screen: Screen, drift: SourceDrift) -> None:
    """Write what a repair did or would do, and what stays for a person."""
    if drift.plan is None:
        return
    if drift.pushed:
        found = kinds_counted(drift.pushed.counts, done=True)
        found += [f"{drift.noted:,} noted as they are there"] if drift.noted else []
        if found:
            _item(screen, "repaired", ", ".join(found), "bold green")
        for each in drift.pushed.rejected[:PAGE]:
            screen.line(("rejected", "bold yellow"), f" {shown_key(each['key'])}: {each['reason']}", indent=2)
        show_left(screen, drift.left)
    elif found := kinds_counted(drift.plan.counts(), done=False):
        command = f"syncd reconcile {drift.source} --repair"
        screen.line("to put that right: ", (command, "bold"), f" ({', '.join(found)})", indent=2)
    for hold in drift.held:
        text = f"{counted(hold.count, 'change')} ({hold.gate}): {hold.detail}"
        _item(screen, "held" if drift.pushed else "would be held", text)
    # Only a repair keeps the list that it holds, so that only then an approval finds it.
    for digest in dict.fromkeys(each.digest for each in drift.held if each.approvable and drift.pushed):
        command = f"syncd approve {drift.source} {digest}"
        screen.line("to let exactly these go on: ", (command, "bold"), indent=4)
    if any(each["left"] == "on_edit: report" for each in drift.edited):
        screen.line(EDITS_STAY, indent=2, hanging=6)
