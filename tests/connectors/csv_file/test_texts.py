"""Encodings, delimiters and headers: which are detected, and which must be configured."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.csv_file.connector import CsvFile, CsvOptions
from connectors.csv_file.header import SNIFFED
from syncd.errors import SourceInvalid, SourceUnavailable
from tests.contract.suite import drain, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tenants.csv"


def csv_file(path: Path, content: bytes, *, page_bytes: int = 1 << 20, **options: Any) -> CsvFile:
    path.write_bytes(content)
    return CsvFile("t", CsvOptions(path=path, **options), page_bytes=page_bytes)


def names_in(path: Path, content: bytes, *, page_bytes: int = 1 << 20, **options: Any) -> list[str]:
    pages, end = drain(csv_file(path, content, page_bytes=page_bytes, **options))
    assert end.proof == "complete"
    return [row["name"] for row in rows_of(pages)]


PLAIN = "id,name\n1,Ann\n2,José Núñez\n3,Zoë\n"
READ = ["Ann", "José Núñez", "Zoë"]


@pytest.mark.parametrize("page_bytes", [1, 3, 10, 1 << 20])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
@pytest.mark.parametrize("declared", [False, True])
def test_every_usual_encoding_is_read_declared_or_not(
    path: Path, encoding: str, page_bytes: int, *, declared: bool
) -> None:
    options = {"encoding": encoding} if declared else {}
    assert names_in(path, PLAIN.encode(encoding), page_bytes=page_bytes, **options) == READ


def test_a_legacy_letter_far_down_the_file_is_read(path: Path) -> None:
    body = "id,name\n" + "1,Ann\n" * 50_000 + "2,José\n"
    assert names_in(path, body.encode("cp1252"), page_bytes=1 << 16)[-1] == "José"


@pytest.mark.parametrize(
    ("text", "encoding"), [("2,Иван Петров\n", "cp1251"), ("2,山田太郎\n", "cp932"), ("2,Wałęsa\n", "cp1250")]
)
def test_text_that_would_become_nonsense_must_be_declared(path: Path, text: str, encoding: str) -> None:
    content = ("id,name\n1,Ann\n" + text).encode(encoding)
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:3: .*set encoding"):
        drain(csv_file(path, content))
    assert names_in(path, content, encoding=encoding)[1] == text[2:].strip()


def test_text_that_would_become_nonsense_further_down_must_be_declared_too(path: Path) -> None:
    content = ("id,name\n1,Rómer\n" + "2,Ann\n" * 20 + "3,Wałęsa\n").encode("cp1250")
    for page_bytes in (32, 1 << 20):
        with pytest.raises(SourceInvalid, match="set encoding"):
            drain(csv_file(path, content, page_bytes=page_bytes))


@pytest.mark.parametrize("page_bytes", [5, 1 << 20])
@pytest.mark.parametrize(
    ("text", "written", "declared"),
    [("2,José\n", "cp1252", "utf-8"), ("2,José\n", "utf-8", "cp1252"), ("2,\ud800\n", "utf-16-le", "utf-16-le")],
)
def test_a_declared_encoding_that_does_not_fit_is_an_error_with_the_line(
    path: Path, text: str, written: str, declared: str, page_bytes: int
) -> None:
    content = ("id,name\n1,Ann\n" + text).encode(written, "surrogatepass")
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:3: "):
        drain(csv_file(path, content, encoding=declared, page_bytes=page_bytes))


def test_a_byte_that_windows_1252_lacks_is_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:2: this is not cp1252"):
        drain(csv_file(path, b"id,name\n1,A\x81nn\n", encoding="cp1252"))


def test_one_damaged_byte_does_not_make_a_utf8_file_be_read_as_another(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:4: this is not UTF-8, though other text"):
        drain(csv_file(path, "id,name\n1,José\n2,Zoë\n".encode() + b"3,J\xe9\n"))


def test_a_file_that_was_utf8_so_far_is_not_read_as_another_from_there_on(path: Path) -> None:
    content = "id,name\n1,José\n".encode() + "2,Zoë\n".encode("cp1252") * 100
    for page_bytes in (4, 1 << 20):
        with pytest.raises(SourceInvalid, match=r"tenants\.csv:3: this is not UTF-8"):
            drain(csv_file(path, content, page_bytes=page_bytes))


def test_a_mark_that_contradicts_the_declared_encoding_is_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match="byte order mark of utf-8, not cp1252"):
        csv_file(path, PLAIN.encode("utf-8-sig"), encoding="cp1252").check()


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(
        st.characters(codec="utf-8", exclude_characters='\0\r\n,;\t|"', exclude_categories=["Cs"]), max_size=30
    ),
    page_bytes=st.integers(1, 20),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_no_character_is_lost_where_blocks_are_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, page_bytes: int, encoding: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.csv"
    content = f"id,name\n1,{text}\n".encode(encoding)
    assert names_in(path, content, page_bytes=page_bytes, delimiter=",", encoding=encoding) == [text]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(path: Path, delimiter: str) -> None:
    content = (
        f"id{delimiter}name\n1{delimiter}a,b;c|d e\n" if delimiter == "\t" else f"id{delimiter}name\n1{delimiter}x\n"
    )
    assert csv_file(path, content.encode()).check() == ["id", "name"]


def test_delimiters_inside_quotes_do_not_count(path: Path) -> None:
    content = b'id;name\n1;"a,b,c"\n2;"d,e,f"\n'
    assert names_in(path, content) == ["a,b,c", "d,e,f"]


def test_a_delimiter_that_only_the_header_uses_is_not_taken(path: Path) -> None:
    assert csv_file(path, b"id;name, first;city, state\n1;Ann;Reno\n").check() == ["id", "name, first", "city, state"]


def test_delimiters_have_names(path: Path) -> None:
    assert csv_file(path, b"id\tname,x\n1\tAnn\n", delimiter="tab").check() == ["id", "name,x"]


def test_a_declared_delimiter_that_the_header_lacks_is_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:1: the header has no delimiter ';'.* but ','"):
        csv_file(path, b"id,name\n1,Ann\n", delimiter=";").check()


def test_the_line_that_tells_excel_the_delimiter_is_obeyed(path: Path) -> None:
    connector = csv_file(path, b"sep=;\r\nid;name,x\r\n1;Ann\r\n2\r\n")
    pages, _ = drain(connector)
    assert connector.check() == ["id", "name,x"]
    assert list(pages[0].lines) == [3]
    assert [bad.line for bad in pages[0].malformed] == [4]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (" id , name\t", ["id", "name"]),
        ('"id","full\nname"', ["id", "full\nname"]),
        ("id,,name,", ["id", "column_2", "name", "column_4"]),
        ("id,phone, phone,name", ["id", "phone_1", "phone_2", "name"]),
        ("id,ID,name", ["id", "ID", "name"]),
    ],
)
def test_column_names_are_trimmed_and_made_to_differ(path: Path, header: str, columns: list[str]) -> None:
    assert csv_file(path, f"{header}\n".encode(), delimiter=",").check() == columns


def test_names_that_still_clash_are_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"columns of the header share a name even after numbering: a_1"):
        csv_file(path, b"a,a,a_1\n").check()


def test_a_header_that_cannot_be_read_is_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=r"tenants\.csv:1: the header cannot be read: a quote"):
        csv_file(path, b'id,"name\n1,Ann\n').check()


def test_a_column_that_must_be_there_and_is_not_is_an_error(path: Path) -> None:
    with pytest.raises(SourceInvalid, match=re.escape("tenants.csv: the header lacks 'phone'; it has: id, name")):
        csv_file(path, b"id,name\n", columns=("id", "phone")).check()


def test_without_a_header_the_columns_are_those_configured(path: Path) -> None:
    assert names_in(path, b"1,Ann\n2,Bob\n", header=False, columns=("id", "name")) == ["Ann", "Bob"]


NO_TABLES = {
    "zip": (b"PK\x03\x04\x14\x00", "a zip file"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
    "pdf": (b"%PDF-1.7\n", "a PDF"),
    "parquet": (b"PAR1\x15\x04", "a Parquet file"),
    "html": (b"\n<!DOCTYPE html><html>", "an HTML page"),
    "xml": ('<?xml version="1.0"?>'.encode("utf-16"), "XML"),
    "json": (b'[\n {"id": 1}]', "JSON"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "a picture"),
    "zeros": (bytes(1000), "binary data"),
    "zipped html": (gzip.compress(b"<html>", mtime=0), "an HTML page"),
}


@pytest.mark.parametrize(("content", "what"), NO_TABLES.values(), ids=NO_TABLES)
def test_a_file_that_is_no_table_is_named_for_what_it_is(path: Path, content: bytes, what: str) -> None:
    with pytest.raises(SourceInvalid, match=what):
        csv_file(path, content).check()
    with pytest.raises(SourceInvalid, match=what):
        drain(csv_file(path, content))


@pytest.mark.parametrize("content", [b"", b"\n\r\n \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_a_file_without_a_line_is_unavailable(path: Path, content: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="did not finish"):
        csv_file(path, content).check()
    with pytest.raises(SourceUnavailable, match="did not finish"):
        drain(csv_file(path, content))


def test_a_header_longer_than_what_is_sniffed_is_read(path: Path) -> None:
    header = ",".join(f"column {place}" for place in range(SNIFFED // 8))
    assert len(csv_file(path, header.encode()).check()) == SNIFFED // 8
