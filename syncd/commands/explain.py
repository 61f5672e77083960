"""``syncd explain``: everything that is known of one contact, step by step, and what the next run would do."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.settings import chosen_sources, loaded
from syncd.commands.status import clock
from syncd.errors import ConfigError
from syncd.watch.status import iso

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.explain import Explanation, Found
    from syncd.report.screen import Screen

WIDTH = 10


def explain(config: Path | None, source: str, key: str, *, as_json: bool) -> int:
    """Print it.

    Raises:
        ConfigError: there is no such source, or nothing is known of the key.
        SyncdError: as a dry run.
    """
    settings = loaded(config)
    chosen_sources(settings, [source])
    found = _explained(settings, source, key)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(found), ensure_ascii=False) + "\n")
    else:
        from syncd.report.screen import Screen

        _show(Screen(), found)
    return 0


def _explained(settings: Settings, source: str, key: str) -> Explanation:
    from syncd.core.columns import UNIT
    from syncd.explain import explain as carry_out
    from syncd.run.session import open_session

    parts = len(settings.sources[source].rules.key)
    if key.count("+") == parts - 1:
        key = key.replace("+", UNIT)
    with open_session(settings, dry_run=True) as session:
        session.full = True
        found = carry_out(session, settings.sources[source], key)
    if not found.is_known:
        shown = key.replace(UNIT, "+")
        raise ConfigError(f"{source}: no row, no contact and no change of it has the key {shown!r}: {_form(parts)}")
    return found


def _form(parts: int) -> str:
    if parts == 1:
        return "write it as the source has it"
    return f"the key has {parts} columns, write their values joined by +"


def _as_json(found: Explanation) -> dict[str, Any]:
    from syncd.report.source_report import held_json, shown_key

    return {
        "source": found.source,
        "key": shown_key(found.key),
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "contact": found.contact,
        "ledger": _dated(found.ledger),
        "target": found.target,
        "stayed": found.stayed["new_id"] if found.stayed else None,
        "decision": found.decision,
        "why": found.why,
        "held": [held_json(each) for each in found.held],
        "change": found.change,
        "changes": found.changes,
    }


def _dated(ledger: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if ledger is None:
        return None
    times = {name: iso(ledger[name]) for name in ("missing_since", "created", "updated") if ledger[name]}
    return {**ledger, **times}


def _show(screen: Screen, found: Explanation) -> None:
    from syncd.report.source_report import shown_key

    screen.line((f"{found.source}, key {shown_key(found.key)}", "bold"))
    for row in found.rows:
        _row(screen, row)
    if not found.rows:
        _line(screen, "row", "none: the source has no row of this key")
    if found.contact is not None:
        _line(screen, "contact", _fields(found.contact))
    _ledger(screen, found)
    _target(screen, found)
    _history(screen, found)
    _decision(screen, found)


def _line(screen: Screen, name: str, *parts: str | tuple[str, str]) -> None:
    screen.line((f"{name:<{WIDTH}}", "bold"), *parts, hanging=WIDTH)


def _fields(fields: Mapping[str, str | None]) -> str:
    told = [f"{name}: {value}" for name, value in fields.items() if value]
    cleared = [name for name, value in fields.items() if value == ""]
    return " · ".join(told) + (f" (empty: {', '.join(cleared)})" if cleared else "")


def _row(screen: Screen, row: Found) -> None:
    reason = f": {row.reason}" if row.reason else ""
    _line(screen, "row", f"{row.at}, {'makes a contact' if row.state == 'contact' else row.state}{reason}")
    if row.columns:
        _line(screen, "", (_fields(row.columns), "dim"))
    if row.warning:
        _line(screen, "", ("warning", "yellow"), f": {row.warning}")


def _ledger(screen: Screen, found: Explanation) -> None:
    ledger = found.ledger
    if found.stayed:
        told = f"it was adopted, left the source, and stayed at the target as id {found.stayed['new_id']}"
        _line(screen, "ledger", f"nothing any more: {told}")
        return
    if ledger is None:
        _line(screen, "ledger", "nothing: as far as syncd knows, the target has no contact for it")
        return
    status = {"pending": "a call was begun whose outcome is not known"}.get(ledger["status"], ledger["status"])
    reason = f" ({ledger['reason']})" if ledger["reason"] else ""
    id_ = f"id {ledger['id']}, {ledger['origin']}" if ledger["id"] else "no id known"
    _line(screen, "ledger", f"{status}{reason}, {id_}, last sent {clock(iso(ledger['updated']))}")
    if ledger["fields"]:
        _line(screen, "", (_fields(ledger["fields"]), "dim"))
    if ledger["returned"]:
        _line(screen, "", (f"the target made of it: {_fields(ledger['returned'])}", "dim"))
    if ledger["missing_since"]:
        _line(screen, "", f"missing from the source since {clock(iso(ledger['missing_since']))}")


def _target(screen: Screen, found: Explanation) -> None:
    if found.target is None:
        asked = "a search finds no contact of it"
        _line(screen, "target", asked if found.searched else "not asked: what to search for is not known")
        return
    differs = found.target["differs"]
    if differs:
        _line(screen, "target", f"id {found.target['id']}, not as the ledger says:")
        for name, each in differs.items():
            told = f"{name}: {each['old'] or '(empty)'}, and in the ledger {each['new'] or '(empty)'}"
            _line(screen, "", told)
        return
    _line(screen, "target", f"id {found.target['id']}{_compared(found)}")
    _line(screen, "", (_fields(found.target["fields"]), "dim"))


def _compared(found: Explanation) -> str:
    """What is said of a contact at the target that does not differ from what the ledger says."""
    if found.target and found.target["differs"] is not None:
        return ", as the ledger says"
    return "; it has the same match fields, but the ledger does not know it" if found.ledger else ""


def _history(screen: Screen, found: Explanation) -> None:
    if found.last is None:
        _line(screen, "history", "no change is known")
        return
    from syncd.report.screen import count
    from syncd.report.source_report import shown_key

    last = found.last
    told = f"{count(found.changes, 'change')}, the last: {last['kind']} ({last['outcome']}) by run {last['run']}"
    _line(screen, "history", f"{told}, {clock(iso(last['at']))}")
    screen.line("all of them: ", (f"syncd history {found.source} --key {shown_key(found.key)}", "bold"), indent=WIDTH)


def _decision(screen: Screen, found: Explanation) -> None:
    from syncd.report.changes_table import STYLES, change_lines

    held = " (held)" if found.held else ""
    _line(screen, "next run", (f"{found.decision}{held}", STYLES.get(found.decision, "bold")), f": {found.why}")
    if found.change:
        for line in [*change_lines(found.change, found.phones)][1:]:
            screen.line(*line, indent=WIDTH - 4, hanging=WIDTH)
    for each in found.held:
        _line(screen, "", ("held", "bold yellow"), f" ({each.gate}): {each.detail}")
    for digest in dict.fromkeys(each.digest for each in found.held if each.approvable):
        command = f"syncd approve {found.source} {digest}"
        screen.line("to let exactly these go on: ", (command, "bold"), indent=WIDTH)
