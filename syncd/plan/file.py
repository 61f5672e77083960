"""A plan as a file, which somebody can be shown before it is applied: JSON lines between a head and a seal.

The head says of which state file, target and configuration the plan is. Each further line is a change, with the fields
that it sends, and with the values at the target before it. The seal is the digest of all lines before it, so a plan
that was edited or cut off is none.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, SPARES, WHY
from syncd.core.schema import Field, Schema
from syncd.errors import ConfigError
from syncd.tables.whole_file import whole_file

FORM = 1
"""The form of the file; a program refuses a plan of a newer form."""

_MARK, _SEAL = "syncd_plan", "sha256"
_SOURCE = "@source"
_ABOUT = {
    KIND: pl.String,
    KEY: pl.String,
    ID: pl.Int64,
    MATCH: pl.String,
    OLD_MATCH: pl.String,
    DIGEST: pl.Int64,
    BEFORE: pl.String,
    WHY: pl.String,
    SPARES: pl.Boolean,
}
_PAGE = 20_000
_LONGEST_HEAD = 1 << 24  # characters


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One source's part. ``config``: the digest of its configuration; ``fields``: the target's, as described."""

    source: str
    config: str
    fields: str
    changes: pl.DataFrame

    def schema(self) -> Schema:
        """Return the target's fields as the plan knew them, without their numbers."""
        return Schema(tuple(Field(0, name, phone, match) for name, phone, match in json.loads(self.fields)))


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan. ``made``: when (Unix seconds), by the dry run ``run``; ``target``: the target's address.

    ``state``: the name of the state file, None if it had none; ``change``: the newest entry of its journal. ``digest``
    names exactly this plan; "" until it is written.
    """

    made: float
    run: str
    state: str | None
    change: int
    target: str
    sources: tuple[PlannedSource, ...]
    digest: str = ""


def write_plan(path: Path, plan: PlanFile) -> None:
    """Write the plan, for its owner alone; an older file is replaced once the new one is whole.

    Raises:
        OSError: the file cannot be written.
    """
    seal = hashlib.sha256()
    with whole_file(path) as file:
        for part in _lines(plan):
            seal.update(part)
            file.write(part)
        file.write(_line({_SEAL: seal.hexdigest()}))


def _lines(plan: PlanFile) -> Iterator[bytes]:
    sources = [
        {"source": each.source, "config": each.config, "fields": each.fields}
        | {"names": _fields(each.changes), "changes": each.changes.height}
        for each in plan.sources
    ]
    head = {name: getattr(plan, name) for name in ("made", "run", "state", "change", "target")}
    yield _line({_MARK: FORM, **head, "sources": sources})
    for each in plan.sources:
        about = [pl.col(name) if name in each.changes.columns else _none(name) for name in _ABOUT]
        for start in range(0, each.changes.height, _PAGE):
            page = each.changes.slice(start, _PAGE)
            text = page.select(pl.lit(each.source).alias(_SOURCE), *about, *_fields(each.changes)).write_ndjson()
            yield text.encode()


def _none(name: str) -> pl.Expr:
    return pl.lit(None, dtype=_ABOUT[name]).alias(name)


def _fields(changes: pl.DataFrame) -> list[str]:
    return [name for name in changes.columns if not name.startswith("@")]


def _line(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"


def is_plan(path: Path) -> bool:
    """Return whether a file begins as a plan does; a file that cannot be read is none."""
    try:
        with path.open("rb") as file:
            return _MARK in _head(file)
    except OSError:
        return False


def read_plan(path: Path) -> PlanFile:
    """Read a plan.

    Raises:
        ConfigError: the file cannot be read, is no plan, is damaged, or was written by a newer version.
    """
    try:
        with path.open("rb") as file:
            head = _head(file)
            if _MARK not in head:
                raise ConfigError(f"{path}: this is no plan; syncd run --dry-run --plan FILE writes one")
            if head[_MARK] != FORM:
                raise ConfigError(f"{path}: a newer syncd wrote this plan; plan again, or install that version")
            digest = _sealed(file)
            file.seek(0)
            file.readline()
            return _plan(head, file, digest)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError, RecursionError, pl.exceptions.PolarsError):
        raise ConfigError(f"{path}: the plan was cut off or edited, so nothing of it is made: plan again") from None


def _head(file: IO[bytes]) -> dict[str, Any]:
    """Return the first line of a file as an object; {} if it is none."""
    try:
        found = json.loads(file.readline(_LONGEST_HEAD))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _sealed(file: IO[bytes]) -> str:
    """Return the digest of all lines but the last one, which says it.

    Raises:
        ValueError: it says another one, or there is no such line.
    """
    seal, last = hashlib.sha256(), b""
    file.seek(0)
    for line in file:
        seal.update(last)
        last = line
    if not last.endswith(b"\n") or json.loads(last) != {_SEAL: seal.hexdigest()}:
        raise ValueError
    return seal.hexdigest()


def _plan(head: Mapping[str, Any], lines: Iterable[bytes], digest: str) -> PlanFile:
    rows = iter(lines)
    sources = [
        PlannedSource(each["source"], each["config"], each["fields"], _changes(each["names"], each["changes"], rows))
        for each in head["sources"]
    ]
    about = {name: head[name] for name in ("made", "run", "state", "change", "target")}
    return PlanFile(**about, sources=tuple(sources), digest=digest)


def _changes(names: Iterable[str], count: int, lines: Iterator[bytes]) -> pl.DataFrame:
    schema = {**_ABOUT, **dict.fromkeys(names, pl.String)}
    found = [pl.DataFrame(schema=schema)]
    while count > 0:
        page = list(islice(lines, min(count, _PAGE)))
        if not page:
            raise ValueError
        count -= len(page)
        found.append(pl.read_ndjson(io.BytesIO(b"".join(page)), schema=schema))
    return pl.concat(found)
