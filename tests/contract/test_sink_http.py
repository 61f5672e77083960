"""The contract over the sink ``http``, with a receiver that keeps the newest version of each activity."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest

from connectors.http_out.options import HttpOptions
from connectors.http_out.sink import HttpOut
from syncd.sink import Sink, SinkRules
from tests.contract.sinks import Fields, SinkContract, SinkWorld
from tests.worlds.patient_server import Patience
from tests.worlds.webhook_target import SECRET, URL, Receiver


class WebhookPlace:
    def __init__(self) -> None:
        self.receiver = Receiver()
        self.patience = Patience(self.receiver)

    def sink(self) -> Sink:
        options = HttpOptions.model_validate({"url": URL, "secrets": SECRET, "erase": True})
        return HttpOut("hooks", options, SinkRules(), around=self.patience.around())

    def records(self) -> Sequence[tuple[str, Fields]]:
        return list(self.receiver.rows.items())

    def contacts_of(self, identity: str) -> Sequence[str]:
        raise NotImplementedError

    def contact(self) -> str:
        raise NotImplementedError

    def break_down(self) -> None:
        self.patience.available = False

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return self.patience.stalled()


class TestHttpOut(SinkContract):
    @pytest.fixture
    def world(self) -> SinkWorld:
        return WebhookPlace()
