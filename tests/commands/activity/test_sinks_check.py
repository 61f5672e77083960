"""What ``syncd check`` says of sinks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.worlds.commands import Command
from tests.worlds.webhook_target import SECRET
from tests.worlds.world import World


class Plain(BaseHTTPRequestHandler):
    """Knows POST only: Python's own server answers 501 to any other method."""

    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def plain() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/in"
        server.shutdown()


@pytest.fixture
def hooked(company: World, plain: str) -> World:
    """A company that delivers to a plain server."""
    company.activity = {}
    company.sinks = {"hooks": {"sink": "http", "options": {"url": plain, "secrets": SECRET}}}
    company.settings()
    return company


def test_a_plain_server_that_knows_no_options_is_reachable(hooked: World, syncd: Command) -> None:
    code, out, _ = syncd("check")
    assert code == 0
    assert "! hooks: the receiver answers (status 501, it does not know OPTIONS, and was sent nothing else)" in out


def test_it_ends_with_the_commands_that_show_what_runs_would_do(hooked: World, syncd: Command) -> None:
    both = "Ready: syncd run --dry-run and syncd activity deliver --dry-run show what runs would do."
    assert syncd("check")[1].splitlines()[-1] == both
    hooked.sources.clear()
    hooked.settings()
    alone = "Ready: syncd activity deliver --dry-run shows what a run would do."
    assert syncd("check")[1].splitlines()[-1] == alone
    assert syncd("activity", "check")[1].splitlines()[-1] == alone
