"""The company's contacts: in memory for speed, and in a SQLite file that a restart reads back."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncd.errors import ConfigError
from syncd.sandbox.company import FIELDS
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.fields import Fields, Row
from syncd.sandbox.matching import key_of

MARK = 0x56_4F_43_41
"""The application id in the file's header, which a file of another program lacks."""

TABLES = """
CREATE TABLE IF NOT EXISTS contact (id INTEGER PRIMARY KEY AUTOINCREMENT, fields TEXT NOT NULL, gone INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS field (position INTEGER PRIMARY KEY, item TEXT NOT NULL);
"""

# In ASCII, so that any text that JSON can say can be stored, half a surrogate pair too.
_to_text = json.JSONEncoder(separators=(",", ":")).encode


class Store:
    """All contacts of one company. Every public method may be called from any thread.

    With ``data`` None nothing is kept after :meth:`close`. ``fields`` None: the file's fields, or those of a new
    company. ``clock`` returns seconds and is needed only for the dialect ``read_lag``.

    Raises:
        ConfigError: the file belongs to another program, is open in another sandbox, or cannot be written.

    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        fields: Sequence[Mapping[str, Any]] | None = None,
        dialects: Dialects | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock = threading.RLock()
        self.dialects = dialects or Dialects()
        self.clock = clock
        self.rows: dict[int, Row] = {}
        # Deleted contacts: the dialect `revive` gives them their old ids back.
        self.gone: dict[int, Row] = {}
        self.next_id = 1
        self.touched: dict[int, int] = {}
        self._writes = 0
        self._journal: deque[tuple[float, int, Row | None]] = deque()
        self._ids: list[int] | None = None
        self._index: dict[Hashable, list[int]] = {}
        self._file = _opened(data)
        self.fields = Fields(())
        self._load(fields)
        self.dialects.on_change = self.reindex

    def close(self) -> None:
        with self.lock:
            self._file.close()

    # Edits by people at the company. They match nothing: a person may make a second contact of the same value.

    def contacts(self) -> list[dict[str, Any]]:
        """Return every contact by id, without its empty fields: ``{"id": 1, "fields": {…}}``."""
        with self.lock:
            return [{"id": number, "fields": self.fields.filled(self.rows[number])} for number in self.ids()]

    def add(self, fields: Mapping[str, str]) -> int:
        """Add a contact with these values, whatever it matches; return its id."""
        with self.lock:
            return self.add_all([fields])[0]

    def add_all(self, contacts: Iterable[Mapping[str, str]]) -> list[int]:
        """Add many contacts at once and return their ids."""
        with self.lock:
            rows = [self.fields.row(contact) for contact in contacts]
            added = dict(enumerate(rows, start=self.next_id))
            self.write(added)
            return list(added)

    def edit(self, number: int, fields: Mapping[str, str]) -> None:
        """Change these fields of a contact.

        Raises:
            KeyError: there is no such contact.

        """
        with self.lock:
            self.write({number: self.fields.row(fields, self.rows[number])})

    def delete(self, number: int) -> None:
        """Delete a contact.

        Raises:
            KeyError: there is no such contact.

        """
        with self.lock:
            if number not in self.rows:
                raise KeyError(number)
            self.write({}, [number])

    def set_fields(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Set the company's fields. A field with a known ``id`` (or else name) keeps its contacts' values."""
        with self.lock:
            after = Fields(items, before=self.fields)
            origins = after.origin_of(self.fields)
            self.rows = {number: _moved(row, origins) for number, row in self.rows.items()}
            self.gone = {number: _moved(row, origins) for number, row in self.gone.items()}
            self._journal.clear()
            self._keep_fields(after)
            self.reindex()

    # The part for the endpoints, which hold the lock over a whole request.

    def ids(self) -> list[int]:
        """Return the ids of all contacts, ascending. Callers must not change the list."""
        if self._ids is None:
            self._ids = sorted(self.rows)
        return self._ids

    def find(self, key: Hashable) -> Sequence[int]:
        """Return the ids of the contacts with this match key, in the order in which they got it."""
        return self._index.get(key, ())

    def write(self, changed: Mapping[int, Row], deleted: Collection[int] = ()) -> None:
        """Store and delete contacts, durably, in one commit; a new id is above all others, or of a deleted one."""
        if not changed and not deleted:
            return
        with self.lock:
            # The file first: if it cannot be written, memory must not show the change.
            self._record(changed, deleted)
            for number, row in changed.items():
                self._place(number, row)
            for number in deleted:
                self._remove(number)

    def reindex(self) -> None:
        """Build the index anew, after the match fields or the dialects have changed."""
        with self.lock:
            self.key_of = key_of(self.fields, self.dialects)
            self._index = {}
            for number, row in self.rows.items():
                self._index.setdefault(self.key_of(row), []).append(number)

    def seen(self) -> Mapping[int, Row]:
        """Return the contacts that the list shows: those of now, or of ``read_lag`` seconds ago. Do not change them."""
        lag = float(self.dialects["read_lag"])
        if not lag:
            return self.rows
        while self._journal and self._journal[0][0] <= self.clock() - lag:
            self._journal.popleft()
        # Undo the newest changes, the last one first.
        rows = dict(self.rows)
        for _, number, before in reversed(self._journal):
            if before is None:
                rows.pop(number, None)
            else:
                rows[number] = before
        return rows

    def _place(self, number: int, row: Row) -> None:
        before = self.rows.get(number)
        self._note(number, before)
        if before is None:
            self._ids = None
            self.gone.pop(number, None)
            self.next_id = max(self.next_id, number + 1)
        # Only a new key moves the contact to the end of its key's list: the order decides which match is "first".
        key = self.key_of(row)
        if before is None or self.key_of(before) != key:
            self._unindex(number, before)
            self._index.setdefault(key, []).append(number)
        self.rows[number] = row

    def _remove(self, number: int) -> None:
        row = self.rows.pop(number)
        self._note(number, row)
        self._ids = None
        self.gone[number] = row
        self._unindex(number, row)

    def _unindex(self, number: int, row: Row | None) -> None:
        if row is None:
            return
        key = self.key_of(row)
        self._index[key].remove(number)
        if not self._index[key]:
            del self._index[key]

    def _note(self, number: int, before: Row | None) -> None:
        if self.dialects["read_lag"] != "0":
            self._journal.append((self.clock(), number, before))
        if self.dialects["list_order"] == "updated":
            self._writes += 1
            self.touched[number] = self._writes

    # The file.

    def _load(self, items: Sequence[Mapping[str, Any]] | None) -> None:
        kept = [json.loads(item) for (item,) in self._file.execute("SELECT item FROM field ORDER BY position")]
        self.fields = Fields(kept)
        for number, text, gone in self._file.execute("SELECT id, fields, gone FROM contact ORDER BY id"):
            (self.gone if gone else self.rows)[number] = tuple(json.loads(text))
        last = self._file.execute("SELECT seq FROM sqlite_sequence WHERE name = 'contact'").fetchone()
        self.next_id = last[0] + 1 if last else 1
        if items is not None or not kept:
            self.set_fields(FIELDS if items is None else items)
        self.reindex()

    def _keep_fields(self, fields: Fields) -> None:
        rows = [(_to_text(row), number) for number, row in (*self.rows.items(), *self.gone.items())]
        with self._commit():
            self._file.execute("DELETE FROM field")
            self._file.executemany("INSERT INTO field VALUES (?, ?)", enumerate(map(_to_text, fields.items)))
            self._file.executemany("UPDATE contact SET fields = ? WHERE id = ?", rows)
        self.fields = fields

    def _record(self, changed: Mapping[int, Row], deleted: Collection[int]) -> None:
        with self._commit():
            self._file.executemany(
                "INSERT OR REPLACE INTO contact VALUES (?, ?, 0)",
                ((number, _to_text(row)) for number, row in changed.items()),
            )
            self._file.executemany("UPDATE contact SET gone = 1 WHERE id = ?", ((number,) for number in deleted))

    @contextmanager
    def _commit(self) -> Iterator[None]:
        self._file.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")


