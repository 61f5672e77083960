"""The activity store of one configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from syncd.activity.store.activities import Activities
from syncd.activity.store.attributions import Attributions
from syncd.activity.store.days import Days
from syncd.activity.store.events import Events
from syncd.activity.store.filter import Only
from syncd.activity.store.insight import Insight
from syncd.activity.store.media import Media
from syncd.activity.store.taking import Taking
from syncd.activity.store.unknown import Unknown
from syncd.activity.store.webhooks import Facts, Webhooks
from syncd.state.database import Database
from syncd.state.place import STORE, Words

HEAD = "0002"
"""The version of the tables in :mod:`syncd.activity.store.tables`, and the newest migration's."""


class ActivityStore(Database):
    """The open store and its parts, each for one subject.

    ``region``: in whose form numbers are stored. ``only``: the condition of the configuration for what is kept.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    WORDS: ClassVar[Words] = STORE
    NEWEST: ClassVar[str] = HEAD
    VERSIONS: ClassVar[Path] = Path(__file__).parent / "migrations" / "versions"
    # Ids of calls have no order: each page of a list touches the whole index.
    CACHE: ClassVar[int] = -48_000

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
        region: str = "US",
        only: str | None = None,
    ) -> None:
        self._only = Only(only)
        super().__init__(path, read_only=read_only, clock=clock)
        self.events = Events(self)
        self.activities = Activities(self, region, Taking(self, region, self._only))
        self.attributions = Attributions(self)
        self.days = Days(self)
        self.media = Media(self)
        self.webhooks = Webhooks(self)
        self.facts = Facts(self)
        self.insight = Insight(self)
        self.unknown = Unknown(self)

    def close(self) -> None:
        super().close()
        self._only.close()
