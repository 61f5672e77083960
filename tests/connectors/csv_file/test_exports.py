"""What other programs write into their exports: escapes, footers, cut rows, marks, and other kinds of files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.csv_file.connector import CsvFile, CsvOptions
from syncd.errors import SourceInvalid
from syncd.source import End
from tests.contract.suite import drain

Read = tuple[list[tuple[Any, ...]], list[tuple[int, str]], End]


def read(path: Path, content: bytes, *, page_bytes: int = 1 << 20, **options: Any) -> Read:
    """Return (line, values) of the rows, (line, reason) of the malformed rows, and the end of the read."""
    path.write_bytes(content)
    pages, end = drain(CsvFile("t", CsvOptions(path=path, **options), page_bytes=page_bytes))
    rows = [(line, *row) for page in pages for line, row in zip(page.lines, page.frame.rows(), strict=True)]
    return rows, [(bad.line, bad.reason) for page in pages for bad in page.malformed], end


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tenants.csv"


@pytest.mark.parametrize("mark", ["\ufeff\ufeff", "\u200b", "\ufeff\u2060\u200e", "\u00ad"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_invisible_marks_are_no_part_of_a_header(path: Path, mark: str, quote: str) -> None:
    header = f"{mark}{quote}id{quote},na{mark}me,{mark}"
    rows, _, _ = read(path, f"{header}\n1,Ann,x\n".encode())
    assert rows == [(2, "1", "Ann", "x")]
    assert CsvFile("t", CsvOptions(path=path)).check() == ["id", "name", "column_3"]


def test_a_header_keeps_the_joiners_of_its_script(path: Path) -> None:
    read(path, "id,نام\u200cخانوادگی\n1,x\n".encode())
    assert CsvFile("t", CsvOptions(path=path)).check() == ["id", "نام\u200cخانوادگی"]


ESCAPES = {
    "no value": (rb"1	\N	x", ("1", "", "x")),
    "a quote": (rb"1	O\'Brien	x", ("1", "O'Brien", "x")),
    "the delimiter": (b"1	a\\\tb	x", ("1", "a\tb", "x")),
    "a tab by its name": (rb"1	a\tb	x", ("1", "a\tb", "x")),
    "a line break": (b"1	a\\\nb	x", ("1", "a\nb", "x")),
    "a line break by its name": (rb"1	a\nb	x", ("1", "a\nb", "x")),
    "the escape": (rb"1	a\\b	x", ("1", "a\\b", "x")),
    "an escaped escape before N": (rb"1	\\N	x", ("1", "\\N", "x")),
    "another character": (rb"1	a\,b\"	x", ("1", 'a,b"', "x")),
}


@pytest.mark.parametrize(("line", "row"), ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("page_bytes", [3, 17, 1 << 20])
def test_a_database_dump_is_read_as_the_database_meant(
    path: Path, line: bytes, row: tuple[str, ...], page_bytes: int
) -> None:
    dump = b"7	plain	y\n" + line + b"\n8	\\N	\\N\n"
    options = {"header": False, "columns": ("id", "a", "b"), "delimiter": "tab", "escape": "\\", "quote": ""}
    rows, malformed, _ = read(path, dump, page_bytes=page_bytes, **options)
    assert [row[1:] for row in rows] == [("7", "plain", "y"), row, ("8", "", "")]
    assert malformed == []


def test_escapes_count_in_quoted_fields_too(path: Path) -> None:
    rows, _, _ = read(path, b'id,name\n1,"a \\"b\\", c"\n2,"d ""e"""\n3,\\N\n', escape="\\")
    assert rows == [(2, "1", 'a "b", c'), (3, "2", 'd "e"'), (4, "3", "")]


CELLS = st.lists(st.lists(st.text("aN\\,\t\n\"' é", max_size=5), min_size=3, max_size=3), min_size=1, max_size=8)


