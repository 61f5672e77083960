"""What the log says of a store that cannot be written: its place and what to do, in one line."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.activity.receiving.rows import Arrival
from syncd.activity.receiving.writer import Unwritable, Writer
from syncd.activity.store.store import ActivityStore


def arrival(identity: str) -> Arrival:
    return Arrival(identity, "call.ended", 1.0, 1, 1.0, b"x", identity, "c1", "123", "new", "0" * 8)


@contextmanager
def writing(store: Path) -> Iterator[Writer]:
    ActivityStore(store).close()
    writer = Writer(str(store), str(store.with_name("wake")))
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def failed(writer: Writer, identity: str = "evt_2") -> dict[str, Any]:
    """Let a delivery fail; return the line that tells of it."""
    with capture_logs() as lines:
        for number in range(2):
            with pytest.raises(Unwritable):
                writer.store(arrival(f"{identity}_{number}")).result(20)
    [line] = lines
    return dict(line)


def test_a_store_that_was_deleted_is_named_and_a_new_one_is_taken(tmp_path: Path) -> None:
    store = tmp_path / "activity.db"
    with writing(store) as writer:
        assert writer.store(arrival("evt_1")).result(20) == "new"
        for path in tmp_path.glob("activity.db*"):
            path.unlink()
        line = failed(writer)
        assert (line["event"], line["store"]) == ("deliveries cannot be stored", str(store))
        assert line["remedy"] == "the file is not there: put it back, or let syncd activity run make a new one"
        ActivityStore(store).close()
        assert writer.store(arrival("evt_2")).result(20) == "new"


@pytest.mark.parametrize(
    ("content", "remedy"), [("no database" * 100, "no activity store"), ("", "syncd activity run")]
)
def test_another_file_in_its_place_is_told(tmp_path: Path, content: str, remedy: str) -> None:
    store = tmp_path / "activity.db"
    with writing(store) as writer:
        for path in tmp_path.glob("activity.db*"):
            path.unlink()
        store.write_text(content)
        assert remedy in failed(writer)["remedy"]


def test_a_stop_does_not_wait_for_another_process(tmp_path: Path) -> None:
    store = tmp_path / "activity.db"
    with writing(store) as writer, closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = writer.store(arrival("evt_1"))
        begun = time.monotonic()
        writer.stop()
        assert time.monotonic() - begun < 1.5
        with pytest.raises(Unwritable):
            waiting.result(0)


def test_a_store_that_is_held_for_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.activity.receiving.writer.BUSY", 0.05)
    store = tmp_path / "activity.db"
    with writing(store) as writer, closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert failed(writer)["remedy"] == "another process holds it for long: end that process"
