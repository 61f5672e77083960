"""Whole runs with every kind of trouble: no name, number or key appears in any output.

Only the documented changes (``changes``, ``altered`` and ``--changes``) hold a contact's values.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from typing import Any

import pytest

from syncd.cli import main
from syncd.commands.settings import loaded
from syncd.errors import SyncdError
from syncd.log import redacted
from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.sync import run_source
from syncd.watch.endpoints import Endpoints
from syncd.watch.notify import tell
from syncd.watch.settings import watch_of
from syncd.watch.status import company_status
from tests.worlds.office import Post
from tests.worlds.world import World

pytestmark = pytest.mark.usefixtures("clean_process")

NAMES = ("Zacharias", "Quetzalin", "Oberholtzer", "Wilhelmine")
PHONES = ("2125550177", "(212) 555-0178", "212-555-0179", "+1 212 555 0180", "2125550178", "2125550179", "2125550180")
KEY = "test-key"
SECRETS = (KEY, "hook-secret-77", "mail-secret-78")
CANARIES = (*NAMES, *PHONES, *SECRETS)
ROWS = [("1", NAMES[0], PHONES[0]), ("2", NAMES[1], PHONES[1]), ("3", NAMES[2], PHONES[2]), ("4", NAMES[3], PHONES[3])]
TROUBLES: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "a refused row": [{"kind": "poison", "value": NAMES[1], "field": "Name"}],
    "a refused batch": [{"kind": "poison", "value": NAMES[1], "field": "Name", "whole": 422}],
    "a lost answer": [{"kind": "drop", "method": "POST", "times": None, "done": True}],
    "a page in place of JSON": [{"kind": "html", "method": "POST", "status": 200, "times": None}],
    "half an answer": [{"kind": "truncate", "method": "GET", "times": None}],
    "a refused key": [{"kind": "status", "status": 401, "times": None}],
    "a server that is down": [{"kind": "status", "status": 503, "times": None}],
}


def told(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def without_changes(out: str) -> str:
    """Return the JSON of a run without the keys that are documented to hold values."""
    found = json.loads(out)
    for source in found["sources"]:
        source["changes"], source["altered"] = [], []
    found["callers"]["list"] = []
    return json.dumps(found, ensure_ascii=False)


def arguments_of(world: World, *arguments: str) -> list[str]:
    return ["--log-level", "debug", "--config", str(world.folder / "syncd.yaml"), *arguments]


@pytest.fixture
def company(world: World) -> World:
    """A company with valid rows, an invalid row, a row without a key, and a row with impossible numbers."""
    world.target["timeout"] = "1s"
    world.notify = {"to": [f"json://user:{SECRETS[1]}@127.0.0.1:9/x"], "timeout": "5s"}
    world.sources["tenants"]["mapping"]["Note"] = {"from": "note", "empty": "reject"}
    world.sources["tenants"]["phones"] = {"invalid": "reject"}
    rows = [(*row, "x") for row in ROWS]
    bad = [("5", NAMES[0], "12", "x"), ("", NAMES[1], PHONES[0], "x"), ("6", NAMES[2], PHONES[0], "")]
    world.write([*rows, *bad, (*ROWS[0], "y")], header="id,name,phone,note")
    world.settings()
    return world


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_run_says_nothing_of_anybody(company: World, trouble: str) -> None:
    for fault in TROUBLES[trouble]:
        company.sandbox.arm(fault)
    for report in _runs(company):
        assert told(json.dumps({**report.to_json(), "altered": []}, ensure_ascii=False)) == []
        assert told(f"{report.error!r} {report.error}") == []
    found = company_status(watch_of(company.settings()), 1e10)
    assert told(json.dumps(found, ensure_ascii=False)) == []
    post = Post()
    tell(company.settings(), clock=lambda: 1e10, send=post)
    words = [json.dumps([each["title"], each["body"], each["short"]]) for each in post.sent]
    assert told("".join(words)) == []


def _runs(world: World) -> list[Any]:
    settings = world.settings()
    reports = []
    for _ in range(2):
        report = SourceReport("tenants")
        reports.append(report)
        with open_session(settings, sleep=lambda _: None) as session:
            try:
                run_source(session, settings.sources["tenants"], report)
            except SyncdError as error:
                report.error = error
    return reports


@pytest.mark.parametrize("trouble", ["a refused row", "a page in place of JSON", "a refused key"])
def test_a_command_says_nothing_of_anybody_at_the_level_debug(
    company: World, trouble: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for fault in TROUBLES[trouble]:
        company.sandbox.arm(fault)
    main(arguments_of(company, "run", "--json"))
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    assert told(err) == []
    assert told(without_changes(out)) == []
    for arguments in (["status"], ["status", "--check"], ["rejects", "list"], ["notify", "test"]):
        main(arguments_of(company, *arguments))
        out, err = capfd.readouterr()
        assert told(out + err) == [], arguments


def test_a_process_says_nothing_of_anybody_at_the_level_debug(company: World) -> None:
    """The whole output of a process, with the warnings that libraries print at its end."""
    company.sandbox.arm(TROUBLES["a refused row"][0])
    command = [sys.executable, "-m", "syncd", *arguments_of(company, "run", "--json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert '"event": "run ended"' in done.stderr
    assert "Traceback" not in done.stderr
    assert told(done.stderr) == []
    assert told(without_changes(done.stdout)) == []


def test_the_metrics_name_nobody(company: World) -> None:
    company.sandbox.arm(TROUBLES["a refused row"][0])
    _runs(company)
    watch = watch_of(company.settings())
    place = {name: getattr(watch, name) for name in watch.__slots__}
    endpoints = Endpoints(type(watch)(**{**place, "listen": str(company.folder / "m.sock")}))
    endpoints.start()
    try:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(company.folder / "m.sock"))
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
    finally:
        endpoints.stop()
    assert 'syncd_rejected{source="tenants"} 1.0' in text
    assert told(text) == []


def test_the_test_can_fail() -> None:
    assert told(f"the contact {NAMES[0]} with {PHONES[0]}") == [NAMES[0], PHONES[0]]


def test_the_secret_of_webhooks_is_in_no_log_line(world: World) -> None:
    world.activity = {"receive": {"secret": ["webhook-secret-79", "webhook-secret-80"]}}
    settings = loaded(world.settings().path)
    assert settings.activity
    line = redacted("signed with webhook-secret-79, then with webhook-secret-80")
    assert "webhook-secret" not in line