@settings(deadline=None, max_examples=100)
@given(CELLS, st.sampled_from([5, 64, 1 << 20]))
def test_what_a_database_escapes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, page_bytes: int
) -> None:
    marks = {"\\": "\\\\", ",": "\\,", "\n": "\\n", "\t": "\\t", '"': '\\"'}
    lines = [
        ",".join("".join(marks.get(char, char) for char in cell) for cell in [f"k{n}", *row])
        for n, row in enumerate(rows)
    ]
    file = tmp_path_factory.getbasetemp() / "escaped.csv"
    content = "\n".join(["id,a,b,c", *lines, ""]).encode()
    found, malformed, _ = read(file, content, page_bytes=page_bytes, escape="\\", delimiter=",")
    assert [row[1:] for row in found] == [(f"k{n}", *row) for n, row in enumerate(rows)]
    assert malformed == []


def test_texts_that_mean_no_value_are_empty(path: Path) -> None:
    rows, _, _ = read(path, b"id,name\n1,NULL\n2,\\N\n3,NULLs\n", null=["NULL", "\\N"])
    assert rows == [(2, "1", ""), (3, "2", ""), (4, "3", "NULLs")]
    assert read(path, b"id,name\n1,(null)\n", null="(null)")[0] == [(2, "1", "")]


def test_cells_that_look_as_if_an_option_were_missing_are_warned_of(path: Path) -> None:
    many = b"id,name\n" + b"".join(b"%d,\\N\n" % n for n in range(5)) + b"9,O\\'Brien\n" * 4
    _, _, end = read(path, many)
    assert len(end.warnings) == 2
    assert "5 cells are \\N" in end.warnings[0]
    assert "null: '\\N'" in end.warnings[0]
    assert "escape: '\\'" in end.warnings[1]
    assert read(path, many, null="\\N", escape="\\")[2].warnings == []
    assert read(path, b"id,name\n1,\\N\n2,C:\\New\n3,\\N\n")[2].warnings == []


SALESFORCE = b"""id,name,phone
1,Ann,2125550101
2,Bob,2125550102

Tenants of today
Copyright (c) 2000-2026 example.com, inc. All rights reserved.
Confidential Information - Do Not Distribute

Generated By: An Admin 11/29/2026, 7:04 AM
"""


@pytest.mark.parametrize("footer", [4, "^Tenants of"])
@pytest.mark.parametrize("page_bytes", [3, 17, 1 << 20])
def test_the_footer_is_no_row(path: Path, footer: int | str, page_bytes: int) -> None:
    rows, malformed, end = read(path, SALESFORCE, page_bytes=page_bytes, footer=footer)
    assert [row[1] for row in rows] == ["1", "2"]
    assert malformed == []
    assert end.proof == "complete"


def test_without_a_footer_the_last_lines_name_the_option(path: Path) -> None:
    _, malformed, end = read(path, b"id,name,phone\nbad\n1,Ann,2125550101\nCopyright example.com\nGenerated by Ann\n")
    assert [("footer" in reason) for _, reason in malformed] == [False, False, True]
    assert "footer" in end.remedy
    assert read(path, b"id,name\nbad\n1,Ann\n")[2].remedy == ""


@pytest.mark.parametrize(
    ("content", "footer"),
    [(b"id,name\n1,Ann\n2,Bob\n", "^Copyright"), (b"id,name\n1,Ann\n2,Bob\n", 2), (b"id,name\n", 2)],
)
def test_a_footer_that_is_not_there_leaves_the_read_unproved(path: Path, content: bytes, footer: int | str) -> None:
    end = read(path, content, footer=footer)[2]
    assert end.proof == "unproved"
    assert "footer" in end.why


def test_a_pattern_far_from_the_end_is_no_footer(path: Path) -> None:
    rows, _, end = read(path, b"id,name\n1,Copyright\n" + b"2,Bob\n" * 60, footer="Copyright")
    assert (len(rows), end.proof) == (61, "unproved")


def test_a_footer_stands_behind_the_trailer(path: Path) -> None:
    content = b"id,name\n1,Ann\n2,Bob\nTOTAL 2\nConfidential\n"
    rows, malformed, end = read(path, content, footer=1, trailer=r"^TOTAL (\d+)$")
    assert (len(rows), malformed, end.proof) == (2, [], "complete")


