"""The signature of a delivery: every secret meets every v1, over the raw bytes, and the clock comes last."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.signature import BAD, fingerprint, signed, verify

BODY = b'{"id": "evt_1", "event_type": "call.ended"}'
SECRET, OTHER = b"s-555-0100", b"s-555-0101"
NOW = 1_710_000_000


def by_the_guide(body: bytes, secret: bytes, at: int) -> str:
    return f"t={at},v1=" + hmac.new(secret, f"t={at}.{body.decode()}".encode(), hashlib.sha256).hexdigest()


def kind(header: str, body: bytes = BODY, *secrets: bytes, now: float = NOW, tolerance: float | None = 300) -> str:
    return verify(header, body, secrets or (SECRET,), now, tolerance).kind


def test_what_the_guide_signs_is_good() -> None:
    assert by_the_guide(BODY, SECRET, NOW) == signed(BODY, SECRET, NOW)
    found = verify(by_the_guide(BODY, SECRET, NOW), BODY, [OTHER, SECRET], NOW)
    assert (found.kind, found.signed_at, found.secret) == ("good", NOW, 1)


def test_body_re_serialised_is_refused() -> None:
    header = signed(BODY, SECRET, NOW)
    assert kind(header, json.dumps(json.loads(BODY), indent=1).encode()) == "bad"
    assert kind(header, BODY + b"\n") == "bad"


def test_two_signatures_the_second_is_ours() -> None:
    theirs, ours = signed(BODY, OTHER, NOW), signed(BODY, SECRET, NOW)
    assert kind(f"{theirs},{ours.partition(',')[2]}") == "good"
    assert kind(f"v1=00,v0=1,{ours},,x,scheme=a=b") == "good"


def test_two_secrets_either_is_good() -> None:
    assert kind(signed(BODY, OTHER, NOW), BODY, SECRET, OTHER) == "good"
    assert kind(signed(BODY, SECRET, NOW), BODY, SECRET, OTHER) == "good"
    assert kind(signed(BODY, b"third", NOW), BODY, SECRET, OTHER) == "bad"


def test_future_timestamp_replayed_at_the_end_of_both_windows() -> None:
    header = signed(BODY, SECRET, NOW + 300)
    assert [kind(header, now=NOW + after) for after in (-1, 0, 300, 600, 601)] == [
        "stale",
        "good",
        "good",
        "good",
        "stale",
    ]


def test_a_stale_one_that_is_forged_is_bad() -> None:
    assert kind(signed(BODY, OTHER, NOW - 9000)) == "bad"
    assert kind(signed(BODY, SECRET, NOW - 9000)) == "stale"
    assert kind(signed(BODY, SECRET, NOW - 9000), tolerance=None) == "good"


@pytest.mark.parametrize(
    "time", ["", "-5", "+5", "1.5", "1e9", "0x5f", "５５５", "1710000000 ", "1_710", "1" * 13, "nan", "²"]
)
def test_a_time_is_ascii_digits(time: str) -> None:
    mac = hmac.new(SECRET, f"t={time}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert kind(f"t={time},v1={mac}", tolerance=None) == "bad"


def test_two_times_are_none() -> None:
    header = signed(BODY, SECRET, NOW)
    assert kind(f"t=1,{header}") == "bad"
    assert kind(f"{header},t={NOW}") == "bad"


def test_nothing_is_good_without_a_secret() -> None:
    assert verify(signed(BODY, b"", NOW), BODY, [b"", SECRET], NOW) == BAD
    assert verify(signed(BODY, SECRET, NOW), BODY, [], NOW) == BAD
    assert kind("") == kind(f"t={NOW}") == kind(f"t={NOW},v1=") == kind("v1=é") == "bad"


@given(st.text(), st.binary(max_size=50))
def test_no_header_is_too_odd(header: str, body: bytes) -> None:
    assert verify(header, body, [SECRET], NOW).kind == "bad"


@given(st.binary(max_size=200), st.integers(0, 10**12 - 1), st.integers(0, 200))
def test_one_changed_byte_is_bad(body: bytes, at: int, place: int) -> None:
    header = signed(body, SECRET, at)
    assert verify(header, body, [SECRET], at).kind == "good"
    changed = bytearray(body + b"-")
    changed[place % len(changed)] ^= 1
    assert verify(header, bytes(changed), [SECRET], at) == BAD


def test_a_fingerprint_tells_secrets_apart() -> None:
    assert fingerprint(SECRET) == fingerprint(SECRET) != fingerprint(OTHER)
    assert SECRET.decode() not in fingerprint(SECRET)
