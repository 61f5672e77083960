"""Every command under every circumstance: never a defect, and what cannot be used is named with its remedy."""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
import typer

from syncd.cli import app
from syncd.rest import surroundings
from syncd.surroundings.certificates import VARIABLES
from syncd.surroundings.zone import check_zone
from tests.examples import SOAKING
from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import World

SECRET = "Geheim77"

COMMANDS = {
    "run": ("run", "--full"),
    "apply": ("apply", "none.plan"),
    "daemon": ("daemon", "--check"),
    "check": ("check", "--prove"),
    "status": ("status",),
    "reconcile": ("reconcile", "--repair"),
    "fields": ("fields",),
    "approve": ("approve", "tenants", "abc"),
    "number": ("number", "2125550101"),
    "undo": ("undo", "none"),
    "explain": ("explain", "tenants", "3"),
    "history": ("history",),
    "forget": ("forget", "tenants", "3"),
    "whois": ("whois", "(212) 555-0101"),
    "state accept": ("state", "accept"),
    "state check": ("state", "check"),
    "state backup": ("state", "backup", "saved.db"),
    "state restore": ("state", "restore", "saved.db"),
    "state compact": ("state", "compact"),
    "state reset": ("state", "reset", "tenants", "--cursor"),
    "sandbox": ("sandbox", "--dialect", "nothing"),
    "demo": ("demo",),
    "config schema": ("config", "schema"),
    "rejects list": ("rejects", "list"),
    "rejects retry": ("rejects", "retry"),
    "rejects export": ("rejects", "export", "rejected.csv"),
    "notify test": ("notify", "test"),
    "notify send": ("notify", "send"),
    "activity run": ("activity", "run"),
    "activity pull": ("activity", "pull"),
    "activity days": ("activity", "days"),
    "activity list": ("activity", "list"),
    "activity export": ("activity", "export", "calls.csv"),
    "activity explain": ("activity", "explain", "none"),
    "activity replay": ("activity", "replay"),
    "activity deliver": ("activity", "deliver"),
    "activity check": ("activity", "check", "--prove"),
    "activity prepare": ("activity", "prepare", "crm"),
    "activity attribute": ("activity", "attribute", "none", "--nobody"),
    "activity unknown": ("activity", "unknown"),
    "activity forget": ("activity", "forget", "2125550101"),
    "message send": ("message", "send", "--from", "7185550000", "--to", "2125550101", "Hello"),
    "message list": ("message", "list"),
    "message opt-outs list": ("message", "opt-outs", "list"),
    "message opt-outs add": ("message", "opt-outs", "add", "2125550101"),
    "message opt-outs remove": ("message", "opt-outs", "remove", "2125550101"),
    "webhook list": ("webhook", "list"),
    "webhook create": ("webhook", "create"),
    "webhook test": ("webhook", "test"),
    "webhook rotate": ("webhook", "rotate"),
    "webhook delete": ("webhook", "delete"),
    "webhook check": ("webhook", "check"),
}
"""Each command, in a form that ends by itself."""

# `undo` and `approve` end before they need the target: there is no such run, and no such list.
OVER_THE_NETWORK = {"run", "check", "reconcile", "fields", "explain"}
# `check` needs the target first, which is not reached here.
WITH_A_TEMPORARY_FILE = {"run", "explain", "demo"}


@dataclass(frozen=True)
class Circumstance:
    """``variables`` of the environment; ``{folder}`` is the test's. ``refused``: the commands that it ends with 2."""

    named: str
    variables: dict[str, str]
    refused: set[str]


def _circumstances() -> Iterator[Circumstance]:
    for variable in VARIABLES:
        # What else is no certificate has a test of its own.
        for place in ("{folder}/none.pem", "{folder}/tenants.csv") if SOAKING else ("{folder}/tenants.csv",):
            yield Circumstance(variable, {variable: place}, OVER_THE_NETWORK)
    for text in (
        f"http://ada:{SECRET}#x@proxy:1",
        f"nonsense://ada:{SECRET}@proxy",
        f"http://ada:{SECRET}@[proxy:1",
        f"socks4://ada:{SECRET}@proxy:1",
    ):
        yield Circumstance("HTTPS_PROXY", {"HTTPS_PROXY": text}, OVER_THE_NETWORK)
    yield Circumstance("ALL_PROXY", {"ALL_PROXY": f"://ada:{SECRET}@proxy"}, OVER_THE_NETWORK)
    proxy = {"HTTPS_PROXY": f"http://ada:{SECRET}@127.0.0.1:9"}
    yield Circumstance("NO_PROXY", {**proxy, "NO_PROXY": "10.0.0.0/99"}, OVER_THE_NETWORK)
    for text in ("Nonsense", '"UTC"', "UTC\udcff", "America"):
        yield Circumstance("TZ", {"TZ": text}, set(COMMANDS))
    for text in ("{folder}/none", "{folder}/tenants.csv"):
        yield Circumstance("TMPDIR", {"TMPDIR": text}, WITH_A_TEMPORARY_FILE)
    for variables in _harmless(proxy):
        yield Circumstance("", variables, set())


