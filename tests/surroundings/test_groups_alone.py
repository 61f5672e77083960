"""A group of commands without a command says what there is, as ``syncd`` alone does."""

from __future__ import annotations

import pytest

from tests.worlds.commands import Command

GROUPS = ("activity", "config", "message", "notify", "state", "webhook")


@pytest.mark.parametrize("words", [(), *((name,) for name in GROUPS)])
def test_a_group_alone_prints_its_help_and_exits_with_2(syncd: Command, words: tuple[str, ...]) -> None:
    code, out, err = syncd(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"Usage: {' '.join(('syncd', *words))} ")
    assert "Commands:" in err
    assert "error:" not in err
    assert "Missing command" not in err


def test_the_help_of_a_group_is_the_same_as_with_the_option(syncd: Command) -> None:
    code, out, _ = syncd("state", "--help")
    assert (code, out.strip()) == (0, syncd("state")[2].strip())
