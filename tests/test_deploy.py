"""The files of deploy/ agree with each other and with the program; what no engine is needed for is checked here."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from syncd.activity.receiving.serving import TICK
from syncd.cli import app
from syncd.config import load
from syncd.daemon.children import GRACE
from syncd.daemon.loading import LONGEST
from syncd.daemon.service import LONGEST_SLEEP

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
UNITS = ("syncd.service", "syncd@.service", "syncd-run@.service", "syncd-receive.service", "syncd-receive@.service")


def unit(*names: str) -> dict[str, list[str]]:
    """The settings of unit files read one after the other; a setting may stand several times."""
    found: dict[str, list[str]] = {}
    for name in names:
        for line in (DEPLOY / name).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.setdefault(key, []).append(value)
    return found


def seconds(text: str) -> float:
    number, scale = re.fullmatch(r"(\d+)([a-z]*)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[scale]


def options_of(command: str) -> set[str]:
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {option for each in found.params for option in each.opts}


def is_a_command(line: list[str]) -> bool:
    command, arguments = line[0], line[1:]
    return {each for each in arguments if each.startswith("--")} <= options_of(command)


# systemd


@pytest.mark.parametrize("name", UNITS)
def test_a_service_starts_a_command_that_there_is(name: str) -> None:
    [line] = unit(name)["ExecStart"]
    program, *arguments = shlex.split(line)
    assert program == "/opt/syncd/bin/syncd"
    assert is_a_command(arguments)


@pytest.mark.parametrize("name", UNITS)
def test_sections_are_those_of_units(name: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string((DEPLOY / name).read_text())
    assert set(parser.sections()) <= {"Unit", "Service", "Install"}


def test_the_service_manager_waits_longer_than_the_daemon() -> None:
    settings = unit("syncd@.service", "hardening.conf", "daemon.conf")
    assert seconds(settings["TimeoutStopSec"][0]) > GRACE + 5
    assert seconds(settings["TimeoutStartSec"][0]) > LONGEST
    assert seconds(settings["WatchdogSec"][0]) >= 2 * LONGEST_SLEEP
    assert settings["Type"] == ["notify"]


def test_the_service_manager_waits_longer_than_the_receiver() -> None:
    settings = unit("syncd-receive@.service", "hardening.conf", "receiver.conf")
    assert seconds(settings["TimeoutStopSec"][-1]) > 2 + 5
    assert seconds(settings["TimeoutStartSec"][0]) > LONGEST
    assert seconds(settings["WatchdogSec"][0]) >= 2 * TICK
    assert settings["Type"] == ["notify"]


@pytest.mark.parametrize(("name", "more"), [("syncd", []), ("syncd-receive", ["RuntimeDirectory"])])
def test_the_one_company_and_the_many_differ_in_names_only(name: str, more: list[str]) -> None:
    one, many = unit(f"{name}.service"), unit(f"{name}@.service")
    many.pop("LogExtraFields")
    assert set(one) == set(many)
    assert [key for key in one if one[key] != many[key]] == [
        "Description",
        "ExecStart",
        "LoadCredential",
        "StateDirectory",
        *more,
        "SyslogIdentifier",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_a_unit_with_its_drop_ins(name: str, tmp_path: Path) -> None:
    parts = ["hardening.conf", "receiver.conf" if "receive" in name else "daemon.conf"]
    # An instance of a template, with a program that there is.
    text = (DEPLOY / name).read_text().replace("/opt/syncd/bin/syncd", "/bin/true")
    written = tmp_path / name.replace("@.", "@acme.")
    written.write_text(text)
    for number, part in enumerate(parts):
        place = tmp_path / f"{written.name}.d" / f"{number}-{part}"
        place.parent.mkdir(exist_ok=True)
        place.write_text((DEPLOY / part).read_text())
    line = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(written)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert [each for each in done.stderr.splitlines() if "syncd" in each] == []


def test_the_installer_installs_every_file_of_the_services() -> None:
    script = (DEPLOY / "install.sh").read_text()
    others = {"install.sh", "Dockerfile", "compose.yaml"}
    assert [path.name for path in DEPLOY.iterdir() if path.name not in others and path.name not in script] == []


@pytest.mark.parametrize("script", ["install.sh", "syncd-at"])
def test_a_script_passes_shellcheck(script: str) -> None:
    done = subprocess.run([BIN / "shellcheck", DEPLOY / script], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_installer_is_for_root(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    line = [DEPLOY / "install.sh"]
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: root is needed: sudo ")


# The container


def test_the_dockerfile_passes_hadolint() -> None:
    done = subprocess.run([BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_holds_all_that_the_wheel_is_made_of() -> None:
    copied = {word for name, rest in instructions() if name == "COPY" for word in rest.split()[:-1]}
    assert {"pyproject.toml", "README.md", "LICENSE", "syncd", "connectors", "config"} <= copied
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not copied & set(ignored)


def test_the_container_runs_as_nobody_in_particular_and_its_commands_are_there() -> None:
    found = dict(instructions())
    assert found["USER"] == "10001:10001"
    assert is_a_command(yaml.safe_load(found["CMD"]))
    health = yaml.safe_load(found["HEALTHCHECK"].partition("CMD ")[2])
    assert health == ["syncd", "status", "--check"]
    assert is_a_command(health[1:])


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_composed_service_can_write_to_its_state_only_and_has_time_to_stop() -> None:
    service = compose()["services"]["syncd"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert [each for each in service["volumes"] if not each.endswith(":ro")] == ["state:/var/lib/syncd"]
    assert seconds(service["stop_grace_period"]) > GRACE + 5
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert set(service["secrets"]) == set(compose()["secrets"])


def test_the_configuration_that_the_documents_tell_of_loads(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k-5550100\n")
    said = re.findall(r"api_key: (\$\{credential:key\})", (DEPLOY / "install.sh").read_text())
    config = tmp_path / "acme.yaml"
    config.write_text(
        f'target: {{api_key: "{said[0]}"}}\nstate: /var/lib/syncd/acme/syncd.db\n'
        "sources: {tenants: {connector: csv, options: {path: t.csv}, key: id, schedule: 15m, mapping: {Name: name}}}\n"
    )
    settings = load(config, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.target.api_key.reveal() == "k-5550100"
