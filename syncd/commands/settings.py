"""The configuration that a command works with, its sources and sinks, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from syncd.core.wording import nearest
from syncd.errors import ConfigError
from syncd.report.streams import printable

if TYPE_CHECKING:
    from syncd.config import Settings, SinkSettings, Source
    from syncd.config.activity import Activity
    from syncd.state import State


def loaded(config: Path | None, *, keyless: bool = False) -> Settings:
    """Find and read the configuration; from then on no log line can hold a secret of it.

    ``keyless``: for a command that sends nothing, so that somebody who does not have the key can give it.

    Raises:
        ConfigError: there is no configuration, or something is wrong with it.
    """
    from syncd.config import find, load
    from syncd.log import hide

    settings = load(find(config), keyless=keyless)
    notify = settings.notify
    # The addresses are secrets too: most of them hold a token, and who has one can write to the channel.
    secrets = [settings.target.api_key, *notify.to, *([notify.heartbeat] if notify.heartbeat else [])]
    secrets += notify.sms.to if notify.sms else ()
    secrets += settings.activity.receive.secret if settings.activity and settings.activity.receive else ()
    hide([each.reveal() for each in secrets if not each.missing])
    return settings


def activity_of(settings: Settings) -> Activity:
    """Return what is configured of calls and messages.

    Raises:
        ConfigError: nothing is.
    """
    if settings.activity is None:
        raise ConfigError(f"{settings.path}: calls and messages are not configured: add activity: {{}}")
    return settings.activity


def chosen_sources(settings: Settings, names: Sequence[str]) -> list[Source]:
    """Return the sources called ``names``, or all, in the order of the configuration.

    Raises:
        ConfigError: there is no source of one of the names.
    """
    known = list(settings.sources)
    # dict.fromkeys: a wrong name that is given twice is one mistake.
    wrong = [f"{printable(name)!r}{nearest(name, known)}" for name in dict.fromkeys(names) if name not in known]
    if wrong:
        raise ConfigError(*(f"there is no source {each}; there are: {', '.join(known) or 'none'}" for each in wrong))
    return [source for name, source in settings.sources.items() if not names or name in names]


def chosen(settings: Settings, name: str) -> Literal["source", "sink"]:
    """Return what is called ``name``: sources and sinks share one name space.

    Raises:
        ConfigError: there is neither a source nor a sink of this name.
    """
    if name in settings.sinks:
        return "sink"
    if name in settings.sources or not settings.sinks:
        chosen_sources(settings, [name])
        return "source"
    known = [*settings.sources, *settings.sinks]
    what = f"there is no source and no sink {printable(name)!r}{nearest(name, known)}"
    raise ConfigError(f"{what}; there are: {', '.join(known)}")


def needed_sources(settings: Settings, names: Sequence[str]) -> list[Source]:
    """Return the sources as :func:`chosen_sources` does, for a command that has nothing to do without one.

    Raises:
        ConfigError: there is no source, or none of one of the names.
    """
    sources = chosen_sources(settings, names)
    if not sources:
        raise ConfigError(f"{settings.path}: there is no source: add one under sources (calls: syncd activity run)")
    return sources


def chosen_sinks(settings: Settings, names: Sequence[str]) -> list[SinkSettings]:
    """Return the sinks called ``names``, or all, in the order of the configuration.

    Raises:
        ConfigError: there is no sink of one of the names.
    """
    known = list(settings.sinks)
    wrong = [f"{printable(name)!r}{nearest(name, known)}" for name in dict.fromkeys(names) if name not in known]
    if wrong:
        raise ConfigError(*(f"there is no sink {each}; there are: {', '.join(known) or 'none'}" for each in wrong))
    return [sink for name, sink in settings.sinks.items() if not names or name in names]


def needed_sinks(settings: Settings, names: Sequence[str]) -> list[SinkSettings]:
    """Return the sinks as :func:`chosen_sinks` does, for a command that has nothing to do without one.

    Raises:
        ConfigError: there is no sink, or none of one of the names.
    """
    sinks = chosen_sinks(settings, names)
    if not sinks:
        raise ConfigError(f"{settings.path}: there is no sink: add one under sinks")
    return sinks


def existing_state(settings: Settings, *, read_only: bool = False) -> AbstractContextManager[State | None]:
    """Return a context that opens the state, and gives None if no run has made one yet."""
    # A command that only looks must not make a state file.
    from syncd.state import State
    from syncd.state.place import is_there

    return State(settings.state, read_only=read_only) if is_there(settings.state) else nullcontext()
