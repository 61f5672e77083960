"""Commands that send nothing work without the API key, for example for a monitor."""

from __future__ import annotations

import pytest

from syncd.config import load
from syncd.errors import ConfigError
from tests.worlds.commands import Command, errors
from tests.worlds.world import World


@pytest.fixture
def keyless(company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> World:
    """A company that has run once; its API key is no longer in the environment."""
    company.target["api_key"] = "${SYNCD_TEST_KEY}"
    monkeypatch.setenv("SYNCD_TEST_KEY", "test-key")
    company.settings()
    assert syncd("run")[0] == 0
    monkeypatch.delenv("SYNCD_TEST_KEY")
    return company


@pytest.mark.parametrize(
    "command",
    [
        *("status", "status --json", "status --check", "history", "whois 2125550101"),
        *("rejects list", "rejects export r.csv"),
    ],
)
def test_what_sends_nothing_needs_no_key(keyless: World, syncd: Command, command: str) -> None:
    assert syncd(*command.split())[0] == 0


@pytest.mark.parametrize("key", ["${credential:vocatech}", "${SYNCD_TEST_KEY}"])
def test_what_sends_still_says_that_it_is_missing(keyless: World, syncd: Command, key: str) -> None:
    path = keyless.folder / "syncd.yaml"
    path.write_text(path.read_text().replace("${SYNCD_TEST_KEY}", key))
    assert syncd("status")[0] == 0
    for command in (["run"], ["fields"], ["undo", "x"]):
        code, _, err = syncd(*command)
        assert code == 2
        assert "target.api_key: " in errors(err)[0]


def test_a_key_that_is_missing_cannot_be_used(keyless: World) -> None:
    settings = load(keyless.folder / "syncd.yaml", {}, keyless=True)
    with pytest.raises(ConfigError, match=r"syncd.yaml:1: target.api_key: the environment variable SYNCD_TEST_KEY"):
        settings.target.api_key.reveal()


def test_every_other_mistake_still_counts(keyless: World, syncd: Command) -> None:
    path = keyless.folder / "syncd.yaml"
    good = path.read_text()
    for wrong in ('"state": "syncd.db", "workers": "many"', '"state": "${SYNCD_NO_SUCH}"'):
        path.write_text(good.replace('"state": "syncd.db"', wrong))
        assert syncd("status")[0] == 2
    path.write_text(good.replace("${SYNCD_TEST_KEY}", "${"))
    assert syncd("status")[0] == 2
