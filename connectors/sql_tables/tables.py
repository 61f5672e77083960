"""The tables of the sink, with the types of each server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import TIMESTAMP, TypeEngine

from connectors.sql_tables.options import TableNames

WIDTHS: Mapping[str, int] = {"word": 191, "tag": 40}
"""Characters of a word and of a tag at most: keys are made of them, and the indexes of some servers hold no more."""

# A collation that tells all texts apart: with another one, a name in capital letters would not count as a change.
_BINARY = "Latin1_General_100_BIN2"


def _short(kind: str) -> TypeEngine[Any]:
    width = WIDTHS[kind]
    return Text().with_variant(String(width), "mysql", "mariadb").with_variant(_nvarchar(width), "mssql")


def _text() -> TypeEngine[Any]:
    return Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb").with_variant(_nvarchar(None), "mssql")


def _nvarchar(width: int | None) -> TypeEngine[Any]:
    return mssql.NVARCHAR(width, collation=_BINARY)


def _time() -> TypeEngine[Any]:
    found: TypeEngine[Any] = TIMESTAMP(timezone=True).with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
    # SQLite has no times; as texts of one length they are in order.
    in_sql_server: TypeEngine[Any] = mssql.DATETIME2(3)  # type: ignore[no-untyped-call]
    return found.with_variant(in_sql_server, "mssql").with_variant(Text(), "sqlite")


_TYPES: Mapping[str, Any] = {
    **{kind: partial(_short, kind) for kind in WIDTHS},
    "text": _text,
    "time": _time,
    "number": Double,
    "flag": Boolean,
    "count": BigInteger,
    "place": Integer,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table is made of.

    ``columns``: name to type (a word of ``_TYPES``). ``key``: the columns of its primary key. ``marks``: a table of
    this name that lacks one of these columns is somebody else's.
    """

    columns: Mapping[str, str]
    key: tuple[str, ...]
    marks: tuple[str, ...]


def _shape(text: str, *, key: str, marks: str) -> Shape:
    columns = dict(pair.split(":") for pair in text.split())
    return Shape(columns, tuple(key.split()), (*key.split(), *marks.split()))


SHAPES: Mapping[str, Shape] = {
    "calls": _shape(
        """id:word direction:word status:word outcome:text remote_number:word remote_name:text own_number:word
        extension:word extension_name:text start_time:time answer_time:time end_time:time duration:number talk:number
        summary:text transcription:text first_by:word settled:flag missing_since:time attribution:word""",
        key="id",
        marks="direction status start_time",
    ),
    "segments": _shape(
        """call_id:word n:place type:word name:text extension:word start_time:time duration:number answered:flag
        media_id:text path:text""",
        key="call_id n",
        marks="type answered media_id",
    ),
    "messages": _shape(
        """channel:tag id:word direction:word status:word remote_number:word own_number:word body:text sent_at:time
        first_by:word missing_since:time attribution:word""",
        key="channel id",
        marks="direction status sent_at",
    ),
    "attachments": _shape(
        "channel:tag message_id:word n:place media_id:text filename:text content_type:text size:count path:text",
        key="channel message_id n",
        marks="media_id filename",
    ),
    "contacts": _shape(
        "kind:tag channel:tag activity_id:word n:place source:text key:text",
        key="kind channel activity_id n",
        marks="source key",
    ),
}
"""The tables by their name in the options. Columns are those of ``--json``; ``n`` is the place in a list, from 1."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The five tables under their names."""

    by_role: Mapping[str, Table]

    def __iter__(self) -> Iterator[tuple[str, Table]]:
        return iter(self.by_role.items())

    def __getitem__(self, role: str) -> Table:
        return self.by_role[role]


def tables_of(names: TableNames, schema: str | None) -> Tables:
    """Return the tables. Every name will be quoted: none is then a word of SQL, or more than a name."""
    meta = MetaData(schema=None if schema is None else quoted_name(schema, quote=True))
    named: Mapping[str, str] = names.model_dump()
    return Tables({role: _table(meta, named[role], shape) for role, shape in SHAPES.items()})


def _table(meta: MetaData, name: str, shape: Shape) -> Table:
    columns: Sequence[Column[Any]] = [
        Column(quoted_name(column, quote=True), _TYPES[kind](), primary_key=column in shape.key, autoincrement=False)
        for column, kind in shape.columns.items()
    ]
    # MySQL's own defaults may be Latin-1, or tables without transactions.
    more: dict[str, Any] = {
        f"{server}_{name}": value for server in ("mysql", "mariadb") for name, value in _MYSQL.items()
    }
    return Table(quoted_name(name, quote=True), meta, *columns, **more)


_MYSQL = {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}
