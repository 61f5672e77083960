"""``syncd receive``: the receiver of webhooks."""

from __future__ import annotations

import gc
from pathlib import Path

from syncd.activity.receiving.loading import NotLoaded, command, loaded
from syncd.activity.receiving.run import run
from syncd.commands.daemon import OFTEN
from syncd.commands.options import ReceiveOptions
from syncd.daemon.systemd import ServiceManager
from syncd.report.exit_code import DONE


def receive(config: Path | None, _options: ReceiveOptions) -> int:
    """Receive until a signal ends it."""
    gc.set_threshold(*OFTEN)
    line = command(config)
    try:
        run(lambda: loaded(line), ServiceManager())
    except NotLoaded as error:
        # The child has told people why.
        return error.exit_code
    return DONE
