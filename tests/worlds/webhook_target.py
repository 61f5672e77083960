"""A receiver of the sink ``http`` in this process: it verifies what comes with the package of Standard Webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
from standardwebhooks import Webhook

from connectors.http_out.options import HttpOptions
from connectors.http_out.sink import HttpOut
from connectors.http_parts.surroundings import Surroundings
from syncd.sink import SinkRules

SECRET = "whsec_" + "c3luY2Qtc3luY2Qtc3luY2Qtc3luY2Qt"
URL = "https://hooks.example.com/in/path-with-a-key?token=query-with-a-key"

Reply = int | Exception | httpx.Response


class Receiver:
    """Answers with what ``reply`` says of a body, 204 by default, and keeps one version of each activity.

    ``rows``: the newest version by identity. ``ids``: of each message that was taken, doubles left out.
    """

    def __init__(self, secret: str = SECRET) -> None:
        self.webhook = Webhook(secret)
        self.reply: Callable[[Any], Reply] = lambda _body: 204
        self.requests: list[httpx.Request] = []
        self.ids: list[str] = []
        self.rows: dict[str, Any] = {}
        self.lost = 0
        self.now = 0.0
        self._lock = threading.Lock()

    def sink(self, rules: SinkRules | None = None, **options: Any) -> HttpOut:
        said = {"url": URL, "secrets": SECRET, "concurrency": 1, **options}
        around = Surroundings(httpx.MockTransport(self), sleep=self._sleep, timer=lambda: self.now)
        return HttpOut("hooks", HttpOptions.model_validate(said), rules or SinkRules(), around=around)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            if request.method != "POST":
                return self._response(self.reply(None))
            body = self.webhook.verify(request.content, dict(request.headers))
            reply = self.reply(body)
            if reply in range(200, 300):
                self._take(request.headers["webhook-id"], body)
            if self.lost:
                self.lost -= 1
                raise httpx.ReadTimeout("the answer was lost")
        return self._response(reply)

    def _take(self, id_: str, body: Any) -> None:
        if id_ not in self.ids:
            self.ids.append(id_)
            data = body["data"]
            identity = ":".join(str(data[name]) for name in ("kind", "channel", "id") if name in data)
            if body["type"].endswith(".erased"):
                self.rows.pop(identity, None)
            else:
                self.rows[identity] = data

    def _response(self, reply: Reply) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(reply)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
