"""The files of a CSV source: how they are found, when they are complete, and what proves a whole read."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.csv_file.connector import CsvFile, CsvOptions
from syncd.errors import SourceInvalid, SourceUnavailable
from tests.contract.suite import drain, finish, rows_of

BODY = b"id,name\n1,Ann\n2,Bob\n"


def source(path: Path, *, clock: Callable[[], float] = lambda: 1e10, page_bytes: int = 16, **options: Any) -> CsvFile:
    return CsvFile("t", CsvOptions(path=path, **options), page_bytes=page_bytes, clock=clock)


def ids(connector: CsvFile) -> list[str]:
    return [row["id"] for row in rows_of(drain(connector)[0])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tenants.csv"
    file.write_bytes(BODY)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "a.csv").write_bytes(BODY)
    (parts / "b.CSV.gz").write_bytes(gzip.compress(b"name;id\nCy;3\nDee;4\n"))
    return parts


def test_a_missing_file_is_unavailable_and_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"gone\.csv does not exist: check path"):
        source(tmp_path / "gone.csv").check()


def test_a_file_that_may_not_be_read_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root, who may run the tests, may read everything
    with pytest.raises(SourceUnavailable, match="may not be read by this user"):
        source(path).check()


def test_a_device_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceInvalid, match="is not a file"):
        source(tmp_path / "pipe.csv").check()


def test_a_directory_is_read_part_by_part_with_columns_in_one_order(folder: Path) -> None:
    pages, end = drain(source(folder, page_bytes=1 << 20))
    assert [(page.origin, list(page.lines)) for page in pages] == [("a.csv", [2, 3]), ("b.CSV.gz", [2, 3])]
    assert [page.frame.rows() for page in pages] == [[("1", "Ann"), ("2", "Bob")], [("3", "Cy"), ("4", "Dee")]]
    assert end.proof == "complete"


def test_other_files_of_a_directory_are_no_parts(folder: Path) -> None:
    for name in ("_SUCCESS", ".hidden.csv", "notes.md"):
        (folder / name).write_text("x")
    assert ids(source(folder)) == ["1", "2", "3", "4"]


def test_a_part_that_is_still_being_written_by_its_name_makes_the_source_unavailable(folder: Path) -> None:
    (folder / "c.csv.part").write_bytes(BODY)
    with pytest.raises(SourceUnavailable, match=r"c\.csv\.part is still being written"):
        source(folder).check()


def test_a_glob_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for day in (2, 1, 3):
        (tmp_path / f"day-{day}.csv").write_bytes(b"id\n%d\n" % day)
    (tmp_path / "other.csv").write_bytes(b"x\n1\n")
    assert ids(source(tmp_path / "day-*.csv")) == ["1", "2", "3"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_bytes(BODY)
    assert ids(source(tmp_path / "a[1].csv")) == ["1", "2"]


def test_a_directory_without_parts_and_a_glob_without_matches_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="holds no CSV file"):
        source(tmp_path).check()
    with pytest.raises(SourceUnavailable, match="matches no file"):
        source(tmp_path / "nothing" / "*.csv").check()


def test_parts_with_other_columns_are_an_error_that_names_both(folder: Path) -> None:
    (folder / "b.CSV.gz").unlink()
    (folder / "b.csv").write_bytes(b"id,phone\n")
    with pytest.raises(SourceInvalid, match=r"b\.csv and a\.csv .*different columns \(not in both: name, phone\)"):
        source(folder).check()
    with pytest.raises(SourceInvalid, match=r"b\.csv and a\.csv"):
        drain(source(folder))


def test_an_empty_part_makes_the_source_unavailable(folder: Path) -> None:
    (folder / "c.csv").touch()
    with pytest.raises(SourceUnavailable, match=r"c\.csv is empty"):
        source(folder).check()


def test_a_packed_file_that_is_cut_short_is_unavailable(path: Path) -> None:
    path.write_bytes(gzip.compress(BODY * 1000)[:-20])
    with pytest.raises(SourceUnavailable, match="is cut short"):
        drain(source(path))


def test_a_packed_file_that_is_damaged_is_an_error(path: Path) -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-8] ^= 1
    path.write_bytes(packed)
    with pytest.raises(SourceInvalid, match="is damaged"):
        drain(source(path))


@pytest.mark.parametrize(("age", "settled"), [(0, False), (29, False), (31, True), (-5, False)])
def test_a_file_must_rest_before_it_is_read(path: Path, age: float, *, settled: bool) -> None:
    os.utime(path, (1e9, 1e9))
    connector = source(path, settle="30s", clock=lambda: 1e9 + age)
    if settled:
        assert ids(connector) == ["1", "2"]
        return
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        connector.check()
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        drain(connector)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"3,Cy\n")


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(BODY)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def touch(path: Path) -> None:
    os.utime(path, (1e9, 1e9))


@pytest.mark.parametrize("change", [append, replace, touch, Path.unlink])
def test_a_file_that_changes_while_it_is_read_proves_nothing(path: Path, change: Callable[[Path], None]) -> None:
    reading = source(path).read(None)
    next(reading)
    change(path)
    _, end = finish(reading)
    assert (end.proof, end.cursor) == ("unproved", None)
    assert end.why == "tenants.csv changed while being read"


def test_a_part_that_appears_while_others_are_read_proves_nothing(folder: Path) -> None:
    reading = source(folder).read(None)
    next(reading)
    (folder / "c.csv").write_bytes(BODY)
    _, end = finish(reading)
    assert end.proof == "unproved"
    assert "c.csv" in end.why


def test_a_file_that_ends_inside_a_row_proves_nothing(path: Path) -> None:
    path.write_bytes(b"id,name,phone\n1,Ann,2125550100\n2,Bo")
    pages, end = drain(source(path))
    assert ids(source(path)) == ["1"]
    assert [bad.line for page in pages for bad in page.malformed] == [3]
    assert (end.proof, end.why) == ("unproved", "tenants.csv ends in the middle of a row (line 3)")


@pytest.mark.parametrize("page_bytes", [1, 10, 1 << 20])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BODY + b"END,2\n", ""),
        (BODY + b"END,2", ""),
        (BODY + b"END,2\r\n\r\n", ""),
        (b"id,name\nEND,0\n", ""),
        (BODY + b"END,3\n", "tenants.csv holds 2 rows and its trailer says 3"),
        (BODY + b"3\nEND,3\n", ""),
        (BODY, "tenants.csv does not end with its trailer: it may be cut short"),
        (b"id,name\n", "tenants.csv does not end with its trailer: it may be cut short"),
    ],
)
def test_a_trailer_proves_that_all_rows_are_there(path: Path, content: bytes, why: str, page_bytes: int) -> None:
    path.write_bytes(content)
    pages, end = drain(source(path, trailer=r"^END,(\d+)$", page_bytes=page_bytes))
    assert (end.proof, end.why) == ("unproved" if why else "complete", why)
    assert [row["id"] for row in rows_of(pages)] == [row for row in ("1", "2") if b"Ann" in content]


def test_a_count_file_proves_that_all_rows_of_all_parts_are_there(folder: Path, tmp_path: Path) -> None:
    count = tmp_path / "rows.txt"
    count.write_text("4\n")
    connector = source(folder, count_file=count)
    first = drain(connector)[1]
    assert first.proof == "complete"
    count.write_text("5")
    end = drain(connector, first.cursor)[1]
    assert (end.proof, end.why) == ("unproved", "there are 4 rows and rows.txt says '5'")
    count.unlink()
    with pytest.raises(SourceUnavailable, match=r"rows\.txt does not exist"):
        connector.check()


def test_an_unchanged_source_is_known_without_a_page(folder: Path) -> None:
    connector = source(folder)
    cursor = drain(connector)[1].cursor
    for part in folder.iterdir():
        touch(part)
    pages, end = drain(connector, cursor)
    assert (pages, end.proof, end.cursor) == ([], "unchanged", cursor)


def test_a_changed_byte_or_option_is_seen(path: Path) -> None:
    cursor = drain(source(path))[1].cursor
    assert drain(source(path, delimiter=","), cursor)[1].proof == "complete"
    path.write_bytes(BODY.replace(b"Bob", b"Rob"))
    pages, end = drain(source(path), cursor)
    assert rows_of(pages)[1]["name"] == "Rob"
    assert end.cursor != cursor


def test_a_read_that_is_given_up_closes_the_file(path: Path) -> None:
    path.write_bytes(BODY + b"3,Cy\n" * 50_000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    reading = source(path).read(None)
    next(reading)
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    reading.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-9"}, "no such encoding"),
        ({"encoding": "base64"}, "no such encoding"),
        ({"delimiter": "::"}, "expected one ASCII character"),
        ({"delimiter": '"'}, "quote, delimiter and escape must differ"),
        ({"settle": "soon"}, "is not a duration: write 30s"),
        ({"settle": -1}, "must be from 0 seconds"),
        ({"trailer": "("}, "not a regular expression"),
        ({"header": False}, "columns must name the columns"),
        ({"columns": ["a", "a"]}, "columns names a column twice"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CsvOptions(path=Path("a.csv"), **options)


@pytest.mark.parametrize(
    ("given", "seconds"), [(5, 5), ("5", 5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86400)]
)
def test_settle_is_seconds_or_a_duration(given: Any, seconds: float) -> None:
    assert CsvOptions(path=Path("a.csv"), settle=given).settle == seconds


def test_a_relative_path_is_beside_the_file_it_stands_in(tmp_path: Path) -> None:
    options = CsvOptions.model_validate({"path": "a.csv", "count_file": "n"}, context={"folder": tmp_path})
    assert (options.path, options.count_file) == (tmp_path / "a.csv", tmp_path / "n")


def test_a_part_with_another_name_is_read_so_that_its_name_is_known(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"id,name\n{name},Ann\n")
    first = drain(source(tmp_path))[1]
    (tmp_path / "b.csv").rename(tmp_path / "c.csv")
    end = drain(source(tmp_path), first.cursor)[1]
    assert (end.proof, end.parts) == ("complete", ("a.csv", "c.csv"))
    assert drain(source(tmp_path), end.cursor)[1].proof == "unchanged"
