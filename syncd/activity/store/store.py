"""The activity store of one configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from syncd.activity.store.activities import Activities
from syncd.activity.store.attributions import Attributions
from syncd.activity.store.callers.leads import LeadContacts
from syncd.activity.store.changes import Changes
from syncd.activity.store.days import Days
from syncd.activity.store.deliveries import Deliveries
from syncd.activity.store.events import Events
from syncd.activity.store.filter import Only
from syncd.activity.store.insight import Insight
from syncd.activity.store.leaving.erasing import Erasing
from syncd.activity.store.media import Media
from syncd.activity.store.messaging import OptOuts, OutgoingMessages
from syncd.activity.store.taking import Taking
from syncd.activity.store.unknown import Unknown
from syncd.activity.store.webhooks import Facts, Webhooks
from syncd.state.database import Database
from syncd.state.leaving.forgotten import Forgotten
from syncd.state.place import STORE, Words

HEAD = "0002"
"""The version of the tables in :mod:`syncd.activity.store.tables`, and the newest migration's."""


class ActivityStore(Database):
    """The open store and its parts, each for one subject.

    ``region``: in whose form numbers are stored. ``only``: the condition of the configuration for what is kept.
    ``forgotten``: whose calls and messages leave nothing.

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
        forgotten: Forgotten | None = None,
    ) -> None:
        self._only, self._forgotten = Only(only), forgotten
        super().__init__(path, read_only=read_only, clock=clock)
        self.events = Events(self)
        self.activities = Activities(self, region, Taking(self, region, self._only, forgotten))
        self.attributions = Attributions(self)
        self.days = Days(self)
        self.media = Media(self)
        self.webhooks = Webhooks(self)
        self.facts = Facts(self)
        self.erasing = Erasing(self)
        self.opt_outs = OptOuts(self)
        self.outgoing = OutgoingMessages(self)
        self.insight = Insight(self)
        self.unknown = Unknown(self)
        self.changes = Changes(self)
        self.deliveries = Deliveries(self)
        self.leads = LeadContacts(self)

    def is_forgotten(self, number: str) -> bool:
        """Return whether a number (digits) was forgotten."""
        return self._forgotten is not None and self._forgotten.has_number(number)

    def read_in_order(self) -> None:
        """Keep less of the file in memory: who reads the rows in their order needs each page of it once."""
        self.rows(f"PRAGMA cache_size = {self.CACHE // 6}")

    def close(self) -> None:
        super().close()
        self._only.close()
