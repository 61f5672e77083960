"""Notifications that are really sent: mail, webhook, text message and heartbeat arrive."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.watch.notify import deliver, try_all
from tests.worlds.hostile import bomb, endless, head, hostile
from tests.worlds.office import sink
from tests.worlds.world import World


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A server with as much SMTP as a client needs; it keeps the mails."""
    got: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline().decode().strip():
                if line.upper() == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                    got.append("\n".join(lines))
                self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 well\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()


def test_mail_webhook_text_message_and_heartbeat_arrive(world: World) -> None:
    with sink() as (port, got), mail_server() as (smtp, mails):
        world.notify = {
            "to": [f"json://127.0.0.1:{port}/hook", f"mailto://127.0.0.1:{smtp}?from=a@example.com&to=b@example.com"],
            "sms": {"from": "2125550100", "to": ["2125550123"]},
            "heartbeat": f"http://127.0.0.1:{port}/beat",
        }
        world.target["base_url"] = f"http://127.0.0.1:{port}/v1"
        outcomes = try_all(world.settings())
    assert {why for _, why in outcomes} == {""}, outcomes
    by_path = {each["path"]: each for each in got}
    assert set(by_path) == {"/hook", "/v1/messages", "/beat"}
    text = by_path["/v1/messages"]
    assert (text["platform"], text["from"], text["to"]) == ("text", "2125550100", "2125550123")
    assert text["key"] == "Bearer test-key"
    assert "This is how syncd on" in by_path["/hook"]["message"]
    assert len(mails) == 1


def test_a_destination_that_hangs_holds_nobody_up_for_longer_than_the_timeout() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent, sink() as (port, got):
        to = {"a": f"json://127.0.0.1:{silent.server_address[1]}", "b": f"json://127.0.0.1:{port}/hook"}
        begun = time.monotonic()
        found = deliver({"title": "t", "body": "b", "short": "s", "to": to}, 6)
    assert time.monotonic() - begun < 12
    assert (bool(found["a"]), found["b"], len(got)) == (True, "", 1)


def test_a_destination_s_answer_is_bounded() -> None:
    packed = bomb(400)

    def script(connection: socket.socket, request: str) -> None:
        if request.endswith("/packed"):
            connection.sendall(head("Content-Encoding: gzip", length=len(packed)) + packed)
        else:
            endless(connection, b"x", b"x", 400)

    with hostile(script) as server:
        to = {each: server.url.replace("http:", "json:") + f"/{each}" for each in ("packed", "long")}
        ping = {"beat": f"{server.url}/packed"}
        found = deliver({"title": "t", "body": "b", "short": "s", "to": to, "ping": ping}, 60)
    assert found["packed"]
    assert found["long"]
    # The heartbeat was called, whatever its server answered.
    assert found["beat"] == ""
    assert len(server.asked) == 3
