"""The configuration that a command works with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import ConfigError
from syncd.report.endings import unknown

if TYPE_CHECKING:
    from syncd.config import Settings, Source


def loaded(config: Path | None, *, keyless: bool = False) -> Settings:
    """Find and read the configuration; from then on no log line can hold the key.

    ``keyless``: for a command that sends nothing, and so may be given by someone who does not have the key.

    Raises:
        ConfigError: it is not there, or something is wrong with it.
    """
    from syncd.config import find, load
    from syncd.log import hide

    settings = load(find(config), keyless=keyless)
    notify = settings.notify
    told = [*notify.to, *([notify.heartbeat] if notify.heartbeat else []), *(notify.sms.to if notify.sms else ())]
    hide([each.reveal() for each in (settings.target.api_key, *told) if not each.missing])
    return settings


def chosen_sources(settings: Settings, names: Sequence[str]) -> list[Source]:
    """The sources called ``names``, or all, in the order of the configuration.

    Raises:
        ConfigError: there is no source of one of the names.
    """
    known = list(settings.sources)
    errors = [unknown("source", name, known) for name in dict.fromkeys(names) if name not in known]
    if errors:
        raise ConfigError(*map(str, errors))
    return [source for name, source in settings.sources.items() if not names or name in names]
