"""The commands: what they print, and every exit code."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog

from syncd import __version__, cli, log, sync
from syncd.cli import main
from syncd.commands.run import placed
from syncd.errors import SourceUnavailable, StateError
from syncd.run import session
from syncd.run.session import open_session
from syncd.state import State
from tests.shell.world import FIELDS, World

Command = Callable[..., tuple[int, str, str]]

PEOPLE = [(f"{number}", f"Person {number}", f"212555{number:04}") for number in range(1, 41)]

HEAVY = ("polars", "sqlmodel", "sqlalchemy", "httpx", "structlog", "rich", "yaml", "uvicorn", "phonenumbers")


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logs go where they went before, and waits between attempts take no time."""
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.delenv("SYNCD_LOG_LEVEL", raising=False)
    monkeypatch.setattr(session, "open_session", partial(open_session, sleep=lambda _: None))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in log.OURS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    log._secrets.clear()


@pytest.fixture
def company(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A configured company, in whose folder the commands are given."""
    world.write(PEOPLE)
    world.settings()
    monkeypatch.chdir(world.folder)
    return world


@pytest.fixture
def syncd(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process; returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def errors(err: str) -> list[str]:
    return [line.removeprefix("error: ") for line in err.splitlines() if line.startswith("error: ")]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent), **more}


def process(
    *arguments: str, folder: Path, stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        timeout=60,
        check=False,
        cwd=folder,
    )


# Help and usage


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


# The configuration


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


# run


def test_a_run_exits_0_and_the_target_holds_the_contacts(company: World, syncd: Command) -> None:
    code, out, err = syncd("run")
    assert code == 0
    assert "40 created" in out
    assert not errors(err)
    assert len(company.there()) == 40


def test_a_dry_run_sends_nothing_and_leaves_no_state(company: World, syncd: Command) -> None:
    code, out, _ = syncd("run", "--dry-run")
    assert code == 0
    assert out.endswith("Nothing was sent: this was a dry run.\n")
    assert company.writes() == 0
    assert not (company.folder / "syncd.db").exists()


def test_exit_code_says_whether_a_dry_run_finds_changes(company: World, syncd: Command) -> None:
    assert syncd("run", "--dry-run", "--exit-code")[0] == 10
    syncd("run")
    assert syncd("run", "--dry-run", "--exit-code")[0] == 0
    company.write(PEOPLE[:20])
    assert syncd("run", "--dry-run", "--exit-code")[0] == 10
    assert syncd("run", "--dry-run")[0] == 3


def test_exit_code_does_not_hide_what_is_worse(company: World, syncd: Command) -> None:
    (company.folder / "tenants.csv").unlink()
    assert syncd("run", "--dry-run", "--exit-code")[0] == 4


def test_exit_code_belongs_to_a_dry_run(company: World, syncd: Command) -> None:
    code, _, err = syncd("run", "--exit-code")
    assert code == 2
    assert "add --dry-run" in errors(err)[0]
    assert company.writes() == 0


def test_json_is_one_object_and_nothing_else(company: World, syncd: Command) -> None:
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert (code, found["exit"], found["dry_run"]) == (0, 0, False)
    assert found["sources"][0]["counts"]["create"] == 40
    assert out.count("\n") == 1
    assert '"event": "run ended"' in err


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


def test_an_unknown_source_exits_2_with_the_nearest_name(company: World, syncd: Command) -> None:
    code, out, err = syncd("run", "tenatns", "--json")
    assert code == 2
    assert errors(err) == ["there is no source 'tenatns' (did you mean 'tenants'?); there are: tenants"]
    found = json.loads(out)
    assert (found["run"], found["exit"], found["sources"]) == (None, 2, [])
    assert found["error"]["kind"] == "ConfigError"


def test_sources_run_in_the_order_of_the_configuration(company: World, syncd: Command) -> None:
    company.sources = {name: {**company.sources["tenants"]} for name in ("zoe", "adam")}
    company.sources["zoe"]["options"] = {"path": "zoe.csv"}
    company.write([("z1", "Zoe", "")], "zoe.csv")
    company.settings()
    _, out, _ = syncd("run", "adam", "zoe", "--json")
    assert [source["source"] for source in json.loads(out)["sources"]] == ["zoe", "adam"]


def test_a_source_that_fails_does_not_stop_the_others(company: World, syncd: Command) -> None:
    company.sources = {"gone": {**company.sources["tenants"], "options": {"path": "gone.csv"}}, **company.sources}
    company.settings()
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 4
    assert [source.get("error", {}).get("exit") for source in found["sources"]] == [4, None]
    assert found["sources"][1]["counts"]["create"] == 40
    [message] = errors(err)
    assert message.startswith("gone: ")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("crm (example.com) could not be reached", "crm (example.com) could not be reached"),
        ("crm: has no such table", "crm: has no such table"),
        ("crm.csv is empty", "crm: crm.csv is empty"),
    ],
)
def test_an_error_names_its_source_once(message: str, told: str) -> None:
    assert placed("crm", SourceUnavailable(message)) == told


def test_held_changes_exit_3_until_they_are_approved(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    code, out, _ = syncd("run", "--json")
    assert code == 3
    digest = json.loads(out)["sources"][0]["held"][0]["digest"]
    assert len(company.there()) == 40
    code, out, _ = syncd("approve", "tenants", digest)
    assert (code, out) == (
        0,
        "tenants: 20 deletes approved, for one run and exactly as listed: syncd run tenants makes them.\n",
    )
    assert syncd("run")[0] == 0
    assert len(company.there()) == 20


def test_a_digest_may_be_pasted_with_spaces_and_in_capitals(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    digest = json.loads(syncd("run", "--json")[1])["sources"][0]["held"][0]["digest"]
    assert syncd("approve", "tenants", f" {digest.upper()}\n")[0] == 0
    assert syncd("run")[0] == 0
    assert len(company.there()) == 20


def test_an_empty_digest_is_told_as_such(company: World, syncd: Command) -> None:
    code, _, err = syncd("approve", "tenants", " ")
    assert code == 2
    assert errors(err)[0].startswith("tenants: the digest is empty, and names no list; nothing of it is held now")


def test_an_approval_of_what_is_not_held_exits_2(company: World, syncd: Command) -> None:
    assert "nothing of it is held now" in errors(syncd("approve", "tenants", "9f3c")[2])[0]
    assert not (company.folder / "syncd.db").exists()
    code, _, err = syncd("approve", "tenant", "9f3c")
    assert code == 2
    assert "did you mean 'tenants'?" in errors(err)[0]


def test_invalid_rows_exit_3(company: World, syncd: Command) -> None:
    company.write([*PEOPLE, ("", "No key", "")])
    code, out, _ = syncd("run")
    assert code == 3
    assert "40 changes accepted" in out
    assert "tenants.csv:42: no key" in out


def test_a_refused_key_exits_3_and_ends_the_command(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.sources["later"] = company.sources["tenants"]
    company.settings()
    code, out, err = syncd("run", "--json")
    assert code == 3
    assert [source["error"]["kind"] for source in json.loads(out)["sources"]] == ["AccessDenied"]
    [message] = errors(err)
    assert "target.api_key" in message
    assert "another-key" not in out + err
    assert "not run: later\n" in syncd("run")[1]


def test_an_unreachable_target_exits_4_without_a_traceback(company: World, syncd: Command) -> None:
    company.target["base_url"] = "http://127.0.0.1:1/v1"
    company.settings()
    code, _, err = syncd("run")
    assert code == 4
    assert "try again later" in errors(err)[0]
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["run", "run --dry-run", "fields", "check"])
def test_a_wrong_path_in_the_target_s_address_is_a_mistake_of_the_configuration(
    company: World, syncd: Command, command: str
) -> None:
    company.target["base_url"] = f"{company.sandbox.url}/contacts"
    company.settings()
    code, out, err = syncd(*command.split())
    assert code == 2
    assert "no /contacts/fields at the address of Vocatech (status 404): check target.base_url" in out + err


def test_a_source_that_another_run_holds_exits_5(company: World, syncd: Command) -> None:
    with State(company.folder / "syncd.db") as state:
        state.leases.take("tenants", "elsewhere:4711:ab", 60)
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 5
    assert found["sources"][0]["error"]["kind"] == "SourceBusy"
    assert errors(err) == ["tenants: another run holds it (process 4711); --wait waits until it is done"]
    assert company.writes() == 0


def test_an_unusable_state_file_exits_2_and_nothing_is_sent(company: World, syncd: Command) -> None:
    (company.folder / "syncd.db").write_bytes(b"this is no database, only text" * 100)
    code, out, err = syncd("run", "--json")
    assert code == json.loads(out)["exit"] == 2
    assert "syncd.db" in errors(err)[0]
    assert company.writes() == 0


@pytest.mark.parametrize("name", ["changes.txt", "nowhere/changes.csv", "folder.csv"])
def test_a_file_of_changes_that_cannot_be_is_refused_before_anything_is_done(
    company: World, syncd: Command, name: str
) -> None:
    (company.folder / "folder.csv").mkdir()
    code, _, err = syncd("run", "--changes", name)
    assert code == 2
    assert "--changes" in errors(err)[0]
    assert not company.sandbox.requests


def test_changes_are_written_to_a_file(company: World, syncd: Command) -> None:
    assert syncd("run", "--dry-run", "--changes", "changes.jsonl")[0] == 0
    lines = (company.folder / "changes.jsonl").read_text().splitlines()
    assert len(lines) == 40
    assert json.loads(lines[0])["kind"] == "create"


def test_a_file_of_changes_that_cannot_be_written_after_all_takes_nothing_from_the_report(
    company: World, syncd: Command
) -> None:
    (company.folder / "changes.csv").symlink_to(company.folder / "nowhere" / "changes.csv")
    code, out, _ = syncd("run", "--json", "--changes", "changes.csv")
    found = json.loads(out)
    assert code == found["error"]["exit"] == 2
    assert found["sources"][0]["counts"]["create"] == 40


def test_wait_waits_for_the_other_run_to_end(company: World, syncd: Command) -> None:
    with State(company.folder / "syncd.db") as state:
        state.leases.take("tenants", "elsewhere:4711:ab", 60)
        ending = threading.Timer(0.3, state.leases.release, ("tenants", "elsewhere:4711:ab"))
        ending.start()
        assert syncd("run", "--wait")[0] == 0
        ending.join()
    assert len(company.there()) == 40


def test_full_reads_what_has_not_changed(company: World, syncd: Command) -> None:
    syncd("run")
    assert "the same as in the last run" in syncd("run")[1]
    assert "40 rows read; 40 unchanged" in syncd("run", "--full")[1]


# A defect, a signal, a closed pipe


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_finds_no_room_is_temporary_and_no_defect() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "syncd", "config", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert errors(done.stderr) == [
        "what is printed, or a temporary file, cannot be written: no space is left; make room and try again"
    ]


CLOSED = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "1</dev/null", "2>/dev/full", "2</dev/null")


def redirected(redirection: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command whose standard streams a shell has closed, or led elsewhere."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=60, check=False, cwd=folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("redirection", CLOSED)
@pytest.mark.parametrize(("command", "code"), [("status", 0), ("run --dry-run --json", 0), ("", 2), ("run nobody", 2)])
def test_a_standard_stream_that_is_closed_changes_no_exit_code(
    company: World, redirection: str, command: str, code: int
) -> None:
    done = redirected(redirection, *command.split(), folder=company.folder)
    assert done.returncode == code
    assert "this is a defect" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("redirection", CLOSED)
def test_a_run_pushes_also_where_nobody_can_be_told_of_it(company: World, redirection: str) -> None:
    company.write([*PEOPLE, ("", "No key", "")])
    assert redirected(redirection, "run", folder=company.folder).returncode == 3
    assert len(company.there()) == 40


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("more", ["", "--json"])
def test_a_run_whose_report_finds_no_room_has_done_its_work_and_says_what_else_failed(
    company: World, more: str
) -> None:
    company.sources = {"gone": {**company.sources["tenants"], "options": {"path": "gone.csv"}}, **company.sources}
    company.settings()
    done = redirected(">/dev/full", "run", *more.split(), folder=company.folder)
    assert done.returncode == 4
    assert len(company.there()) == 40
    room, gone = errors(done.stderr)
    assert "no space is left" in room
    assert gone.startswith("gone: ")


def signalled(monkeypatch: pytest.MonkeyPatch, number: int, times: int) -> None:
    """Let the process get a signal ``times`` times when a run asks the target for its fields."""
    real = sync.usable_schema

    def raising(*arguments: Any) -> Any:
        for _ in range(times):
            signal.raise_signal(number)
        return real(*arguments)

    monkeypatch.setattr(sync, "usable_schema", raising)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_exits_4_and_still_reports(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    signalled(monkeypatch, number, 1)
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 4
    assert found["sources"][0]["error"]["kind"] == "Stopped"
    assert "Traceback" not in err
    assert company.writes() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_waits_for_the_key_s_limits_ends_at_once_when_asked_to(company: World, number: int) -> None:
    company.target["limits"] = ["2/1h"]
    company.settings()
    line = [sys.executable, "-m", "syncd", "run", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=company.folder) as process:
        try:
            until(lambda: pending(company.folder / "syncd.db") == 40)
            process.send_signal(number)
            out, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == json.loads(out)["exit"] == 4
    assert company.writes() == 0


def pending(path: Path) -> int:
    """How many contacts are marked: then their batch is on its way, and the run waits for it."""
    with suppress(StateError), State(path, read_only=True) as state:
        return state.runs.counts("tenants").get("pending", 0)
    return 0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120  # a busy machine is no failure
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_second_ctrl_c_breaks_it_off(company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    signalled(monkeypatch, signal.SIGINT, 2)
    code, out, err = syncd("run", "--json")
    assert code == json.loads(out)["exit"] == 130
    assert errors(err) == ["broken off; what was begun is marked, and settled by the next run"]


def test_the_signals_are_handled_as_before_when_a_run_is_over(company: World, syncd: Command) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    syncd("run", "--dry-run")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("command", [("run", "--json"), ("run",), ("--help",), ("config", "schema")])
def test_a_reader_that_went_away_is_met_quietly(company: World, command: Sequence[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process(*command, folder=company.folder, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_module_is_the_command(company: World) -> None:
    done = process("run", "--dry-run", "--json", folder=company.folder)
    assert done.returncode == 0
    assert json.loads(done.stdout)["sources"][0]["counts"]["create"] == 40
    assert all(json.loads(line)["event"] for line in done.stderr.splitlines())


def test_a_locale_without_our_characters_costs_a_character_and_no_run(company: World) -> None:
    done = process("check", folder=company.folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.startswith("\\u2713 configuration")


# check, fields, status, rejects


def test_check_finds_everything_in_order_and_writes_nothing(company: World, syncd: Command) -> None:
    code, out, _ = syncd("check")
    assert code == 0
    assert "✗" not in out
    for step in (
        "configuration: ",
        "state file: ",
        "target: ",
        "fields: 4",
        "tenants: can be read",
        "tenants: mapping",
    ):
        assert f"✓ {step}" in out
    assert "Ready: syncd run --dry-run" in out
    assert company.writes() == 0
    assert not (company.folder / "syncd.db").exists()


def test_check_shows_contacts_masked(company: World, syncd: Command) -> None:
    _, out, _ = syncd("check")
    assert "Name: P… … · Phone: 212•••0001" in out
    assert "Person 1" not in out
    assert "2125550001" not in out


def test_check_goes_on_after_a_refused_key_and_exits_as_it_asks(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.settings()
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ target: " in out
    assert "✓ tenants: can be read" in out


def test_check_goes_on_after_a_state_file_that_cannot_be_used(company: World, syncd: Command) -> None:
    (company.folder / "syncd.db").write_bytes(b"this is no database, only text" * 100)
    code, out, _ = syncd("check")
    assert code == 2
    assert "✗ state file: " in out
    assert "✓ tenants: mapping" in out


def test_check_tells_of_a_column_that_there_is_not(company: World, syncd: Command) -> None:
    company.sources["tenants"]["mapping"]["Name"] = "nmae"
    company.settings()
    code, out, _ = syncd("check")
    assert code == 2
    assert "'nmae'" in out
    assert "did you mean 'name'?" in out


@pytest.mark.parametrize("rule", ["name", {"first": ["name"]}, {"sql": "upper(name)"}, "{name}, tenant"])
def test_check_tells_that_a_header_has_a_column_twice_and_what_both_are_called(
    company: World, syncd: Command, rule: object
) -> None:
    company.write([("1", "Ann", "Smith", "")], header="id,name,name,phone")
    company.sources["tenants"]["mapping"]["Name"] = rule
    company.settings()
    code, out, _ = syncd("check")
    assert code == 2
    assert "the source has no single column 'name' but 2, which are told apart by a number" in out
    assert "write the one that is meant, 'name_1' or 'name_2'" in out


def test_a_condition_over_a_column_that_there_is_not_is_told_as_a_sentence(company: World, syncd: Command) -> None:
    company.sources["tenants"]["where"] = "nosuch = 1"
    company.settings()
    assert "where: 'nosuch = 1' cannot be used: the source has no column 'nosuch'" in errors(syncd("run")[2])[0]


def test_check_tells_who_sets_up_missing_fields(company: World, syncd: Command) -> None:
    company.sandbox.store.fields = type(company.sandbox.store.fields)([])
    code, out, _ = syncd("check")
    assert code == 2
    assert "support@vocatech.com" in out


def test_check_counts_invalid_and_excluded_rows_and_warnings(company: World, syncd: Command) -> None:
    company.sources["tenants"]["where"] = "name <> 'Person 7'"
    company.settings()
    company.write([*PEOPLE, ("", "No key", ""), ("77", "Short", "12")])
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ tenants: 1 row invalid\n    1: no key (first at tenants.csv:42)" in out
    assert "! tenants: 1 row excluded\n    1: where: name <> 'Person 7'" in out
    assert "! tenants: 1 row with a warning" in out


def test_check_looks_for_the_canaries(company: World, syncd: Command) -> None:
    company.sources["tenants"]["canaries"] = ["1", "4711"]
    company.settings()
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ tenants: no row has the canary 4711" in out


def test_check_of_a_large_source_looks_at_its_beginning_only(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.commands.sample.ROWS", 1_000)
    company.sources["tenants"]["canaries"] = ["4711"]
    company.settings()
    company.write([(f"{number}", "x", "") for number in range(5000)])
    code, out, _ = syncd("check")
    assert code == 0
    assert "the first 1,000 rows make 1,000 contacts" in out
    assert "! tenants: the canary 4711 is not in the first 1,000 rows" in out


def test_check_warns_of_a_match_field_that_changes(company: World, syncd: Command) -> None:
    company.sandbox.store.fields = type(company.sandbox.store.fields)(
        [{"id": 1, "name": "Name", "is_match": True}, {"id": 2, "name": "Phone", "is_phone": True, "is_match": True}]
    )
    company.sources["tenants"]["mapping"] = {"Name": "name", "Phone": ["phone"]}
    company.settings()
    assert "! the match field Name, Phone is likely to change" in syncd("check")[1]


def test_check_warns_of_numbers_in_several_fields(company: World, syncd: Command) -> None:
    company.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "Mobile", "is_phone": True}])
    company.sources["tenants"]["mapping"]["Mobile"] = ["phone"]
    company.settings()
    assert "! tenants: numbers go to 2 phone fields (Phone, Mobile)" in syncd("check")[1]


def test_fields_are_listed_with_their_flags(company: World, syncd: Command) -> None:
    code, out, _ = syncd("fields")
    assert code == 0
    assert "External ID  match\n" in out
    _, out, _ = syncd("fields", "--json")
    assert json.loads(out)["fields"][2] == {
        "id": 3,
        "name": "Phone",
        "is_phone": True,
        "is_match": False,
        "is_integration": False,
    }


def write_yaml(company: World, mapping: Sequence[str]) -> None:
    lines = [
        f"target: {{api_key: test-key, base_url: '{company.sandbox.url}', limits: []}}",
        "sources:",
        "  tenants:",
        "    connector: csv",
        "    options: {path: tenants.csv}",
        "    key: id",
        "    mapping:",
        *(f"      {rule}" for rule in mapping),
    ]
    (company.folder / "syncd.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_field_that_the_company_lacks_is_named_with_its_line(company: World, syncd: Command, command: str) -> None:
    write_yaml(company, ["External ID: id", "Nam: name", "Phone: [phone]"])
    code, out, _ = syncd(command)
    assert code == 2
    assert "syncd.yaml:9: sources.tenants.mapping.Nam: the company has no contact field 'Nam'" in out


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_company_without_fields_is_no_mistake_of_the_configuration(
    company: World, syncd: Command, command: str
) -> None:
    company.sandbox.store.set_fields([])
    code, out, _ = syncd(command)
    assert code == 2
    assert out.count("the company has no contact fields yet: set the fields up in the Vocatech admin portal") == 1
    assert "syncd.yaml:" not in out


def test_check_quotes_a_column_that_could_be_taken_for_two(company: World, syncd: Command) -> None:
    company.write(PEOPLE, header='id,name,"phone","Company, Inc"')
    assert "columns: id, name, phone, 'Company, Inc'" in syncd("check")[1]


def test_status_before_the_first_run(company: World, syncd: Command) -> None:
    code, out, _ = syncd("status")
    assert code == 0
    assert "never" in out
    assert not (company.folder / "syncd.db").exists()
    found = json.loads(syncd("status", "--json")[1])
    assert found["sources"][0]["last"] is None


def test_status_works_when_the_target_is_down_and_asks_it_nothing(company: World, syncd: Command) -> None:
    company.target["limits"] = ["60/1m"]
    company.settings()
    syncd("run")
    company.sandbox.requests.clear()
    asked = len(company.sandbox.requests)
    code, out, _ = syncd("status", "--json")
    found = json.loads(out)
    assert code == 0
    assert len(company.sandbox.requests) == asked
    [source] = found["sources"]
    assert (source["last"]["outcome"], source["last"]["exit"], source["contacts"]) == ("done", 0, 40)
    [window] = found["budget"]
    assert (window["requests"], window["seconds"]) == (60, 60.0)
    assert window["left"] == 60 - source["last"]["requests"]


def test_status_shows_what_is_held_and_how_to_let_it_go(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    syncd("run")
    _, out, _ = syncd("status")
    [hold] = json.loads(syncd("status", "--json")[1])["sources"][0]["held"]
    assert f"to let exactly these go on: syncd approve tenants {hold['digest']}" in out
    syncd("approve", "tenants", hold["digest"])
    assert f"{hold['digest']} is approved" in syncd("status")[1]


def test_status_does_not_take_a_killed_run_for_one_that_runs(company: World, syncd: Command) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    with State(company.folder / "syncd.db") as state:
        state.runs.begin("r", "tenants", "")
        for pid, outcome in ((os.getpid(), "running"), (killed.pid, "broken off")):
            owner = f"{socket.gethostname()}:{pid}:x"
            assert state.leases.take("tenants", owner, 60) is None
            [source] = json.loads(syncd("status", "--json")[1])["sources"]
            assert (source["running"], source["last"]["outcome"]) == (outcome == "running", outcome)
            state.leases.release("tenants", owner)


def test_status_tells_the_last_error_and_the_last_good_run(company: World, syncd: Command) -> None:
    syncd("run")
    (company.folder / "tenants.csv").unlink()
    syncd("run")
    [source] = json.loads(syncd("status", "--json")[1])["sources"]
    assert (source["last"]["outcome"], source["last"]["exit"]) == ("failed", 4)
    assert source["good"] is not None
    assert "error: " in syncd("status")[1]


def test_a_rejected_contact_is_listed_and_tried_again_on_demand(company: World, syncd: Command) -> None:
    company.sandbox.arm({"kind": "poison", "field": "Name", "value": "Person 7"})
    code, out, _ = syncd("run", "--json")
    assert code == 3
    assert [each["key"] for each in json.loads(out)["sources"][0]["rejected"]] == ["7"]
    assert "tenants    7  refused by Vocatech" in syncd("rejects")[1]
    assert [each["key"] for each in json.loads(syncd("rejects", "list", "--json")[1])["rejected"]] == ["7"]
    company.sandbox.disarm()
    assert syncd("run")[0] == 3
    assert syncd("rejects", "retry", "tenants")[1] == "1 contact will be sent again by the next run.\n"
    assert syncd("run")[0] == 0
    assert len(company.there()) == 40
    assert syncd("rejects")[1] == "No contact is rejected.\n"


def test_the_sandbox_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "syncd", "sandbox", "--port", "0", "--seed", "3", "--dialect", "update=replace"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=environment()) as server:
        assert server.stdout is not None
        assert "3 contacts" in server.stdout.readline()
        server.terminate()
        _, err = server.communicate(timeout=30)
    assert (server.returncode, err) == (0, "")


@pytest.mark.parametrize("command", ["run", "reconcile"])
def test_an_error_is_told_once_where_both_outputs_go_to_one_place(company: World, command: str) -> None:
    company.sandbox.store.set_fields([field for field in FIELDS if field["name"] != "Phone"])
    line = [sys.executable, "-m", "syncd", command]
    together = subprocess.run(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        check=False,
        cwd=company.folder,
    )
    assert together.stdout.count("the company has no contact field 'Phone'") == 1
    apart = process(command, folder=company.folder)
    assert apart.stdout.count("the company has no contact field 'Phone'") == 1
    assert apart.stderr.count("error: ") == 1


def test_status_tells_of_a_refused_key_once(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.settings()
    assert syncd("run")[0] == 3
    assert syncd("status")[1].count("Vocatech refused the key") == 1
