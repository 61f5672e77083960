"""A HubSpot account and the sink that writes its timeline, in this process and on a clock that the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from connectors.hubspot.options import HubSpotSinkOptions
from connectors.hubspot.sink import HubSpotSink
from syncd.core.activity.sent import compacted, digest_of
from syncd.sandbox.hubspot.routes import WRITES
from syncd.sink import Item, Outcome, Row, SinkRules
from tests.contract import sink_rows
from tests.worlds.hubspot_account import Account, direct

Ask = Callable[[httpx.Request], httpx.Response]
Meddle = Callable[[httpx.Request, Ask], httpx.Response]
"""Answers a request in place of the account, which the second argument can ask."""

RULES = SinkRules(contacts="crm")


_CALL: Mapping[str, Any] = {
    "outcome": None,
    "remote_number": "2125550100",
    "remote_name": "Ann Lee",
    "own_number": "2125550199",
    "start_time": f"{sink_rows.DAY}T15:00:00Z",
    "end_time": f"{sink_rows.DAY}T15:02:00Z",
    "duration": 120,
    "summary": None,
    "transcription": None,
    "segments": [],
}
_MESSAGE: Mapping[str, Any] = {
    "channel": "text",
    "status": "delivered",
    "remote_number": "2125550100",
    "own_number": "2125550199",
    "body": "See you at nine",
    "sent_at": f"{sink_rows.DAY}T15:00:00Z",
    "attachments": [],
}


def call(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return the row of an answered call of two minutes, without texts and segments."""
    return sink_rows.call(number, **{**_CALL, **more})


def message(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return the row of a text that was received."""
    return sink_rows.message(number, **{**_MESSAGE, **more})


class Timeline(Account):
    """An account with ``count`` contacts. ``deliver`` remembers what the sink was sent, as a delivery does.

    ``meddle``: answers a request in place of the account, or passes it on and does something more.
    """

    def __init__(self, count: int = 3, *, rules: SinkRules = RULES, prepared: bool = True, **fake: Any) -> None:
        options = fake.pop("options", {})
        super().__init__(**fake)
        self.rules = rules
        self.options = {"service_key": self.fake.key, **options}
        self.meddle: Meddle = lambda request, ask: ask(request)
        self.ask = direct(self.fake).handle_request
        self.contacts.add_all({"firstname": f"Ann {number}", "phone": f"212555{number:04}"} for number in range(count))
        self.calls, self.communications = self.fake.portal.calls, self.fake.portal.communications
        self.known: dict[str, str] = {}
        self.sent: dict[str, Mapping[str, Any]] = {}
        self.sink = self.another_sink()
        if prepared:
            self.sink.prepare()
            self.forget_requests()

    def another_sink(self) -> HubSpotSink:
        """Return a new sink of the same account, as the next process has it."""
        return HubSpotSink(
            "crm",
            HubSpotSinkOptions(base_url="https://hubspot.example.com", **self.options),
            self.rules,
            transport=httpx.MockTransport(lambda request: self.meddle(request, self.ask)),
            clock=self.clock,
            timer=self.clock,
            sleep=self.clock.sleep,
        )

    def item(self, row: Row, *contacts: int, change: Any = None, attempt: int = 1, **fields: Any) -> Item:
        """Return the item of a row: new, or with what was sent before. ``fields``: in place of the rendered ones."""
        identity = f"call:{row['id']}" if row["kind"] == "call" else f"message:{row['channel']}:{row['id']}"
        made = {**self.sink.render(row), **fields}
        return Item(
            identity,
            row["kind"],
            change or ("update" if identity in self.known else "create"),
            made,
            digest_of(made),
            sink_rows.DAY,
            remote_id=self.known.get(identity),
            contacts=tuple(map(str, contacts)),
            sent=self.sent.get(identity, {}),
            attempt=attempt,
        )

    def deliver(self, *items: Item) -> list[Outcome]:
        """Deliver, remember what was written, and return the outcomes in the order of the items."""
        outcomes = {each.identity: each for each in self.sink.deliver(items)}
        for item in items:
            outcome = outcomes.get(item.identity)
            if outcome is not None and outcome.status == "accepted":
                self.known[item.identity] = outcome.remote_id or ""
                self.sent[item.identity] = remembered(item, outcome)
        return [outcomes.get(each.identity, Outcome(each.identity, "unknown")) for each in items]

    def calls_now(self) -> list[dict[str, str | None]]:
        """Return the values of the calls that are there, in the order in which they were made."""
        return [dict(self.calls.records[number].values) for number in self.calls.live]

    def texts_now(self) -> list[dict[str, str | None]]:
        return [dict(self.communications.records[number].values) for number in self.communications.live]

    def linked(self, kind: str = "calls") -> list[set[int]]:
        """Return the contacts of each record that is there."""
        table = self.fake.portal.table(kind)
        assert table
        return [self.fake.portal.engaged[kind].get(number, set()) for number in table.live]

    def asked(self) -> Counter[str]:
        return Counter(each.operation for each in self.fake.requests)

    def written(self) -> Counter[str]:
        """Count the requests that write."""
        return Counter({name: count for name, count in self.asked().items() if name in WRITES})

    def forget_requests(self) -> None:
        self.fake.backend.log.clear()


def remembered(item: Item, outcome: Outcome) -> dict[str, Any]:
    """Return what a delivery remembers of an accepted item: what was sent but for what a person had changed."""
    now = compacted({**item.fields, **outcome.stored})
    kept = {name: item.sent[name] for name in outcome.kept if name in item.sent}
    return {**{name: value for name, value in now.items() if name not in outcome.kept}, **kept}


def again(item: Item) -> Item:
    """Return the item as it is delivered once more after an unknown outcome."""
    return replace(item, attempt=item.attempt + 1)


def many(world: Timeline, count: int, *, contact: int = 1) -> Sequence[Item]:
    return [world.item(call(number), contact) for number in range(count)]
