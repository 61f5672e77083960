"""Real processes that are killed: what was answered is there, and the lists are read whole by the runs after it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from syncd.sandbox.server import Sandbox
from tests.convergence.soak import SOAK
from tests.worlds.commands import environment
from tests.worlds.patience import until
from tests.worlds.receiver import Receiver, receiving

KILLS = 30 if SOAK else 2
DAY = 86_400.0


def _run(one: Receiver, *more: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "syncd", "activity", *more, "--config", str(one.folder / "receive.yaml")]
    with one.log.open("ab") as log:
        return subprocess.Popen(line, stdout=log, stderr=log, env=environment(), cwd=one.folder)


def _killed(one: Receiver, sandbox: Sandbox, chance: random.Random) -> None:
    """Begin a run and kill it after some of its requests."""
    asked = len(sandbox.requests) + chance.randint(1, 30)
    process = _run(one, "run")
    until(lambda: len(sandbox.requests) >= asked or process.poll() is not None)
    time.sleep(chance.random() * 0.02)
    with suppress(ProcessLookupError):
        process.kill()
    process.wait(20)


def _open(one: Receiver, sandbox: Sandbox) -> None:
    """Let traffic begin that is delivered to the receiver."""
    one.target = {"base_url": sandbox.url, "limits": []}
    one.activity |= {"since": "3d"}
    one.configure()
    url = f"http://127.0.0.1:{one.port}/vocatech"
    made = sandbox._desk.webhooks.create({"name": "ours", "url": url, "event_filters": ["call.ended"]})
    (one.folder / "webhook.secret").write_text(made.body["secret_key"])
    sandbox._desk.sender.start()
    sandbox.phones.traffic(60, since=time.time() - 2 * DAY, messages=20)


def _stored(one: Receiver) -> set[str]:
    return {key for (key,) in one.rows("SELECT call_id FROM call UNION SELECT message_id FROM message")}


def _calls(sandbox: Sandbox, *, over: bool = False) -> set[str]:
    """Return the calls that have begun, or are over: only then a list has them."""
    return {row["call_id"] for row in sandbox.phones.truth_calls() if row["end_time"] or not over}


def _messages(sandbox: Sandbox) -> set[str]:
    return {row["message_id"] for row in sandbox.phones.truth_messages()}


def test_runs_and_receivers_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201 (shown when it fails)
    chance = random.Random(seed)
    company = Sandbox(key="test-key", limits=None, dialects={"failures": "payloads"})
    with company as sandbox, receiving(tmp_path, url="https://hooks.example.com/vocatech") as one:
        _open(one, sandbox)
        for _ in range(KILLS):
            for _ in range(10):
                sandbox.phones.call(talk=1.0)
            if chance.random() < 0.5:
                one.end()
                one.start()
            _killed(one, sandbox, chance)
        sandbox.drain(30)
        sandbox._desk.sender.stop()
        answered = {each.event_id for each in sandbox.deliveries if each.status == 204}
        # The traffic goes on while the last runs read it.
        before = _calls(sandbox, over=True) | _messages(sandbox)
        first, last = (time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * DAY)) for days in (-3, 1))
        for work in (("run",), ("pull", "--days", f"{first}..{last}")):
            assert _run(one, *work).wait(60) == 0, one.log.read_text()
        assert answered <= set(one.stored())
        assert before <= _stored(one) <= _calls(sandbox) | _messages(sandbox)
        assert not one.rows("SELECT 1 FROM event WHERE processed IS NULL")
