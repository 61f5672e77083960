"""What the commands of calls and messages share: the days that are asked for, and the store that must be there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from syncd.commands.settings import activity_of
from syncd.core.activity.days.spans import FORMS, Span, span_of
from syncd.core.activity.instants import begin_of, day_after, day_of
from syncd.core.activity.numbers import is_withheld
from syncd.core.activity.observations import Kind
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.activity.store.store import ActivityStore
    from syncd.commands.options import ActivityExportOptions, ActivityListOptions
    from syncd.config import Settings
    from syncd.config.activity import Activity

EVER = 1e18
"""Later than every activity, in Unix seconds."""

KINDS: dict[str, Kind] = {"call": "call", "calls": "call", "message": "message", "messages": "message"}


def span_option(option: str, text: str) -> Span:
    """Return the days that the text of an option means.

    Raises:
        ConfigError: it means none.
    """
    try:
        return span_of(text, day_of(time.time()))
    except ValueError:
        raise unusable(option, text) from None


def within_option(option: str, text: str) -> tuple[float, float]:
    """Return the moments from when to before when the days of an option are, in Unix seconds.

    Raises:
        ConfigError: its text means no days.
    """
    first, last = span_option(option, text)
    return -EVER if first is None else begin_of(first), EVER if last is None else begin_of(day_after(last))


def unusable(option: str, text: str) -> ConfigError:
    """Return the error for days that cannot be used."""
    return ConfigError(f"{option} {text!r}: write days, the oldest first: {FORMS}")


class Selection(TypedDict):
    """Which calls and messages are asked for, as ``store.activities.select`` takes it."""

    kind: Kind | None
    first_day: str | None
    last_day: str | None
    number: str | None


def selection(options: ActivityListOptions | ActivityExportOptions) -> Selection:
    """Return what the options ask for.

    Raises:
        ConfigError: an option has a value that means nothing.
    """
    span = Span(None, None) if options.days is None else span_option("--days", options.days)
    kind = None if options.kind is None else KINDS.get(options.kind.strip().lower())
    if options.kind is not None and kind is None:
        raise ConfigError(f"--kind {options.kind!r}: write call or message")
    if options.number is not None and is_withheld(options.number):
        raise ConfigError("--number: this is no phone number; write it in any way, such as +1 212 555 0101")
    return Selection(kind=kind, first_day=span.first, last_day=span.last, number=options.number)


@contextmanager
def readable_store(settings: Settings) -> Iterator[ActivityStore]:
    """Open the store, which must be there, for a command that shows all that is in it.

    Raises:
        ConfigError: no activity is configured, or there is no store yet.
        StateError: the store cannot be used.
    """
    with existing_store(settings) as store:
        store.read_in_order()
        yield store


@contextmanager
def existing_store(settings: Settings, *, read_only: bool = True) -> Iterator[ActivityStore]:
    """Open the store, which must be there, for a command that works on something in it.

    Raises:
        ConfigError: no activity is configured, or there is no store yet.
        StateError: the store cannot be used.
    """
    activity = require_store(settings)
    from syncd.activity.opening import open_store

    with open_store(settings, activity, read_only=read_only) as store:
        yield store


def require_store(settings: Settings) -> Activity:
    """Return what is configured of calls and messages, whose store must be there.

    Raises:
        ConfigError: no activity is configured, or there is no store yet.
        StateError: the store cannot be read.
    """
    activity = activity_of(settings)
    from syncd.activity.store.store import ActivityStore
    from syncd.state.place import is_there

    if not is_there(activity.store, ActivityStore.WORDS):
        raise ConfigError(f"{activity.store}: there are no calls and messages yet; syncd activity pull fetches them")
    return activity
