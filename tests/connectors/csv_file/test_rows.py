"""Good and malformed rows: the values that are read, and the line numbers that are reported."""

import csv
import io
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.csv_file.parse import Page, Parser
from connectors.csv_file.records import Dialect
from syncd.errors import SourceInvalid
from tests.examples import examples
from tests.worlds.csv_rows import read

PAGES = [3, 17, 1 << 20]
"""Sizes of a read: a few bytes, a few rows, everything at once."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tenants.csv"


@pytest.fixture(scope="session")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "tenants.csv"


SHORT, LONG = "1 field where the header has 2", "3 fields where the header has 2"
AFTER, OPEN, NUL = "text follows a closing quote", "a quote is opened and not closed", "the row holds a NUL byte"

WORLDS = {
    "plain": (b"id,name\n1,Ann\n2,Bob\n", [(2, "1", "Ann"), (3, "2", "Bob")], []),
    "no last line end": (b"id,name\n1,Ann\n2,Bob", [(2, "1", "Ann"), (3, "2", "Bob")], []),
    "CR LF": (b"id,name\r\n1,Ann\r\n2,Bob\r\n", [(2, "1", "Ann"), (3, "2", "Bob")], []),
    "lone CR": (b"id,name\r1,Ann\r2,Bob\r", [(2, "1", "Ann"), (3, "2", "Bob")], []),
    "mixed line ends": (b"id,name\r1,Ann\r\n2,Bob\n3,Cy", [(2, "1", "Ann"), (3, "2", "Bob"), (4, "3", "Cy")], []),
    "lone CR in a quoted field": (b'id,name\r1,"A\rB"\r2,Bob\r', [(2, "1", "A\rB"), (4, "2", "Bob")], []),
    "blank lines": (b"\nid,name\n\n1,Ann\n  \n\n2,Bob\n\n", [(4, "1", "Ann"), (7, "2", "Bob")], []),
    "empty fields": (b'id,name\n,\n"",""\n', [(2, "", ""), (3, "", "")], []),
    "spaces are kept": (b"id,name\n 1 ,\tAnn \n", [(2, " 1 ", "\tAnn ")], []),
    "quoted line breaks": (
        b'id,name\n1,"Ann\r\nLee\n"\n2,Bob\n',
        [(2, "1", "Ann\r\nLee\n"), (5, "2", "Bob")],
        [],
    ),
    "quoted quotes and delimiters": (b'id,name\n1,"a ""b"", c"\n', [(2, "1", 'a "b", c')], []),
    "a quote inside a field is text": (b'id,name\n1,5" pipe\n2,Bob\n', [(2, "1", '5" pipe'), (3, "2", "Bob")], []),
    "stray and real quotes": (
        b'id,name\n1,5" pipe\n2,"Bob, Lee"\n3,6"\n',
        [(2, "1", '5" pipe'), (3, "2", "Bob, Lee"), (4, "3", '6"')],
        [],
    ),
    "too few": (b"id,name\n1,Ann\n2\n3,Cy\n", [(2, "1", "Ann"), (4, "3", "Cy")], [(3, SHORT)]),
    "too many": (b"id,name\n1,Ann\n2,Bob,x\n3,Cy\n", [(2, "1", "Ann"), (4, "3", "Cy")], [(3, LONG)]),
    "one too few and one too many": (b"id,name\n1\n2,Bob,x\n3,Cy\n", [(4, "3", "Cy")], [(2, SHORT), (3, LONG)]),
    "NUL": (b"id,name\n1,A\0nn\n2,Bob\n", [(3, "2", "Bob")], [(2, NUL)]),
    "quoted NUL": (b'id,name\n1,"A\0nn"\n2,Bob\n', [(3, "2", "Bob")], [(2, NUL)]),
    "text after a quote": (b'id,name\n1,"Ann"x\n2,Bob\n', [(3, "2", "Bob")], [(2, AFTER)]),
    "text after a quote, then a quoted line break": (
        b'id,name\n"1"x,"Ann\nLee"\n2,Bob\n',
        [(4, "2", "Bob")],
        [(2, AFTER + " (through line 3)")],
    ),
    "text after a quoted line break": (
        b'id,name\n1,"Ann\nLee"x\n2,Bob\n',
        [(4, "2", "Bob")],
        [(2, AFTER + " (through line 3)")],
    ),
    "a quote that is never closed": (
        b'id,name\n1,"Ann\n2,Bob\n3,Cy\n',
        [(3, "2", "Bob"), (4, "3", "Cy")],
        [(2, OPEN)],
    ),
    "a quote that another row's quote closes": (
        b'id,name\n1,"Ann\n2,Bob\n3,"Cy"\n4,Dee\n',
        [(3, "2", "Bob"), (4, "3", "Cy"), (5, "4", "Dee")],
        [(2, AFTER)],
    ),
    "a quote that the quote of a row with a line break closes": (
        b'id,name\n1,"Ann\n2,"Bob\nLee"\n3,Cy\n',
        [(3, "2", "Bob\nLee"), (5, "3", "Cy")],
        [(2, AFTER)],
    ),
    "a wide row over two lines": (
        b'id,name\n1,"Ann\nLee",x\n2,Bob\n',
        [(4, "2", "Bob")],
        [(2, LONG + " (through line 3)")],
    ),
}


@pytest.mark.parametrize("page_bytes", PAGES)
@pytest.mark.parametrize(("content", "rows", "malformed"), WORLDS.values(), ids=WORLDS)
def test_every_row_is_read_or_named_with_its_line(
    path: Path, content: bytes, rows: list[Any], malformed: list[Any], page_bytes: int
) -> None:
    assert read(path, content, page_bytes=page_bytes)[:2] == (rows, malformed)


@pytest.mark.parametrize("page_bytes", PAGES)
def test_one_column_is_a_table_too(path: Path, page_bytes: int) -> None:
    rows, malformed, _ = read(path, b'id\n1\n""\n\n"3"\n', page_bytes=page_bytes)
    assert rows == [(2, "1"), (3, ""), (5, "3")]
    assert malformed == []


def test_without_a_quote_character_every_quote_is_text(path: Path) -> None:
    rows, malformed, _ = read(path, b'id,name\n1,"Ann\n2,Bob"\n', quote="")
    assert rows == [(2, "1", '"Ann'), (3, "2", 'Bob"')]
    assert malformed == []


def test_another_quote_character_can_be_declared(path: Path) -> None:
    rows, malformed, _ = read(path, b"id,name\n1,'Ann, Lee'\n2,\"Bob\n", quote="'")
    assert rows == [(2, "1", "Ann, Lee"), (3, "2", '"Bob')]
    assert malformed == []


def test_a_line_without_an_end_is_no_table(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:2: the line does not end"):
        read(path, b"id,name\n" + b"x" * (3 << 20) + b"\n")


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(path: Path) -> None:
    body = b"".join(b"%d,Ann\n" % number for number in range(300_000))
    rows, malformed, _ = read(path, b'id,name\n0,"Ann\n' + body)
    assert malformed == [(2, OPEN)]
    assert len(rows) == 300_000
    assert rows[-1] == (300_002, "299999", "Ann")


@pytest.mark.parametrize("places", [[0], [59_999], [100, 30_000, 59_000], list(range(0, 60_000, 500))])
def test_one_bad_row_among_many_costs_only_itself(path: Path, places: list[int]) -> None:
    lines = [f'{number},"Ann, {number}"' if number % 7 else f"{number},Ann" for number in range(60_000)]
    for place in places:
        lines[place] += ",x"
    rows, malformed, end = read(path, ("id,name\n" + "\n".join(lines) + "\n").encode())
    assert malformed == [(place + 2, LONG) for place in places]
    assert [row[0] for row in rows] == [number + 2 for number in range(60_000) if number not in set(places)]
    assert all(row[1] == str(row[0] - 2) for row in rows)
    assert end.proof == "complete"


def test_many_quoted_line_breaks_that_look_like_rows_keep_their_lines(path: Path) -> None:
    lines = [f'{number},"x\n{number},y\n""\n"\n' for number in range(60_000)]
    rows, malformed, _ = read(path, ("id,name\n" + "".join(lines)).encode())
    assert malformed == []
    assert rows == [(2 + 4 * number, str(number), f'x\n{number},y\n"\n') for number in range(60_000)]


def test_two_hundred_columns_are_read(path: Path) -> None:
    width = 200
    header = ",".join(f"c{place}" for place in range(width))
    content = f"{header}\n" + (",".join(['"x"'] * width) + "\n") * 50
    rows, malformed, _ = read(path, content.encode())
    assert rows == [(line, *["x"] * width) for line in range(2, 52)]
    assert malformed == []


TEXT = st.text(
    st.one_of(
        st.sampled_from(list("aé,;\t|\"' \r\n")),
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=6,
)
WESTERN = st.lists(st.sampled_from(["a", "José", " ", ",", ";", '"', "\n"]), max_size=6).map("".join)


def table(text: st.SearchStrategy[str], most: int = 6) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(text, min_size=width, max_size=width), max_size=most)
    )


def written(
    rows: list[list[str]], *, delimiter: str = ",", quote: str = '"', line_end: str = "\n", minimal: bool = False
) -> tuple[str, list[int]]:
    """Return the file that the csv module writes for ``rows`` below a header, and the first line of each row."""
    width = len(rows[0]) if rows else 2
    file = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if minimal else csv.QUOTE_ALL
    writer = csv.writer(file, delimiter=delimiter, quotechar=quote, lineterminator=line_end, quoting=quoting)
    writer.writerow([f"c{place}" for place in range(width)])
    starts = []
    for row in rows:
        starts.append(1 + len(re.findall(r"\r\n|\n|\r", file.getvalue())))
        writer.writerow(row)
    return file.getvalue(), starts


@settings(max_examples=examples(50, 1500), deadline=None)
@given(
    rows=table(TEXT),
    delimiter=st.sampled_from(",;\t|"),
    quote=st.sampled_from("\"'"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    minimal=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    last=st.booleans(),
    page_bytes=st.sampled_from([1, 2, 7, 50, 1 << 20]),
)
def test_what_was_written_is_read(
    shared_path: Path,
    rows: list[Any],
    delimiter: str,
    quote: str,
    line_end: str,
    minimal: bool,
    encoding: str,
    last: bool,
    page_bytes: int,
) -> None:
    # Given a short line end, some versions of the csv module leave a field with another line end unquoted.
    minimal = minimal and line_end == "\r\n"
    text, starts = written(rows, delimiter=delimiter, quote=quote, line_end=line_end, minimal=minimal)
    content = (text if last else text.removesuffix(line_end)).encode(encoding)
    options: dict[str, Any] = {"page_bytes": page_bytes, "encoding": encoding, "delimiter": delimiter, "quote": quote}
    found, malformed, end = read(shared_path, content, **options)
    assert malformed == []
    assert found == [(start, *row) for start, row in zip(starts, rows, strict=True)]
    assert end.proof == "complete"


@settings(max_examples=examples(40, 1000), deadline=None)
@given(
    rows=table(WESTERN, 12), delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"])
)
def test_what_was_written_is_read_without_being_told_how(
    shared_path: Path, rows: list[Any], delimiter: str, encoding: str
) -> None:
    text, starts = written(rows, delimiter=delimiter, minimal=True)
    found, malformed, _ = read(shared_path, text.encode(encoding))
    assert malformed == []
    assert found == [(start, *row) for start, row in zip(starts, rows, strict=True)]


CELL = st.text(st.sampled_from(list('ab1 é"')), min_size=1, max_size=5)


@settings(max_examples=examples(50, 1500), deadline=None)
@given(
    rows=table(CELL, 8).filter(len),
    place=st.integers(0, 7),
    cut=st.integers(0, 3),
    mutation=st.sampled_from(["delete", "add", "nul"]),
    page_bytes=st.sampled_from([5, 40, 1 << 20]),
)
def test_a_spoilt_row_is_named_and_the_others_are_intact(
    shared_path: Path, rows: list[Any], place: int, cut: int, mutation: str, page_bytes: int
) -> None:
    text, starts = written(rows)
    lines = text.split("\n")
    place %= len(rows)
    fields = lines[place + 1].split('","')
    cut = 1 + cut % (len(fields) - 1)
    joint = {"delete": '""', "add": '",,"', "nul": '","\0'}[mutation]
    lines[place + 1] = '","'.join(fields[:cut]) + joint + '","'.join(fields[cut:])
    found, malformed, _ = read(shared_path, "\n".join(lines).encode(), page_bytes=page_bytes, delimiter=",")
    good = [(start, *row) for start, row in zip(starts, rows, strict=True)]
    assert [line for line, _ in malformed] == [place + 2]
    assert found == good[:place] + good[place + 1 :]


MESS = st.lists(
    st.sampled_from(["a", "é", ",", ",", ",", '"', '""', ',"', '",', "\n", "\n", "\r\n", "\r", "\0", " "]), max_size=40
).map("".join)


class CarefulParser(Parser):
    """A parser that never takes the fast path."""

    def _parse_clean(self, page: Page, data: bytes, line: int) -> int:
        return 0


@settings(max_examples=examples(150, 4000), deadline=None)
@given(mess=MESS, clean=st.integers(0, 5), width=st.integers(2, 3))
@example(mess='a,"\n\n,",a\n', clean=0, width=2)
def test_the_fast_and_the_careful_reader_agree_on_any_mess(mess: str, clean: int, width: int) -> None:
    data = (",".join(["x"] * width) + "\n").encode() * clean + mess.encode()
    data += b"" if data.endswith((b"\n", b"\r")) else b"\n"
    names = [f"c{place}" for place in range(width)]
    fast, careful = (kind(Dialect(","), names, "t.csv").page(data, 2, final=True) for kind in (Parser, CarefulParser))
    assert fast.rows("t").frame.equals(careful.rows("t").frame)
    assert fast.rows("t").lines.equals(careful.rows("t").lines)
    assert fast.malformed == careful.malformed
    assert (fast.bytes_read, fast.lines_read) == (careful.bytes_read, careful.lines_read)


@settings(max_examples=examples(80, 2000), deadline=None)
@given(mess=MESS, page_bytes=st.integers(1, 12))
def test_the_size_of_a_page_changes_nothing(shared_path: Path, mess: str, page_bytes: int) -> None:
    content = b"id,name\n" + mess.encode()
    whole = read(shared_path, content, delimiter=",", encoding="utf-8")
    assert read(shared_path, content, page_bytes=page_bytes, delimiter=",", encoding="utf-8") == whole
