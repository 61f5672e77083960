"""What alarms and metrics need to know of the configuration of calls and messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from syncd.config.activity import Activity

INTERVALS, LEAST_AGE = 3.0, 7200.0
"""The number of intervals after which the last good pull is too old, and the least age (seconds) that is."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder of files: ``kind`` is ``recordings`` or ``attachments``; ``at_most``: bytes that it may grow to."""

    kind: str
    path: str
    at_most: int


@dataclass(frozen=True, slots=True)
class WatchedActivity:
    """``store`` is a path. ``max_age``: the greatest age of the last good pull, in seconds.

    ``receives``: whether webhooks are received. ``sinks``: the names of the sinks.
    """

    store: str
    max_age: float
    receives: bool = False
    folders: tuple[WatchedFolder, ...] = ()
    sinks: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that :func:`dataclasses.asdict` made plain."""
        folders = tuple(WatchedFolder(**each) for each in values["folders"])
        return cls(**{**values, "folders": folders, "sinks": tuple(values["sinks"])})


def watched(activity: Activity, sinks: Iterable[str] = ()) -> WatchedActivity:
    """Return the part of the settings that alarms and metrics need; ``sinks``: their names."""
    kinds = {"recordings": activity.recordings, "attachments": activity.attachments}
    return WatchedActivity(
        store=str(activity.store),
        max_age=max(LEAST_AGE, INTERVALS * activity.pull.every),
        receives=activity.receive is not None,
        folders=tuple(WatchedFolder(kind, str(each.folder), each.at_most) for kind, each in kinds.items() if each),
        sinks=tuple(sinks),
    )
