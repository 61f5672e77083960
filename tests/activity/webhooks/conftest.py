"""A company whose receiver runs, whose API is a sandbox, and whose commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.receiving import secret_file
from syncd.sandbox.server import Sandbox
from tests.worlds.commands import Command
from tests.worlds.receiver import Receiver


class Company:
    """``syncd`` carries out a command and returns the exit code and its JSON."""

    def __init__(self, receiver: Receiver, sandbox: Sandbox, command: Command) -> None:
        self.receiver, self.sandbox, self._command = receiver, sandbox, command

    def syncd(self, *words: str) -> tuple[int, dict[str, Any]]:
        self.receiver.configure()
        code, out, err = self._command("webhook", *words, "--json")
        said: dict[str, Any] = json.loads(out)
        assert said["exit"] == code
        # No secret is ever shown.
        known = [each.decode() for each in self.secrets()]
        known += [each.secret for each in self.sandbox.endpoints]
        assert [secret for secret in known if secret in out + err] == []
        return code, said

    def secrets(self) -> list[bytes]:
        file = self.receiver.folder / "webhook.secret"
        return secret_file.read(file) if file.exists() else []

    def endpoints(self) -> list[dict[str, Any]]:
        return [each.shown() for each in self.sandbox.endpoints]

    def kept(self) -> list[Any]:
        return self.receiver.rows("SELECT state FROM webhook ORDER BY created")


@pytest.fixture
def company(tmp_path: Path, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """Without an endpoint and without a secret; the receiver is not started."""
    receiver = Receiver(tmp_path)
    (tmp_path / "webhook.secret").unlink()
    receiver.receive["url"] = f"http://127.0.0.1:{receiver.port}/vocatech"
    monkeypatch.setenv("SYNCD_CONFIG", str(tmp_path / "receive.yaml"))
    with Sandbox(key="test-key", limits=None) as sandbox:
        receiver.target = {"base_url": sandbox.url, "limits": [], "timeout": "5s"}
        try:
            yield Company(receiver, sandbox, syncd)
        finally:
            receiver.end()
