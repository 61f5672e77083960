"""Has a child read the configuration, make the store, and print the receiver's settings into a pipe.

Reading the configuration imports Polars and the libraries of the store: in a child they cost the receiver no memory,
and what it prints stands in no list of processes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from syncd.activity.receiving.plain import Plain, plain_of
from syncd.errors import NoRoom, SyncdError

LONGEST = 120.0
"""Seconds that it may take."""

DEFECT = 1


class NotLoaded(SyncdError):
    """The child has said why on stderr; ``exit_code`` is its own."""

    def __init__(self, code: int) -> None:
        super().__init__("the configuration could not be read")
        self.exit_code = code  # type: ignore[misc]  # each child has its own


def command(config: Path | None) -> list[str]:
    """Return the command line of the child."""
    # -P: a file in the working directory must not be imported in place of a module.
    return [sys.executable, "-P", "-m", "syncd.activity.receiving.child", *([str(config)] if config else [])]


def loaded(line: Sequence[str]) -> Plain:
    """Return the settings that the child prints.

    Raises:
        NotLoaded: it prints none.
        NoRoom: no process can be started.
    """
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, timeout=LONGEST)  # noqa: S603 (this program itself)
    except subprocess.TimeoutExpired:
        raise NotLoaded(4) from None
    except OSError as error:
        raise NoRoom(f"no process could be started ({error.strerror}); try again later") from None
    if done.returncode != 0:
        # A child that a signal killed may succeed later.
        raise NotLoaded(done.returncode if done.returncode > 0 else 4)
    try:
        return plain_of(done.stdout.decode())
    except ValueError:
        raise NotLoaded(DEFECT) from None
