"""The state file of one configuration."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from syncd.state.claims import Claims
from syncd.state.database import Database
from syncd.state.facts import Facts, FieldNames
from syncd.state.history import History
from syncd.state.holdings import Holdings
from syncd.state.holds import Holds
from syncd.state.journal import Journal
from syncd.state.leaving.deletions import Deletions
from syncd.state.leaving.erasing import Erasing
from syncd.state.leaving.leftovers import Leftovers
from syncd.state.leaving.searching import Searching
from syncd.state.leaving.tidying import Tidying
from syncd.state.ledger import Ledger
from syncd.state.notices import Notices
from syncd.state.numbers.holders import Holders
from syncd.state.numbers.numbers import Numbers
from syncd.state.numbers.shared import Shared
from syncd.state.numbers.unsent import Unsent
from syncd.state.plans.applied import Plans
from syncd.state.requests import Requests
from syncd.state.runs import Cursors, Leases, Runs


class State(Database):
    """The open state file and its parts, each for one subject.

    A method of a part may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, read_only=read_only, clock=clock)
        # Parts and not base classes: two parts may have a method of the same name, such as ``record``.
        # Each part gets the same database, so that statements of several parts may be in one transaction.
        self.ledger = Ledger(self)
        self.holdings = Holdings(self)
        self.journal = Journal(self)
        self.deletions = Deletions(self)
        self.tidying = Tidying(self)
        self.leftovers = Leftovers(self)
        self.searching = Searching(self)
        self.erasing = Erasing(self)
        self.history = History(self)
        self.numbers = Numbers(self)
        self.holders = Holders(self)
        self.shared = Shared(self, self.holders)
        self.unsent = Unsent(self)
        self.holds = Holds(self)
        self.claims = Claims(self)
        self.runs = Runs(self)
        self.plans = Plans(self)
        self.leases = Leases(self)
        self.cursors = Cursors(self)
        self.facts = Facts(self)
        self.field_names = FieldNames(self)
        self.requests = Requests(self)
        self.notices = Notices(self)

    def copies(self) -> list[Path]:
        """Return the copies that syncd has made by itself."""
        # An earlier version let a backup have any name.
        asked_for = {Path(each["path"]).resolve() for each in self.facts.backups.get()}
        return [copy for copy in super().copies() if copy.resolve() not in asked_for]
