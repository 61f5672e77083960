"""Takes what was forgotten out of the reasons that other contacts and rows have, whichever source they are of."""

from __future__ import annotations

from syncd.core.forgetting.reasons import without
from syncd.core.forgetting.traces import Sought
from syncd.state.database import Part
from syncd.state.numbers.there import DISPLACED

_TABLES = ("leftout", "unsent", "contact", "change")


class Rewording(Part):
    """The columns ``reason``."""

    def reword(self, source: str, sought: Sought) -> None:
        """Take keys of a source, and numbers, out of all reasons."""
        reworded = without(source, sought, fixed=[DISPLACED])
        for table in _TABLES:
            reasons = self._database.column(f"SELECT DISTINCT reason FROM {table} WHERE reason <> ''")
            changed = [(new, reason) for reason in reasons if (new := reworded(reason)) != reason]
            self._database.execute_many(f"UPDATE {table} SET reason = ? WHERE reason = ?", changed)
