"""Puts a backup in the place of the state: in one transaction, or, if there is no whole state, as a file.

A backup is older than the target: since then contacts were made, changed and deleted. So the restored state knows that
it is one (the fact ``restored``), and the next command that asks the target finds out what has happened since
(:mod:`syncd.run.restored`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from syncd.errors import SourceBusy, StateError
from syncd.processes import is_dead
from syncd.state.database import HEAD
from syncd.state.facts import BACKUPS, RESTORED, UNCLEAN
from syncd.state.hand.backup import Backup, with_backup
from syncd.state.hand.copying import copied, put_in_place, remove, unwritten
from syncd.state.hand.looking import FileLook, is_damaged
from syncd.state.hand.unfinished import require_finished
from syncd.state.migrations.upgrade import upgrade
from syncd.state.numbers.there import STANDING
from syncd.state.place import is_there, problem
from syncd.state.state import State
from syncd.tables.whole_file import fsync_folder

Condition = Literal["whole", "damaged", "missing"]

# These say what is so now, or what a person has decided, whatever the contacts were when the backup was made: places in
# the key's windows, notifications, undone changes, numbers that were given to a contact, and plans that were applied.
_OF_NOW = ("request", "alarm", "notice", "undone", "assigned", "appliedplan")
# A backup's own notifications were sent long ago, and its processes are gone.
_NEVER_BACK = ("lease", "notice", "cursor")
_FACTS_OF_NOW = ("digest.made", UNCLEAN)
_HIGHEST = ("journal.newest", "target.highest_id")

_NOTHING_TRUSTED = (
    # An approval is for one run, which may have been made since.
    "UPDATE hold SET approved = NULL",
    # Until the list of the target was read, nobody knows which contacts are there.
    "DELETE FROM fact WHERE name LIKE 'first load of %'",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """``kept``: the state of before, as a file beside the new one; None if there was none."""

    kept: Path | None


def condition_of(state: Path) -> Condition:
    """Return what stands in the place of the state.

    Raises:
        StateError: something that must not be replaced.
    """
    if not is_there(state) or state.stat().st_size == 0:
        return "missing"
    return "damaged" if is_damaged(state) else "whole"


def require_known(backup: Backup) -> None:
    """Refuse a backup of a newer version than this program's.

    Raises:
        StateError: it is.
    """
    if backup.version > HEAD:
        raise StateError(
            f"{backup.path}: this backup was written by a newer syncd (version {backup.version}, this one knows "
            f"{HEAD}); install that version, or take an older backup"
        )


def require_free(state: Path, now: float) -> None:
    """Refuse to go on while a run holds a source.

    Raises:
        SourceBusy: one does.
    """
    with FileLook(state) as look:
        _refuse_held(look.rows("SELECT source, owner FROM lease WHERE expires > :now", now=now))


def restore(backup: Path, state: Path, condition: Condition, clock: Callable[[], float] = time.time) -> Restored:
    """Make the state what the backup says, and keep the state of before beside it. The caller has the daemon's lock.

    Whenever the process is killed, the state is the one of before or the restored one.

    Raises:
        SourceBusy: a run holds a source; nothing was changed.
        StateError: it cannot be done, or the state of now is still needed; nothing was changed.
    """
    state = state.absolute()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(clock()))
    kept = _free(state.with_name(f"{state.name}.before-restore-{stamp}"))
    with copied(backup, state) as prepared:
        _migrate(prepared)
        if condition == "whole":
            _into_file(prepared, state, kept, clock)
            return Restored(kept)
        fresh = prepared.with_name(f"{prepared.name}.state")
        try:
            with State(fresh, clock=clock) as new:
                _take_over(new, prepared)
                new.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            return Restored(_swap(fresh, state, kept, condition))
        finally:
            remove(fresh)


def _into_file(prepared: Path, state: Path, kept: Path, clock: Callable[[], float]) -> None:
    with State(state, clock=clock) as now:
        _refuse_held(now.rows("SELECT source, owner FROM lease WHERE expires > :now", now=clock()))
        require_finished(now, now.searching.sources())
        with copied(state, kept) as copy:
            put_in_place(copy, kept)
        _take_over(now, prepared)


def _take_over(now: State, prepared: Path) -> None:
    """Replace what the open state holds by what the prepared backup holds, in one transaction."""
    # Rows and not the file: a process that has the file open goes on with the same file, and sees all or nothing.
    with now.attached(prepared, "back"), now.write():
        # Once more: a run may have begun while the backup was prepared. From here on none can.
        _refuse_held(now.rows("SELECT source, owner FROM lease WHERE expires > :now", now=now.clock()))
        require_finished(now, now.searching.sources())
        highest = {name: _number(now, name) for name in _HIGHEST}
        backups, used = now.facts.backups.get(), now.facts.company.get() is not None
        stay = {*_NEVER_BACK, *(_OF_NOW if used else ())}
        # The index of numbers comes back whole. Until it does, nothing notes each contact that goes and comes.
        now.execute("DELETE FROM main.fact WHERE name = :name", name=STANDING)
        for table in _tables(now):
            if table not in {*stay, "fact"}:
                _replace(now, table)
        for table in ("lease", "cursor"):
            now.execute(f"DELETE FROM {table}")
        _replace_facts(now, keep=_FACTS_OF_NOW if used else ())
        for name, value in highest.items():
            now.put("fact", name=name, value=str(max(value, _number(now, name))))
        noted = [*now.facts.backups.get(), *backups]
        for each in sorted(noted, key=lambda each: float(each["at"])):
            noted = with_backup(noted, Path(each["path"]), each["at"])
        now.put("fact", name=BACKUPS, value=json.dumps(noted))
        for statement in _NOTHING_TRUSTED:
            now.execute(statement)
        now.put("fact", name=RESTORED, value=str(now.clock()))


def _tables(now: State) -> list[str]:
    found = now.column("SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for name in found if name != "alembic_version" and not name.startswith("sqlite_")]


def _replace(now: State, table: str) -> None:
    columns = ", ".join(f'"{name}"' for name in now.column(f"SELECT name FROM pragma_table_info('{table}')"))
    now.execute(f"DELETE FROM main.{table}")
    now.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM back.{table}")


def _replace_facts(now: State, keep: tuple[str, ...]) -> None:
    now.execute("DELETE FROM main.fact WHERE name NOT IN (SELECT value FROM json_each(:keep))", keep=keep)
    now.execute("INSERT OR IGNORE INTO main.fact (name, value) SELECT name, value FROM back.fact")


def _number(now: State, name: str) -> int:
    return int(now.scalar("SELECT value FROM main.fact WHERE name = :name", name=name) or 0)


def _refuse_held(leases: list[tuple[str, str]]) -> None:
    for source, owner in leases:
        # A run that was killed a moment ago still has its lease.
        if not is_dead(owner):
            pid = owner.split(":")[1]
            raise SourceBusy(f"{source}: a run holds it (process {pid}); stop it first, or wait until it is done")


def _migrate(prepared: Path) -> None:
    """Bring the copy of a backup to the version of this program; the backup itself stays as it is."""
    try:
        with closing(sqlite3.connect(prepared, isolation_level=None)) as connection:
            [(version,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            if version != HEAD:
                upgrade(connection, State.VERSIONS)
    except sqlite3.Error as error:
        raise problem(prepared, error) or StateError(f"{prepared}: the backup cannot be migrated: {error}") from None


def _swap(fresh: Path, state: Path, kept: Path, condition: Condition) -> Path | None:
    """Give the restored file the state's name; a damaged state keeps its parts under the name ``kept``."""
    try:
        # What SQLite made beside the former file first: it must never be read with the new one.
        for suffix in ("-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                state.with_name(state.name + suffix).rename(kept.with_name(kept.name + suffix))
        if condition == "damaged":
            kept.hardlink_to(state)
            kept.chmod(0o600)
        fresh.replace(state)
        fsync_folder(state.parent)
    except OSError as error:
        raise unwritten(state, error) from None
    return kept if condition == "damaged" else None


def _free(place: Path) -> Path:
    """Return the place, or one with a number if there is something: two restores may be made in one second."""
    number, found = 1, place
    while found.exists():
        number += 1
        found = place.with_name(f"{place.name}-{number}")
    return found
