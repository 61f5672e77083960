"""Notes in the store how pulls went, for ``syncd status``, the alarms and the metrics: they ask the target nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from syncd.activity.session import ActivitySession
from syncd.core.activity.facts import FAILURE, FIRST, GOOD, SKEW
from syncd.errors import StateError, Stopped, SyncdError


class Outcome(Protocol):
    """What a pull has done so far; ``error``: what kept it from doing more."""

    @property
    def error(self) -> SyncdError | None: ...


@contextmanager
def noted(session: ActivitySession, outcome: Outcome, *, is_whole: bool = True) -> Iterator[None]:
    """Note how the pull of this block went. ``is_whole``: it reads all that is due; other pulls are no news.

    A dry run notes nothing, and neither does a pull that a person stopped.
    """
    if session.dry_run or not is_whole:
        yield
        return
    facts = session.store.facts
    if facts.get(FIRST) is None:
        facts.set(FIRST, str(session.clock()))
    try:
        yield
    except Stopped:
        raise
    except SyncdError as error:
        # Where the store itself is the trouble, nothing can be noted in it.
        with suppress(StateError):
            _note(session, error)
        raise
    _note(session, outcome.error)


def _note(session: ActivitySession, error: SyncdError | None) -> None:
    facts = session.store.facts
    with session.store.write():
        if session.server.skew is not None:
            facts.set(SKEW, f"{session.server.skew:.1f}")
        if error is None:
            facts.set(GOOD, str(session.clock()))
            facts.set(FAILURE, None)
            return
        times = json.loads(facts.get(FAILURE) or '{"times": 0}')["times"] + 1
        failure = {"kind": type(error).__name__, "message": str(error), "times": times}
        facts.set(FAILURE, json.dumps(failure))
