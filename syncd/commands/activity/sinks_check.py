"""What ``syncd check`` proves of sinks: that they can be written to, and that their conditions mean something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from syncd.errors import SyncdError
from syncd.report.steps import Step, failed

if TYPE_CHECKING:
    from syncd.config import Settings, SinkSettings


def sink_steps(settings: Settings) -> Iterator[Step]:
    """Yield each finding about the sinks; none if there is none."""
    for sink in settings.sinks.values():
        try:
            yield from _of(sink)
        except SyncdError as error:
            yield failed(sink.name, error)


def _of(settings: SinkSettings) -> Iterator[Step]:
    from syncd.activity.store.filter import Only
    from syncd.sink import as_sink_errors

    with closing(Only(settings.rules.where, settings.where_is("where"))):
        pass
    with settings.connect() as sink, as_sink_errors():
        notes = sink.check()
    for note in notes:
        is_named = note.text.startswith((f"{settings.name}:", f"{settings.name} "))
        yield Step("good" if note.good else "note", note.text if is_named else f"{settings.name}: {note.text}")
    if not notes:
        yield Step("good", f"{settings.name}: it can be delivered to")
