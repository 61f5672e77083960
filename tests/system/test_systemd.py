"""syncd under a real systemd: installed, started, reloaded, hung, killed, misconfigured and stopped in mid-push."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.sandbox.server import Sandbox
from tests.system.machine import Machine, booted, missing, until
from tests.worlds.world import FIELDS

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")

UNIT = "syncd@acme.service"
SERVICES = ("syncd.service", UNIT, "syncd-run@acme.service")

EXPOSURE = 1.5
"""What `systemd-analyze security` may find at most."""

MEMORY = 60 * 1024
"""Kilobytes that an idle daemon may have in memory."""

PEOPLE = "id,name,phone\n" + "".join(f"{n},Canary Person {n},212555{n:04}\n" for n in range(1, 5001))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with booted() as made:
        made.run("/src/deploy/install.sh", "--wheels", "/wheels")
        made.write("/etc/syncd/acme.key", "test-key-5550100\n", "600")
        yield made


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(key="test-key-5550100", fields=FIELDS, limits=None) as server:
        yield server


def configuration(sandbox: Sandbox, *schedules: str, **target: Any) -> str:
    target = {"api_key": "${credential:key}", "base_url": sandbox.url, "limits": [], "in_flight": 1, **target}
    source = {
        "connector": "csv",
        "options": {"path": "/srv/tenants.csv", "settle": 0},
        "key": "id",
        "reconcile": {"schedule": "never"},
        "mapping": {"External ID": "id", "Name": "name", "Phone": ["phone"]},
    }
    sources = {f"source{number}": {**source, "schedule": each} for number, each in enumerate(schedules)}
    return json.dumps({"target": target, "state": "/var/lib/syncd/acme/syncd.db", "sources": sources})


@pytest.fixture
def acme(machine: Machine, sandbox: Sandbox) -> Iterator[Machine]:
    """The machine with a configured company whose service is not started."""
    machine.write("/srv/tenants.csv", PEOPLE.partition("\n41,")[0] + "\n")
    machine.write("/etc/syncd/acme.yaml", configuration(sandbox, "1h"))
    yield machine
    machine.run("systemctl", "stop", UNIT, "syncd-run@acme.timer", check=False)
    machine.run("sh", "-c", "rm -rf /var/lib/syncd/acme /run/systemd/system/syncd@acme.service.d")
    machine.run("journalctl", "--rotate", "--vacuum-time=1s", "--quiet", check=False)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "reset-failed")


def start(machine: Machine, sandbox: Sandbox, contacts: int = 40) -> None:
    machine.run("systemctl", "start", UNIT)
    until(lambda: len(sandbox.store.contacts()) >= contacts)
    until(lambda: "under way" not in machine.shown(UNIT, "StatusText"))


def processes(machine: Machine) -> list[str]:
    return machine.run(
        "sh", "-c", "cat /sys/fs/cgroup/system.slice/system-syncd.slice/*/cgroup.procs 2>/dev/null || true"
    ).split()


def status(machine: Machine) -> Any:
    return json.loads(machine.run("syncd-at", "acme", "status", "--json"))["sources"][0]


def signalled(machine: Machine, name: str) -> None:
    machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", UNIT)


def memory(machine: Machine) -> int:
    """The kilobytes that the daemon itself has in memory."""
    return int(machine.run("grep", "VmRSS", f"/proc/{machine.shown(UNIT, 'MainPID')}/status").split()[1])


# The units


def test_the_units_are_valid(machine: Machine) -> None:
    machine.write("/etc/syncd/syncd.key", "k", "600")
    assert machine.run("systemd-analyze", "verify", *SERVICES, "syncd-run@acme.timer") == ""


def test_the_services_are_hardly_exposed(machine: Machine) -> None:
    for service in SERVICES:
        printed = machine.run("systemd-analyze", "security", "--no-pager", service)
        [exposure] = re.findall(r"exposure level for \S+: (\d+\.\d+)", printed)
        assert float(exposure) <= EXPOSURE, f"{service}: {exposure}\n{printed}"


def test_installing_again_brings_it_up_to_date_and_restarts_it(acme: Machine, sandbox: Sandbox) -> None:
    start(acme, sandbox)
    before = acme.shown(UNIT, "MainPID")
    assert "syncd is installed" in acme.run("/src/deploy/install.sh", "--wheels", "/wheels")
    assert acme.shown(UNIT, "ActiveState") == "active"
    assert acme.shown(UNIT, "MainPID") != before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wheel", "x"], "there is no option --wheel"),
        (["--wheels"], "needs a folder"),
        (["--wheels", "/srv"], "no wheel"),
    ],
)
def test_an_installer_that_is_called_wrongly_says_how(machine: Machine, arguments: list[str], said: str) -> None:
    printed = machine.run("/src/deploy/install.sh", *arguments, check=False)
    assert printed.startswith("error: ")
    assert said in printed


# A life


def test_enable_now_is_all_a_person_does(acme: Machine, sandbox: Sandbox) -> None:
    acme.run("systemctl", "enable", "--now", UNIT)
    until(lambda: len(sandbox.store.contacts()) == 40)
    until(lambda: acme.shown(UNIT, "StatusText").startswith("next: run source0 at "))
    shown = acme.run("systemctl", "status", "--no-pager", UNIT)
    assert "active (running)" in shown
    assert 'Status: "next: run source0 at ' in shown
    assert acme.run("stat", "-c", "%U %a", "/var/lib/syncd/acme", "/var/lib/syncd/acme/syncd.db") == (
        "syncd 700\nsyncd 600\n"
    )
    assert memory(acme) < MEMORY
    journal = acme.journal(UNIT)
    assert "schedule in force" in journal
    assert "Canary" not in journal
    assert "5550100" not in journal
    acme.run("systemctl", "disable", UNIT)


def test_the_journal_names_the_company_the_source_and_the_run(acme: Machine, sandbox: Sandbox) -> None:
    start(acme, sandbox)
    lines = acme.run("journalctl", "--no-pager", "--output=json", "SYNCD_COMPANY=acme", "SYNCD_SOURCE=source0")
    found = [json.loads(line) for line in lines.splitlines()]
    [ended] = [each for each in found if each["MESSAGE"].startswith("run ended ")]
    assert (ended["SYNCD_OUTCOME"], ended["SYNCD_CREATE"], ended["PRIORITY"]) == ("done", "40", "6")
    assert ended["SYSLOG_IDENTIFIER"] == "syncd"


def test_a_reload_puts_a_new_schedule_in_force(acme: Machine, sandbox: Sandbox) -> None:
    start(acme, sandbox)
    before = acme.shown(UNIT, "MainPID")
    acme.write("/etc/syncd/acme.yaml", configuration(sandbox, "1h", "2h"))
    acme.run("systemctl", "reload", UNIT)
    until(lambda: "source1" in acme.journal(UNIT))
    until(lambda: acme.shown(UNIT, "ActiveState") == "active")
    assert acme.shown(UNIT, "MainPID") == before


def test_a_reload_of_a_broken_configuration_leaves_the_old_schedule_and_says_where_it_is_broken(
    acme: Machine, sandbox: Sandbox
) -> None:
    start(acme, sandbox)
    acme.write("/etc/syncd/acme.yaml", configuration(sandbox, "1h").replace("connector", "conector"))
    acme.run("systemctl", "reload", UNIT)
    until(lambda: "the old schedule stays" in acme.shown(UNIT, "StatusText"))
    assert acme.shown(UNIT, "ActiveState") == "active"
    assert "error: /etc/syncd/acme.yaml:1: sources.source0.conector: is not a key here" in acme.journal(UNIT)


def test_a_command_by_hand_has_the_services_configuration_and_key(acme: Machine, sandbox: Sandbox) -> None:
    start(acme, sandbox)
    assert "source0" in acme.run("syncd-at", "acme", "status")
    assert "External ID" in acme.run("syncd-at", "acme", "fields")
    assert "there is no /etc/syncd/acne.yaml" in acme.run("syncd-at", "acne", "status", check=False)


# What goes wrong


def test_a_daemon_that_hangs_is_replaced(acme: Machine, sandbox: Sandbox) -> None:
    acme.write("/run/systemd/system/syncd@acme.service.d/99.conf", "[Service]\nWatchdogSec=4\nRestartSec=1\n")
    acme.run("systemctl", "daemon-reload")
    start(acme, sandbox)
    before = acme.shown(UNIT, "MainPID")
    time.sleep(6)  # longer than the watchdog waits: a daemon that is well feeds it
    assert acme.shown(UNIT, "NRestarts") == "0"
    signalled(acme, "STOP")
    until(lambda: acme.shown(UNIT, "NRestarts") == "1" and acme.shown(UNIT, "ActiveState") == "active")
    assert acme.shown(UNIT, "MainPID") != before
    assert "Watchdog timeout" in acme.journal(UNIT)


def test_a_daemon_that_is_killed_in_mid_push_comes_back_and_nothing_is_lost_or_there_twice(
    acme: Machine, sandbox: Sandbox
) -> None:
    acme.write("/run/systemd/system/syncd@acme.service.d/99.conf", "[Service]\nRestartSec=1\n")
    acme.write("/srv/tenants.csv", PEOPLE)
    acme.run("systemctl", "daemon-reload")
    sandbox.arm({"kind": "slow", "seconds": 1.0, "times": 3, "method": "POST"})
    acme.run("systemctl", "start", UNIT)
    until(lambda: sum(each.method == "POST" for each in sandbox.requests) >= 2)
    signalled(acme, "KILL")
    until(lambda: acme.shown(UNIT, "NRestarts") == "1")
    until(lambda: status(acme)["last"]["outcome"] == "done")
    assert len(sandbox.store.contacts()) == 5000
    assert len({each["fields"]["External ID"] for each in sandbox.store.contacts()}) == 5000


def test_a_stop_in_mid_push_takes_less_than_30_seconds_and_leaves_nothing_in_doubt(
    acme: Machine, sandbox: Sandbox
) -> None:
    acme.write("/srv/tenants.csv", PEOPLE)
    sandbox.arm({"kind": "slow", "seconds": 1.0, "times": None, "method": "POST"})
    acme.run("systemctl", "start", UNIT)
    until(lambda: sum(each.method == "POST" for each in sandbox.requests) >= 2)
    begun = time.monotonic()
    acme.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begun < 30
    assert acme.shown(UNIT, "Result") == "success"
    assert processes(acme) == []
    found = status(acme)
    assert found["pending"] == 0
    assert 0 < found["contacts"] == len(sandbox.store.contacts()) < 5000


def test_a_target_that_never_answers_does_not_keep_the_service_from_stopping(acme: Machine, sandbox: Sandbox) -> None:
    sandbox.arm({"kind": "slow", "seconds": 100.0, "times": None, "method": "POST"})
    acme.write("/etc/syncd/acme.yaml", configuration(sandbox, "1h", timeout="90s"))
    acme.run("systemctl", "start", UNIT)
    until(lambda: status(acme)["pending"] == 40)
    begun = time.monotonic()
    acme.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begun < 32
    assert acme.shown(UNIT, "Result") == "success"
    assert status(acme)["pending"] == 40


def test_a_broken_configuration_at_the_start_is_not_tried_again_and_status_says_what_is_wrong(
    acme: Machine, sandbox: Sandbox
) -> None:
    acme.write("/etc/syncd/acme.yaml", configuration(sandbox, "1h").replace("connector", "conector"))
    assert "failed" in acme.run("systemctl", "start", UNIT, check=False)
    assert (acme.shown(UNIT, "ActiveState"), acme.shown(UNIT, "NRestarts")) == ("failed", "0")
    assert acme.shown(UNIT, "ExecMainStatus") == "2"
    shown = acme.run("systemctl", "status", "--no-pager", "--full", UNIT, check=False)
    assert "error: /etc/syncd/acme.yaml:1: sources.source0.conector: is not a key here" in shown
    assert "Traceback" not in shown


def test_without_the_key_the_service_says_so(acme: Machine) -> None:
    acme.run("mv", "/etc/syncd/acme.key", "/etc/syncd/away.key")
    try:
        acme.run("systemctl", "start", UNIT, check=False)
        acme.run("systemctl", "stop", UNIT, check=False)
        assert "status=243/CREDENTIALS" in acme.journal(UNIT)
    finally:
        acme.run("mv", "/etc/syncd/away.key", "/etc/syncd/acme.key")


# The timer


def test_the_timer_runs_it_instead_of_the_daemon(acme: Machine, sandbox: Sandbox) -> None:
    acme.run("systemctl", "start", "syncd-run@acme.timer")
    assert "syncd-run@acme.timer" in acme.run("systemctl", "list-timers", "--no-pager", "--all")
    acme.run("systemctl", "start", "syncd-run@acme.service")
    assert len(sandbox.store.contacts()) == 40
    assert acme.shown("syncd-run@acme.service", "Result") == "success"
    assert "Canary" not in acme.journal("syncd-run@acme.service")
