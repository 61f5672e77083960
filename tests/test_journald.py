"""Logs in systemd's journal: their own fields and priorities, and stderr if there is no journal."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from syncd import journald, log
from syncd.report.error_text import say_error
from tests.worlds.patience import PATIENCE


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that replaces the journal's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(PATIENCE)
        monkeypatch.setattr(journald, "SOCKET", str(tmp_path / "socket"))
        yield listening


@contextmanager
def service(tmp_path: Path) -> Iterator[None]:
    """Connect stderr to the journal, as systemd does for a service."""
    with (tmp_path / "stderr").open("w") as stderr, pytest.MonkeyPatch.context() as patch:
        about = os.fstat(stderr.fileno())
        patch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        patch.setattr(sys, "stderr", stderr)
        yield


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in log.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def received(listening: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in listening.recv(65536).decode().splitlines())


def test_an_event_is_a_message_and_fields(journal: socket.socket, tmp_path: Path) -> None:
    with service(tmp_path):
        log.configure(logging.INFO)
    structlog.get_logger("syncd").warning("run ended", source="tenants", rows=40, error="TargetUnavailable", keys=["a"])
    found = received(journal)
    assert found["MESSAGE"] == "run ended source=tenants rows=40 error=TargetUnavailable keys=a"
    assert (found["PRIORITY"], found["SYSLOG_IDENTIFIER"]) == ("4", "syncd")
    assert (found["SYNCD_SOURCE"], found["SYNCD_ROWS"], found["SYNCD_KEYS"]) == ("tenants", "40", "a")
    assert "SYNCD_TIMESTAMP" not in found


def test_what_must_never_be_logged_does_not_reach_the_journal_either(journal: socket.socket, tmp_path: Path) -> None:
    with service(tmp_path):
        log.configure(logging.INFO)
    structlog.get_logger("syncd").info("call 212-555-0123", api_key="k-5550100", line="one\nPRIORITY=0")
    found = received(journal)
    assert found["MESSAGE"] == "call *** api_key=*** line=one PRIORITY=0"
    assert found["PRIORITY"] == "6"


def test_other_libraries_warnings_are_fields_too(journal: socket.socket, tmp_path: Path) -> None:
    with service(tmp_path):
        log.configure(logging.INFO)
    logging.getLogger("other.library").warning("it is late")
    found = received(journal)
    assert found["MESSAGE"].startswith("it is late")
    assert found["SYNCD_LOGGER"] == "other.library"


def test_without_the_journal_lines_go_to_stderr(journal: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "socket").unlink()
    with service(tmp_path):
        log.configure(logging.INFO)
        structlog.get_logger("syncd").info("run ended", source="tenants")
    assert (tmp_path / "stderr").read_text() == "run ended source=tenants\n"


def test_an_error_of_a_command_has_an_error_s_priority(tmp_path: Path) -> None:
    with service(tmp_path):
        say_error("there is no configuration")
    assert (tmp_path / "stderr").read_text() == "<3>error: there is no configuration\n"


def test_a_stderr_that_was_turned_elsewhere_is_not_the_journal(tmp_path: Path) -> None:
    with service(tmp_path), (tmp_path / "elsewhere").open("w") as elsewhere, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", elsewhere)
        assert not journald.is_journal()
