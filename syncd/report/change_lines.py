"""Changes as text: a change as lines with each field's old and new value, and the counts of a plan in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncd.core.compare import FORMERLY_UNKNOWN
from syncd.core.wording import shown_key

Part = str | tuple[str, str]
"""Text, or text and its style."""

Line = list[Part]

STYLES = {"create": "green", "adopt": "cyan", "update": "yellow", "move": "magenta", "delete": "red"}

LONGEST = 120
"""Characters of a value that are shown."""

EMPTY, NOT_KNOWN = "(empty)", "(not known)"

_DONE = {
    "create": "created",
    "adopt": "adopted",
    "update": "updated",
    "move": "moved",
    "delete": "deleted",
    "associate": "associated",
    "erase": "removed",
}
"""The kinds of changes; the last two are of sinks."""


def kinds_counted(counts: Mapping[str, int], *, done: bool) -> list[str]:
    """Return the counts of changes by kind as text: ``2 to create``, or ``2 created`` if they are ``done``."""
    return [f"{counts[kind]:,} {word if done else f'to {kind}'}" for kind, word in _DONE.items() if counts.get(kind)]


def change_lines(change: Mapping[str, Any], phones: frozenset[str], *, old: str = "", new: str = "") -> Iterator[Line]:
    """Yield the lines that show a change; ``old`` and ``new`` name the two values where that is not plain."""
    kind, fields = change["kind"], change["fields"]
    id_ = f" (id {change['id']})" if change.get("id") else ""
    head: Line = [(kind, STYLES.get(kind, "yellow")), f" {shown_key(str(change['key']))}{id_}"]
    if kind in ("create", "delete"):
        # All the values are on one side, so they fit on the line of the change.
        side = "new" if kind == "create" else "old"
        values = [f"{name}: {shown(each[side])}" for name, each in fields.items() if each.get(side)]
        yield [*head, *([f"  {' · '.join(values)}"] if values else [])]
        return
    why = f" ({change['why']})" if change.get("why") else ""
    nothing = "" if fields or why else " (no field differs)"
    yield [*head, why, nothing]
    width = max(map(len, fields), default=0)
    lacking = NOT_KNOWN if FORMERLY_UNKNOWN in why else EMPTY
    for name, each in fields.items():
        line = _difference(each.get("old") or lacking, each.get("new"), name in phones, old, new)
        yield [f"    {name:<{width}}  ", *line]


def _difference(old: str, new: str | None, is_phone: bool, old_name: str, new_name: str) -> Line:  # noqa: FBT001 (private)
    if is_phone and new and (";" in old or ";" in new):
        return _numbers(old.split(";"), new.split(";"))
    # A run shows before → after. A comparison with the target shows two presents, which have to be named.
    before = f"{old_name} " if old_name else ""
    after = f"{new_name} " if new_name else ""
    return [
        before,
        (shown(old), "dim" if old in {EMPTY, NOT_KNOWN} else "red"),
        " → ",
        after,
        (shown(new), "green" if new else "dim"),
    ]


def _numbers(old: list[str], new: list[str]) -> Line:
    # A contact may hold a dozen numbers: two whole lists side by side would not show which number is another one.
    line: Line = [(f"-{number} ", "red") for number in old if number not in new]
    line += [(f"+{number} ", "green") for number in new if number not in old]
    same = [number for number in new if number in old]
    return [*line, (f"(as before: {', '.join(same)})", "dim")] if same else line


def shown(value: str | None) -> str:
    """Return a value as far as a screen shows it."""
    if not value:
        return EMPTY
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
