"""The life of the receiver's process: its start, its signals, its places, its secrets, its memory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.activity.receiving.secret_file import Secrets, read
from syncd.core.activity.signature import signed
from tests.worlds.certificates import certificates
from tests.worlds.commands import process
from tests.worlds.patience import BUSY, PATIENCE, until
from tests.worlds.receiver import PATH, SECRET, Receiver, event, receiving


def test_a_stop_ends_within_two_seconds_and_answers_what_has_arrived(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        slow = socket.create_connection(("127.0.0.1", one.port), PATIENCE)
        slow.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
        idle = socket.create_connection(("127.0.0.1", one.port), PATIENCE)
        assert one.deliver(event()) == 204
        begun = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - begun < 2 + BUSY
        # Whoever was not answered is not told that the request was handled.
        assert (slow.recv(100), idle.recv(100)) == (b"", b"")
        slow.close()
        idle.close()
        assert one.stored() == {"evt_1": "new"}


def test_what_serves_is_small(tmp_path: Path) -> None:
    with receiving(tmp_path, whole=True) as one:
        for number in range(200):
            assert one.deliver(event(f"evt_{number}")) == 204
        assert one.memory() <= 45
        # Also after the longest events that there may be.
        for number in range(4):
            assert one.deliver(event(f"long_{number}", call_id=f"long_{number}", text="." * 4_000_000)) == 204
        assert one.memory() <= 45


def test_what_serves_imports_nothing_large() -> None:
    code = "import sys, syncd.commands.activity.receiver; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    modules = set(done.stdout.split())
    assert "syncd.commands.activity.receiver" in modules
    assert modules & {"polars", "sqlalchemy", "sqlmodel", "pydantic", "starlette", "httpx", "yaml", "alembic"} == set()


def test_the_secret_is_in_no_list_of_processes(tmp_path: Path) -> None:
    with receiving(tmp_path, whole=True, secret=["s-5550199"]) as one:
        for name in ("cmdline", "environ"):
            assert b"s-555" not in Path(f"/proc/{one.running().pid}/{name}").read_bytes()
        assert one.deliver(event(), b"s-5550199") == 204
        assert "s-555" not in one.log.read_text()


def test_a_secret_that_appears_or_changes_later_is_taken_at_once(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    one = Receiver(tmp_path)
    file.unlink()
    try:
        one.start()
        assert one.deliver(event()) == 401
        assert one.lines()[0]["kind"] == "no secret"
        file.mkdir()
        assert one.deliver(event()) == 401
        assert one.lines()[1]["kind"] == "unreadable secret"
        file.rmdir()
        file.write_bytes(SECRET + b"\n")
        assert one.deliver(event()) == 204
        file.write_bytes(b"s-5550101\n" + SECRET + b"\n")
        assert one.deliver(event("evt_2"), b"s-5550101") == 204
        assert one.deliver(event("evt_3")) == 204
        file.write_bytes(b"s-5550101\n")
        assert one.deliver(event("evt_4")) == 401
    finally:
        one.end()


def test_hang_up_reads_the_configuration_again(tmp_path: Path) -> None:
    with receiving(tmp_path, whole=True) as one:
        one.receive["url"] = "https://hooks.example.com/other"
        one.receive["secret"] = "s-5550102"
        one.configure()
        one.signal(signal.SIGHUP)
        until(lambda: one.deliver(event(), path="/other") == 204)
        assert one.deliver(event("evt_2"), b"s-5550102", path="/other") == 204
        # A wrong file changes nothing.
        (tmp_path / "receive.yaml").write_text("target: {")
        one.signal(signal.SIGHUP)
        until(lambda: one.lines("the configuration could not be read again; the old one stays"))
        assert one.deliver(event("evt_3"), path="/other") == 204


def test_hang_up_moves_to_another_place(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        path = str(tmp_path / "hooks.sock")
        one.receive["listen"] = path
        one.configure()
        one.signal(signal.SIGHUP)
        until(lambda: Path(path).exists())
        one.await_health()
        assert one.deliver(event()) == 204
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", one.port)).close()
        assert (Path(path).stat().st_mode & 0o777) == 0o660
        assert one.stop() == 0
        assert not Path(path).exists()


def test_the_store_moves_and_the_place_stays(tmp_path: Path) -> None:
    with receiving(tmp_path, whole=True) as one:
        assert one.deliver(event()) == 204
        one.activity["store"] = "other.db"
        one.configure()
        one.signal(signal.SIGHUP)
        until(lambda: (tmp_path / "other.db").exists() and one.lines("receiving")[1:])
        assert one.deliver(event("evt_2")) == 204
        assert one.stored() == {"evt_2": "new"}


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "hooks.sock")
    with receiving(tmp_path, listen=path) as one:
        again = process("receive", "--config", str(one.configure()), folder=tmp_path)
        assert again.returncode == 2
        assert "cannot listen there" in again.stderr
        one.end()
        assert Path(path).exists()
        one.start()
        assert one.deliver(event()) == 204


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        again = process("receive", "--config", str(one.configure()), folder=tmp_path)
        assert again.returncode == 2
        assert "receive.listen" in again.stderr


def test_a_configuration_that_receives_nothing(tmp_path: Path) -> None:
    one = Receiver(tmp_path)
    path = one.configure()
    path.write_text(json.dumps({**json.loads(path.read_text()), "activity": {}}))
    done = process("receive", "--config", str(path), folder=tmp_path)
    assert done.returncode == 2
    assert "nothing is received" in done.stderr
    assert process("receive", "--config", "none.yaml", folder=tmp_path).returncode == 2


def test_own_certificate_is_taken_in_again_when_it_changes(tmp_path: Path) -> None:
    made = certificates(tmp_path / "one", os.geteuid())
    newer = certificates(tmp_path / "two", os.geteuid())
    pair = tmp_path / "cert.pem", tmp_path / "cert.key"
    for source, place in zip((made.certificate, made.key), pair, strict=True):
        shutil.copy(source, place)
    one = Receiver(tmp_path, tls={"cert": "cert.pem", "key": "cert.key"})
    try:
        one.start(ready=False)
        until(lambda: one.lines("receiving"))
        assert shown(one.port) == pem(made.certificate)
        # The certificate comes before its key: until both are there, the old pair serves.
        shutil.copy(newer.certificate, pair[0])
        until(lambda: one.lines("the certificate and its key cannot be used yet; the old ones stay"))
        assert shown(one.port) == pem(made.certificate)
        shutil.copy(newer.key, pair[1])
        until(lambda: shown(one.port) == pem(newer.certificate))
        with socket.create_connection(("127.0.0.1", one.port), PATIENCE) as line, unverified().wrap_socket(line) as tls:
            body = json.dumps(event()).encode()
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            tls.sendall(f"{head}X-Vocatech-Signature: {signed(body, SECRET, int(time.time()))}\r\n\r\n".encode() + body)
            assert tls.recv(100).startswith(b"HTTP/1.1 204")
    finally:
        one.end()


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


def pem(file: Path) -> str:
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(file.read_text()))


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    for name in ("cert.pem", "cert.key"):
        (tmp_path / name).write_text("nothing")
    one = Receiver(tmp_path, tls={"cert": "cert.pem", "key": "cert.key"})
    done = process("receive", "--config", str(one.configure()), folder=tmp_path)
    assert done.returncode == 2
    assert "receive.tls" in done.stderr


def test_each_new_event_wakes_the_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon, receiving(tmp_path) as one:
        daemon.bind(str(tmp_path / "syncd.db.wake"))
        daemon.settimeout(PATIENCE)
        assert one.deliver(event()) == 204
        assert daemon.recv(10)
        assert one.deliver(event()) == 204
        daemon.settimeout(0.3)
        with pytest.raises(TimeoutError):
            daemon.recv(10)


def test_the_time_without_a_receiver_is_noted(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        assert one.fact("receiver.gaps") is None
        assert one.stop() == 0
        down = time.time() - 3600
        one.change(f"UPDATE fact SET value = '{down}' WHERE name = 'receiver.seen'")
        one.start()
        [[begin, end]] = json.loads(one.fact("receiver.gaps") or "")
        assert begin == pytest.approx(down)
        assert end == pytest.approx(time.time(), abs=20)


def test_a_secret_file_of_an_editor(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    file.write_bytes(b"\xef\xbb\xbf" + SECRET + b"\r\n\r\ns-5550101\r\n")
    assert read(file) == [SECRET, b"s-5550101"]


def test_secrets_count_on_while_their_file_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    file.write_bytes(SECRET + b"\n")
    secrets = Secrets(["s-5550101"], str(file))
    assert secrets.now() == [b"s-5550101", SECRET]
    file.unlink()
    file.mkdir()
    assert (secrets.now(), secrets.unreadable) == ([b"s-5550101", SECRET], True)
    file.rmdir()
    assert (secrets.now(), secrets.unreadable) == ([b"s-5550101"], False)
