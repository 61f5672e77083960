"""The receiver in this process: deliveries come to its application, and it dies when it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from syncd.activity.receiving.app import App
from syncd.activity.receiving.refusals import Refusals
from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.receiving.writer import Writer
from syncd.core.activity.facts import REFUSED
from syncd.sandbox.activity.webhooks.delivery import Courier, signature

TOLERANCE = 300.0

Death = Literal["before", "after"]
"""Whether the process is killed before it has stored a delivery, or before it answers that it has."""


class Door(Courier):
    """``answered``: the genuine deliveries that were answered as stored. ``open``: whether the receiver runs."""

    def __init__(self, store: Path, secrets: Path, clock: Callable[[], float]) -> None:
        super().__init__()
        self.store, self.secret_file, self.clock = store, secrets, clock
        self.open = True
        self.dies: Death | None = None
        self.answered: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._app: App | None = None

    def knows(self, secret: str) -> None:
        """Let the receiver accept one more secret."""
        self.keys.append(secret)
        self.secret_file.write_text("\n".join(self.keys) + "\n")

    def close(self) -> None:
        self.shut()
        self._loop.close()

    def shut(self) -> None:
        """End the receiver."""
        if self._app:
            self._app.close()
            self._app.writer.stop()
        self._app = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, str | None]:
        if not self.open:
            self.shut()
            return 0, "ConnectionRefusedError"
        death, self.dies = self.dies, None
        if death == "before":
            self.shut()
            return 0, "ConnectionResetError"
        status = self._posted(body, headers)
        if death == "after":
            self.shut()
            return 0, "ConnectionResetError"
        if 200 <= status < 300:
            self._note(body, headers)
        return status, None if 200 <= status < 300 else f"HTTP {status}"

    def _note(self, body: bytes, headers: Mapping[str, str]) -> None:
        header = headers["X-Vocatech-Signature"]
        signed_at = int(header.partition(",")[0].removeprefix("t="))
        genuine = header in {signature(key, signed_at, body) for key in self.keys}
        assert genuine, "a delivery that nobody of ours has signed was taken"
        assert abs(self.clock() - signed_at) <= TOLERANCE, "a delivery with an old signature was taken"
        self.answered.append(json.loads(body))

    def _posted(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Hand a delivery to the application and return the status of its answer."""
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": "/in", "headers": named}
        self._loop.run_until_complete(self._started()(scope, receive, send))
        return int(sent[0]["status"])

    def _started(self) -> App:
        if self._app is None:
            writer = Writer(str(self.store), str(self.store.with_name("wake")), self.clock)
            refusals = Refusals(lambda kind: writer.note(REFUSED + kind, str(self.clock())))
            self._app = App(writer, Secrets((), str(self.secret_file)), "", TOLERANCE, refusals, self.clock)
            writer.start()
        return self._app
