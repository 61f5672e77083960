"""Fixtures of the shell's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.state import State
from tests.shell.world import World, company


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A company without contacts, and a sandbox without request windows."""
    with company(tmp_path) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def _new_state_files_are_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new state file is a copy of the first one: making its tables step by step takes longer than most tests."""
    migrate = State._migrate
    with (
        State(tmp_path_factory.mktemp("state") / "none.db", read_only=True) as first,
        first._engine.connect() as made,
        pytest.MonkeyPatch.context() as patch,
    ):

        def migrate_or_copy(state: State) -> None:
            if state._version() is not None:
                migrate(state)
                return
            with state._engine.connect() as connection:
                made.connection.driver_connection.backup(connection.connection.driver_connection)

        patch.setattr(State, "_migrate", migrate_or_copy)
        yield
