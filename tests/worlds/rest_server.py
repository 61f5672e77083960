"""An HTTP server in memory with prepared replies, a client of it, and a budget that counts."""

from typing import Any

import httpx

from syncd.rest import Answer, Client

KEY = "a-very-secret-key"
OK: dict[str, Any] = {"fields": []}
Reply = int | Exception | httpx.Response


class Places:
    """A budget that counts the places taken and answered."""

    def __init__(self) -> None:
        self.taken = 0
        self.free = 0
        self.pauses: list[float] = []

    def take(self) -> float:
        self.taken += 1
        return float(self.taken)

    def answered(self, place: float) -> None:
        self.free += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class World:
    """A server with prepared replies and its client; the last reply is repeated."""

    def __init__(self, *replies: Reply, budget: Places | None = None, **options: Any) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.budget = budget
        self.client = Client(
            "https://api.example.com/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            transport=httpx.MockTransport(self._reply),
            budget=budget,
            **{"sleep": self.slept.append, **options},
        )

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(reply, json=OK if reply < 400 else {"error": {"code": reply, "type": "SOME_TYPE"}})

    def get(self, path: str = "/contacts", **options: Any) -> Answer:
        return self.client.request("GET", path, **options)
