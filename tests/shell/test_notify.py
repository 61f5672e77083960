"""Notifications: once for each change of state, to everybody, and never at a run's cost."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import main
from syncd.errors import ConfigError
from syncd.state import State
from syncd.watch.notify import Outcome, after_run, deliver, tell, try_all
from tests.shell.world import World

ANN = ("1", "Ann", "2125550101")
HOOK, MAIL, PING = "json://sink.example.com/hook", "mailto://u:secret@mail.example.com", "https://ping.example.com/abc"


class Post:
    """Takes every message in place of the process that sends; ``down``: the destinations that it cannot reach."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.down: set[str] = set()

    def __call__(self, message: Mapping[str, Any], _seconds: float) -> Sequence[Outcome]:
        self.sent.append(message)
        sms = (message.get("sms") or {}).get("to", {})
        to = {**message.get("to", {}), **sms, **message.get("ping", {})}
        return [Outcome(name, "down" if address in self.down else "") for name, address in to.items()]

    def titles(self) -> list[str]:
        return [message["title"].partition(": ")[2] for message in self.sent]


class Office:
    """A company that tells ``post`` of its alarms; ``later`` moves the clock."""

    def __init__(self, world: World, post: Post, **notify: Any) -> None:
        self.world, self.post = world, post
        world.notify = {"to": [HOOK], **notify}
        self.later = 0.0

    def clock(self) -> float:
        return time.time() + self.later

    def tell(self, *, good: bool = False) -> int:
        return tell(self.world.settings(), clock=self.clock, send=self.post, good=good)

    def run(self) -> None:
        report = self.world.run(full=True)
        after_run(self.world.settings(), good=report.exit_code in (0, 3), clock=self.clock, send=self.post)


@pytest.fixture
def post() -> Post:
    return Post()


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_ends(world: World, post: Post) -> None:
    office = Office(world, post)
    for _ in range(3):
        office.run()
    world.write([ANN])
    for _ in range(3):
        office.run()
    assert post.titles() == ["tenants: failing", "good again"]
    assert "tenants: failing: over, after" in post.sent[1]["body"]
    assert "syncd status --config" in post.sent[0]["body"]


def test_a_process_that_comes_later_tells_nothing_twice(world: World, post: Post) -> None:
    office = Office(world, post)
    office.run()
    assert [office.tell() for _ in range(3)] == [0, 0, 0]
    assert len(post.sent) == 1


