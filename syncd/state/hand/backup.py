"""Makes a backup of the state file, beside a running daemon, and notes where it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.core.company.identity import Company
from syncd.errors import StateBusy, StateError
from syncd.state.database import BUSY_TIMEOUT, is_copy_name
from syncd.state.facts import BACKUPS
from syncd.state.hand.copying import copied, put_in_place
from syncd.state.hand.looking import FileLook
from syncd.state.place import primary_code, uri

MOST_NOTED = 200
"""Backups that the state remembers; of more, the newest."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as a file: what it holds. ``until``: the newest run, and when it began; times are Unix seconds."""

    path: Path
    size: int
    version: str
    company: Company | None
    contacts: dict[str, int]
    until: tuple[str, float] | None


def look_at(path: Path) -> Backup:
    """Return what a backup holds.

    Raises:
        StateError: it is not there, it is no state file, or it is damaged.
    """
    with FileLook(path) as look:
        version = look.version()
        if look.faults(quick=True):
            raise StateError(f"{path}: this file is damaged; take another backup")
        return Backup(path, path.stat().st_size, version, look.company(), look.contacts(), look.newest_run())


def back_up(state: Path, place: Path, *, now: float, force: bool = False, spared: Iterable[Path] = ()) -> Backup:
    """Write a copy of the state file to ``place``, for its owner only, and note it in the state.

    ``force``: an earlier backup of this name may be replaced; no other file is. ``spared``: files that are never
    replaced.

    Raises:
        StateError: the backup cannot be made; what was there before still is.
        StateBusy: the state is locked, or there is no room.
    """
    place = place.absolute()
    _refuse(place, [state, *spared], force=force)
    with FileLook(state) as look:
        look.version()
    with copied(state, place) as copy:
        made = look_at(copy)
        # Noted first: a backup that nobody knows of is one that nobody cleans.
        _note(state, place, now)
        put_in_place(copy, place, replace=force)
    return Backup(place, made.size, made.version, made.company, made.contacts, made.until)


def _refuse(place: Path, spared: Iterable[Path], *, force: bool) -> None:
    if place.is_dir():
        raise StateError(f"{place}: this is a folder; name a file in it, such as {place / 'syncd-backup.db'}")
    for path in spared:
        if place in _parts(path) or (place.exists() and path.exists() and place.samefile(path)):
            raise StateError(f"{place}: syncd works with this file; name another one for the backup")
        if place.parent.resolve() == path.absolute().parent.resolve() and is_copy_name(place.name, of=path.name):
            raise StateError(
                f"{place}: syncd calls its own copies so, which syncd forget removes; give the backup another name"
            )
    if not place.exists():
        return
    if not force:
        raise StateError(f"{place}: there is a file of this name already; name another one, or replace it with --force")
    try:
        with FileLook(place) as look:
            look.version()
    except StateError:
        raise StateError(f"{place}: this is no backup of syncd, so it is not replaced; name another file") from None


def _parts(path: Path) -> list[Path]:
    """Return a database file and the files that belong to it."""
    whole = path.absolute()
    return [whole, *(whole.with_name(whole.name + suffix) for suffix in ("-wal", "-shm", "-journal"))]


def _note(state: Path, place: Path, now: float) -> None:
    # Without State: a state of an earlier version stays as it is, as its backup does.
    try:
        with closing(sqlite3.connect(uri(state, "rw"), uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            found = file.execute("SELECT value FROM fact WHERE name = ?", (BACKUPS,)).fetchone()
            noted = with_backup(json.loads(found[0]) if found else [], place, now)
            file.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (BACKUPS, json.dumps(noted)))
            file.execute("COMMIT")
    except sqlite3.Error as error:
        if primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL):
            message = f"{state}: another process has locked the state file, or there is no room; try again"
            raise StateBusy(message) from None
        message = f"{state}: the backup cannot be noted in the state file; let syncd's user write to it"
        raise StateError(message) from None


def with_backup(noted: list[dict[str, Any]], place: Path, now: float) -> list[dict[str, Any]]:
    """Return the list of backups with one more, the newest last; each place is in it once."""
    others = [each for each in noted if each["path"] != str(place)]
    return [*others, {"path": str(place), "at": now}][-MOST_NOTED:]
