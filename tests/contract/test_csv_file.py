import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.csv_file.connector import CsvFile, CsvOptions
from syncd.source import Connector
from tests.contract.suite import COLUMNS, ConnectorContract, Row, World


def write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


class FileWorld:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "tenants.csv"

    def fill(self, rows: Sequence[Row]) -> None:
        write(self.path, rows)

    def meanwhile(self, rows: Sequence[Row]) -> None:
        self.fill(rows)

    def remove(self) -> None:
        self.path.unlink()

    def connector(self) -> Connector:
        return CsvFile("tenants", CsvOptions(path=self.path), page_bytes=200)


class PackedWorld(FileWorld):
    def fill(self, rows: Sequence[Row]) -> None:
        write(self.path, rows)
        packed = gzip.compress(self.path.read_bytes(), mtime=0)
        self.path.write_bytes(packed)


class PartsWorld(FileWorld):
    def __init__(self, folder: Path) -> None:
        self.path = folder / "parts"
        self.path.mkdir()

    def fill(self, rows: Sequence[Row]) -> None:
        half = len(rows) // 2
        write(self.path / "part-1.csv", rows[:half])
        write(self.path / "part-2.csv", rows[half:])

    def remove(self) -> None:
        for part in self.path.iterdir():
            part.unlink()


class TestCsvFile(ConnectorContract):
    @pytest.fixture(params=[FileWorld, PackedWorld, PartsWorld], ids=["file", "gzip", "parts"])
    def world(self, request: pytest.FixtureRequest, tmp_path: Path) -> World:
        kind: type[FileWorld] = request.param
        return kind(tmp_path)
