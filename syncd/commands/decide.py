"""What a person decides: ``syncd approve`` lets held changes go on, ``syncd rejects`` looks at refused contacts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.settings import chosen_sources, loaded
from syncd.errors import ConfigError
from syncd.report.endings import printable

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.state import State


def approve(config: Path | None, source: str, digest: str) -> int:
    """Approve exactly the list that is held under ``digest``.

    Raises:
        ConfigError: nothing of the source is held under it.
    """
    settings = loaded(config)
    chosen_sources(settings, [source])
    digest = pasted(digest)
    with _state(settings) as state:
        held = {hold["digest"]: hold for name in _names(source) for hold in (state.holds.of(name) if state else ())}
        if state is None or digest not in held:
            raise ConfigError(_nothing_held(source, digest, list(held)))
        state.holds.approve(held[digest]["source"], digest)
    from syncd.report.screen import Screen, count

    what = {"delete": "delete", "update": "update"}.get(held[digest]["kind"], "change")
    said = f"{source}: {count(held[digest]['count'], what)} approved, for one run and exactly as listed"
    how = f"syncd run {source}" if held[digest]["source"] == source else f"syncd reconcile {source} --repair"
    Screen().line(f"{said}: {how} makes them.")
    return 0


def pasted(digest: str) -> str:
    """The digest that is meant by what a person copied: without the spaces around it, in the small letters it has."""
    return digest.strip().lower()


def _names(source: str) -> tuple[str, str]:
    """Under which names the state keeps what is held of the source: by a run, by a repair."""
    from syncd.state.glance import repairs_of

    return source, repairs_of(source)


def _nothing_held(source: str, digest: str, held: Sequence[str]) -> str:
    now = f"held now: {', '.join(held)}" if held else "nothing of it is held now"
    what = f"nothing is held under {printable(digest)}" if digest else "the digest is empty, and names no list"
    return (
        f"{source}: {what}; {now}. A list that changed has a new digest, and a dry run only "
        f"shows one: syncd run {source} holds it"
    )


def list_rejects(config: Path | None, source: str | None, *, as_json: bool) -> int:
    """Print the contacts that the target refused, and why."""
    settings = loaded(config, keyless=True)
    sources = [each.name for each in chosen_sources(settings, [source] if source else [])]
    with _state(settings, read_only=True) as state:
        rows = [
            (name, _shown(key), reason)
            for name in sources
            for key, reason in (state.ledger.rejected(name) if state else ())
        ]
    if as_json:
        found = [{"source": name, "key": key, "reason": reason} for name, key, reason in rows]
        sys.stdout.write(json.dumps({"rejected": found}, ensure_ascii=False) + "\n")
        return 0
    from syncd.report.screen import Screen, count

    screen = Screen()
    if rows:
        screen.table(("source", "key", "reason"), rows)
        screen.line(f"{count(len(rows), 'contact')}, sent again when they change, or after syncd rejects retry.")
    else:
        screen.line("No contact is rejected.")
    return 0


_HEAD = ("source", "key", "reason", "at")


def export_rejects(config: Path | None, file: Path, source: str | None) -> int:
    """Write rejected contacts to a .csv, .jsonl or .parquet file: source, key, reason, at, and each field as sent.

    Raises:
        ConfigError: the file's name or place is not usable, or something else stands there.
    """
    import polars as pl

    from syncd.commands.written_file import check_written
    from syncd.report.table_file import write_table
    from syncd.watch.status import iso

    settings = loaded(config, keyless=True)
    sources = [each.name for each in chosen_sources(settings, [source] if source else [])]
    check_written(file, str(file), _HEAD, "no export of rejected contacts", settings)
    with _state(settings, read_only=True) as state:
        refused = [(name, *each) for name in sources for each in (state.ledger.refused(name) if state else ())]
    rows = [
        {"source": name, "key": _shown(key), "reason": reason, "at": iso(at)}
        | {f"fields.{field}": value for field, value in sent.items()}
        for name, key, reason, at, sent in refused
    ]
    columns = [*_HEAD, *sorted({column for row in rows for column in row if "." in column})]
    write_table(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)), file, str(file))
    from syncd.report.screen import Screen, count

    Screen().line(f"{count(len(rows), 'rejected contact')} written to {file}.")
    return 0


def retry_rejects(config: Path | None, source: str | None) -> int:
    """Let the next run send rejected contacts again."""
    settings = loaded(config)
    sources = [each.name for each in chosen_sources(settings, [source] if source else [])]
    total = 0
    with _state(settings) as state:
        for name in sources if state else ():
            total += state.ledger.retry_rejected(name) if state else 0
    from syncd.report.screen import Screen, count

    what = f"{count(total, 'contact')} will be sent again by the next run." if total else "No contact is rejected."
    Screen().line(what)
    return 0


@contextmanager
def _state(settings: Settings, *, read_only: bool = False) -> Iterator[State | None]:
    """The state, or None where no run has made one yet."""
    from syncd.state import State
    from syncd.state.place import is_there

    if not is_there(settings.state):
        yield None
        return
    with State(settings.state, read_only=read_only) as state:
        yield state


def _shown(key: str) -> str:
    from syncd.report.source_report import shown_key

    return shown_key(key) or ""
