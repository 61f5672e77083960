"""The sandbox as a process: its start, its end, its control paths and its output."""

from __future__ import annotations

import gc
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from statistics import median

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox.server import Sandbox, serve
from tests.worlds.patience import PATIENCE
from tests.worlds.sandbox_client import client_of


def control(sandbox: Sandbox, path: str) -> str:
    return sandbox.url.removesuffix("/v1") + "/_sandbox" + path


def test_it_starts_and_stops_without_leaving_anything_open() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        threads = threading.active_count()
        for _ in range(2):
            with Sandbox() as sandbox, client_of(sandbox) as api:
                api.get("/contacts")
        gc.collect()
    assert threading.active_count() == threads
    assert [str(warning.message) for warning in told] == []


def test_it_can_be_closed_while_a_client_stays_connected() -> None:
    sandbox = Sandbox()
    with sandbox:
        api = client_of(sandbox)
        assert api.get("/contacts").status_code == 200
    with pytest.raises(httpx.TransportError):
        api.get("/contacts")
    api.close()


def test_one_sandbox_opens_again_on_its_port(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "s.db")
    with sandbox:
        sandbox.store.add({"External ID": "1"})
        url = sandbox.url
    with sandbox, client_of(sandbox) as api:
        assert sandbox.url == url
        assert api.get("/contacts").json()["meta"]["total_contacts"] == 1


def test_a_taken_port_is_told() -> None:
    with Sandbox() as sandbox, pytest.raises(ConfigError, match=f"port {sandbox.port}"), Sandbox(port=sandbox.port):
        pass


def test_an_unusable_file_lets_go_of_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ConfigError), Sandbox(tmp_path / "no" / "s.db", port):
        pass
    with Sandbox(port=port):
        pass


def test_an_answer_is_not_held_back_by_the_network_stack(sandbox: Sandbox, api: httpx.Client) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        api.get("/contacts")
        return time.perf_counter() - began

    assert median(seconds() for _ in range(11)) < 0.03


def test_its_requests_are_logged_without_values(sandbox: Sandbox, api: httpx.Client) -> None:
    api.post("/contacts", json={"contacts": [{"fields": {"External ID": "secret"}}] * 2})
    api.get("/contacts", params={"search": "secret", "limit": 5})
    api.request("DELETE", "/contacts", json={"ids": [1, 2, 3]})
    seen = [(entry.method, entry.path, entry.status, entry.rows) for entry in sandbox.requests]
    assert seen == [("POST", "/contacts", 201, 2), ("GET", "/contacts", 200, 1), ("DELETE", "/contacts", 204, 3)]
    assert sandbox.requests[1].query == {"limit": "5"}
    assert "secret" not in httpx.get(control(sandbox, "/requests")).text
    assert httpx.delete(control(sandbox, "/requests")).json() == {"requests": []}
    assert sandbox.requests == []


def test_health_is_told_without_a_key(sandbox: Sandbox) -> None:
    sandbox.store.add({"External ID": "1"})
    assert httpx.get(control(sandbox, "/health")).json() == {"status": "ok", "contacts": 1, "requests": 0}


def test_dialects_are_shown_and_changed_while_it_runs(sandbox: Sandbox, api: httpx.Client) -> None:
    changed = httpx.patch(control(sandbox, "/dialects"), json={"delete_status": "200"}).json()
    assert changed["delete_status"]["value"] == "200"
    assert changed["delete_status"]["values"] == ["204", "200"]
    sandbox.store.add({"External ID": "1"})
    assert api.request("DELETE", "/contacts", json={"id": 1}).status_code == 200
    refused = httpx.patch(control(sandbox, "/dialects"), json={"delete_status": "201"})
    assert (refused.status_code, "it has: 204, 200" in refused.text) == (400, True)


def test_people_edit_contacts_and_fields_over_http(sandbox: Sandbox) -> None:
    assert httpx.post(control(sandbox, "/contacts"), json={"Contact": "Ada"}).json() == {"id": 1}
    assert httpx.patch(control(sandbox, "/contacts/1"), json={"Contact": "Ben"}).status_code == 200
    assert sandbox.store.contacts() == [{"id": 1, "fields": {"Contact": "Ben"}}]
    assert httpx.delete(control(sandbox, "/contacts/1")).status_code == 200
    assert httpx.delete(control(sandbox, "/contacts/1")).status_code == 404
    fields = httpx.put(control(sandbox, "/fields"), json=[{"name": "Key", "is_match": True}]).json()["fields"]
    assert fields == [{"id": 21, "name": "Key", "is_phone": False, "is_match": True, "is_integration": False}]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/contacts", "nonsense"),
        ("POST", "/contacts", '{"Contact": 1}'),
        ("POST", "/contacts", '{"Nobody": "x"}'),
        ("PATCH", "/dialects", "[]"),
        ("PUT", "/fields", "{}"),
        ("PUT", "/fields", '[{"id": 1}]'),
        ("POST", "/faults", "nonsense"),
    ],
)
def test_a_control_request_that_makes_no_sense_is_refused(sandbox: Sandbox, method: str, path: str, body: str) -> None:
    reply = httpx.request(method, control(sandbox, path), content=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 400)


def test_serving_says_how_to_use_it_and_stops_when_told() -> None:
    said: list[str] = []
    leave = threading.Event()
    leave.set()
    serve(port=0, seed=3, key="my-key", say=said.append, until=leave)
    assert "with the key my-key and 3 contacts" in said[0]
    assert len(said) == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_foreground_process_in_order(tmp_path: Path, number: signal.Signals) -> None:
    code = "import pathlib, sys; from syncd.sandbox.server import serve; serve(port=0, data=pathlib.Path(sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "s.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert b"http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(number)
        _, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (0, b"")
    assert [part.name for part in tmp_path.iterdir()] == ["s.db"]
