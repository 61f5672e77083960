"""``syncd number``: says whose a number is that several contacts want; the target is asked nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.callers.given import one_number
from syncd.commands.options import NumberOptions
from syncd.commands.running import Report, reported
from syncd.commands.settings import chosen_sources, existing_state, loaded
from syncd.commands.status import shown_time
from syncd.core.activity.numbers import canonical
from syncd.core.columns import UNIT
from syncd.core.settings.rules import DECIDING
from syncd.core.wording import shown_key
from syncd.errors import ConfigError
from syncd.watch.status import iso

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen
    from syncd.state import State

USAGE = "write NUMBER, with --to SOURCE KEY, --nobody or neither; or --list without a number"

HEAD = ("number", "whose", "since", "wants it")


def number(config: Path | None, options: NumberOptions) -> int:
    """Say it, take it back, or show what was said; print the result and return the exit code."""
    decides = options.to is not None or options.nobody
    text = one_number(options.number) if options.number else None
    if options.listed is (text is not None) or (options.listed and decides) or (options.to and options.nobody):
        raise ConfigError(USAGE)

    def work(_: threading.Event) -> Report:
        settings = loaded(config, keyless=True)
        with existing_state(settings, read_only=not decides) as state:
            if state is None:
                raise ConfigError(f"{settings.state}: there is no state file yet, so no number is known: run syncd run")
            return _of_number(settings, state, options, text) if text is not None else _all(settings, state)

    return reported(work, _show, as_json=options.as_json)


def _of_number(settings: Settings, state: State, options: NumberOptions, text: str) -> Report:
    phones = state.history.phone_fields()
    if options.to is not None:
        source, key = _contact(settings, *options.to)
        digits = _form(text, settings.sources[source].rules.phones.region)
        state.shared.assign(digits, source, key, phones)
        return _described(state, digits) | {"done": "decided"}
    regions = dict.fromkeys(source.rules.phones.region for source in settings.sources.values())
    forms = [_form(text, region) for region in regions or ("US",)]
    digits = next((each for each in forms if _described(state, each)["contacts"]), forms[0])
    if not options.nobody:
        return _described(state, digits)
    said = [state.shared.release(each, phones) for each in dict.fromkeys(forms)]
    if not any(said):
        raise ConfigError("nothing was decided about this number: syncd number --list shows what was")
    return _described(state, digits) | {"done": "taken back"}


def _form(text: str, region: str) -> str:
    """Return a number in the form in which the numbers of contacts are compared."""
    import polars as pl

    from syncd.core.callers.numbers import digits

    found: str = pl.select(digits(pl.lit(canonical(text, region)))).item()
    if not found:
        raise ConfigError("NUMBER: this is no phone number: write its digits, such as 2125550101")
    return found


def _contact(settings: Settings, source: str, key: str) -> tuple[str, str]:
    """Return the contact that a person means; the next row with its key may make it."""
    [found] = chosen_sources(settings, [source])
    if found.shared_numbers not in DECIDING:
        raise ConfigError(
            f"{found.where_is('phones', 'shared')} is {found.shared_numbers}, by which every contact has its "
            f"numbers, so nothing is decided: set it to one of {', '.join(sorted(DECIDING))} in all sources"
        )
    # Only with the right number of parts: a + may also be a character of a key.
    parts = len(found.rules.key)
    return source, key.replace("+", UNIT) if parts > 1 and key.count("+") == parts - 1 else key


def _described(state: State, digits: str) -> Report:
    """Return a number with its decision, and with the contacts that have it or go without it."""
    import polars as pl

    from syncd.core.callers.numbers import NUMBER
    from syncd.core.callers.policy import SOURCE
    from syncd.core.columns import KEY
    from syncd.state.numbers.shared import HAS

    claims = state.shared.claims(pl.Series(NUMBER, [digits]), state.history.phone_fields())
    contacts = []
    for source, key, has in claims.sort(SOURCE, KEY).select(SOURCE, KEY, HAS).iter_rows():
        reason = dict(state.shared.of_contact(source, key)).get(digits)
        contacts.append({"source": source, "key": shown_key(key), "has": has, "reason": None if has else reason})
    said = next((each for each in state.shared.decisions() if each["number"] == digits), None)
    return {"number": digits, "decided": said and _decision(said), "contacts": contacts}


def _decision(said: Mapping[str, Any]) -> Report:
    return {"source": said["source"], "key": shown_key(said["key"]), "at": iso(said["at"])}


def _all(settings: Settings, state: State) -> Report:
    """Return every decision, whether its contact wants the number, and the numbers that wait for one."""
    from syncd.core.callers.wording import NOBODY

    found = []
    for said in state.shared.decisions():
        contacts = _described(state, str(said["number"]))["contacts"]
        whose = _decision(said)
        wanted = any((each["source"], each["key"]) == (whose["source"], whose["key"]) for each in contacts)
        found.append({"number": said["number"], **whose, "wanted": wanted})
    waiting = {
        row[0]
        for source in settings.sources
        for row in state.shared.of_source(source).select("number", "@reason").iter_rows()
        if row[1] == NOBODY
    }
    return {"numbers": found, "undecided": sorted(waiting)}


def _show(screen: Screen, found: Report) -> None:
    if "numbers" in found:
        _show_all(screen, found)
        return
    decided = found["decided"]
    whose = f"decided: {decided['source']} {decided['key']}, {shown_time(decided['at'])}" if decided else "not decided"
    screen.line((found["number"], "bold"), f": {whose}")
    for each in found["contacts"]:
        what = "has it" if each["has"] else f"goes without it: {each['reason']}"
        screen.line(f"{each['source']} {each['key']} {what}", indent=2, hanging=4)
    if not found["contacts"]:
        screen.line("no contact that was sent wants it", indent=2)
    if "done" in found:
        screen.line("The next run of each of these sources obeys.")


def _show_all(screen: Screen, found: Report) -> None:
    if found["numbers"]:
        rows = [
            (
                each["number"],
                f"{each['source']} {each['key']}",
                shown_time(each["at"]),
                "yes" if each["wanted"] else "no",
            )
            for each in found["numbers"]
        ]
        screen.table(HEAD, rows)
    else:
        screen.line("Nothing was decided.")
    if found["undecided"]:
        from syncd.report.undecided import show_undecided

        show_undecided(screen, found["undecided"])
