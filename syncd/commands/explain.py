"""``syncd explain``: everything that is known of one contact, step by step, and what the next run would do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.commands.options import ExplainOptions
from syncd.commands.settings import chosen_sources, loaded
from syncd.commands.status import shown_time
from syncd.config import Settings
from syncd.core.change import Left
from syncd.core.columns import UNIT
from syncd.core.forgetting.marks import digest_of, key_text
from syncd.core.wording import counted, shown_key
from syncd.errors import ConfigError
from syncd.explain import Explanation, Found, why_stayed
from syncd.explain import explain as explanation_of
from syncd.report.change_lines import STYLES, Part, change_lines
from syncd.report.exit_code import DONE
from syncd.report.left import WHY
from syncd.report.screen import Screen
from syncd.report.source_report import held_json
from syncd.report.streams import print_json
from syncd.run.session import open_session
from syncd.state.leaving.forgotten import Forgotten
from syncd.watch.status import iso

# The longest name is "next run"; the lines below it are indented by as much.
WIDTH = 10


def explain(config: Path | None, options: ExplainOptions) -> int:
    """Print the explanation of one contact.

    Raises:
        ConfigError: there is no such source, or nothing is known of the key.
        SyncdError: as a dry run.
    """
    settings = loaded(config)
    chosen_sources(settings, [options.source])
    found = _explained(settings, options.source, options.key)
    if options.as_json:
        print_json(_as_json(found))
    else:
        _Printer(Screen(), found).show()
    return DONE


def _explained(settings: Settings, source: str, key: str) -> Explanation:
    parts = len(settings.sources[source].rules.key)
    # Only with the right number of parts: a + may also be a character of a key.
    if key.count("+") == parts - 1:
        key = key.replace("+", UNIT)
    with open_session(settings, dry_run=True) as session:
        # A partial read would say nothing of a row that has not changed.
        session.full = True
        found = explanation_of(session, settings.sources[source], key)
    if not found.is_known and _is_forgotten(settings, source, key):
        raise ConfigError(
            f"{source}: the key {shown_key(key)!r} was forgotten, so that no run sends it: syncd forget --list"
        )
    if not found.is_known:
        joined = f"the key has {parts} columns, write their values joined by +"
        form = "write it as the source has it" if parts == 1 else joined
        raise ConfigError(f"{source}: no row, no contact and no change of it has the key {shown_key(key)!r}: {form}")
    return found


def _is_forgotten(settings: Settings, source: str, key: str) -> bool:
    marks = Forgotten(settings.state).of(source)
    return digest_of("key", key_text(source, key), marks.salt) in marks.keys


def _as_json(found: Explanation) -> dict[str, Any]:
    ledger = found.ledger or {}
    times = {name: iso(ledger[name]) for name in ("missing_since", "created", "updated") if ledger.get(name)}
    return {
        "source": found.source,
        "key": shown_key(found.key),
        "rows": [dataclasses.asdict(row) for row in found.rows],
        "contact": found.contact,
        "ledger": found.ledger and {**ledger, **times},
        "target": found.target,
        "stayed": found.stayed["new_id"] if found.stayed else None,
        "takes_over": found.takes_over and shown_key(found.takes_over),
        "left": [{"id": each["id"], "reason": WHY[Left(each["why"])], "since": iso(each["at"])} for each in found.left],
        "left_out": [{"number": number, "reason": reason} for number, reason in found.left_out],
        "decision": found.decision,
        "why": found.why,
        "held": [held_json(each) for each in found.held],
        "change": found.change,
        "changes": found.changes,
    }


def _fields(fields: Mapping[str, str | None]) -> str:
    shown = [f"{name}: {value}" for name, value in fields.items() if value]
    # None leaves the target's value alone, "" clears it.
    cleared = [name for name, value in fields.items() if value == ""]
    return " · ".join(shown) + (f" (empty: {', '.join(cleared)})" if cleared else "")


@dataclasses.dataclass(frozen=True, slots=True)
class _Printer:
    """Writes an explanation: a name such as ``ledger`` at the left, and lines of text beside it."""

    screen: Screen
    found: Explanation

    def show(self) -> None:
        found = self.found
        self.screen.line((f"{found.source}, key {shown_key(found.key)}", "bold"))
        for row in found.rows:
            self._row(row)
        if not found.rows:
            self._line("row", "none: the source has no row of this key")
        if found.contact is not None:
            self._line("contact", _fields(found.contact))
        for number, reason in found.left_out:
            self._line("without", f"{number}: {reason}")
        self._ledger()
        self._target()
        self._left()
        self._history()
        self._decision()

    def _line(self, name: str, *parts: Part) -> None:
        self.screen.line((f"{name:<{WIDTH}}", "bold"), *parts, hanging=WIDTH)

    def _row(self, row: Found) -> None:
        reason = f": {row.reason}" if row.reason else ""
        self._line("row", f"{row.at}, {'makes a contact' if row.state == 'contact' else row.state}{reason}")
        if row.columns:
            self._line("", (_fields(row.columns), "dim"))
        if row.warning:
            self._line("", ("warning", "yellow"), f": {row.warning}")

    def _ledger(self) -> None:
        ledger, stayed = self.found.ledger, self.found.stayed
        if stayed:
            stays = why_stayed(self.found, stayed)
            self._line("ledger", f"nothing any more: {stays}")
            return
        if ledger is None:
            self._line("ledger", "nothing: as far as syncd knows, the target has no contact for it")
            return
        status = {"pending": "a call was begun whose outcome is not known"}.get(ledger["status"], ledger["status"])
        if self.found.takes_over:
            self._line("takes over", f"the contact of key {shown_key(self.found.takes_over)}")
        reason = f" ({ledger['reason']})" if ledger["reason"] else ""
        id_ = f"id {ledger['id']}, {ledger['origin']}" if ledger["id"] else "no id known"
        self._line("ledger", f"{status}{reason}, {id_}, last sent {shown_time(ledger['updated'])}")
        if ledger["fields"]:
            self._line("", (_fields(ledger["fields"]), "dim"))
        if ledger["returned"]:
            self._line("", (f"the target made of it: {_fields(ledger['returned'])}", "dim"))
        if ledger["missing_since"]:
            self._line("", f"missing from the source since {shown_time(ledger['missing_since'])}")

    def _target(self) -> None:
        target = self.found.target
        if target is None:
            asked = "a search finds no contact of it"
            self._line("target", asked if self.found.searched else "not asked: what to search for is not known")
            return
        if target["differs"]:
            self._line("target", f"id {target['id']}, not as the ledger says:")
            for name, each in target["differs"].items():
                self._line("", f"{name}: {each['old'] or '(empty)'}, and in the ledger {each['new'] or '(empty)'}")
            return
        # ``differs`` is None if the ledger has no contact of the key, or does not know its id.
        unknown = "; it has the same match fields, but the ledger does not know it" if self.found.ledger else ""
        compared = ", as the ledger says" if target["differs"] is not None else unknown
        self._line("target", f"id {target['id']}{compared}")
        self._line("", (_fields(target["fields"]), "dim"))

    def _left(self) -> None:
        for each in self.found.left:
            which = f"id {each['id']}" if each["id"] else "a contact that was not found"
            self._line("left", f"{which}, since {shown_time(each['at'])}: {WHY[Left(each['why'])]}")

    def _history(self) -> None:
        found, last = self.found, self.found.last
        if last is None:
            self._line("history", "no change is known")
            return
        newest = f"the last: {last['kind']} ({last['outcome']}) by run {last['run']}, {shown_time(last['at'])}"
        self._line("history", f"{counted(found.changes, 'change')}, {newest}")
        command = f"syncd history {found.source} --key {shown_key(found.key)}"
        self.screen.line("all of them: ", (command, "bold"), indent=WIDTH)

    def _decision(self) -> None:
        found = self.found
        decision = f"{found.decision}{' (held)' if found.held else ''}"
        self._line("next run", (decision, STYLES.get(found.decision, "bold")), f": {found.why}")
        if found.change:
            # The first line names the kind and the key, which stand above already.
            for line in [*change_lines(found.change, found.phones)][1:]:
                self.screen.line(*line, indent=WIDTH - 4, hanging=WIDTH)
        for each in found.held:
            self._line("", ("held", "bold yellow"), f" ({each.gate}): {each.detail}")
        for digest in dict.fromkeys(each.digest for each in found.held if each.approvable):
            command = f"syncd approve {found.source} {digest}"
            self.screen.line("to let exactly these go on: ", (command, "bold"), indent=WIDTH)
