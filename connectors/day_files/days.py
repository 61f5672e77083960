"""The file of one day and one kind: its name, its rows by identity, and how it is written anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.day_files.failures import explained
from syncd.errors import SinkInvalid
from syncd.sink import COLUMNS, Kind, NotTheTable, read_rows, record_of, whole_file, write_rows

Record = Mapping[str, Any]

FOLDERS: Mapping[Kind, str] = {"call": "calls", "message": "messages"}
_KINDS: Mapping[str, Kind] = {folder: kind for kind, folder in FOLDERS.items()}

UNDATED = "undated"
"""The day of what has no time."""

BEGUN = ".syncd-day-"
"""How the name of a file begins that is not whole yet."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_REMOTE_ID = re.compile(rf"(calls|messages)/({_DAY.pattern}|{UNDATED})\.(parquet|csv|jsonl)#(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DayFile:
    """The file ``calls/2026-03-10.parquet`` below ``root``."""

    root: Path
    kind: Kind
    day: str
    form: str

    @classmethod
    def of(cls, root: Path, kind: Kind, day: str, form: str) -> DayFile:
        """Return the file of a day; ``day`` is no date if the activity has no time."""
        return cls(root, kind, day if _DAY.fullmatch(day or "") else UNDATED, form)

    @classmethod
    def named_in(cls, root: Path, remote_id: str) -> tuple[DayFile, str] | None:
        """Return the file and the identity that a remote id names; None if it is none of these."""
        found = _REMOTE_ID.fullmatch(remote_id)
        return (cls(root, _KINDS[found[1]], found[2], found[3]), found[4]) if found else None

    def remote_id(self, identity: str) -> str:
        """Return the remote id of an activity in this file."""
        return f"{FOLDERS[self.kind]}/{self.day}.{self.form}#{identity}"

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.root / FOLDERS[self.kind] / f"{self.day}.{self.form}"

    def rows(self) -> dict[str, Record]:
        """Return the rows of the file by identity; none if there is no file.

        Raises:
            SinkInvalid: it is no file of such rows.
            SinkUnavailable: it cannot be read now.
        """
        try:
            with explained(self.path):
                found = read_rows(self.path, COLUMNS[self.kind]) if self.path.exists() else []
        except NotTheTable:
            raise self._not_ours() from None
        if not all(row.get("kind") == self.kind and isinstance(row.get("id"), str) for row in found):
            raise self._not_ours()
        # A file of an earlier version may lack the newest columns.
        return {identity_of(record): record for record in map(record_of, found)}

    def write(self, rows: Mapping[str, Record], mode: int) -> None:
        """Write these rows, the oldest first, in place of what the file holds; without rows the file goes.

        Raises:
            SinkError: it cannot be written; the older file is as it was.
        """
        with explained(self.path):
            if not rows:
                self.path.unlink(missing_ok=True)
                return
            with whole_file(self.path, prefix=BEGUN, mode=mode) as file:
                write_rows(sorted(rows.values(), key=_in_order), file, self.path.suffix, COLUMNS[self.kind])

    def _not_ours(self) -> SinkInvalid:
        return SinkInvalid(
            f"{self.path}: this file is damaged, or holds something else than syncd's {FOLDERS[self.kind]}: "
            "move it away, or name another folder"
        )


def identity_of(record: Record) -> str:
    """Return ``call:ID`` or ``message:CHANNEL:ID``."""
    if record["kind"] == "call":
        return f"call:{record['id']}"
    return f"message:{record['channel']}:{record['id']}"


def _in_order(record: Record) -> tuple[str, str]:
    moment = record.get("start_time") or record.get("sent_at") or ""
    # Without the Z, since 14:30:00Z is before 14:30:00.500Z.
    return moment.removesuffix("Z"), identity_of(record)
