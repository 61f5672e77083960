"""The command line itself: help, usage errors, where the configuration is found, errors as JSON, and defects."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest

from syncd import __version__, sync
from tests.worlds.commands import Command, environment, errors
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import World

HEAVY = ("polars", "sqlmodel", "sqlalchemy", "httpx", "structlog", "rich", "yaml", "uvicorn", "phonenumbers")


@pytest.mark.parametrize(
    "command", ["", "run", "check", "status", "fields", "approve", "rejects", "sandbox", "demo", "daemon"]
)
def test_every_command_has_a_help(syncd: Command, command: str) -> None:
    code, out, _ = syncd(*command.split(), "--help")
    assert code == 0
    assert out.startswith(f"Usage: syncd {command}".rstrip())


def test_help_imports_nothing_that_is_slow() -> None:
    program = (
        "import sys\nfrom syncd.cli import main\n"
        "codes = [main(['--help']), main(['run', '--help']), main(['sandbox', '--help'])]\n"
        f"sys.exit(str([name for name in {HEAVY!r} if name in sys.modules] or codes))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[0, 0, 0]"


def test_the_version(syncd: Command) -> None:
    assert syncd("--version") == (0, f"syncd {__version__}\n", "")


def test_no_command_at_all_shows_the_help_and_is_a_usage_error(syncd: Command) -> None:
    code, out, err = syncd()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: syncd")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--dry-rum"), "No such option: --dry-rum"),
        (("rum",), "No such command 'rum'"),
        (("approve", "tenants"), "Missing argument 'DIGEST'"),
        (("sandbox", "--port", "x"), "valid integer"),
        (("sandbox", "--dialect", "update"), "write NAME=VALUE"),
        (("sandbox", "--dialect", "updat=replace"), "updat"),
        (("sandbox", "--key", ""), "--key: is empty"),
        (("sandbox", "--hubspot", "--key", " "), "--key: is empty"),
        (("sandbox", "--limits", "many"), "'many' is not a window"),
        (("sandbox", "--reports", "many"), "'many' is not a window"),
        (("sandbox", "--traffic", "5000/hour"), "--traffic '5000/hour': write calls a day, such as 5000/day"),
        (("sandbox", "--since", "yesterday"), "--since: is not a duration"),
        (("sandbox", "--speed", "0.5"), "greater than or equal to 1"),
        (("sandbox", "--hubspot", "--traffic", "5/day"), "a HubSpot account has no phones"),
        (("sandbox", "--dialect", "calendar=martian"), "it has: utc, company, eastern"),
        (("--log-level", "loud", "status"), "there is no level 'loud'"),
        (("status", "--log-level", "loud"), "there is no level 'loud'"),
    ],
)
def test_wrong_usage_exits_2_with_one_message(
    company: World, syncd: Command, arguments: Sequence[str], said: str
) -> None:
    code, out, err = syncd(*arguments)
    assert (code, out) == (2, "")
    [message] = errors(err)
    assert said in message


def test_without_a_configuration_it_says_where_it_looked(
    syncd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = syncd("run")
    assert code == 2
    assert "looked for syncd.yaml and /etc/syncd/syncd.yaml" in errors(err)[0]


def test_the_configuration_is_named_before_or_after_the_command_or_by_the_environment(
    company: World, syncd: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(company.folder / "syncd.yaml")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert syncd("--config", path, "status")[0] == 0
    assert syncd("status", "--config", path)[0] == 0
    assert syncd("rejects", "--config", path, "list")[0] == 0
    monkeypatch.setenv("SYNCD_CONFIG", path)
    assert syncd("status")[0] == 0


def test_every_problem_of_a_configuration_is_told_with_its_place(company: World, syncd: Command) -> None:
    (company.folder / "syncd.yaml").write_text("target: {api_key: k, in_fligt: 2}\nsources: {tenants: {}}\n")
    code, _, err = syncd("run")
    assert code == 2
    assert len(errors(err)) >= 2
    assert all(line.startswith("syncd.yaml:") for line in errors(err))
    assert "Traceback" not in err


def test_the_schema_of_the_configuration_is_json(syncd: Command) -> None:
    code, out, _ = syncd("config", "schema")
    assert code == 0
    assert "SourceForm" in json.loads(out)["$defs"]


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status --check",
        "history",
        "history nobody",
        "history --run none",
        "explain nobody 1",
        "fields",
        "rejects list",
        "rejects list nobody",
        "daemon --check",
        "reconcile",
        "undo none",
        "run --nosuch",
        "status --log-level loud",
    ],
)
def test_an_error_too_is_one_json_object_and_nothing_else(company: World, syncd: Command, command: str) -> None:
    if "none" not in command and "nobody" not in command:
        (company.folder / "syncd.yaml").write_text("target: {api_key: k}\nsources: {tenants: {}}\n")
    code, out, err = syncd(*command.split(), "--json")
    found = json.loads(out)
    assert (code, found["exit"], found["error"]["exit"]) == (2, 2, 2)
    assert found["error"]["message"].splitlines() == errors(err)
    assert found["error"]["kind"]
    assert out.count("\n") == 1


def test_an_unreachable_target_is_told_as_json_too(company: World, syncd: Command) -> None:
    company.target["base_url"] = "http://127.0.0.1:1/v1"
    company.settings()
    code, out, _ = syncd("fields", "--json")
    assert (code, json.loads(out)["exit"], json.loads(out)["error"]["kind"]) == (4, 4, "TargetUnavailable")


def test_a_defect_exits_1_and_says_where_without_any_value(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("Ada Abbott 2125551234")

    monkeypatch.setattr(sync, "usable_schema", broken)
    code, out, err = syncd("run", "--json", "--log-level", "debug")
    found = json.loads(out)
    assert code == found["exit"] == found["error"]["exit"] == 1
    assert "Ada" not in out + err
    message, *way = errors(err)
    assert "defect of syncd (KeyError at" in message
    assert any("syncd/sync.py" in line for line in way)


def test_a_defect_is_one_line_unless_one_debugs(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("syncd.commands.status.loaded", broken)
    code, _, err = syncd("status")
    assert code == 1
    [message] = errors(err)
    assert "ZeroDivisionError at" in message
    assert "--log-level debug" in message


def test_the_sandbox_has_calls_of_the_past_day_and_of_a_fast_one(tmp_path: Path) -> None:
    for more in (["--since", "2d"], ["--speed", "100000", "--since", "2d"]):
        line = [sys.executable, "-m", "syncd", "sandbox", "--port", "0", "--traffic", "300/day", *more]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment()) as server:
            assert server.stdout is not None
            address = re.findall(r"http://\S+/v1", server.stdout.readline())[0]
            until(partial(has_calls, address.removesuffix("/v1"), 500))
            assert not has_calls(address.removesuffix("/v1"), 700)
            server.terminate()


def has_calls(sandbox: str, number: int) -> bool:
    return len(httpx.get(f"{sandbox}/_sandbox/calls").json()["calls"]) > number


def test_the_sandbox_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "syncd", "sandbox", "--port", "0", "--seed", "3", "--dialect", "update=replace"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=environment()) as server:
        assert server.stdout is not None
        assert "3 contacts" in server.stdout.readline()
        server.terminate()
        _, err = server.communicate(timeout=PATIENCE)
    assert (server.returncode, err) == (0, "")
