"""``syncd notify test`` and the notification step of ``syncd check``."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.cli import main
from tests.worlds.office import sink
from tests.worlds.world import World

ANN = ("1", "Ann", "2125550101")


def test_notify_test_says_whom_it_reached(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sink() as (port, _):
        world.notify = {"to": [f"json://127.0.0.1:{port}/s3cret", "nosuchthing://s3cret"]}
        world.settings()
        code = main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"])
    out = capsys.readouterr().out
    assert (code, out) == (
        2,
        "✓ notify.to[0] (json): sent\n✗ notify.to[1] (nosuchthing): Apprise knows no such address: check its form\n",
    )


def test_notify_test_of_somebody_who_is_not_there_now_may_be_tried_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.notify = {"to": "json://127.0.0.1:1/s3cret"}
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"]) == 4
    assert "✗ notify.to[0] (json): it was not taken" in capsys.readouterr().out


def test_check_finds_an_address_that_apprise_does_not_know_and_shows_no_secret(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write([ANN])
    world.notify = {"to": ["json://127.0.0.1:1/s3cret", "nosuchthing://s3cret", "slack://s3cret"]}
    world.settings()
    code = main(["--config", str(world.folder / "syncd.yaml"), "check"])
    told = "".join(capsys.readouterr())
    line = "✗ notifications: notify.to[1] (nosuchthing), notify.to[2] (slack): Apprise knows no such address"
    assert (code, line in told, "s3cret" in told) == (2, True, False)
    world.notify["to"] = world.notify["to"][:1]
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "check"]) == 0
    assert "✓ notifications: every address" in capsys.readouterr().out


def test_notify_test_without_anybody_to_tell_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.settings()
    assert main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"]) == 2
    assert "there is nobody to tell" in capsys.readouterr().err


def test_notify_test_takes_a_place_for_each_text_message(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.target["messaging"] = ["1/10m"]
    with sink() as (port, got):
        world.target["base_url"] = f"http://127.0.0.1:{port}/v1"
        world.notify = {"sms": {"from": "2125550100", "to": ["2125550121", "2125550122"]}}
        world.settings()
        assert main(["--config", str(world.folder / "syncd.yaml"), "notify", "test"]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ notify.sms.to[0]: sent"
    assert lines[1].startswith("✗ notify.sms.to[1]: it must wait: the key's limit of text messages (target.messaging)")
    assert [each["to"] for each in got] == ["2125550121"]
