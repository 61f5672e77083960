"""The receiver in the documentation is true: it keeps the newest version of each activity, whatever comes twice."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.worlds.deliveries import call, item_of, message
from tests.worlds.webhook_target import SECRET, Receiver

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "sinks" / "http.md"


@pytest.fixture
def receive() -> Any:
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), names)
    return names["receive"]


def test_the_example_keeps_the_newest_version_and_erases(receive: Any) -> None:
    sent = Receiver()
    with sent.sink(erase=True) as sink:
        sink.deliver([item_of(sink, call(summary=None)), item_of(sink, message()), item_of(sink, call(), "update")])
        sink.erase(["message:text:m-1"])
    database = sqlite3.connect(":memory:")
    requests = [*sent.requests[:2], *sent.requests]
    answers = [receive(database, Webhook(SECRET), each.headers, each.content) for each in requests]
    assert answers == [204] * 6
    [(data,)] = database.execute("SELECT data FROM activity").fetchall()
    assert json.loads(data) == call()
    forged = receive(database, Webhook(SECRET), sent.requests[0].headers, sent.requests[1].content)
    assert forged == 401
    database.close()
