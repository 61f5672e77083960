"""What ``syncd forget`` prints, as JSON and on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.core.change import Fields, Left
from syncd.core.compare import field_changes
from syncd.core.forgetting.changes import Fate
from syncd.core.plan import Held
from syncd.core.wording import counted, shown_key
from syncd.finish.forgetting import counts_of
from syncd.forget import Forgetting, SourcePart
from syncd.report.change_lines import change_lines
from syncd.report.error_text import error_json
from syncd.report.left import WHY
from syncd.report.screen import PAGE, Screen
from syncd.report.source_report import held_json

_KEPT = {
    "history": ("entry of the history", "entries of the history"),
    "claims": ("note of a claim, an undo or a contact that stayed", "notes of claims, undos and contacts that stayed"),
    "numbers": ("entry of an index of numbers", "entries of indexes of numbers"),
    "holds": ("list of held changes", "lists of held changes"),
}
"""What the state keeps besides contacts, one and several."""


_OF_CALLS = ("call", "message", "file")


def as_json(found: Forgetting, activity: dict[str, Any], code: int, error: BaseException | None) -> dict[str, Any]:
    """Return what ``--json`` shows."""
    return {
        "exit": code,
        "dry_run": found.dry_run,
        "digests": [each.digest for each in found.entries],
        "held": [held_json(found.held)] if found.held else [],
        "sources": [_part_json(part, dry_run=found.dry_run) for part in found.parts],
        "copies": [str(path) for path in found.copies],
        "elsewhere": [str(path) for path in found.elsewhere],
        "clean": found.clean,
        "known": found.known,
        "activity": activity or None,
        **error_json(error),
    }


def _part_json(part: SourcePart, *, dry_run: bool) -> dict[str, Any]:
    contacts = [_contact_json(part, each, with_fields=dry_run) for each in part.fates]
    done = {"counts": counts_of(part.done), "rejected": part.done.pushed.rejected} if part.done else {}
    stays = [{"key": shown_key(each.key), "id": each.id, "reason": WHY[each.why]} for each in part.stays]
    return {
        "source": part.source,
        "contacts": contacts,
        "kept": part.kept,
        "stays": stays,
        **done,
        **error_json(part.error),
    }


def _contact_json(part: SourcePart, fate: Fate, *, with_fields: bool) -> dict[str, Any]:
    holder, other = fate.holder, part.others.get(fate.holder.key)
    found: dict[str, Any] = {
        "key": shown_key(holder.key),
        "id": holder.id,
        "kind": _kind(fate),
        "adopted": holder.adopted,
        "released": fate.released,
    }
    if other:
        found["also"] = {"source": other[0], "key": shown_key(other[1])}
    # Whoever has forgotten somebody does not need the name in a log of the terminal.
    return found | ({"fields": _fields(holder.there, fate)} if with_fields else {})


def _kind(fate: Fate) -> str:
    if fate.after is None:
        return "delete"
    return "update" if fate.match == fate.holder.match else "move"


def _fields(there: Fields, fate: Fate) -> dict[str, dict[str, str | None]]:
    return field_changes(there, fate.after, frozenset())


def show(screen: Screen, found: Forgetting, activity: dict[str, Any], *, again: str) -> None:
    """Print what went, or would go, and how it ended."""
    if found.held and not found.dry_run:
        _show_held(screen, found.held, again)
        screen.line("Nothing was forgotten.")
        return
    show_what(screen, found, activity, again=again)
    if found.dry_run:
        screen.line("Dry run: nothing was forgotten.")
        return
    if not found.clean:
        screen.line("Another process reads the state: run this command again, so that nothing is left in its files.")
    for entry in found.entries:
        screen.line(f"Forgotten: no source sends it again. To let it come back: syncd forget --allow {entry.digest}")


def show_what(screen: Screen, found: Forgetting, activity: dict[str, Any], *, again: str) -> None:
    """Print what went, or would go."""
    if found.held:
        _show_held(screen, found.held, again)
    _show_parts(screen, found)
    if not (found.known or found.copies or any(activity.get(f"{one}s") for one in _OF_CALLS)):
        screen.line("Nothing is known of it here: is it written as you mean it? Its digest keeps it away all the same.")
    for path in found.copies:
        screen.line(f"{path}: this older copy of the state {'would be' if found.dry_run else 'was'} removed", hanging=2)
    for path in found.elsewhere:
        screen.line(f"{path}: this backup is yours, and is not cleaned: delete it, if nobody needs it", hanging=2)
    if activity:
        _show_activity(screen, activity)


def _show_held(screen: Screen, held: Held, again: str) -> None:
    screen.line(("held", "bold yellow"), f": {held.detail}", hanging=2)
    for name in held.keys[:PAGE]:
        screen.line(name, indent=4)
    screen.more(held.count, "; --json lists all")
    screen.line(f"to let it go from exactly these: {again} --approve {held.digest}", indent=2)


def _show_activity(screen: Screen, activity: dict[str, Any]) -> None:
    if "attributions" in activity:
        if activity["attributions"]:
            screen.line(
                f"no contact's any more: {counted(activity['attributions'], 'call or message', 'calls and messages')}"
            )
        return
    erased = ", ".join(counted(activity[f"{one}s"], one) for one in _OF_CALLS)
    screen.line(f"calls and messages: {erased}")
    for each in activity["sinks"]:
        there = counted(each["records"], "record")
        screen.line(f"{each['sink']}: {there} there; syncd activity forget --sinks erases them", indent=2)


def _show_parts(screen: Screen, found: Forgetting) -> None:
    for part in found.parts:
        _show_part(screen, part, dry_run=found.dry_run)
    if not any(part.fates for part in found.parts):
        screen.line("No contact of it is known: one that may be at the target all the same stays there.")


def _show_part(screen: Screen, part: SourcePart, *, dry_run: bool) -> None:
    lines = [*_contacts(part, dry_run=dry_run), *_of_state(part, dry_run=dry_run)]
    if not lines:
        return
    screen.line((part.source, "bold"), ":")
    for line in lines:
        screen.line(*line, indent=2, hanging=6)


def _contacts(part: SourcePart, *, dry_run: bool) -> Iterator[list[Any]]:
    for fate in part.fates[:PAGE] if dry_run else ():
        holder, other = fate.holder, part.others.get(fate.holder.key)
        change = {"kind": _kind(fate), "key": holder.key, "id": holder.id, "fields": _fields(holder.there, fate)}
        yield from change_lines(change, frozenset())
        if fate.released:
            yield [f"  syncd lets it go: {WHY[Left.FORGOTTEN]}"]
        if holder.adopted and fate.after is None:
            yield ["  it was at the target before syncd, and goes all the same"]
        if other and fate.after is None:
            yield [f"  {other[0]} has the same contact as {shown_key(other[1])}, and keeps it"]
    if dry_run and len(part.fates) > PAGE:
        yield [f"and {len(part.fates) - PAGE:,} more; --json lists all"]
    for each in part.stays:
        yield [f"{shown_key(each.key)} (id {each.id}) stays at the target: {WHY[each.why]}"]


def _of_state(part: SourcePart, *, dry_run: bool) -> Iterator[list[Any]]:
    kept = [counted(part.kept.get(name, 0), *words) for name, words in _KEPT.items() if part.kept.get(name)]
    if kept:
        yield [f"{'would be erased' if dry_run else 'erased'} here: {', '.join(kept)}"]
    if not part.done:
        return
    counts = counts_of(part.done)
    words = {"deleted": "deleted", "changed": "without the number now", "handed_over": "kept by another key"}
    words |= {"released": "let go, with a number that no row has sent"}
    made = [f"{counted(counts[name], 'contact')} {word}" for name, word in words.items() if counts[name]]
    if made:
        yield [f"at the target: {', '.join(made)}"]
    for each in part.done.pushed.rejected:
        yield [f"{shown_key(each['key'])}: refused: {each['reason']}"]
    if counts["unfinished"]:
        waits = counted(counts["unfinished"], "contact is", "contacts are")
        yield [f"{waits} not settled at the target: the next run, or the same command, goes on"]
