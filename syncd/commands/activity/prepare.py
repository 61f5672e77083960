"""``syncd activity prepare SINK``: makes what deliveries need at a sink."""

from __future__ import annotations

from pathlib import Path

from syncd.commands.options import PrepareOptions
from syncd.commands.settings import chosen_sinks, loaded
from syncd.report.exit_code import DONE


def prepare(config: Path | None, options: PrepareOptions) -> int:
    """Make what is missing, and say what was made.

    Raises:
        SinkError: the sink cannot be prepared.
    """
    settings = loaded(config, keyless=True)
    [chosen] = chosen_sinks(settings, [options.sink])
    from syncd.report.screen import Screen
    from syncd.sink import as_sink_errors

    with chosen.connect() as sink, as_sink_errors():
        notes = sink.prepare()
    screen = Screen()
    for note in notes:
        screen.line(f"{options.sink}: {note.text}", hanging=2)
    if not notes:
        screen.line(f"{options.sink}: nothing was missing.")
    return DONE
