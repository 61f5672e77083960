"""Histories in which a key, an address or the company behind them is exchanged, each as a test with a name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.convergence.company import LAYOUTS, Layout
from tests.convergence.looking_back import Convergence
from tests.convergence.shelf import Row
from tests.convergence.soak import SOAK
from tests.convergence.worlds import GATES, Edit, Opening

ROWS = (Row("1", "A", "x", "Ann", "2125550101"), Row("2", "B", "x", "Bob", "2125550102"), Row("3", "C", "x", "Cy", ""))


def edit(kind: str, place: int, row: Row = ROWS[0]) -> Edit:
    return Edit(kind, 0, 0, place, 0, row)


LEAVES, CHANGES, SPOILS = edit("remove", 0), edit("name", 1, Row("", "", "", "Dee", "")), edit("spoil", 1)


def a_row_leaves_while_the_company_is_restored(machine: Convergence) -> None:
    machine.restore_the_company(("key",), [True], [LEAVES, CHANGES])


def a_row_becomes_unusable_while_the_company_is_restored(machine: Convergence) -> None:
    machine.restore_the_company(("address",), [True], [SPOILS])


def a_backup_lacks_contacts(machine: Convergence) -> None:
    machine.restore_the_company(("key",), [False, True, True], [CHANGES])


def a_company_is_emptied(machine: Convergence) -> None:
    machine.restore_the_company(("key", "address"), [False], [])


def another_company_is_accepted(machine: Convergence) -> None:
    machine.accept_another_company(("key",), [LEAVES, CHANGES])


def a_key_is_rotated_while_rows_change(machine: Convergence) -> None:
    machine.rotate(("key",), [LEAVES, CHANGES])
    machine.rotate(("address",), [SPOILS])


def a_run_is_killed_at_another_company(machine: Convergence) -> None:
    for moment in (1, 3, 5, 8):
        machine.use_the_key_of_another_company(("key",), [CHANGES], [], moment)
    machine.use_the_key_of_another_company(
        ("key",), [LEAVES], [{"kind": "status", "status": 503, "times": 1, "after": 1}]
    )


HISTORIES = (
    a_row_leaves_while_the_company_is_restored,
    a_row_becomes_unusable_while_the_company_is_restored,
    a_backup_lacks_contacts,
    a_company_is_emptied,
    another_company_is_accepted,
    a_key_is_rotated_while_rows_change,
    a_run_is_killed_at_another_company,
)


SOME = LAYOUTS[::2]
# Without a soak, each history meets one of the layouts in turn.
MET = [
    (history, SOME[(n + m) % len(SOME)]) for n, history in enumerate(HISTORIES) for m in range(len(SOME) if SOAK else 1)
]


@pytest.mark.parametrize(
    ("history", "layout"), MET, ids=[f"{history.__name__}-{layout.name}" for history, layout in MET]
)
def test_the_target_converges(history: Callable[[Convergence], None], layout: Layout) -> None:

    machine = Convergence()
    machine.begin(Opening(layout, "first", ("one",), {}, (ROWS,), (), gates=GATES[2]))
    try:
        machine.clean_run([])
        history(machine)
    finally:
        machine.teardown()
