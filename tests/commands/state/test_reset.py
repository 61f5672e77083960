"""``syncd state reset`` and ``compact``: the cost is said before anything is done."""

from __future__ import annotations

import json
import os
import shutil
import socket
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.commands.state import reset as resetting
from syncd.state import database
from tests.worlds.commands import Command, errors
from tests.worlds.journal import accept
from tests.worlds.world import World


@pytest.fixture
def ran(company: World, syncd: Command) -> World:
    assert syncd("run")[0] == 0
    return company


def known(world: World) -> tuple[int, int, int]:
    with world.state() as state:
        return tuple(state.scalar(f"SELECT count(*) FROM {table}") for table in ("contact", "change", "cursor"))


def test_without_a_word_of_what_nothing_is_reset(ran: World, syncd: Command) -> None:
    for words in ((), ("--ledger", "--cursor"), ("--ledger", "--history", "--yes")):
        code, _, err = syncd("state", "reset", "tenants", *words)
        assert (code, "--ledger, --cursor, --history" in errors(err)[0]) == (2, True)
    assert known(ran) == (40, 40, 1)


def test_without_a_yes_the_cost_is_said_and_nothing_is_done(ran: World, syncd: Command) -> None:
    code, out, _ = syncd("state", "reset", "tenants", "--ledger")
    assert (code, known(ran)) == (3, (40, 40, 1))
    assert "forgets 40 contacts of tenants" in out
    assert "1 request" in out
    assert "deletes: {adopted: true}" in out
    assert "--yes" in out
    code, out, _ = syncd("state", "reset", "tenants", "--history", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["exit"], found["done"], found["reset"]) == (3, 3, False, "history")
    assert found["known"]["changes"] == 40
    assert "40 changes of tenants" in found["costs"][0]


@pytest.mark.parametrize(("kind", "left"), [("ledger", (0, 40, 0)), ("cursor", (40, 40, 0)), ("history", (40, 0, 1))])
def test_each_part_is_forgotten_alone(ran: World, syncd: Command, kind: str, left: tuple[int, int, int]) -> None:
    code, out, _ = syncd("state", "reset", "tenants", f"--{kind}", "--yes")
    assert (code, known(ran)) == (0, left)
    assert out.index("Reset of the") < out.index("Done:")
    assert syncd("run")[0] == 0
    assert len(ran.there()) == 40
    assert syncd("state", "check")[0] == 0


@pytest.mark.parametrize(("answer", "code", "contacts"), [("y\n", 0, 0), ("yes\n", 0, 0), ("n\n", 3, 40), ("", 3, 40)])
def test_a_terminal_is_asked(
    ran: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, contacts: int
) -> None:
    monkeypatch.setattr(resetting, "can_ask", lambda **_: True)
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    found, _, err = syncd("state", "reset", "tenants", "--ledger")
    assert (found, known(ran)[0], "Reset the ledger of tenants? [y/N]" in err) == (code, contacts, True)


def test_a_source_that_nobody_knows_is_named_with_the_nearest_one(ran: World, syncd: Command) -> None:
    code, _, err = syncd("state", "reset", "tenant", "--cursor", "--yes")
    assert (code, "did you mean 'tenants'" in errors(err)[0]) == (2, True)


def test_a_source_that_is_not_configured_any_more_can_be_forgotten(ran: World, syncd: Command) -> None:
    ran.sources["others"] = ran.sources.pop("tenants")
    ran.settings()
    assert syncd("state", "reset", "tenants", "--ledger", "--yes")[0] == 0
    assert known(ran)[0] == 0


def test_a_run_under_way_is_named(ran: World, syncd: Command) -> None:
    with ran.state() as state:
        state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60)
        code, _, err = syncd("state", "reset", "tenants", "--ledger", "--yes")
        assert (code, "a run holds it" in errors(err)[0]) == (5, True)
        code, _, err = syncd("state", "compact")
        assert (code, "a run holds it" in errors(err)[0]) == (5, True)
    assert known(ran) == (40, 40, 1)


def test_a_compacted_state_is_smaller_and_holds_the_same(ran: World, syncd: Command) -> None:
    with ran.state() as state:
        for number in range(1_000, 2_500):
            accept(state, f"k{number}", number)
        state.execute("DELETE FROM contact WHERE key LIKE 'k%'")
        state.execute("DELETE FROM change WHERE key LIKE 'k%'")
    code, out, _ = syncd("state", "compact", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["after"] < found["before"], found["waits"]) == (0, True, False)
    assert found["after"] == (ran.folder / "syncd.db").stat().st_size
    assert known(ran) == (40, 40, 1)
    assert "before," in syncd("state", "compact")[1]


def test_what_is_older_than_it_is_kept_for_goes(ran: World, syncd: Command) -> None:
    with ran.state() as state:
        state.execute("UPDATE change SET at = at - 91 * 86400 WHERE key <> '1'")
    assert json.loads(syncd("state", "compact", "--json")[1])["forgotten"] == 39
    assert known(ran) == (40, 1, 1)


def test_without_room_the_file_stays_as_it_is(ran: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    code, _, err = syncd("state", "compact")
    assert (code, "make room" in errors(err)[0]) == (4, True)
    assert known(ran) == (40, 40, 1)


def test_a_file_that_another_process_writes_is_tried_again(
    ran: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ran.state() as state, state.write():
        state.execute("UPDATE contact SET reason = NULL")
        monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
        code, _, err = syncd("state", "compact")
    assert (code, "locked" in errors(err)[0]) == (4, True)
