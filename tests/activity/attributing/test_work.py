"""How much attribution looks at: what is new, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.activity.attributing import index, work
from syncd.activity.attributing.index import Regions
from syncd.activity.attributing.work import Attributing
from syncd.core.schema import Field, Schema
from syncd.errors import Stopped
from tests.worlds.callers import ANN, BO, DAY, HOUR, NOON, Callers


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the ledger was read for numbers."""
    found, real = [0], index.index_of

    def counted(*given: Any) -> Any:
        found[0] += 1
        return real(*given)

    monkeypatch.setattr(work, "index_of", counted)
    return found


def test_what_has_not_changed_is_not_looked_at(callers: Callers, reads: list[int]) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.rings(BO, key="c2")
    callers.attributed()
    assert reads == [1]
    revision = callers.store.attributions.newest()
    # Its own changes are not looked at again, nor contacts whose numbers nobody has called from.
    callers.attributed()
    callers.contact("9", "2125550109", at=NOON + HOUR)
    callers.attributed()
    assert (reads, callers.store.attributions.newest()) == ([1], revision)
    callers.contact("3", BO)
    callers.attributed()
    assert reads == [2]


def test_one_process_reads_the_ledger_again_only_if_it_has_changed(callers: Callers, reads: list[int]) -> None:
    work = Attributing(callers.policy, callers.store, callers.state)
    for number in range(3):
        callers.rings(ANN, at=NOON + number, key=f"c{number}")
        assert work.run().counts["unknown"] == 1
    assert reads == [1]
    callers.contact("7", ANN)
    assert work.run().counts["matched"] == 3
    assert reads == [2]


def test_a_dry_run_counts_and_stores_nothing(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    for _ in range(2):
        assert callers.attributed(dry_run=True).counts["matched"] == 1
    assert callers.shown() == {"c1": (None, [])}
    assert [*callers.again(dry_run=True).changed]
    assert callers.shown() == {"c1": (None, [])}


def test_a_stop_leaves_the_rest_for_the_next_time(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PAGE", 2)
    callers.contact("7", ANN, at=NOON - DAY)
    for number in range(5):
        callers.rings(ANN, at=NOON + number, key=f"c{number}")
    pages = [*range(2)]

    def halt() -> None:
        if not pages:
            raise Stopped("asked to stop")
        pages.pop()

    with pytest.raises(Stopped):
        Attributing(callers.policy, callers.store, callers.state, halt_if_asked=halt).run()
    assert sum(whose == "matched" for whose, _ in callers.shown().values()) == 4
    assert callers.attributed().counts["matched"] == 1


def test_a_phone_field_that_is_new_is_looked_at(callers: Callers) -> None:
    callers.rings(ANN, at=NOON)
    callers.attributed()
    callers.contact("7", BO, at=NOON)
    there = json.dumps({"Fax": ANN})
    callers.state.execute("UPDATE contact SET returned = :there WHERE key = '7'", there=there)
    callers.attributed()
    assert callers.whose()[0] == "unknown"
    fields = Schema((Field(1, "External ID", is_match=True), Field(2, "Phone", True), Field(3, "Fax", True)))
    callers.state.facts.fields("tenants").set(fields.described())
    callers.attributed()
    assert callers.whose()[:2] == ("matched", ["7"])


@pytest.mark.parametrize(
    ("sent", "dialled"), [("02079460018", "+44 20 7946 0018"), ("12125550101", "2125550101")], ids=["own", "abroad"]
)
def test_a_source_of_another_region_has_its_numbers_in_its_own_form(callers: Callers, sent: str, dialled: str) -> None:
    callers.policy = replace(callers.policy, regions=Regions({"tenants": "GB"}, "US"))
    callers.contact("7", sent, at=NOON - DAY)
    callers.rings(dialled, at=NOON)
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")


def test_a_number_that_a_change_does_not_name_stays(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - 2 * DAY)
    callers.renamed("7", at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")


Step = Callable[[Callers], object]


def test_the_order_in_which_contacts_and_calls_come_in_does_not_matter(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.contact("7", BO, at=NOON + HOUR)
    callers.contact("3", ANN, at=NOON + HOUR)
    late: list[Step] = [lambda world: world.rings(ANN, at=NOON), lambda world: world.rings(BO, at=NOON, key="c2")]
    for step in reversed(late):
        step(callers)
        callers.attributed(at=NOON + 2 * HOUR)
    assert callers.whose() == ("matched", ["7"], "call")
    assert callers.whose("c2") == ("matched", ["7"], "late")
