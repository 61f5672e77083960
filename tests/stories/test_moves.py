"""Contacts whose match value changes: moves, swaps, chains and cycles leave no twin at the target."""

from __future__ import annotations

from tests.worlds.tenants import ANN, BOB, LOST_POSTS, refs
from tests.worlds.world import World


def test_a_moved_contact_leaves_no_twin(by_phone: World) -> None:
    by_phone.write([ANN, BOB])
    by_phone.run()
    by_phone.write([("1", "Ann Smith", "2125550199"), BOB])
    report = by_phone.run()
    assert report.counts["move"] == 1
    assert refs(by_phone) == {"1": "2125550199", "2": "2125550102"}


def test_contacts_that_swap_their_match_values_both_survive(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102"), ("3", "A", "2125550103")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550102"), ("2", "A", "2125550103"), ("3", "A", "2125550101")])
    report = by_phone.run()
    assert report.counts["move"] == 3
    assert by_phone.deletes() == 0
    assert refs(by_phone) == {"1": "2125550102", "2": "2125550103", "3": "2125550101"}
    assert by_phone.run().counts["unchanged"] == 3


def test_a_chain_of_moves_comes_out_right(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550102"), ("2", "A", "2125550199")])
    by_phone.run()
    assert refs(by_phone) == {"1": "2125550102", "2": "2125550199"}
    by_phone.write([("2", "A", "2125550199")])
    by_phone.run()
    assert refs(by_phone) == {"2": "2125550199"}


def test_a_cycle_of_moves_comes_out_right(by_phone: World) -> None:
    numbers = ["2125550101", "2125550102", "2125550103", "2125550104"]
    for turn in range(3):
        wanted = {str(place): numbers[(place + turn) % 4] for place in range(4)}
        by_phone.write([(key, "A", number) for key, number in wanted.items()])
        assert by_phone.run().exit_code == 0
        assert refs(by_phone) == wanted


def test_a_row_that_vanishes_while_its_twin_appears_is_handed_over(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101")])
    by_phone.run()
    by_phone.write([("2", "A", "2125550101")])
    by_phone.run()
    assert refs(by_phone) == {"2": "2125550101"}
    by_phone.write([("3", "B", "2125550103")])
    by_phone.run()
    assert refs(by_phone) == {"3": "2125550103"}


def test_move_with_a_lost_answer_whose_row_reverts_leaves_no_twin(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101")])
    by_phone.run()
    by_phone.sandbox.arm(LOST_POSTS)
    by_phone.write([("1", "A", "2125550199")])
    assert by_phone.run().exit_code == 4
    by_phone.sandbox.disarm()
    by_phone.write([("1", "A", "2125550101")])
    assert by_phone.run().exit_code == 0
    assert refs(by_phone) == {"1": "2125550101"}
