"""``syncd activity unknown``: who calls and writes without being a contact; the target is asked nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from syncd.budget import describe
from syncd.commands.activity.given import existing_store
from syncd.commands.options import UnknownOptions
from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.errors import ConfigError
from syncd.report.exit_code import DONE
from syncd.report.streams import print_json

HEAD = ("number", "name", "first (UTC)", "last (UTC)", "calls", "messages", "talk", "queues")

SHOWN = 500
"""Numbers that are listed on the screen."""

COLUMNS = ("number", "name", "first", "last", "count", "calls", "messages", "talk", "queues")


def unknown(config: Path | None, options: UnknownOptions) -> int:
    """Print them.

    Raises:
        ConfigError: no activity is configured, there is no store yet, or two forms are asked for.
    """
    if options.csv and options.as_json:
        raise ConfigError("--csv and --json: one of the two")
    settings = loaded(config, keyless=True)
    with existing_store(settings) as store:
        found = [each.to_json() for each in store.unknown.callers()]
    if options.as_json:
        print_json({"unknown": found})
    elif options.csv:
        _write_csv(found)
    else:
        _show(found)
    return DONE


def _write_csv(found: Sequence[Mapping[str, Any]]) -> None:
    import polars as pl

    from syncd.tables.spreadsheets import harmless

    rows = [{**each, "queues": "; ".join(each["queues"])} for each in found]
    cells = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in COLUMNS}
    sys.stdout.write(harmless(pl.DataFrame(cells, schema=dict.fromkeys(COLUMNS, pl.String))).write_csv())


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    from syncd.report.screen import Screen

    screen = Screen()
    if not found:
        screen.line("No number is unknown: each call and message that was looked at has its contact.")
        return
    screen.table(HEAD, [_row(each) for each in found[:SHOWN]])
    screen.more(len(found), ": --csv and --json have them all", page=SHOWN)
    screen.line(counted(len(found), "unknown number"))


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    times = ((each[name] or "-")[:16].replace("T", " ") for name in ("first", "last"))
    counts = (f"{each[name]:,}" for name in ("calls", "messages"))
    talk = describe(each["talk"]) if each["talk"] else "-"
    return each["number"], each["name"] or "-", *times, *counts, talk, ", ".join(each["queues"]) or "-"
