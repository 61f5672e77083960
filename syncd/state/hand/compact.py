"""Makes a state file small: what nobody needs any more goes, and the file gives its free pages back to the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import SourceBusy, StateBusy
from syncd.processes import is_dead
from syncd.state.database import Database
from syncd.state.runs import forget_old


@dataclass(frozen=True, slots=True)
class Compacted:
    """``before``, ``after``: the bytes of the file and of what SQLite has beside it. ``forgotten``: rows that went.

    ``waits``: another process still reads the former pages, whose room is free when it is done.
    """

    before: int
    after: int
    forgotten: int
    waits: bool


def compact(state: Database) -> Compacted:
    """Remove what is older than the retention, and write the file anew without its free pages.

    Raises:
        SourceBusy: a run holds a source: it would wait too long for the file.
        StateBusy: another process uses the file, or there is no room; the file is as it was.
    """
    for source, owner in state.rows("SELECT source, owner FROM lease WHERE expires > :now", now=state.clock()):
        if not is_dead(owner):
            pid = owner.split(":")[1]
            raise SourceBusy(f"{source}: a run holds it (process {pid}); compact the state when it is done")
    before = size_of(state)
    _require_room(state, before)
    forgotten = forget_old(state, state.clock())
    is_free = state.rewrite()
    return Compacted(before, size_of(state), forgotten, waits=not is_free)


def size_of(state: Database) -> int:
    """Return the bytes of the file and of the files that SQLite has beside it."""
    parts = (state.path.with_name(state.path.name + suffix) for suffix in ("", "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _require_room(state: Database, size: int, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse if a disk has no room for the new file: SQLite writes it as a temporary file, and then beside the old."""
    needed: dict[int, tuple[Path, int]] = {}
    for folder in (state.path.absolute().parent, _temporary(environ)):
        disk = folder.stat().st_dev
        needed[disk] = (folder, needed.get(disk, (folder, 0))[1] + size)
    for folder, room in needed.values():
        if (free := shutil.disk_usage(folder).free) < room:
            raise StateBusy(
                f"{state.path}: to write it anew, {room:,} bytes must be free on the disk of {folder}, and {free:,} "
                "are; make room, or set $SQLITE_TMPDIR to a folder on another disk"
            )


def _temporary(environ: Mapping[str, str]) -> Path:
    """Return the folder in which SQLite makes temporary files (sqlite.org/tempfiles.html)."""
    named = (environ.get("SQLITE_TMPDIR"), environ.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108
    usable = (Path(name) for name in named if name and os.access(name, os.W_OK | os.X_OK) and Path(name).is_dir())
    return next(usable, Path.cwd())
