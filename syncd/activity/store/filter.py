"""Which calls and messages are kept (``only``) and delivered (``where``), by a SQL condition over ``--json``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from syncd.activity.store.rows import call_row, message_row
from syncd.core.activity.observations import TEXTS
from syncd.errors import ConfigError

_EMPTY: Mapping[str, Any] = dict.fromkeys(
    (
        *("call_id", "channel", "message_id", "direction", "status", "outcome", "remote", "remote_name", "own", "talk"),
        *("extension", "extension_name", "started", "answered", "ended", "duration", "first_by", "settled_at", "sent"),
        "missing_since",
    )
)
_COLUMNS = {"call": tuple(call_row(_EMPTY, [], {}, 0.0)), "message": tuple(message_row(_EMPTY, [], None))}
_ALL = tuple(dict.fromkeys(name for columns in _COLUMNS.values() for name in columns))

# A column that a kind lacks, or that is not known for sure, could hold anything: a row goes only if the condition is
# false whatever it holds.
_ANYTHING = (None, 1e18, -1e18, "x")
_UNSURE = ("status", "outcome", "duration", "talk", "segments", "answer_time", "settled", "extension", "extension_name")
"""What events do not say for sure of a call: a list tells."""


class Only:
    """The condition. ``sql``: as the configuration has it; None keeps everything. ``setting``: where it stands.

    Raises:
        ConfigError: it is no condition that SQLite can evaluate.
    """

    def __init__(self, sql: str | None, setting: str = "activity.only") -> None:
        self.sql = sql
        self._setting = setting
        self._sqlite = sqlite3.connect(":memory:", check_same_thread=False)
        columns = ", ".join(f":{name} AS {name}" for name in _ALL)
        self._query = f"SELECT (\n{sql}\n) FROM (SELECT {columns})"
        if sql is not None:
            self._value(dict.fromkeys(_ALL))

    def keeps(self, row: Mapping[str, Any], *, is_listed: bool = True) -> bool:
        """Return whether a row of ``--json`` is kept: unless the condition is false.

        ``is_listed``: a list has shown it.

        Raises:
            ConfigError: SQLite cannot evaluate the condition for this row.
        """
        if self.sql is None:
            return True
        known = {name: _value_of(row[name]) for name in _COLUMNS[row["kind"]]}
        unsure = () if is_listed or row["kind"] == "message" else _UNSURE
        # A text that is not there may come.
        for name in (*unsure, *(text for text in TEXTS if known.get(text) is None)):
            known.pop(name, None)
        # Most rows are kept, by the first question.
        return any(self._value(dict.fromkeys(_ALL, anything) | known) != 0 for anything in _ANYTHING)

    def is_true(self, row: Mapping[str, Any]) -> bool:
        """Return whether the condition is true for a row of ``--json``; a column that its kind lacks hinders nothing.

        Raises:
            ConfigError: SQLite cannot evaluate the condition for this row.
        """
        if self.sql is None:
            return True
        known = {name: _value_of(row[name]) for name in _COLUMNS[row["kind"]]}
        return any(bool(self._value(dict.fromkeys(_ALL, anything) | known)) for anything in _ANYTHING)

    def close(self) -> None:
        """Let go of what evaluates it."""
        self._sqlite.close()

    def _value(self, values: Mapping[str, Any]) -> Any:
        try:
            return self._sqlite.execute(self._query, values).fetchone()[0]
        except sqlite3.Error as error:
            raise ConfigError(
                f"{self._setting}: SQLite cannot evaluate it ({error}); it may name the columns of"
                " syncd activity list --json"
            ) from None


def _value_of(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
