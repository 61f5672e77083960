"""For each dialect of deliveries and tiers, what to look at and what each value makes of it."""

from __future__ import annotations

from typing import Any

from syncd.sandbox.backend import Call
from syncd.sandbox.limits import Windows
from tests.worlds.phones_dialects import TWO_PHONES, phones
from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_dialects import Shows
from tests.worlds.sandbox_in_memory import KEY

EVENTS = Shows()


@EVENTS.shows("leg_events", each=["101", "102"], last=["102"])
def show_the_ends_of_a_call_that_rang_twice(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("call.ended")
        held.phones.call(segments=TWO_PHONES)
        return [event["data"]["extension"] for event in held.send()]


@EVENTS.shows("missed_duration", _0=0, ring=9)
def show_the_end_of_a_missed_leg(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("call.ended")
        held.phones.call(talk=0, ring=9)
        return held.send()[0]["data"]["duration"]


@EVENTS.shows("outbound_events", yes=6, no=3)
def show_the_events_of_an_outgoing_call(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint()
        held.phones.call(direction="outgoing")
        held.phones.call(direction="incoming")
        return len(held.send())


@EVENTS.shows("transcripts", call=["S\nT"], segments=["S", "T"])
def show_the_texts_of_a_transferred_call(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("call.transcription")
        call = held.phones.call(segments=[{"extension": "101"}, {"extension": "102", "after": 65}])
        held.phones.transcribe(call, "S", "S", segment=0, announce=False)
        held.phones.transcribe(call, "T", "T", segment=1)
        return [event["data"]["summary"] for event in held.send()]


@EVENTS.shows("retry_signature", fresh=60, original=0)
def show_the_time_of_a_repeated_signature(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.phones.message()
        held.fail()
        first, second = (attempt.signed_at for attempt in list(held.desk.sender.attempts)[:2])
        return second - first


@EVENTS.shows("retry_id", same=1, new=5)
def show_the_ids_of_repeated_deliveries(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.phones.message()
        return len({event["id"] for event in held.fail()})


@EVENTS.shows("event_ids", shared=1, each=2)
def show_one_event_at_two_endpoints(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.endpoint("message.received")
        held.phones.message()
        sent = held.send()
        assert len(sent) == 2
        return len({event["id"] for event in sent})


@EVENTS.shows(
    "failures",
    envelope=(["failures", "meta", "query"], False, 1),
    bare=("a list of objects", False, 1),
    payloads=(["failures", "meta", "query"], True, 1),
    ids=("a list of texts", False, 1),
    cleared=(["failures", "meta", "query"], False, 0),
)
def show_the_failures(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.phones.message()
        held.fail()
        body, again = (held.ask("GET", "/webhooks/failures").body for _ in range(2))
        if isinstance(body, list):
            return f"a list of {'texts' if isinstance(body[0], str) else 'objects'}", False, len(again)
        return sorted(body), "payload" in body["failures"][0], len(again["failures"])


@EVENTS.shows("delivery_timeout", _10=10.0, SECONDS=3.0)
def show_how_long_an_endpoint_may_take(name: str, value: str) -> Any:
    with phones(name, "3" if value == "SECONDS" else value) as held:
        held.endpoint("message.received")
        held.phones.message()
        held.send()
        return held.courier.sent[0][3]


@EVENTS.shows("failing_endpoint", kept="active", disabled="disabled", deleted=None)
def show_an_endpoint_that_failed(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.phones.message()
        held.fail()
        return held.ask("GET", "/webhooks/1").body.get("status")


@EVENTS.shows("status_order", ladder=["delivered", "read"], any=["read", "delivered"])
def show_the_order_of_statuses(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.status_updated")
        held.phones.message(direction="outgoing", channel="whatsapp", statuses=[("delivered", 5), ("read", 9)])
        held.clock.now += 5
        early = held.send()
        held.clock.now += 5
        sent = early + held.send()
        return [event["data"]["status"] for event in sent]


@EVENTS.shows("after_failed", nothing=["failed"], delivered=["failed", "delivered"], sent=["failed", "sent"])
def show_what_follows_a_failure(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.status_updated")
        held.phones.message(direction="outgoing", statuses=[("failed", 5)])
        one = held.phones.message(direction="outgoing")
        held.clock.now += 5
        held.phones.status(one, "failed")
        held.clock.now += 300.1
        sent = [(event["data"]["message_id"], event["data"]["status"]) for event in held.send()]
        mine, other = ([status for name, status in sent if (name == one) is is_mine] for is_mine in (True, False))
        assert mine == other
        # The list says the newest one.
        assert {row["status"] for row in held.messages()} == {mine[-1]}
        return mine


@EVENTS.shows("company_id", constant=123, changed=124)
def show_the_company_of_an_event(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint("message.received")
        held.phones.message()
        return held.send()[0]["company_id"]


@EVENTS.shows("test_answer", honest=(False, 500), always_ok=(True, 200))
def show_a_test_that_fails(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.endpoint()
        held.courier.status = 500
        reply = held.ask("POST", "/webhooks/1/test", {})
        assert reply.status == 200
        return reply.body["success"], reply.body["status_code"]


@EVENTS.shows("reports_tier", apart=[None, None, 429, None], both=[None, None, 429, 429])
def show_the_places_that_reports_take(name: str, value: str) -> Any:
    with phones(name, value) as held:
        held.backend.windows, held.backend.reports = Windows([(2, 60.0)]), Windows([(2, 60.0)])
        return [_refusal(held, path) for path in ("/calls", "/messages", "/calls", "/contacts")]


def _refusal(held: PhoneWorld, path: str) -> int | None:
    refused = held.backend.gate(Call("GET", path, token=KEY))
    return None if refused is None else refused.status
