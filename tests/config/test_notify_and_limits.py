"""The keys ``notify``, ``target.limits`` and ``listen``: a mistake is named with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import ConfigError
from tests.worlds.world import World, company


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A company with a sandbox: ``world.settings()`` loads its configuration."""
    with company(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ({"to": "not-an-address"}, "notify.to: is no address of Apprise"),
        ({"sms": {"from": "12", "to": "2125550123"}}, "notify.sms.from: is no phone number"),
        ({"sms": {"from": "2125550100"}}, "notify.sms.to: is missing"),
        ({"digest": "7:30"}, "is no time of the day"),
        ({"heartbeat": "ftp://x"}, "notify.heartbeat: is no web address"),
        ({"about": ["stale", "fire"]}, "'fire' is not known here"),
        ({"at_most": {"reject": 1}}, "did you mean 'rejected'?"),
        ({"webhook": "x"}, "'webhook'|webhook: is not a key here"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_shows_no_secret(world: World, notify: dict[str, Any], told: str) -> None:
    world.notify = notify
    with pytest.raises(ConfigError) as raised:
        world.settings()
    assert any(part in str(raised.value) for part in told.split("|"))
    assert "not-an-address" not in str(raised.value)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"share": "80%"}, [48, 800, 16000]),
        ({"windows": ["60/1m"], "share": 0.5}, [30]),
        ({"windows": ["1/1s"], "share": "10%"}, [1]),
        (["60/1m"], [60]),
    ],
)
def test_a_share_of_the_limits_leaves_the_rest_to_others(world: World, limits: Any, left: list[int]) -> None:
    world.target["limits"] = limits
    assert [window.requests for window in world.settings().target.limits] == left


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"windows": ["60/1m"]}, "limits have the keys windows and share"),
        ({"share": "0%"}, "lets no request through"),
        ({"share": "x"}, "the share is not a share"),
        ({"shares": "80%"}, "limits have the keys"),
    ],
)
def test_a_wrong_share_is_refused(world: World, limits: Any, told: str) -> None:
    world.target["limits"] = limits
    with pytest.raises(ConfigError, match=told):
        world.settings()


@pytest.mark.parametrize("listen", ["0.0.0.0:9187", "127.0.0.1", "127.0.0.1:0", "example.com:80", "9187"])
def test_the_metrics_are_served_to_this_machine_only(world: World, listen: str) -> None:
    world.listen = listen
    with pytest.raises(ConfigError, match="listen: "):
        world.settings()
