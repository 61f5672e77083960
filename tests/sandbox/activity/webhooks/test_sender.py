"""Deliveries: the signature, the guide's retries, and what goes wrong on the way."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import httpx
import pytest

from syncd.sandbox.activity.faults import ACTIVITY_KINDS
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.server import Sandbox
from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_client import client_of
from tests.worlds.webhook_receiver import Receiver, receiver


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def endpoint(sandbox: Sandbox, inbox: Receiver, *events: str) -> str:
    with client_of(sandbox) as api:
        body = {"name": "CRM", "url": inbox.url, "event_filters": list(events)}
        return str(api.post("/webhooks", json=body).json()["secret_key"])


def arm(world: PhoneWorld, kind: str, **options: object) -> None:
    world.faults.arm(parse_fault({"kind": kind, **options}, ACTIVITY_KINDS))


def announced(world: PhoneWorld, count: int = 1) -> list[str]:
    """Make an endpoint and let so many messages arrive; return their ids."""
    world.endpoint("message.received")
    return [world.phones.message() for _ in range(count)]


def ids(events: list[dict[str, dict[str, str]]]) -> list[str]:
    return [event["data"]["message_id"] for event in events]


def test_a_delivery_arrives_signed_as_the_guide_says(sandbox: Sandbox, inbox: Receiver) -> None:
    secret = endpoint(sandbox, inbox, "call.ended")
    call = sandbox.phones.call(remote_name="Zoë Smith")
    sandbox.drain()
    [arrived] = inbox.arrived
    header = arrived.headers["X-Vocatech-Signature"]
    moment, digest = header.removeprefix("t=").split(",v1=")
    expected = hmac.new(secret.encode(), f"t={moment}.{arrived.body.decode()}".encode(), hashlib.sha256).hexdigest()
    assert (digest, arrived.event["data"]["call_id"]) == (expected, call)
    assert not arrived.is_signed_by("another secret")
    assert [(each.outcome, each.status, each.body) for each in sandbox.deliveries] == [("delivered", 204, arrived.body)]


def test_equal_json_of_another_program_has_other_bytes(world: PhoneWorld) -> None:
    world.endpoint("message.received")
    world.phones.message(body="Ça va?", attachments=[{}])
    world.send()
    [(_, body, _, _)] = world.courier.sent
    assert json.dumps(json.loads(body)).encode() != body


def test_retries_come_after_1_5_30_and_120_minutes_then_it_has_failed(world: PhoneWorld) -> None:
    announced(world)
    assert len(world.fail()) == 5
    times = [attempt.at for attempt in world.desk.sender.attempts]
    assert [after - before for before, after in pairwise(times)] == [60, 300, 1800, 7200]
    world.clock.now += 100_000
    assert world.send() == []
    [failure] = world.ask("GET", "/webhooks/failures").body["failures"]
    assert (failure["attempts"], failure["status_code"], failure["webhook_id"]) == (5, 500, 1)


def test_no_retry_comes_early(world: PhoneWorld) -> None:
    announced(world)
    world.courier.status = 503
    world.send()
    world.clock.now += 59
    assert world.send() == []
    world.clock.now += 1
    assert len(world.send()) == 1


def test_retries_of_a_fast_sandbox_come_so_much_sooner() -> None:
    with closing(PhoneWorld(speed=60)) as world:
        announced(world)
        world.courier.status = 500
        seen = []
        for wait in (0, 1, 5, 30, 120):
            world.clock.now += wait
            seen.append(len(world.send()))
        assert seen == [1, 1, 1, 1, 1]


def test_the_thread_repeats_what_was_refused(inbox: Receiver) -> None:
    with Sandbox(limits=None, speed=6000) as sandbox:
        secret = endpoint(sandbox, inbox, "message.received")
        inbox.statuses = [500, 302]
        sandbox.phones.message()
        sandbox.drain()
        while len(inbox.arrived) < 3:
            sandbox.drain()
        sandbox.drain()
    assert [(each.number, each.outcome) for each in sandbox.deliveries] == [
        (1, "repeated"),
        (2, "repeated"),
        (3, "delivered"),
    ]
    assert all(each.is_signed_by(secret) for each in inbox.arrived)


def test_an_endpoint_that_is_off_or_too_slow_gets_the_delivery_again(inbox: Receiver) -> None:
    with Sandbox(limits=None, speed=6000, dialects={"delivery_timeout": "0.2"}) as sandbox:
        endpoint(sandbox, inbox, "message.received")
        inbox.seconds = 0.5
        sandbox.phones.message()
        sandbox.drain()
        assert (sandbox.deliveries[0].status, sandbox.deliveries[0].error) == (0, "timeout")


@pytest.mark.parametrize(("at_once", "most"), [("1", 1), ("4", 4)])
def test_so_many_deliveries_run_at_once(inbox: Receiver, at_once: str, most: int) -> None:
    with Sandbox(limits=None, dialects={"deliveries_at_once": at_once}) as sandbox:
        endpoint(sandbox, inbox, "message.received")
        inbox.seconds = 0.05
        for _ in range(8):
            sandbox.phones.message()
        sandbox.drain()
    assert (len(inbox.arrived), inbox.most_at_once) == (8, most)


def test_the_sandbox_ends_while_an_endpoint_does_not_answer(inbox: Receiver) -> None:
    with Sandbox(limits=None) as sandbox:
        endpoint(sandbox, inbox, "message.received")
        inbox.seconds = 0.7
        sandbox.phones.message()
        while not inbox.arrived:
            time.sleep(0.001)
    assert [each.outcome for each in sandbox.deliveries] == ["repeated"]


def test_a_test_delivery_is_signed_and_sent_once(sandbox: Sandbox, inbox: Receiver) -> None:
    secret = endpoint(sandbox, inbox, "call.ended")
    with client_of(sandbox) as api:
        assert api.post("/webhooks/1/test", json={}).json() == {"success": True, "status_code": 204, "error": None}
        inbox.statuses = [500]
        told = api.post("/webhooks/1/test", json={})
        assert (told.status_code, told.json()["success"], told.json()["status_code"]) == (200, False, 500)
        assert api.post("/webhooks/9/test", json={}).status_code == 404
    assert inbox.events() == ["webhook.test", "webhook.test"]
    assert inbox.arrived[0].is_signed_by(secret)


def test_what_happened_before_an_endpoint_was_made_is_not_announced_to_it(world: PhoneWorld) -> None:
    world.phones.message()
    [later] = announced(world)
    assert ids(world.send()) == [later]


# Faults.


def test_a_dropped_delivery_never_arrives_and_is_no_failure(world: PhoneWorld) -> None:
    _, second = announced(world, 2)
    arm(world, "event_drop")
    assert ids(world.send()) == [second]
    world.clock.now += 100_000
    assert world.send() == []
    assert [attempt.outcome for attempt in world.desk.sender.attempts] == ["lost", "delivered"]


def test_a_doubled_delivery_arrives_twice(world: PhoneWorld) -> None:
    [first] = announced(world)
    arm(world, "event_double")
    sent = world.send()
    assert ids(sent) == [first, first]
    assert sent[0]["id"] == sent[1]["id"]


def test_a_delayed_delivery_comes_later(world: PhoneWorld) -> None:
    first, second = announced(world, 2)
    arm(world, "event_delay", seconds=900)
    assert ids(world.send()) == [second]
    world.clock.now += 900
    assert ids(world.send()) == [first]


def test_a_reordered_delivery_comes_after_the_next(world: PhoneWorld) -> None:
    first, second = announced(world, 2)
    arm(world, "event_reorder")
    assert ids(world.send()) == [second, first]


def test_a_reordered_delivery_without_a_next_comes_after_a_minute(world: PhoneWorld) -> None:
    [first] = announced(world)
    arm(world, "event_reorder")
    assert world.send() == []
    world.clock.now += 60
    assert ids(world.send()) == [first]


def _signed(world: PhoneWorld, at: int) -> bool:
    secret = next(iter(world.desk.webhooks.endpoints.values())).secret
    _, body, headers, _ = world.courier.sent[at]
    moment, digest = headers["X-Vocatech-Signature"].removeprefix("t=").split(",v1=")
    return hmac.new(secret.encode(), f"t={moment}.".encode() + body, hashlib.sha256).hexdigest() == digest


def test_a_forged_delivery_comes_before_the_true_one(world: PhoneWorld) -> None:
    announced(world)
    arm(world, "event_forge")
    world.send()
    assert [_signed(world, at) for at in (0, 1)] == [False, True]


def test_a_cut_body_does_not_fit_its_signature_and_comes_again_whole(world: PhoneWorld) -> None:
    announced(world)
    arm(world, "event_truncate")
    world.courier.status = 401
    world.desk.sender.send_due()
    assert not _signed(world, 0)
    world.clock.now += 60
    world.send()
    assert _signed(world, 0)


def test_a_packed_body_does_not_fit_its_signature(world: PhoneWorld) -> None:
    announced(world)
    arm(world, "event_gzip")
    world.desk.sender.send_due()
    [(_, body, headers, _)] = world.courier.sent
    assert (headers["Content-Encoding"], _signed(world, 0)) == ("gzip", False)
    assert json.loads(gzip.decompress(body))["event_type"] == "message.received"


def test_a_fault_strikes_only_the_type_that_it_names(world: PhoneWorld) -> None:
    announced(world)
    arm(world, "event_drop", event="call.ended")
    assert len(world.send()) == 1


@pytest.mark.parametrize(("of", "skewed"), [("both", (500, 500)), ("signatures", (500, 0)), ("dates", (0, 500))])
def test_a_skewed_clock_shows_in_signatures_and_dates(world: PhoneWorld, of: str, skewed: tuple[int, int]) -> None:
    announced(world)
    arm(world, "skew", seconds=500, of=of)
    world.send()
    [attempt] = world.desk.sender.attempts
    date = httpx.Headers({"Date": world.backend.date})["Date"]
    assert date.endswith("08:08:20 GMT" if skewed[1] else "08:00:00 GMT")
    assert attempt.signed_at - int(world.clock.now) == skewed[0]
    world.faults.disarm()
    assert world.backend.date.endswith("08:00:00 GMT")
