"""What a receiver of the sink ``http`` gets, verified by the package of Standard Webhooks."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.http_out.options import HttpOptions
from connectors.http_out.signing import message_id
from syncd.core.settings.sinks import CallRules, SinkRules
from tests.worlds.deliveries import call, item_of, message
from tests.worlds.webhook_target import SECRET, URL, Receiver

OTHER = "whsec_" + base64.b64encode(b"another-secret-of-32-bytes-0000.").decode()


def delivered(receiver: Receiver, row: Any, rules: SinkRules | None = None, **options: Any) -> Any:
    """Deliver a row, and return the body that the receiver has verified."""
    with receiver.sink(rules, **options) as sink:
        [outcome] = sink.deliver([item_of(sink, row)])
    assert outcome.status == "accepted"
    request = receiver.requests[-1]
    return receiver.webhook.verify(request.content, dict(request.headers))


def test_a_call_is_posted_as_json_list_shows_it() -> None:
    body = delivered(Receiver(), call())
    assert body == {"type": "call", "timestamp": "2026-03-10T14:00:00Z", "data": call()}


def test_a_message_is_posted_with_the_time_at_which_it_was_sent() -> None:
    body = delivered(Receiver(), message())
    assert body == {"type": "message", "timestamp": "2026-03-10T15:00:00Z", "data": message()}


def test_the_address_is_posted_to_as_it_was_written() -> None:
    receiver = Receiver()
    delivered(receiver, call())
    delivered(receiver, call(), url="https://hooks.example.com/in/")
    assert [str(each.url) for each in receiver.requests] == [URL, "https://hooks.example.com/in/"]


def test_the_id_is_the_same_until_the_call_changes() -> None:
    receiver = Receiver()
    with receiver.sink() as sink:
        items = [item_of(sink, call()), item_of(sink, call()), item_of(sink, call(summary="Another."), "update")]
        sink.deliver(items)
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert all(re.fullmatch(r"call:c-1:[0-9a-f]{16}", id_) for id_ in ids)
    assert [request.headers["idempotency-key"] for request in receiver.requests] == ids
    assert receiver.rows["call:c-1"]["summary"] == "Another."


@pytest.mark.parametrize("id_", ["1.5", "a b", "ж\n", "\ud800", "x" * 5000])
def test_every_id_is_one_that_a_header_can_carry(id_: str) -> None:
    made = message_id(f"message:text:{id_}", "0" * 16)
    assert re.fullmatch(r"[\w:%~-]{1,240}", made, re.ASCII)


def test_long_ids_stay_apart() -> None:
    assert message_id("call:" + "x" * 5000 + "1", "v") != message_id("call:" + "x" * 5000 + "2", "v")


def test_every_secret_signs_while_secrets_are_rotated() -> None:
    old, new = Receiver(SECRET), Receiver(OTHER)
    for receiver in (old, new):
        delivered(receiver, call(), secrets=[OTHER, SECRET])
    assert len(new.requests[0].headers["webhook-signature"].split(" ")) == 2


def test_a_body_or_a_secret_that_is_not_ours_is_refused_by_the_receiver() -> None:
    receiver = Receiver()
    delivered(receiver, call())
    [request] = receiver.requests
    for secret, content in ((OTHER, request.content), (SECRET, request.content.replace(b"Ann", b"Bob"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(content, dict(request.headers))


def test_the_rules_leave_texts_out() -> None:
    rules = SinkRules(calls=CallRules(summary=False, transcript="none"))
    data = delivered(Receiver(), call(), rules)["data"]
    assert (data["summary"], data["transcription"]) == (None, None)


def test_owners_and_outcomes_are_those_of_the_configuration() -> None:
    rules = SinkRules(owners={"101": "jane@example.com"}, outcomes={"answered": "connected"})
    data = delivered(Receiver(), call(), rules)["data"]
    assert (data["owner"], data["outcome"]) == ("jane@example.com", "connected")
    assert delivered(Receiver(), call(extension="9"), rules)["data"]["owner"] is None


def test_the_address_of_the_recording_is_named_if_it_is_kept() -> None:
    rules = SinkRules(calls=CallRules(recording="https://files.example.com/{path}"))
    kept = {"n": 1, "duration": 180, "media_id": "rec_1", "path": "2026/rec_1.mp3"}
    data = delivered(Receiver(), call(segments=[kept]), rules)["data"]
    assert data["recording"] == "https://files.example.com/2026/rec_1.mp3"
    assert delivered(Receiver(), call(), rules)["data"]["recording"] is None


def test_half_of_a_surrogate_pair_arrives_as_it_is() -> None:
    assert delivered(Receiver(), call(remote_name="\ud800"))["data"]["remote_name"] == "\ud800"


def test_more_headers_are_sent_with_every_message() -> None:
    receiver = Receiver()
    delivered(receiver, call(), headers={"Authorization": "Bearer key-of-a-gateway"})
    assert receiver.requests[0].headers["authorization"] == "Bearer key-of-a-gateway"


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"url": "hooks.example.com"}, "https://host/path"),
    "plain http": ({"url": "http://hooks.example.com/"}, "write https"),
    "a user": ({"url": "https://key@hooks.example.com/"}, "without a user"),
    "no secret": ({"secrets": []}, "at least 1"),
    "a secret without its beginning": ({"secrets": "c2VjcmV0"}, "begins with whsec_"),
    "a secret that is no base64": ({"secrets": "whsec_§§§§"}, "base64"),
    "a secret that is short": ({"secrets": "whsec_c2VjcmV0"}, "24 to 64 bytes"),
    "a header of ours": ({"headers": {"Webhook-Id": "x"}}, "sets itself"),
    "a header with a line end": ({"headers": {"X-Key": "key-of-a-gateway\n"}}, "line ends"),
    "a header with a colon": ({"headers": {"X:Key": "key-of-a-gateway"}}, "none of a header"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_without_the_secret(name: str) -> None:
    said, words = MISTAKES[name]
    with pytest.raises(ValidationError) as raised:
        HttpOptions.model_validate({"url": URL, "secrets": SECRET, **said})
    told = raised.value.errors(include_input=False)[0]["msg"]
    assert words in told
    assert not re.search("key|c2VjcmV0", told)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    assert HttpOptions.model_validate({"url": f"http://{host}/in", "secrets": SECRET}).url.startswith("http:")
