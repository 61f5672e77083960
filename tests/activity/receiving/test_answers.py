"""What the receiver answers to which delivery, and what is stored then; through its process."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.activity.receiving.body import LONGEST
from syncd.core.activity.signature import HEADER, signed
from tests.worlds.patience import BUSY, PATIENCE
from tests.worlds.receiver import PATH, SECRET, Receiver, event, receiving


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiving(tmp_path_factory.mktemp("receiver"), whole=True) as receiver:
        yield receiver
        # Nothing of a person is in the log, whatever was delivered.
        log = receiver.log.read_text()
        assert [word for word in ("Jane", "Smith", "5551234567", "s-5550100") if word in log] == []


@pytest.fixture(autouse=True)
def _empty(one: Receiver) -> None:
    one.change("DELETE FROM event")


def sign(body: bytes, secret: bytes = SECRET, late: int = 0) -> str:
    return signed(body, secret, int(time.time()) - late)


def test_a_new_event_is_stored_as_it_came(one: Receiver) -> None:
    body = json.dumps(event(), indent=1).encode() + b"\n"
    at = int(time.time())
    assert one.post(body, signed(body, SECRET, at)) == 204
    [row] = one.rows("SELECT id, type, at, signed_at, origin, raw, subject, processed, outcome FROM event")
    raw = row[5]
    assert zlib.decompress(raw) == body
    assert row[:5] == ("evt_1", "call.ended", 1773153045.0, at, "webhook")
    assert row[6:] == ("call of evt_1", None, "new")


def test_stored_and_the_answer_lost_retried(one: Receiver) -> None:
    body = json.dumps(event()).encode()
    with socket.create_connection(("127.0.0.1", one.port), PATIENCE) as line:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{HEADER}: {sign(body)}\r\n\r\n"
        line.sendall(head.encode() + body)
        assert line.recv(100).startswith(b"HTTP/1.1 204")
    assert one.deliver(event()) == 204
    assert one.stored() == {"evt_1": "new"}


def test_body_re_serialised_is_refused(one: Receiver) -> None:
    body = json.dumps(event()).encode()
    assert one.post(json.dumps(event(), separators=(",", ":")).encode(), sign(body)) == 401
    assert one.stored() == {}


def test_two_signatures_the_second_is_ours(one: Receiver) -> None:
    body = json.dumps(event()).encode()
    ours = sign(body)
    assert one.post(body, sign(body, b"other").replace("v1=", "v1=00,v1=") + "," + ours.partition(",")[2]) == 204


def test_stale_but_genuine_refused_and_noted(one: Receiver) -> None:
    assert one.deliver(event(), late=400) == 409
    assert one.deliver(event(), late=400) == 409
    assert one.rows("SELECT outcome, processed FROM event") == [("stale", None)]
    assert one.deliver(event()) == 204
    assert one.rows("SELECT outcome, processed FROM event") == [("new", None)]
    # A replay of what is known is refused as well, and changes nothing.
    assert one.deliver(event(), late=400) == 409
    assert one.stored() == {"evt_1": "new"}


def test_a_stale_row_gives_way_to_the_same_event_under_another_id(one: Receiver) -> None:
    data = {"call_id": "c1"}
    assert one.deliver(event("evt_1", **data), late=-400) == 409
    assert one.deliver(event("evt_2", **data)) == 204
    assert one.stored() == {"evt_2": "new"}
    assert one.deliver(event("evt_1", **data), late=400) == 409
    assert one.stored() == {"evt_2": "new"}


def test_same_event_under_two_ids(one: Receiver) -> None:
    assert [one.deliver(event(identity, call_id="c1")) for identity in ("evt_1", "evt_2", "evt_2")] == [204] * 3
    assert one.stored() == {"evt_1": "new"}


def test_unknown_type(one: Receiver) -> None:
    assert one.deliver(event(kind="voicemail.left")) == 204
    assert one.rows("SELECT type, outcome FROM event") == [("voicemail.left", "new")]


def test_event_of_another_company(one: Receiver) -> None:
    assert one.deliver(event("evt_1")) == 204
    assert one.deliver(event("evt_2", company=124)) == 204
    assert one.deliver(event("evt_3", kind="webhook.test", company=None)) == 204
    assert one.stored() == {"evt_1": "new", "evt_2": "ignored", "evt_3": "new"}
    assert float(one.fact("receiver.foreign") or 0) == pytest.approx(time.time(), abs=20)
    assert one.fact("company_id") == "123"
    assert one.lines()[-1]["kind"] == "other company"


def test_four_megabytes_and_one_byte(one: Receiver) -> None:
    frame = len(json.dumps(event(text="")).encode())
    body = json.dumps(event(text="." * (LONGEST - frame))).encode()
    assert len(body) == LONGEST
    assert one.post(body, sign(body)) == 204
    assert one.post(body + b" ", sign(body + b" ")) == 413
    assert one.post(b"." * 3 * LONGEST, "t=1,v1=") == 413
    assert list(one.stored()) == ["evt_1"]


def test_too_long_without_a_length(one: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", one.port), PATIENCE) as line:
        line.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(5):
            line.sendall(b"100000\r\n" + b"." * 0x100000 + b"\r\n")
        line.sendall(b"0\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "header", [None, "", "t=,v1=", "v1=00", "t=1710000000", "t=１７,v1=00", "nonsense", "=,=,=", "t" * 5000]
)
def test_unsigned(one: Receiver, header: str | None) -> None:
    body = json.dumps(event()).encode()
    encoded = header.encode().decode("latin-1") if header else header
    assert one.post(body, encoded) == 401
    assert one.stored() == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>502</html>", b'{"id": 1}', b"\xff", b"[" * 100_000])
def test_signed_but_no_event(one: Receiver, body: bytes) -> None:
    assert one.post(body, sign(body)) == 400
    assert one.post(body, sign(body)) == 400
    [(identity, outcome)] = one.rows()
    assert identity.startswith("malformed:")
    assert outcome == "malformed"
    assert one.rows("SELECT count(*) FROM event WHERE processed IS NULL") == [(0,)]


def test_a_body_that_is_packed_or_cut_is_refused(one: Receiver) -> None:
    body = json.dumps(event()).encode()
    headers = {HEADER: sign(body), "Content-Encoding": "gzip"}
    assert one.ask("POST", PATH, gzip.compress(body), headers)[0] == 401
    assert one.post(body[:-5], sign(body)) == 401
    assert one.stored() == {}


def test_elsewhere_and_otherwise(one: Receiver) -> None:
    assert one.deliver(event(), path="/") == 404
    assert one.deliver(event(), path=f"{PATH}/") == 404
    status, headers = one.ask("GET", PATH)
    assert (status, headers["allow"]) == (405, "POST")
    assert one.ask("GET", "/healthz")[0] == 200
    assert one.ask("HEAD", "/healthz")[0] == 200
    assert one.stored() == {}


def test_what_is_no_http(one: Receiver) -> None:
    for sent in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", one.port), PATIENCE) as line:
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            assert b"204" not in line.recv(1000)
    assert one.deliver(event()) == 204


def test_each_refused_kind_is_one_line(one: Receiver) -> None:
    before = [line for line in one.lines() if line["kind"] == "signature"]
    for _ in range(20):
        assert one.post(b"{}", "t=1,v1=2") == 401
    lines = [line for line in one.lines() if line["kind"] == "signature"]
    assert len(lines) - len(before) <= 1
    assert "syncd webhook check" in lines[0]["remedy"]
    assert float(one.fact("receiver.refused.signature") or 0) > 0


def test_slow_client_holds_nobody_up(tmp_path: Path) -> None:
    one = Receiver(tmp_path)
    one.patience = 3.0
    try:
        one.start()
        slow_clients(one)
    finally:
        one.end()


def slow_clients(one: Receiver) -> None:
    lines = [socket.create_connection(("127.0.0.1", one.port), PATIENCE) for _ in range(50)]
    for number, line in enumerate(lines):
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        line.sendall(f"{head}\r\n{{".encode() if number % 2 else head.encode())
    begun = time.monotonic()
    assert [one.deliver(event(f"evt_{number}")) for number in range(20)] == [204] * 20
    assert time.monotonic() - begun < one.patience
    # Each of them is ended in time: those that have said what they want are told.
    ends = [line.recv(100) for line in lines]
    assert time.monotonic() - begun < one.patience + BUSY
    assert all(end.startswith(b"HTTP/1.1 408") for end in ends[1::2])
    assert set(ends[::2]) == {b""}
    for line in lines:
        line.close()


def test_the_store_is_its_owners(one: Receiver) -> None:
    assert (one.store.stat().st_mode & 0o777) == 0o600
