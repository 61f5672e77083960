"""``syncd activity export FILE``: the stored calls and messages as a file; the target is asked nothing."""

from __future__ import annotations

import os
from pathlib import Path

from syncd.commands.activity.given import readable_store, selection
from syncd.commands.options import ActivityExportOptions
from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.report.exit_code import DONE

ALLOCATION = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
"""Lets Polars give memory back at once: it would keep what each batch took for ten seconds, so twice of all."""


def export(config: Path | None, options: ActivityExportOptions) -> int:
    """Write what is asked for into the file, and say how many rows it has.

    Raises:
        ConfigError: the file may not be written, an option has a value that means nothing, or no activity is
            configured.
    """
    # Polars looks at it when it is imported, as it is by what reads the configuration.
    os.environ.setdefault(*ALLOCATION)
    asked = selection(options)
    settings = loaded(config, keyless=True)
    from syncd.activity.export import write_rows
    from syncd.commands.written_file import check_written
    from syncd.core.activity.columns import HEAD
    from syncd.report.screen import Screen

    check_written(options.file, str(options.file), HEAD, "holds no calls and messages", settings)
    with readable_store(settings) as store:
        rows = write_rows(store.activities.select(**asked), options.file, str(options.file))
    Screen().line(f"{options.file}: {counted(rows, 'row')}")
    return DONE
