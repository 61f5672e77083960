"""Take a query apart by the server's rules for texts, names and comments, and check that it is one SELECT.

The check makes a query that is not one SELECT an error of the configuration. The read-only transaction is what makes
writing impossible. SQL Server has no read-only transactions: there, the check is what keeps the query inside a SELECT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from connectors.sql_query.url_options import Kind

_FIRST_WORDS = {"select", "with", "values", "table", "("}

_PLAIN_TEXT = r"'(?:[^']|'')*'"
_ESCAPED_TEXT = r"'(?:[^'\\]|''|\\.)*'"
_TEXTS = {
    # The word before a dollar quote must have ended: $ may stand inside a name.
    "postgresql": rf"[eE]{_ESCAPED_TEXT}|{_PLAIN_TEXT}|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
    "mysql": rf"{_ESCAPED_TEXT}|\"(?:[^\"\\]|\"\"|\\.)*\"",
    "sqlite": _PLAIN_TEXT,
    "mssql": _PLAIN_TEXT,
}
_DOUBLE_QUOTED, _BACKTICKED = r"\"(?:[^\"]|\"\")*\"", r"`(?:[^`]|``)*`"
_NAMES = {
    "postgresql": _DOUBLE_QUOTED,
    "mysql": _BACKTICKED,
    "sqlite": rf"{_DOUBLE_QUOTED}|{_BACKTICKED}|\[[^\]]*\]",
    "mssql": rf"{_DOUBLE_QUOTED}|\[(?:[^\]]|\]\])*\]",
}
# MySQL takes two dashes for a comment only before white space: 5--1 is a sum. What stands in /*! */ it runs.
_LINE_COMMENTS = {"mysql": r"--(?=\s|\Z)[^\n]*|\#[^\n]*"}
_LINE_COMMENT = r"--[^\n]*"
_BLOCK_BEGINS = {"mysql": r"/\*(?!M?!)"}
_BLOCK_BEGIN = r"/\*"
_NESTING = {"postgresql", "mssql"}
# "::" is a cast of PostgreSQL, not a parameter, and neither is a colon behind a word or a backslash.
_OTHER = r"(?<![:\w\\]):(?P<name>[A-Za-z_]\w*)|::|(?P<word>\w[\w$]*)|."

_MARKS = {"postgresql": ('"', '"'), "mysql": ("`", "`"), "sqlite": ("`", "`"), "mssql": ("[", "]")}

_BLOCK_EDGE = re.compile(r"/\*|\*/")


class UnusableQuery(ValueError):
    """The query cannot be used to read; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a query. ``quoted``: a text; ``identifier``: a quoted name; ``name``: a parameter, ``:name``."""

    kind: Literal["comment", "quoted", "identifier", "name", "text"]
    text: str


def pieces(query: str, kind: Kind) -> Iterator[Piece]:
    """Split a query into its parts, by the server's rules for texts and comments."""
    at = 0
    while found := _pattern(kind).match(query, at):
        at = found.end()
        if found["block"] is not None:
            end = _block_end(query, at, nested=kind in _NESTING)
            yield Piece("comment" if end else "text", query[found.start() : end or at])
            at = end or at
        elif found["comment"] is not None:
            yield Piece("comment", found[0])
        elif found["quoted"] is not None:
            yield Piece("quoted", found[0])
        elif found["identifier"] is not None:
            yield Piece("identifier", found[0])
        else:
            yield Piece("text" if found["name"] is None else "name", found[0])


@cache
def _pattern(kind: Kind) -> re.Pattern[str]:
    line, block = _LINE_COMMENTS.get(kind, _LINE_COMMENT), _BLOCK_BEGINS.get(kind, _BLOCK_BEGIN)
    return re.compile(
        rf"(?P<comment>{line})|(?P<block>{block})|(?P<quoted>{_TEXTS[kind]})|(?P<identifier>{_NAMES[kind]})|{_OTHER}",
        re.DOTALL,
    )


def _block_end(query: str, at: int, *, nested: bool) -> int | None:
    """Return where the comment ends that began before ``at``; None if it is not closed."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(query, at):
        if edge[0] == "*/":
            depth -= 1
        elif nested:
            depth += 1
        if not depth:
            return edge.end()
    return None


def checked(query: str, kind: Kind) -> str:
    """Return the query without the semicolons behind it; its comments and its lines stay.

    Raises:
        UnusableQuery: the query is not one SELECT.

    """
    parts = list(pieces(query, kind))
    meant = [place for place, piece in enumerate(parts) if piece.kind != "comment" and piece.text.strip()]
    while meant and parts[meant[-1]].text == ";":
        parts[meant.pop()] = Piece("text", " ")
    texts = [parts[place].text for place in meant]
    if not texts or texts[0].lower() not in _FIRST_WORDS:
        raise UnusableQuery("a query begins with SELECT (or WITH, VALUES, TABLE)")
    _check_closed(parts)
    if kind == "mssql" and texts[0].lower() == "with":
        raise UnusableQuery("SQL Server takes no WITH inside another SELECT: make the query a view and set table to it")
    return "".join(piece.text for piece in parts).rstrip()


def _check_closed(parts: list[Piece]) -> None:
    depth = 0
    for piece in parts:
        depth += {"(": 1, ")": -1}.get(piece.text, 0)
        if piece.text == ";":
            raise UnusableQuery("this is more than one statement: a query is one SELECT, without ;")
        if piece.text in {"'", '"', "`", "/*"}:
            raise UnusableQuery(f"a {piece.text} is not closed")
        # A bracket too many would close the bracket around the query, and the rest could be another statement.
        if depth < 0:
            raise UnusableQuery("a ) closes nothing")
    if depth:
        raise UnusableQuery("a ( is not closed")


def parameters(query: str, kind: Kind) -> list[str]:
    """Return the names of the query's parameters, in order."""
    return list(dict.fromkeys(piece.text[1:] for piece in pieces(query, kind) if piece.kind == "name"))


def quoted(name: str, kind: Kind) -> str:
    """Return an identifier in the server's quotes."""
    # Always: no list of reserved words is complete, and a word that is not quoted may silently mean something else.
    # SQLite takes a name in double quotes that no column has for a text; in backticks it is an error.
    first, last = _MARKS[kind]
    return f"{first}{name.replace(last, last * 2)}{last}"


def unquoted(text: str, kind: Kind) -> str | None:
    """Return the identifier that ``text`` is in quotes; None if it is anything else."""
    parts = list(pieces(text.strip(), kind))
    if len(parts) != 1 or parts[0].kind != "identifier":
        return None
    first, last = parts[0].text[0], parts[0].text[-1]
    inner = parts[0].text[1:-1]
    return inner if first == "[" and kind == "sqlite" else inner.replace(last * 2, last)


def table_name(text: str, kind: Kind) -> str:
    """Return the name of a table in the server's quotes: ``rent.people``; a part with a dot is written in quotes."""
    parts, current = [], ""
    for piece in pieces(text, kind):
        if piece.text == ".":
            parts.append(current)
            current = ""
        else:
            current += piece.text
    return ".".join(quoted(unquoted(part, kind) or part, kind) for part in [*parts, current])