def _moved(row: Row, origins: Sequence[int | None]) -> Row:
    return tuple("" if origin is None else row[origin] for origin in origins)


def _opened(data: Path | None) -> sqlite3.Connection:
    try:
        if data is not None:
            # SQLite would make a file that everyone can read.
            data.touch(mode=0o600, exist_ok=True)
        file = sqlite3.connect(data or ":memory:", isolation_level=None, check_same_thread=False, timeout=0.2)
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{data}: not usable as the sandbox's file ({error})") from error
    try:
        _prepare(file, data)
    except (sqlite3.Error, OSError, ConfigError) as error:
        file.close()
        busy = "; is another sandbox running on it?" if "locked" in str(error) else ""
        raise ConfigError(f"{data}: not usable as the sandbox's file ({error}{busy})") from error
    return file


def _prepare(file: sqlite3.Connection, data: Path | None) -> None:
    # Exclusive: the contacts are held in memory, so that a second sandbox on the file would overwrite unseen.
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
    mark = file.execute("PRAGMA application_id").fetchone()[0]
    tables = file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and mark != MARK:
        raise ConfigError("it belongs to another program")
    if data is not None:
        # Before the log is made beside it, which gets the same rights.
        data.chmod(0o600)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    file.execute(f"PRAGMA application_id = {MARK}")
    file.executescript(TABLES)
