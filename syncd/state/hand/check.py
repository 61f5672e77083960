"""Looks at the whole state file: is it whole, how large is it, what is kept in it, and does it contradict itself.

Nothing is written, nothing is migrated, and no key is needed; a daemon may run meanwhile.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from syncd.core.company.identity import Company
from syncd.core.wording import counted, sized
from syncd.errors import StateBusy, StateError
from syncd.processes import is_dead
from syncd.state.database import HEAD, copies_of
from syncd.state.facts import BACKUPS, RESTORED, UNCLEAN
from syncd.state.hand.looking import FileLook, StoreLook, is_damaged
from syncd.state.leaving.forgotten import Forgotten
from syncd.state.place import STORE

_NEWEST_CHANGE = "journal.newest"
_EXCUSED = 8 << 20  # bytes of free pages or of a log that nobody needs to care about

_SOURCES = (
    "WITH name (source) AS (SELECT DISTINCT source FROM contact UNION SELECT DISTINCT source FROM run"
    " WHERE kind = 'run' UNION SELECT source FROM cursor UNION SELECT value FROM json_each(:configured))"
    " SELECT source,"
    " (SELECT count(*) FROM contact WHERE contact.source = name.source) AS contacts,"
    " (SELECT count(*) FROM contact WHERE contact.source = name.source AND status = 'pending') AS pending,"
    " (SELECT count(*) FROM contact WHERE contact.source = name.source AND status = 'rejected') AS rejected,"
    " (SELECT count(*) FROM contact WHERE contact.source = name.source AND missing_since IS NOT NULL) AS missing,"
    " (SELECT count(*) FROM change WHERE change.source = name.source AND key <> '') AS changes,"
    " (SELECT min(at) FROM change WHERE change.source = name.source AND key <> '') AS oldest_change,"
    " (SELECT count(*) FROM run WHERE run.source = name.source) AS runs,"
    " (SELECT count(*) FROM hold WHERE hold.source IN (name.source, name.source || ':repair')) AS held,"
    " EXISTS (SELECT 1 FROM cursor WHERE cursor.source = name.source) AS cursor"
    " FROM name ORDER BY source"
)
# Journal.record leaves one accepted contact with an id, and makes the others pending.
_TWO_HOLDERS = (
    "SELECT remote_id, count(*) AS holders FROM contact WHERE remote_id IS NOT NULL AND status = 'accepted'"
    " GROUP BY remote_id HAVING count(*) > 1 ORDER BY remote_id LIMIT 1000"
)
_NO_JSON = (
    "SELECT count(*) FROM contact WHERE NOT json_valid(fields) OR (returned IS NOT NULL AND NOT json_valid(returned))"
)
_UNKNOWN_STATUS = "SELECT count(*) FROM contact WHERE status NOT IN ('accepted', 'pending', 'rejected')"


@dataclass(frozen=True, slots=True)
class OtherFile:
    """Another file that syncd keeps: an activity store, or what was forgotten. ``faults``: [] if it is whole."""

    path: Path
    size: int
    faults: list[str]
    entries: int | None = None


@dataclass(slots=True)
class Checked:
    """What was found. ``problems``: a person must do something; ``notes``: good to know. Times are Unix seconds.

    ``version``: None if it cannot be read. ``size``, ``log``, ``free``: bytes of the file, of SQLite's log beside it,
    and of free pages in the file. ``sources``: as the query names its columns. ``requests``: places in the key's
    windows. ``running``: sources that a run holds. ``copies``: files that syncd has put beside the state; ``backups``:
    of ``syncd state backup``. ``unclean``: something was erased, and its bytes may be left.
    """

    path: Path
    version: str | None
    size: int
    log: int
    free: int
    mode: int
    company: Company | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    running: list[str] = field(default_factory=list)
    backups: list[dict[str, Any]] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    restored: float | None = None
    unclean: bool = False
    faults: list[str] = field(default_factory=list)
    store: OtherFile | None = None
    forgotten: OtherFile | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def check_state(path: Path, configured: Collection[str], store: Path | None, now: float) -> Checked:
    """Look at the state file, and at the files that syncd keeps beside it.

    ``configured``: the names of the sources; ``store``: the activity store, if calls and messages are configured.

    Raises:
        StateError: there is no state file, or none that can be read.
        StateBusy: it is locked.
    """
    state, log = path.stat(), path.with_name(f"{path.name}-wal")
    found = Checked(
        path, None, state.st_size, log.stat().st_size if log.exists() else 0, 0, stat.S_IMODE(state.st_mode)
    )
    try:
        with FileLook(path) as look:
            found.version, (page, _, free), found.faults = look.version(), look.pages(), look.faults()
            found.free = page * free
            # The rows of a damaged file tell anything, and those of another version mean something else.
            if not found.faults and found.version == HEAD:
                _look_inside(look, found, configured, now)
    except StateError as error:
        if isinstance(error, StateBusy) or not is_damaged(path):
            raise
        found.faults = found.faults or [_UNREADABLE]
    backups = {Path(each["path"]).resolve() for each in found.backups}
    found.copies = [copy for copy in copies_of(path) if copy.resolve() not in backups]
    found.store = _store(store) if store is not None and store.exists() else None
    forgotten = Forgotten(path)
    if forgotten.path.exists():
        found.forgotten = OtherFile(forgotten.path, forgotten.path.stat().st_size, [], len(forgotten.entries()))
    found.problems = list(_problems(found)) + found.problems
    found.notes = list(_notes(found))
    return found


def _store(path: Path) -> OtherFile:
    size = path.stat().st_size
    try:
        with StoreLook(path) as look:
            look.version()
            return OtherFile(path, size, look.faults(quick=True))
    except StateError as error:
        if isinstance(error, StateBusy) or not is_damaged(path, STORE):
            raise
        return OtherFile(path, size, [_UNREADABLE])


def _look_inside(look: FileLook, found: Checked, configured: Collection[str], now: float) -> None:
    found.company = look.company()
    found.sources = [
        {**each, "cursor": bool(each["cursor"]), "configured": each["source"] in configured}
        for each in look.records(_SOURCES, configured=configured)
    ]
    found.requests = int(look.scalar("SELECT count(*) FROM request WHERE pause = 0"))
    leases = look.rows("SELECT source, owner FROM lease WHERE expires > :now ORDER BY source", now=now)
    found.running = [source for source, owner in leases if not is_dead(owner)]
    noted = json.loads(look.fact(BACKUPS) or "[]")
    found.backups = [{**each, "there": Path(each["path"]).exists()} for each in noted]
    restored = look.fact(RESTORED)
    found.restored = float(restored) if restored else None
    found.unclean = bool(look.fact(UNCLEAN))
    found.problems = list(_contradictions(look))


def _contradictions(look: FileLook) -> Iterator[str]:
    """Yield what cannot be true at once in a state that only syncd has written."""
    twice = look.rows(_TWO_HOLDERS)
    if twice:
        id_, holders = twice[0]
        yield (
            f"{counted(len(twice), 'contact')} of the target belong to more than one contact of the ledger (such as "
            f"id {id_}, to {holders}): run syncd reconcile"
        )
    newest = int(look.fact(_NEWEST_CHANGE) or 0)
    highest = int(look.scalar("SELECT coalesce(max(id), 0) FROM change"))
    if highest > newest:
        yield f"the history has change {highest:,}, and the state has given numbers up to {newest:,} only: {_RESTORE}"
    for query, what in (
        (_NO_JSON, "no fields that can be read"),
        (_UNKNOWN_STATUS, "a status that syncd does not know"),
    ):
        if count := int(look.scalar(query)):
            yield f"{counted(count, 'contact')} of the ledger {'has' if count == 1 else 'have'} {what}: {_RESTORE}"


_UNREADABLE = "its pages cannot be read"
_RESTORE = (
    "take a backup back with syncd state restore FILE, or reset the source with syncd state reset SOURCE --ledger"
)


def _problems(found: Checked) -> Iterator[str]:
    if found.faults:
        yield (
            f"the state file is damaged ({found.faults[0]}): take a backup back with syncd state restore FILE; without "
            "one, move the file away: the next run then adopts what is at the target and deletes nothing"
        )
    if found.version and found.version > HEAD:
        newer = f"version {found.version}, this one knows {HEAD}"
        yield f"the state file was written by a newer syncd ({newer}): install that version"
    if found.mode & 0o077:
        yield f"others may read the state file (mode {found.mode:04o}): chmod 600 {found.path}"
    if found.store and found.store.faults:
        yield (
            f"the activity store {found.store.path} is damaged ({found.store.faults[0]}): put a backup in its place, "
            "or move it away: the next pull then reads the lists again"
        )


def _notes(found: Checked) -> Iterator[str]:
    if found.version and found.version < HEAD:
        yield f"the state file has version {found.version}: the next run brings it to {HEAD}, and keeps a copy"
    if found.restored is not None:
        yield "the state was restored: the next run reads the target's list to find out what has happened since"
    if found.unclean:
        yield "something was erased, and the file, or a copy of it, may still hold its bytes: the next run cleans it"
    for source in found.running:
        yield f"{source}: a run holds it now"
    yield from _notes_of_sources(found)
    if found.free > max(_EXCUSED, found.size // 4):
        yield f"{sized(found.free)} of the file are free: syncd state compact gives them back"
    if found.log > max(_EXCUSED, found.size):
        yield f"the log beside the file has {sized(found.log)}: syncd state compact puts it into the file"
    if not any(each["there"] for each in found.backups):
        yield "there is no backup that the state knows of: syncd state backup FILE makes one"


def _notes_of_sources(found: Checked) -> Iterator[str]:
    for each in found.sources:
        name = each["source"]
        if not each["configured"]:
            rest = [counted(each["contacts"], "contact")] + (["where its next read begins"] if each["cursor"] else [])
            yield f"{name}: is not configured; the state still has {' and '.join(rest)} of it"
        if each["pending"]:
            yield f"{name}: {counted(each['pending'], 'call')} of unknown outcome; the next run settles them"
        if each["held"]:
            yield f"{name}: {counted(each['held'], 'list')} of changes held; syncd status shows them"