def _harmless(proxy: dict[str, str]) -> Sequence[dict[str, str]]:
    """Return variables that end no command; some at once, except in a soak, since each takes all commands."""
    each: tuple[dict[str, str], ...] = (
        {"TZ": "<+03>-3"},
        {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"},
        {**proxy, "NO_PROXY": "[::1],fd00::/8,10.0.0.0/8"},
        {"ALL_PROXY": "socks5h://127.0.0.1:9"},
        {"COLUMNS": "many", "LINES": "-1", "TERM": "strange", "FORCE_COLOR": "x", "NO_COLOR": ""},
        {"COLUMNS": "0"},
        {"NOTIFY_SOCKET": "/none", "JOURNAL_STREAM": "x:y", "CREDENTIALS_DIRECTORY": "/none", "WATCHDOG_USEC": "x"},
        {"NOTIFY_SOCKET": "x" * 500, "WATCHDOG_USEC": "²", "WATCHDOG_PID": "x", "JOURNAL_STREAM": "99999999999:²"},
        {"HOME": "", "USER": "", "LOGNAME": "", "LANG": "xx", "LC_ALL": "bogus"},
        {"ANOTHER": "\udcff"},
    )
    return each if SOAKING else [dict(ChainMap(*each[start::2])) for start in (0, 1)]


CIRCUMSTANCES = list(_circumstances())


@pytest.fixture
def elsewhere(company: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A company whose target is not on this machine, and is never reached."""
    company.sources["tenants"]["schedule"] = "15 3 * * *"
    company.target |= {"base_url": "https://127.0.0.2:9/v1", "timeout": "1s"}
    company.write(PEOPLE)
    company.settings()
    (company.folder / "empty.pem").touch()
    for name in (*VARIABLES, "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "TZ", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield company
    monkeypatch.undo()
    time.tzset()
    surroundings.authorities.cache_clear()


def every_command(group: object, before: str = "") -> Iterator[str]:
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from every_command(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_is_tried() -> None:
    # `receive` becomes another process, which this one would turn into.
    assert set(every_command(typer.main.get_command(app))) - {"receive"} == set(COMMANDS)


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES, ids=lambda each: f"{each.variables}"[:60])
def test_no_command_takes_its_surroundings_for_a_defect(
    elsewhere: World, syncd: Command, circumstance: Circumstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in circumstance.variables.items():
        monkeypatch.setenv(name, value.replace("{folder}", str(elsewhere.folder)))
    time.tzset()
    for command, arguments in COMMANDS.items():
        # The demo takes a while; it is played elsewhere.
        if command == "demo" and command not in circumstance.refused:
            continue
        surroundings.authorities.cache_clear()
        code, out, err = syncd(*arguments)
        said = f"{command}: {code}\n{err}"
        assert code in {0, 2, 3, 4, 5}, said
        assert "defect" not in err, said
        assert "Traceback" not in out + err, said
        assert SECRET not in out + err, said
        if command in circumstance.refused and command != "check":
            assert code == 2, said
            [message] = errors(err)
            assert f"${circumstance.named}" in message, said
        elif command in circumstance.refused:
            assert code == 2, said
            assert f"${circumstance.named}" in out + err, said


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SSL_CERT_FILE", "{folder}/tenants.csv"),
        ("SSL_CERT_DIR", "{folder}/none"),
        ("REQUESTS_CA_BUNDLE", "{folder}/none.pem"),
        ("HTTPS_PROXY", f"http://ada:{SECRET}#x@proxy:1"),
        ("HTTP_PROXY", f"http://ada:{SECRET}#x@proxy:1"),
        ("ALL_PROXY", f"socks4://ada:{SECRET}@proxy:1"),
    ],
)
def test_a_variable_is_looked_at_also_if_the_target_is_on_this_machine(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    company.write(PEOPLE)
    monkeypatch.setenv(variable, text.replace("{folder}", str(company.folder)))
    surroundings.authorities.cache_clear()
    code, out, err = syncd("run")
    surroundings.authorities.cache_clear()
    [message] = errors(err)
    assert (code, SECRET in out + err) == (2, False)
    assert f"${variable}" in message


def test_the_zone_is_looked_at_before_anything_else(
    elsewhere: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere.folder / "syncd.yaml").write_text("nonsense")
    monkeypatch.setenv("TZ", "Nonsense")
    code, _, err = syncd("run")
    assert (code, len(errors(err))) == (2, 1)
    assert "$TZ" in err
    monkeypatch.setenv("TZ", "UTC0")
    check_zone()
