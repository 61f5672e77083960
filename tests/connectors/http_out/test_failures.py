"""What the sink ``http`` makes of a receiver that fails: nothing is lost, and one bad message holds no other up."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import structlog

from syncd.errors import SinkDenied, SinkError, SinkInvalid, SinkUnavailable, Stopped
from syncd.sink import Wants
from tests.worlds.deliveries import call, calls, item_of, message
from tests.worlds.webhook_target import SECRET, Receiver

PRIVATE = ("2125550101", "Ann Lee", "lease", "path-with-a-key", "query-with-a-key", SECRET[6:], "key-of-a-gateway")


def deliver(receiver: Receiver, rows: list[Any], **options: Any) -> dict[str, int]:
    """Deliver rows, and count their outcomes; an item without an outcome is ``unknown``."""
    with receiver.sink(**options) as sink:
        outcomes = {each.identity: each for each in sink.deliver([item_of(sink, row) for row in rows])}
    found = [outcomes[f"call:{row['id']}"].status if f"call:{row['id']}" in outcomes else "unknown" for row in rows]
    return {status: found.count(status) for status in set(found)}


def test_one_bad_item_in_a_hundred() -> None:
    receiver = Receiver()
    receiver.reply = lambda body: 422 if body["data"]["id"] == "c-42" else 202
    assert deliver(receiver, calls(100), concurrency=4) == {"accepted": 99, "rejected": 1}
    assert len(receiver.rows) == 99


def test_items_at_which_the_receiver_fails_hold_no_other_up() -> None:
    receiver = Receiver()
    bad = {f"c-{number}" for number in range(1, 20, 3)}
    receiver.reply = lambda body: 500 if body["data"]["id"] in bad else 204
    assert deliver(receiver, calls(20)) == {"accepted": 13, "unknown": 7}


def test_the_reason_of_a_refusal_holds_no_data() -> None:
    receiver = Receiver()
    receiver.reply = lambda body: httpx.Response(400, json={"message": f"invalid name {body['data']['remote_name']}"})
    with receiver.sink() as sink:
        [outcome] = sink.deliver([item_of(sink, call())])
    assert outcome.status == "rejected"
    assert outcome.reason.startswith("the receiver refused it with status 400")
    assert not any(text in outcome.reason for text in PRIVATE)


def test_create_answer_lost_and_the_receiver_has_one_record() -> None:
    receiver = Receiver()
    receiver.lost = 3
    with receiver.sink() as sink:
        item = item_of(sink, call())
        with pytest.raises(SinkUnavailable) as raised:
            sink.deliver([item])
        assert raised.value.in_doubt
        [outcome] = sink.deliver([item])
    assert outcome.status == "accepted"
    assert len(receiver.requests) == 4
    assert len(receiver.ids) == len(receiver.rows) == 1


def test_sink_down_nothing_lost() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: httpx.ConnectError("refused")
    with pytest.raises(SinkUnavailable, match="hooks"):
        deliver(receiver, calls(100), concurrency=4)
    assert len(receiver.requests) <= 3 * 8, "a receiver that is down is not asked for every item"
    receiver.reply = lambda _body: 204
    assert deliver(receiver, calls(100), concurrency=4) == {"accepted": 100}


def test_a_receiver_that_goes_down_in_between_keeps_what_it_took() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: 204 if len(receiver.rows) < 30 else 503
    assert deliver(receiver, calls(100)) == {"accepted": 30, "unknown": 70}


def test_a_moment_of_failure_is_tried_again() -> None:
    receiver = Receiver()
    replies = iter([502, 503])
    receiver.reply = lambda _body: next(replies, 204)
    assert deliver(receiver, calls(3)) == {"accepted": 3}


def test_a_429_is_waited_for_as_long_as_the_receiver_says() -> None:
    receiver = Receiver()
    replies = iter([httpx.Response(429, headers={"Retry-After": "7"})])
    receiver.reply = lambda _body: next(replies, 204)
    assert deliver(receiver, calls(3)) == {"accepted": 3}
    assert 7 <= receiver.now < 8


def test_a_429_for_an_hour_is_left_for_later() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: httpx.Response(429, headers={"Retry-After": "3600"})
    with pytest.raises(SinkUnavailable):
        deliver(receiver, calls(100))
    assert receiver.now <= 5 * 60


def test_a_receiver_that_is_still_at_work_on_it_is_asked_again_later() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: 409
    assert deliver(receiver, calls(1)) == {"unknown": 1}


@pytest.mark.parametrize("status", [404, 405, 410])
def test_an_address_without_a_receiver_rejects_nothing(status: int) -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: status
    with pytest.raises(SinkInvalid, match=f"status {status}.*url"):
        deliver(receiver, calls(20))
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_receiver_that_refuses_the_signature_ends_the_batch(status: int) -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: status
    with pytest.raises(SinkDenied, match=r"check options\.secrets"):
        deliver(receiver, calls(20))
    assert len(receiver.requests) == 1


def test_a_redirect_is_not_followed_nor_shown() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: httpx.Response(308, headers={"Location": "https://evil.example.com/path-with-a-key"})
    with pytest.raises(SinkInvalid, match="redirect") as raised:
        deliver(receiver, calls(20))
    assert {request.url.host for request in receiver.requests} == {"hooks.example.com"}
    assert "path-with-a-key" not in str(raised.value)


@pytest.mark.parametrize("reply", [401, 404, 422, 500, 308, httpx.ReadTimeout("late"), httpx.ConnectError("no")])
def test_no_log_and_no_error_holds_a_secret_or_a_persons_data(reply: Any) -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: reply
    told = ""
    with structlog.testing.capture_logs() as logs:
        try:
            deliver(receiver, [call()], headers={"X-Key": "key-of-a-gateway"})
        except SinkError as error:
            told = str(error)
    assert not [text for text in PRIVATE if text in told + str(logs)]


def test_a_stop_ends_a_batch() -> None:
    receiver = Receiver()
    with receiver.sink() as sink:
        receiver.reply = lambda _body: sink.cancel() or 204  # type: ignore[func-returns-value]
        with pytest.raises(Stopped):
            sink.deliver([item_of(sink, row) for row in calls(20)])
    assert len(receiver.rows) == 1, "the request under way is finished"


def test_erased_calls_and_messages_are_named_to_a_receiver_that_erases() -> None:
    receiver = Receiver()
    with receiver.sink(erase=True) as sink:
        assert sink.wants() == Wants(erases=True, compares=False)
        outcomes = sink.deliver([item_of(sink, call()), item_of(sink, message())])
        ids = [each.remote_id for each in outcomes if each.remote_id]
        assert sink.erase(ids) == ["call:c-1", "message:text:m-1"]
    assert receiver.rows == {}
    assert b'"type":"message.erased"' in receiver.requests[-1].content
    assert b'"data":{"kind":"message","id":"m-1","channel":"text"}' in receiver.requests[-1].content


def test_what_a_receiver_does_not_erase_is_not_gone() -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: 501
    with receiver.sink(erase=True) as sink, pytest.raises(SinkUnavailable):
        sink.erase(["call:c-1"])
    receiver.reply = lambda _body: 422
    with receiver.sink(erase=True) as sink:
        assert sink.erase(["call:c-1"]) == []


def test_a_receiver_that_was_not_said_to_erase_is_never_asked_to() -> None:
    assert Receiver().sink().wants() == Wants(compares=False)


@pytest.mark.parametrize(("status", "is_good"), [(204, True), (404, True), (405, False), (501, False)])
def test_check_posts_nothing_and_says_what_the_receiver_answers(status: int, is_good: bool) -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: status
    with receiver.sink() as sink:
        [note] = sink.check()
    assert note.good is is_good
    assert f"the receiver answers (status {status}" in note.text
    assert [request.method for request in receiver.requests] == ["OPTIONS"]


@pytest.mark.parametrize(("reply", "error"), [(410, SinkInvalid), (301, SinkInvalid), (503, SinkUnavailable)])
def test_check_tells_what_is_wrong(reply: int, error: type[SinkError]) -> None:
    receiver = Receiver()
    receiver.reply = lambda _body: reply
    with receiver.sink() as sink, pytest.raises(error):
        sink.check()
