"""Lets all that the state holds of contacts speak of the target's fields by the names that they have now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import text

from syncd.state.database import Database
from syncd.state.facts import SAVE

_RENAMED = (
    "UPDATE contact SET digest = 0 WHERE renamed(fields) <> fields",
    "UPDATE contact SET fields = renamed(fields), returned = renamed(returned)",
    "UPDATE change SET before = renamed(before), after = renamed(after)",
    "UPDATE fact SET value = renamed_all(value) WHERE name LIKE 'match fields of %'",
    "DELETE FROM cursor",
)
"""A contact of which a field has another name is looked at again, whatever its row says."""

_OPEN = "outcome = 'pending' AND kind <> 'delete' AND id = :change"
_CALL_REMATCHED = text(f"UPDATE change SET match = :match WHERE {_OPEN}")
_CONTACT_REMATCHED = text(
    "UPDATE contact SET match = :match WHERE status = 'pending' AND remote_id IS NULL AND match = :was"
    f" AND (source, key) = (SELECT source, key FROM change WHERE {_OPEN})"
)


class FieldNames:
    """Renames fields in everything that the state stores."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rename(self, names: Mapping[str, str | None], facts: Mapping[str, str]) -> None:
        """Call fields otherwise in all that is known of contacts, history included, and learn ``facts`` with that.

        ``names``: old name to new, all at once; None for a field that is gone, whose values are forgotten.
        """

        def renamed(stored: str | None) -> str | None:
            fields = json.loads(stored) if stored else {}
            if not names.keys() & fields.keys():
                return stored
            called = {names.get(name, name): value for name, value in fields.items()}
            return json.dumps({name: each for name, each in called.items() if name is not None}, ensure_ascii=False)

        def renamed_all(stored: str) -> str:
            return json.dumps(sorted(now for name in json.loads(stored) if (now := names.get(name, name)) is not None))

        with self._database.write() as connection:
            driver = connection.connection.driver_connection
            driver.create_function("renamed", 1, renamed, deterministic=True)  # type: ignore[union-attr]
            driver.create_function("renamed_all", 1, renamed_all, deterministic=True)  # type: ignore[union-attr]
            for statement in _RENAMED:
                connection.exec_driver_sql(statement)
            for name, value in facts.items():
                connection.execute(SAVE, {"name": name, "value": value})

    def rematch_calls(self, matches: Sequence[tuple[int, str, str]]) -> None:
        """Note other match values of calls of unknown outcome, and of the contacts that they may have made.

        ``matches``: the change, the match value before, and the one of now.
        """
        values = [{"change": change, "was": was, "match": now} for change, was, now in matches]
        if not values:
            return
        with self._database.write() as connection:
            connection.execute(_CONTACT_REMATCHED, values)
            connection.execute(_CALL_REMATCHED, values)