@pytest.mark.parametrize("page_bytes", [3, 17, 1 << 20])
def test_left_out_last_cells_are_filled(path: Path, page_bytes: int) -> None:
    content = b'id,name,phone\n1,Ann,x\n2,Bob\n3\n\n"4"\n5,"a,b"\n6,,y\n'
    rows, malformed, end = read(path, content, page_bytes=page_bytes, ragged="fill")
    expected = [("1", "Ann", "x"), ("2", "Bob", ""), ("3", "", ""), ("4", "", ""), ("5", "a,b", ""), ("6", "", "y")]
    assert [row[1:] for row in rows] == expected
    assert [row[0] for row in rows] == [2, 3, 4, 6, 7, 8]
    assert (malformed, end.proof) == ([], "complete")


def test_left_out_cells_name_the_option(path: Path) -> None:
    assert "ragged: fill" in read(path, b"id,name,phone\n1,Ann\n2,Bob,x\n")[1][0][1]


@pytest.mark.parametrize("page_bytes", [3, 1 << 20])
def test_a_row_that_the_end_of_the_file_cuts_off_is_not_filled(path: Path, page_bytes: int) -> None:
    rows, malformed, end = read(path, b"id,name,phone\n1,Ann\n2,Bo", page_bytes=page_bytes, ragged="fill")
    assert [row[1:] for row in rows] == [("1", "Ann", "")]
    assert [line for line, _ in malformed] == [3]
    assert end.proof == "unproved"


def test_too_many_fields_stay_malformed_where_short_rows_are_filled(path: Path) -> None:
    rows, malformed, _ = read(path, b"id,name\n1\n2,a,b\n3,c\n", ragged="fill")
    assert [row[1] for row in rows] == ["1", "3"]
    assert malformed == [(3, "3 fields where the header has 2")]


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 50)
    return made.getvalue()


OTHERS = {
    "vCard": (b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEND:VCARD\r\n", "a vCard"),
    "vCard with a mark": ("\ufeffBEGIN:VCARD\nFN:Ann\n".encode(), "a vCard"),
    "calendar": (b"BEGIN:VCALENDAR\nVERSION:2.0\n", "a calendar"),
    "LDIF": (b"dn: cn=Ann,dc=example,dc=com\ncn: Ann\n", "LDIF"),
    "Excel": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
    "Word": (zipped("[Content_Types].xml", "word/document.xml"), "a Word document"),
    "zip": (zipped("tenants.csv"), "a zip file"),
    "JSON": (b'[{"id": 1}]', "JSON"),
    "JSON lines": (b'{"id": 1}\n{"id": 2}\n', "JSON"),
    "HTML": (b"<!DOCTYPE html><html><body>Log in</body></html>", "an HTML page"),
    "XML": (b'<?xml version="1.0"?><contacts/>', "XML"),
    "SQL": (b"-- MySQL dump 10.13\nCREATE TABLE x (id int);\n", "a SQL script"),
    "SQL inserts": (b"INSERT INTO tenants VALUES (1, 'Ann');\n", "a SQL script"),
    "RTF": (b"{\\rtf1\\ansi id,name}", "a rich text"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "a picture"),
    "tar": (b"tenants.csv".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 300, "a tar archive"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "e-mail": (b"From: Ann <ann@example.com>\nSubject: export\n\nid,name\n", "an e-mail"),
}


@pytest.mark.parametrize(("content", "kind"), OTHERS.values(), ids=OTHERS)
def test_another_kind_of_file_is_named_with_what_to_do(path: Path, content: bytes, kind: str) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceInvalid, match="is not a CSV table but") as caught:
        CsvFile("t", CsvOptions(path=path)).check()
    assert kind in str(caught.value)
    assert ": " in str(caught.value).partition(kind)[2]


@pytest.mark.parametrize(
    "header",
    ["From,To\n", "dn,name\n", "ID;PLZ;Name\n", "--id,name\n", "#id,name\n", "insert,name\n", "version,name\n"],
)
def test_a_table_that_only_begins_like_another_kind_is_read(path: Path, header: str) -> None:
    path.write_text(header + header.replace("d", "1"))
    assert len(CsvFile("t", CsvOptions(path=path)).check()) >= 2


@pytest.mark.parametrize(
    "options", [{"escape": '"'}, {"escape": ",", "delimiter": ","}, {"footer": 0}, {"footer": "("}]
)
def test_options_that_contradict_each_other_are_refused(path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CsvOptions(path=path, **options)
