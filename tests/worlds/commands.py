"""The commands for tests: run one in its own process, and read the errors that it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from syncd import cli
from tests.worlds.patience import PATIENCE

Command = Callable[..., tuple[int, str, str]]
PEOPLE = [(f"{number}", f"Person {number}", f"212555{number:04}") for number in range(1, 41)]


def errors(err: str) -> list[str]:
    return [line.removeprefix("error: ") for line in err.splitlines() if line.startswith("error: ")]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent), **more}


def process(
    *arguments: str, folder: Path, stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        timeout=PATIENCE,
        check=False,
        cwd=folder,
    )
