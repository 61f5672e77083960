"""The receiver's process, with settings from a file: ``python -m tests.worlds.quick_receiver SETTINGS SECONDS``.

``syncd receive`` has a child read the configuration, which takes longer than most tests of the receiver.
A slow client has so many SECONDS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from syncd.activity.receiving import body, serving
from syncd.activity.receiving.plain import Plain, plain_of
from syncd.commands.activity import receiver


def written(place: Path | None) -> list[str]:
    return [str(place)]


def read(places: Sequence[str]) -> Plain:
    return plain_of(Path(places[0]).read_text())


if __name__ == "__main__":
    settings, seconds = sys.argv[1:]
    vars(receiver).update(command=written, loaded=read)
    for module in (body, serving):
        vars(module).update(PATIENCE=float(seconds))
    sys.setswitchinterval(receiver.SOON)
    os._exit(receiver.main([settings]))
