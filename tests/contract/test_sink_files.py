"""The contract over a folder of files, in each format."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from connectors.day_files.options import DayFilesOptions
from connectors.day_files.sink import DayFiles
from syncd.sink import COLUMNS, Sink, SinkRules, read_rows
from tests.contract.sinks import Fields, SinkContract, SinkWorld, identity_of


class FolderPlace:
    def __init__(self, folder: Path, form: str) -> None:
        self.around, self.folder, self.form = folder, folder / "lake", form
        self.around.mkdir()

    def sink(self) -> Sink:
        options = DayFilesOptions.model_validate({"folder": self.folder, "format": self.form})
        return DayFiles("lake", options, SinkRules())

    def records(self) -> Sequence[tuple[str, Fields]]:
        calls = [row for file in sorted(self.folder.glob("calls/*")) for row in read_rows(file, COLUMNS["call"])]
        messages = [row for file in self.folder.glob("messages/*") for row in read_rows(file, COLUMNS["message"])]
        return [(identity_of(row), row) for row in [*calls, *messages]]

    def contacts_of(self, identity: str) -> Sequence[str]:
        raise NotImplementedError

    def contact(self) -> str:
        raise NotImplementedError

    def break_down(self) -> None:
        shutil.rmtree(self.around)

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return None


class TestDayFiles(SinkContract):
    @pytest.fixture(params=["parquet", "csv", "jsonl"])
    def world(self, tmp_path: Path, request: pytest.FixtureRequest) -> SinkWorld:
        return FolderPlace(tmp_path / "disk", request.param)
