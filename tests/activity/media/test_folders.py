"""Folders of recordings that cannot be used: what is said, and that the files come once the folder is well."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.media.run import MediaReport
from syncd.errors import ConfigError, NoRoom
from tests.worlds.media_company import MediaCompany


def told(report: MediaReport) -> str:
    assert (report.fetched, isinstance(report.error, ConfigError)) == (0, True)
    assert "activity.recordings.folder" in str(report.error)
    return str(report.error)


@pytest.fixture
def folder(company: MediaCompany) -> Path:
    """The folder of a company that has one recording to fetch."""
    company.call()
    return company.folder / "recordings"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: folder.write_text("a file"),
        lambda folder: folder.symlink_to("nowhere"),
        lambda folder: (folder.mkdir(mode=0o700), (folder / "2026-03-10").write_text("a file")),
    ],
    ids=["a file", "a dangling link", "a file in place of a day"],
)
def test_something_else_in_its_place(company: MediaCompany, folder: Path, spoil: Callable[[Path], object]) -> None:
    spoil(folder)
    assert "something else is where a folder should be: move it away" in told(company.fetch())
    assert company.fetch().fetched == 0
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    assert company.fetch().fetched == 1


def test_a_folder_that_is_removed_while_files_are_fetched(
    company: MediaCompany, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = company.sandbox._desk.media.reply

    def removed(name: str) -> Any:
        shutil.rmtree(folder)
        return reply(name)

    monkeypatch.setattr(company.sandbox._desk.media, "reply", removed)
    assert "it was removed while files were fetched; the next run makes it again" in told(company.fetch())
    monkeypatch.undo()
    assert company.fetch().fetched == 1


@pytest.mark.parametrize(
    ("number", "kind", "said"), [(errno.EROFS, ConfigError, "read-only"), (errno.EDQUOT, NoRoom, "room")]
)
def test_a_disk_that_takes_nothing(
    company: MediaCompany, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type, said: str
) -> None:
    opened = os.open

    def refused(path: Any, *arguments: Any, **options: Any) -> int:
        if ".fetching-" in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refused)
    report = company.fetch()
    assert isinstance(report.error, kind)
    assert said in str(report.error)
    monkeypatch.undo()
    assert company.fetch().fetched == 1
    assert [path.parent.parent for path in folder.rglob("*.mp3")] == [folder]
