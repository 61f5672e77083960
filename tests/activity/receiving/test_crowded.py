"""More connections than a process may have open files."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from tests.worlds.patience import PATIENCE, until
from tests.worlds.receiver import event, receiving

MANY = 1_100


def test_idle_connections_without_end_fill_no_log(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    with ExitStack() as lines, receiving(tmp_path) as one:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * MANY, hard), hard))
        try:
            for number in range(MANY):
                if number % 50 == 0:
                    time.sleep(0.01)  # when its queue is full, the system lets the next ones wait for seconds
                lines.enter_context(socket.create_connection(("127.0.0.1", one.port), PATIENCE))
            lines.close()
            until(lambda: one.deliver(event()) == 204)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert [line["event"] for line in one.lines("receiving")] == ["receiving"]
        assert "accept" not in one.log.read_text()