def test_many_processes_that_see_it_at_once_tell_it_once(world: World, post: Post) -> None:
    Office(world, post)
    world.run()
    settings = world.settings()
    telling = partial(tell, settings, clock=time.time, send=post)
    threads = [threading.Thread(target=telling) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert post.titles() == ["tenants: failing"]


def test_what_could_not_be_told_is_told_later_and_only_to_whom_it_was_not(world: World, post: Post) -> None:
    office = Office(world, post, to=[HOOK, MAIL])
    post.down = {MAIL}
    office.run()
    office.tell()
    assert len(post.sent) == 1  # not at once again
    office.later, post.down = 61, set()
    office.tell()
    assert [list(message["to"].values()) for message in post.sent] == [[HOOK, MAIL], [MAIL]]
    office.later = 200
    assert office.tell() == 0
    assert len(post.sent) == 2


def test_what_is_no_news_any_more_is_dropped(world: World, post: Post) -> None:
    office = Office(world, post)
    post.down = {HOOK}
    office.run()
    office.later, post.down = 90_000, set()
    office.tell()
    assert post.titles() == ["tenants: failing"]


def test_an_alarm_that_ends_before_anybody_heard_of_it_is_not_told(world: World, post: Post) -> None:
    office = Office(world, post)
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.notices.keep_alarms([("tenants", "failing", "gone")])
    world.write([ANN])
    office.run()
    assert post.sent == []


def test_held_deletes_are_told_with_their_numbers(world: World, post: Post) -> None:
    office = Office(world, post)
    world.write([(str(number), "Ann", "2125550101") for number in range(40)])
    office.run()
    world.write([ANN])
    office.run()
    [message] = post.sent
    assert post.titles() == ["tenants: held"]
    assert "39 deletes wait for an approval (deletes.share): 39 of 40 contacts" in message["body"]


def test_data_that_grows_old_is_told_though_nothing_runs(world: World, post: Post) -> None:
    world.sources["tenants"]["max_age"] = "1h"
    world.write([ANN])
    office = Office(world, post)
    office.run()
    office.later = 4000
    office.tell()
    assert post.titles() == ["tenants: stale"]


def test_a_refused_key_is_told(world: World, post: Post) -> None:
    world.write([ANN])
    world.sandbox.arm({"kind": "status", "status": 401, "times": None})
    office = Office(world, post)
    with pytest.raises(Exception, match="refused the key"):
        world.run()
    office.tell()
    assert post.titles() == ["key"]


def test_only_what_was_asked_for_is_told(world: World, post: Post) -> None:
    office = Office(world, post, about=["stale"])
    office.run()
    assert post.sent == []


def test_several_failures_in_a_row_can_be_asked_for(world: World, post: Post) -> None:
    office = Office(world, post, failures=3)
    office.run()
    office.run()
    assert post.sent == []
    office.run()
    assert "the last 3 runs failed" in post.sent[0]["body"]


def test_a_heartbeat_follows_a_good_run_and_no_other(world: World, post: Post) -> None:
    office = Office(world, post, to=[], heartbeat=PING)
    office.run()
    assert post.sent == []
    world.write([ANN])
    office.run()
    assert [message["ping"] for message in post.sent] == [{"heartbeat": PING}]


def test_a_digest_is_sent_once_a_day(world: World, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write([ANN])
    office = Office(world, post, digest="00:00")
    for hour in range(0, 72, 3):
        office.later = hour * 3600.0
        office.tell()
        world.run()
    assert 2 <= len(post.sent) <= 3
    assert "tenants: last good run" in post.sent[0]["body"]


def test_a_text_message_is_short_and_keeps_its_distance(world: World, post: Post) -> None:
    office = Office(world, post, to=[], sms={"from": "2125550100", "to": "2125550123"})
    office.run()
    [message] = post.sent
    assert (list(message["sms"]["to"].values()), message["sms"]["key"]) == (["2125550123"], "test-key")
    assert len(message["short"]) <= 300
    world.write([ANN])
    office.run()
    assert len(post.sent) == 1
    office.later = 131
    office.tell()
    assert post.titles() == ["tenants: failing", "good again"]


def test_telling_never_makes_a_run_fail(world: World) -> None:
    def broken(_message: Mapping[str, Any], _seconds: float) -> Sequence[Outcome]:
        raise RuntimeError(HOOK)

    Office(world, Post())
    world.run()
    after_run(world.settings(), good=False, clock=time.time, send=broken)


def test_no_address_is_in_a_log_line(world: World, post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    office = Office(world, post, to=[MAIL])
    post.down = {MAIL}
    office.run()
    out, err = capsys.readouterr()
    assert "not notified" in out + err
    assert not any(part in out + err for part in ("secret", "mail.example.com"))


# the real thing


@contextmanager
def sink() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A web server that keeps what it is sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            got.append({"path": self.path, "key": self.headers["Authorization"], **json.loads(body)})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self) -> None:
            got.append({"path": self.path})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A server that speaks as much SMTP as a client needs, and keeps the mails."""
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
    threading.Thread(target=server.serve_forever, daemon=True).start()
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
        outcomes = deliver({"title": "t", "body": "b", "short": "s", "to": to}, 6)
    assert time.monotonic() - begun < 12
    found = {each.name: each.why for each in outcomes}
    assert (bool(found["a"]), found["b"], len(got)) == (True, "", 1)


def test_notify_test_says_whom_it_reached(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sink() as (port, _):
        world.notify = {"to": [f"json://127.0.0.1:{port}/s3cret", "nosuchthing://s3cret"]}
        world.settings()
        code = main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"])
    out = capsys.readouterr().out
    assert (code, out) == (
        2,
        "✓ notify.to[0] (json): sent\n✗ notify.to[1] (nosuchthing): Apprise knows no such address: check its form\n",
    )


def test_notify_test_of_somebody_who_is_not_there_now_may_be_tried_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.notify = {"to": "json://127.0.0.1:1/s3cret"}
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"]) == 4
    assert "✗ notify.to[0] (json): it was not taken" in capsys.readouterr().out


def test_check_finds_an_address_that_apprise_does_not_know_and_shows_no_secret(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write([ANN])
    world.notify = {"to": ["json://127.0.0.1:1/s3cret", "nosuchthing://s3cret", "slack://s3cret"]}
    world.settings()
    code = main(["--config", str(world.folder / "syncd.yaml"), "check"])
    told = "".join(capsys.readouterr())
    line = "✗ notifications: notify.to[1] (nosuchthing), notify.to[2] (slack): Apprise knows no such address"
    assert (code, line in told, "s3cret" in told) == (2, True, False)
    world.notify["to"] = world.notify["to"][:1]
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "check"]) == 0
    assert "✓ notifications: every address" in capsys.readouterr().out


def test_notify_test_without_anybody_to_tell_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"]) == 2
    assert "there is nobody to tell" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ({"to": "not-an-address"}, "notify.to: is no address of Apprise"),
        ({"sms": {"from": "12", "to": "2125550123"}}, "notify.sms.from: is no phone number"),
        ({"sms": {"from": "2125550100"}}, "notify.sms.to: is missing"),
        ({"digest": "7:30"}, "is no time of the day"),
        ({"heartbeat": "ftp://x"}, "notify.heartbeat: is no web address"),
        ({"about": ["stale", "fire"]}, "'fire' is not known here"),
        ({"at_most": {"reject": 1}}, "did you mean 'rejected'?"),
        ({"webhook": "x"}, "'webhook'|webhook: is not a key here"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_shows_no_secret(world: World, notify: dict[str, Any], told: str) -> None:
    world.notify = notify
    with pytest.raises(ConfigError) as raised:
        world.settings()
    assert any(part in str(raised.value) for part in told.split("|"))
    assert "not-an-address" not in str(raised.value)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"share": "80%"}, [48, 800, 16000]),
        ({"windows": ["60/1m"], "share": 0.5}, [30]),
        ({"windows": ["1/1s"], "share": "10%"}, [1]),
        (["60/1m"], [60]),
    ],
)
def test_a_share_of_the_limits_leaves_the_rest_to_others(world: World, limits: Any, left: list[int]) -> None:
    world.target["limits"] = limits
    assert [window.requests for window in world.settings().target.limits] == left


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"windows": ["60/1m"]}, "limits have the keys windows and share"),
        ({"share": "0%"}, "lets no request through"),
        ({"share": "x"}, "the share is not a share"),
        ({"shares": "80%"}, "limits have the keys"),
    ],
)
def test_a_wrong_share_is_refused(world: World, limits: Any, told: str) -> None:
    world.target["limits"] = limits
    with pytest.raises(ConfigError, match=told):
        world.settings()


@pytest.mark.parametrize("listen", ["0.0.0.0:9187", "127.0.0.1", "127.0.0.1:0", "example.com:80", "9187"])
def test_the_metrics_are_served_to_this_machine_only(world: World, listen: str) -> None:
    world.listen = listen
    with pytest.raises(ConfigError, match="listen: "):
        world.settings()
