"""Who wants no messages, by what their messages say."""

from __future__ import annotations

import pytest

from syncd.core.activity.consent import wish_in


@pytest.mark.parametrize(
    "body",
    ["STOP", "stop", " Stop. ", "STOPALL", "Stop all", "unsubscribe", "CANCEL!", "End", "quit", "revoke", "Opt-Out"],
)
def test_each_known_word_alone_ends_messages(body: str) -> None:
    assert wish_in(body) == "stop"


@pytest.mark.parametrize("body", ["START", "unstop", "Start!"])
def test_a_known_word_alone_allows_them_again(body: str) -> None:
    assert wish_in(body) == "start"


@pytest.mark.parametrize("body", [None, "", "please stop by at five", "do not stop", "the end", "🛑", "restart"])
def test_anything_else_says_nothing(body: str | None) -> None:
    assert wish_in(body) is None
