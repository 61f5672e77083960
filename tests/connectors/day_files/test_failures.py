"""A folder that cannot be written is named with the remedy, and the older files stay whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.day_files import days
from connectors.day_files.options import DayFilesOptions
from connectors.day_files.sink import DayFiles
from syncd.errors import SinkError, SinkInvalid, SinkUnavailable
from syncd.sink import SinkRules
from tests.contract.sink_rows import DAY, call, message
from tests.contract.sinks import accepted, item


def sink_in(folder: Path, form: str = "parquet") -> DayFiles:
    return DayFiles("lake", DayFilesOptions.model_validate({"folder": folder, "format": form}), SinkRules())


def refusals(sink: DayFiles) -> list[SinkError]:
    """What a check, a preparation and a delivery raise."""
    found = []
    for attempt in (sink.check, sink.prepare, lambda: sink.deliver([item(sink, call())])):
        with pytest.raises(SinkError) as caught:
            attempt()
        found.append(caught.value)
    return found


def test_a_folder_in_a_folder_that_is_not_there_is_a_disk_that_may_come_back(tmp_path: Path) -> None:
    for error in refusals(sink_in(tmp_path / "disk" / "lake")):
        assert isinstance(error, SinkUnavailable)
        assert "mount the disk" in str(error)


@pytest.mark.parametrize("what", ["a file", "a link to nothing", "a link to itself", "below a file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "lake"
    if what == "a link to nothing":
        folder.symlink_to(tmp_path / "nowhere" / "lake")
    elif what == "a link to itself":
        folder.symlink_to(folder)
    else:
        folder.write_text("")
    for error in refusals(sink_in(folder / "deeper" if what == "below a file" else folder)):
        assert str(folder) in str(error)
        assert isinstance(error, SinkInvalid)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir(mode=0o500)
    for error in refusals(sink_in(tmp_path / "lake")):
        assert isinstance(error, SinkInvalid)
        assert "may not be written" in str(error)


def test_a_check_makes_nothing_and_says_what_will_be_made(tmp_path: Path) -> None:
    sink = sink_in(tmp_path / "lake")
    [note] = sink.check()
    assert "the first delivery makes it" in note.text
    assert not (tmp_path / "lake").exists()
    [note] = sink.prepare()
    assert note.text == f"{tmp_path}/lake: made"
    assert sink.prepare() == []


def test_a_folder_that_goes_away_while_a_sink_is_open_is_made_again(tmp_path: Path) -> None:
    sink = sink_in(tmp_path / "lake")
    accepted(sink, call(1))
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    accepted(sink, call(2))
    assert (tmp_path / f"lake/calls/{DAY}.parquet").exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    sink = sink_in(tmp_path / "lake")
    sink.prepare()
    left, other = tmp_path / "lake/calls" / f"{days.BEGUN}x1", tmp_path / "lake/calls/notes.txt"
    left.write_text("half a file")
    other.write_text("of a person")
    accepted(sink_in(tmp_path / "lake"), call())
    assert not left.exists()
    assert other.exists()


def test_a_stop_comes_between_two_days(tmp_path: Path) -> None:
    sink = sink_in(tmp_path / "lake")
    sink.cancel()
    with pytest.raises(SinkUnavailable, match="stopped"):
        sink.deliver([item(sink, call())])
    assert not (tmp_path / "lake").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_full_disk_leaves_the_older_file_and_is_tried_again_later(small_disk: Path, form: str) -> None:
    sink = sink_in(small_disk / "lake", form)
    accepted(sink, call(1), message(1))
    file = small_disk / f"lake/calls/{DAY}.{form}"
    before = file.read_bytes()
    with pytest.raises(SinkUnavailable, match="make room on the disk") as caught:
        sink.deliver([item(sink, call(2, summary=os.urandom(600_000).hex()))])
    assert str(file) in str(caught.value)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    readonly = sink_in(small_disk / "lake", form)
    for attempt in (readonly.check, lambda: readonly.deliver([item(readonly, call(2))])):
        with pytest.raises(SinkInvalid, match="read-only"):
            attempt()
