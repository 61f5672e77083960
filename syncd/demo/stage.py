"""The stage of the demo: runs real commands, shows them with a few words, and checks what came of them."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from syncd.report.exit_code import GOOD, MEANINGS
from syncd.report.screen import Screen
from syncd.sandbox.server import Sandbox

Command = Callable[[Sequence[str]], int]
"""Runs syncd with these arguments, as the command line does, and returns the exit code."""

START = 60.0
"""Seconds that the receiver may take until it listens."""
END = 20.0
"""Seconds that it may take to end."""


class Surprise(Exception):
    """A step did not come out as the demo says."""


def promise(what: str, found: object, wanted: object) -> None:
    """Check that something is as the demo says.

    Raises:
        Surprise: it is not.
    """
    if found != wanted:
        raise Surprise(f"{what}: {found!r} instead of {wanted!r}")


class Stage:
    """A ``folder`` with a configuration, a ``sandbox`` for a phone system, and ``command``, which runs syncd."""

    def __init__(self, folder: Path, sandbox: Sandbox, command: Command) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.configuration = folder / "syncd.yaml"
        self._command = command
        self._screen = Screen()

    def step(self, title: str, *lines: str) -> None:
        """Begin a step of the story."""
        self._screen.line()
        self._screen.line((title, "bold cyan"))
        self.tell(*lines)

    def tell(self, *lines: str) -> None:
        for line in lines:
            self._screen.line(line)

    def show(self, text: str, indent: int = 4) -> None:
        """Show the text of a file."""
        for line in text.splitlines():
            self._screen.line((line, "dim"), indent=indent)

    def point(self, line: str) -> None:
        """Show a point of a list."""
        self._screen.line(f"- {line}", indent=2)

    def run(self, *arguments: str, ends: int) -> Counter[str]:
        """Run a command of syncd, which must end with the code ``ends``; return the number of requests by method."""
        self._prompt(*arguments)
        before = len(self.sandbox.requests)
        code = self._command([*self._common(), *arguments])
        meaning = MEANINGS[code] if code in GOOD else "not as it should be"
        self._screen.line((f"(exit code {code}: {meaning})", "dim"))
        promise(f"the exit code of syncd {arguments[0]}", code, ends)
        return Counter(entry.method for entry in self.sandbox.requests[before:])

    @contextmanager
    def beside(self, *arguments: str, port: int) -> Iterator[None]:
        """Run a command of syncd that listens at ``port`` while the block lasts, as a process of its own."""
        self._prompt(*arguments, after=" &")
        # -P: a file in the working directory must not be imported in place of a module.
        line = [sys.executable, "-P", "-m", "syncd", *self._common(), *arguments]
        complaints = self.folder / "complaints"
        with complaints.open("wb") as stderr:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)  # noqa: S603 (this program itself)
        try:
            _wait_for(process, port, complaints)
            yield
            process.send_signal(signal.SIGTERM)
            promise(f"the exit code of syncd {arguments[0]}", process.wait(END), 0)
        finally:
            process.kill()
            process.wait()

    def _prompt(self, *arguments: str, after: str = "") -> None:
        self._screen.line()
        self._screen.line((f"$ {shlex.join(['syncd', *arguments])}{after}", "bold"))

    def _common(self) -> list[str]:
        # Without the log lines, which would stand between the lines that the demo explains.
        return ["--config", str(self.configuration), "--log-level", "error"]


def _wait_for(process: subprocess.Popen[bytes], port: int, complaints: Path) -> None:
    """Wait until a process listens.

    Raises:
        Surprise: it has ended, or takes too long.
    """
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Surprise(f"nothing listens at port {port}: {complaints.read_text(errors='replace').strip() or 'no reason'}")
