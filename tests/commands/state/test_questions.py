"""A question on a terminal: a signal that would end the command means no."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.worlds.commands import Command, environment
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import World


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("state", "reset", "tenants", "--cursor"), signal.SIGINT),
        (("state", "restore", "saved.db"), signal.SIGINT),
        (("state", "restore", "saved.db"), signal.SIGTERM),
    ],
)
def test_one_ctrl_c_at_a_question_means_no(
    company: World, syncd: Command, arguments: tuple[str, ...], number: int
) -> None:
    assert syncd("run")[0] == 0
    assert syncd("state", "backup", "saved.db")[0] == 0
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    line = [sys.executable, "-m", "syncd", *arguments]
    with subprocess.Popen(
        line, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment(), cwd=company.folder
    ) as process:
        try:
            seen = Terminal(ours)
            until(lambda: "[y/N]" in seen.text())
            process.send_signal(number)
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, "Nothing was changed" in out) == (3, True)
    assert ("error" in seen.text(), "broken off" in seen.text()) == (False, False)
    os.close(theirs)
    os.close(ours)
    with company.state() as state:
        assert state.scalar("SELECT count(*) FROM cursor") == 1


class Terminal:
    """What a command wrote on the pseudo-terminal whose other end is ``end``."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._seen = b""

    def text(self) -> str:
        with suppress(BlockingIOError):
            self._seen += os.read(self._end, 65536)
        return self._seen.decode(errors="replace")
