"""``syncd activity list``: the stored calls and messages, the oldest first; the target is asked nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.budget import describe
from syncd.commands.activity.given import readable_store, selection
from syncd.commands.options import ActivityListOptions
from syncd.commands.settings import loaded
from syncd.report.exit_code import DONE

if TYPE_CHECKING:
    from syncd.report.screen import Screen

HEAD = ("time (UTC)", "kind", "direction", "status", "number", "name", "extension", "length", "text", "id")

BRIEF = ("time (UTC)", "kind", "status", "number", "text")
"""The columns on a narrow terminal."""

PAGE = 500
"""Rows of one table: the list may have a million, and a table has to be held in memory."""

TEXT = 40
"""Characters of a text that are shown; ``--json`` has all of them."""

Rows = Iterable[Mapping[str, Any]]


def listed(config: Path | None, options: ActivityListOptions) -> int:
    """Print what is asked for.

    Raises:
        ConfigError: an option has a value that means nothing, or no activity is configured.
    """
    asked = selection(options)
    settings = loaded(config, keyless=True)
    with readable_store(settings) as store:
        rows: Rows = store.activities.select(**asked)
        sinks = settings.sinks.values()
        if sinks:
            from syncd.activity.delivering.shown import with_deliveries

            rows = with_deliveries(store, sinks, rows)
        if options.as_json:
            _write(rows)
        else:
            from syncd.report.screen import Screen

            _show(Screen(), iter(rows), ("sinks",) if sinks else ())
    return DONE


def _write(rows: Rows) -> None:
    """Write one JSON object on one line; its list is written as it is read."""
    sys.stdout.write('{"activities": [')
    for number, row in enumerate(rows):
        sys.stdout.write((", " if number else "") + json.dumps(row, ensure_ascii=False))
    sys.stdout.write("]}\n")


def _show(screen: Screen, rows: Iterator[Mapping[str, Any]], more: tuple[str, ...] = ()) -> None:
    first = next(rows, None)
    if first is None:
        screen.line("No such call and no such message is stored: syncd activity pull fetches what is new.")
        return
    rows = chain([first], rows)
    while page := list(islice(rows, PAGE)):
        brief = BRIEF, [_row(row, BRIEF) for row in page]
        head = (*HEAD, *more)
        screen.table(head, [_row(row, head) for row in page], brief=brief, wraps=("text",))


def _row(row: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    moment = row.get("start_time") or row.get("sent_at") or ""
    cells = {
        "time (UTC)": moment[:19].replace("T", " "),
        # Of a message, its channel says more.
        "kind": "call" if row["kind"] == "call" else f"{row['channel']} message",
        "direction": row["direction"],
        "status": row["status"],
        "number": row["remote_number"] or "withheld",
        "name": row.get("remote_name"),
        "extension": row.get("extension"),
        "length": describe(row["duration"]) if row.get("duration") else "",
        "text": _short(row.get("summary") or row.get("transcription") or row.get("body") or ""),
        "id": row["id"],
        "sinks": ", ".join(f"{sink} {status or 'nothing'}" for sink, status in row.get("deliveries", {}).items()),
    }
    return tuple(cells[name] or "-" for name in names)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= TEXT else f"{words[: TEXT - 1]}…"
