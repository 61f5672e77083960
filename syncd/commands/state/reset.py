"""``syncd state reset``: forgets a part of what the state knows of a source, after it has said what that costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.running import Report, reported
from syncd.commands.settings import loaded
from syncd.commands.state.asking import agreed, can_ask, list_forecast, need_state
from syncd.commands.status import shown_time
from syncd.core.activity.instants import iso
from syncd.core.wording import counted, nearest
from syncd.errors import ConfigError
from syncd.report.streams import printable

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.report.screen import Screen
    from syncd.state.hand.reset import Cost, Kind, Resets


def reset(config: Path | None, source: str, kinds: Sequence[str], *, yes: bool, as_json: bool) -> int:
    """Say what the reset costs, make it if that is agreed, and return the exit code."""
    if len(kinds) != 1:
        raise ConfigError("say what is to be forgotten, one of: --ledger, --cursor, --history")
    kind: Kind = kinds[0]  # type: ignore[assignment]  # the names of the options

    def work(_stopping: threading.Event) -> Report:
        from syncd.state import State
        from syncd.state.hand.reset import Resets

        settings = loaded(config, keyless=True)
        need_state(settings)
        with State(settings.state) as state:
            resets = Resets(state)
            _require_known(source, settings, resets)
            cost = resets.cost(source)
            found = _report(source, kind, cost, settings)
            if not as_json:
                _say_cost(found)
            if yes or (can_ask(as_json=as_json) and agreed(f"Reset the {kind} of {source}?")):
                resets.make(source, kind)
                found["done"] = True
        return found

    return reported(work, _show, as_json=as_json, happened=_happened)


def _require_known(source: str, settings: Settings, resets: Resets) -> None:
    # Also a source that is not configured any more: that is how one is forgotten.
    known = {*settings.sources, *resets.knows()}
    if source not in known:
        close = nearest(source, known)
        raise ConfigError(
            f"there is no source {printable(source)!r}{close}; there are: {', '.join(sorted(known)) or 'none'}"
        )


def _report(source: str, kind: Kind, cost: Cost, settings: Settings) -> Report:
    known: dict[str, Any] = asdict(cost)
    known["oldest"] = None if cost.oldest is None else iso(cost.oldest)
    listing = list_forecast(settings, cost.all_contacts) if kind == "ledger" else None
    found: Report = {"source": source, "reset": kind, "done": False, "known": known, "list": listing}
    return {**found, "costs": list(_costs(source, kind, known, listing))}


def _costs(source: str, kind: Kind, known: Mapping[str, Any], listing: Mapping[str, Any] | None) -> Iterator[str]:
    if kind == "cursor":
        yield f"the next run of {source} reads the whole source"
    elif kind == "ledger":
        yield f"the state forgets {counted(known['contacts'], 'contact')} of {source}; none is changed at the target"
        takes = f" ({listing['text']})" if listing else ""
        yield (
            f"the next run of {source} reads the whole source and the target's list{takes}, adopts what is there, and "
            "sends each contact once more"
        )
        yield (
            f"of the {counted(known['created'], 'contact')} that syncd has made it deletes none any more, unless "
            "deletes: {adopted: true} is set"
        )
        yield "contacts whose rows have left the source by the next run stay at the target"
        if known["going"]:
            yield f"{counted(known['going'], 'delete')} that a gate or a grace holds now is not made"
        if known["rejected"]:
            yield f"{counted(known['rejected'], 'contact')} that the target refused: sent again"
        if known["held"]:
            yield f"{counted(known['held'], 'held list')}: gone, with an approval"
    else:
        since = f" since {shown_time(known['oldest'])}" if known["oldest"] else ""
        yield f"{counted(known['changes'], 'change')} of {source}{since} can no longer be shown, explained or undone"
        yield "calls and messages of before are no longer attributed by who had a number then"


def _say_cost(found: Report) -> None:
    from syncd.report.screen import Screen

    screen = Screen()
    screen.line(f"Reset of the {found['reset']} of {found['source']}:")
    for cost in found["costs"]:
        screen.line(f"- {cost}", indent=2, hanging=4)


def _happened(found: Report) -> Iterator[str]:
    if not found["done"]:
        yield "not_confirmed"


def _show(screen: Screen, found: Report) -> None:
    if found["done"]:
        screen.line(f"Done: the {found['reset']} of {found['source']} is forgotten.")
    else:
        screen.line("Nothing was changed. To do it: the same command with --yes.")
