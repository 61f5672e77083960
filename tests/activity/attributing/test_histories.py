"""Failure histories of attribution, by name: contacts come, change and go before and after the call."""

from __future__ import annotations

import pytest

from tests.worlds.callers import ANN, BO, DAY, HOUR, NOON, OWN, Callers


def test_our_own_number_is_a_contact(callers: Callers) -> None:
    callers.contact("reception", OWN, at=NOON - DAY)
    callers.contact("branch", "2125550110", at=NOON - DAY)
    callers.rings(OWN, at=NOON)
    # A number that another call shows as ours is ours too.
    callers.rings(ANN, key="c2", group_number="2125550110")
    callers.rings("2125550110", key="c3")
    callers.attributed()
    assert callers.whose() == ("internal", [], None)
    assert callers.whose("c3") == ("internal", [], None)


def test_our_own_number_becomes_known_later(callers: Callers) -> None:
    callers.rings("2125550110", at=NOON)
    callers.attributed()
    assert callers.whose() == ("unknown", [], None)
    callers.rings(ANN, key="c2", group_number="2125550110")
    callers.attributed()
    assert callers.whose() == ("internal", [], None)


def test_shared_number_one_activity_two_associations(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.contact("3", f"{BO};{ANN}", at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.attributed(shared="all")
    assert callers.whose() == ("shared", ["3", "7"], "call")
    contacts = [{"source": "tenants", "key": "3"}, {"source": "tenants", "key": "7"}]
    assert callers.shown() == {"c1": ("shared", contacts)}


@pytest.mark.parametrize(
    ("policy", "contacts"), [("first", ["3"]), ("all", ["3", "7"]), ("none", []), ("hold", [])], ids=str
)
def test_shared_number_by_each_policy(callers: Callers, policy: str, contacts: list[str]) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.contact("3", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.attributed(shared=policy)
    assert callers.whose() == ("shared", contacts, "call")
    found = callers.of()
    assert found
    assert [key for _, key in found.candidates] == ["3", "7"]


def test_the_same_person_in_two_sources_is_one(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY, match="ann@example.com")
    callers.contact("551", ANN, at=NOON - DAY, source="crm", match="ann@example.com")
    callers.rings(ANN, at=NOON)
    callers.attributed()
    assert callers.whose() == ("matched", ["7", "551"], "call")


def test_the_row_that_was_not_sent_for_the_same_person_is_named_too(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY, match="ann@example.com")
    callers.state.claims.keep_outranked("crm", {"551": "ann@example.com"})
    callers.state.claims.keep_outranked("tenants", {"8": "ann@example.com"})
    callers.rings(ANN, at=NOON)
    callers.attributed()
    found = callers.of()
    assert found
    assert (found.outcome, found.contacts) == ("matched", (("tenants", "7"), ("crm", "551")))


def test_contact_made_an_hour_later(callers: Callers) -> None:
    callers.rings(ANN, at=NOON)
    callers.attributed()
    assert callers.whose() == ("unknown", [], None)
    callers.contact("7", ANN, at=NOON + HOUR)
    assert callers.attributed().to_json()["late"] == 1
    assert callers.whose() == ("matched", ["7"], "late")


def test_contact_made_later_than_late(callers: Callers) -> None:
    callers.rings(ANN, at=NOON)
    callers.attributed()
    callers.contact("7", ANN, at=NOON + 3 * DAY)
    callers.attributed(late=2 * DAY)
    assert callers.whose() == ("unknown", [], None)
    callers.rings(ANN, key="c2", at=NOON + 4 * DAY)
    callers.attributed(late=2 * DAY)
    assert callers.whose("c2") == ("matched", ["7"], "call")
    assert callers.whose() == ("unknown", [], None)


def test_a_contact_whose_call_was_open_when_we_looked_gets_its_activities_later(callers: Callers) -> None:
    callers.rings(ANN, at=NOON)
    marked = callers.marked("7", ANN)
    callers.attributed(at=NOON + 60)
    assert callers.whose() == ("unknown", [], None)
    callers.accepted(marked)
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")


def test_number_moved_to_another_contact_after_the_call(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.contact("7", BO, at=NOON + HOUR)
    callers.contact("3", ANN, at=NOON + HOUR)
    callers.rings(ANN, key="c2", at=NOON + 2 * HOUR)
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")
    assert callers.whose("c2") == ("matched", ["3"], "call")


def test_number_moved_so_long_ago_that_the_history_does_not_tell(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - 150 * DAY)
    callers.contact("7", BO, at=NOON - 120 * DAY)
    callers.contact("3", ANN, at=NOON - 120 * DAY)
    callers.rings(ANN, at=NOON - 130 * DAY)
    callers.attributed(at=NOON)
    assert callers.whose() == ("matched", ["3"], "now")


def test_contact_merged_in_the_crm(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.attributed()
    callers.merged("7", "9", at=NOON + HOUR)
    callers.rings(ANN, key="c2", at=NOON + 2 * HOUR)
    callers.attributed()
    # The first one stays as it was delivered; a CRM moves its own records. Nobody counts as a second person.
    assert callers.whose() == ("matched", ["7"], "call")
    assert callers.whose("c2") == ("matched", ["9"], "call")
    [changed] = callers.again().changed
    assert (changed.after.id, changed.after.contacts) == ("c1", (("tenants", "9"),))


def test_contact_deleted_call_remains(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.attributed()
    callers.gone("7", at=NOON + HOUR)
    # A call from the time before comes in late, and one from the time after.
    callers.rings(ANN, key="c2", at=NOON + 60)
    callers.rings(ANN, key="c3", at=NOON + 2 * HOUR)
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")
    assert callers.whose("c2") == ("matched", ["7"], "call")
    assert callers.whose("c3") == ("unknown", [], None)


@pytest.mark.parametrize("number", [None, "", "anonymous", "Restricted"])
def test_withheld_number(callers: Callers, number: str | None) -> None:
    callers.contact("7", "", at=NOON - DAY)
    callers.rings(number, at=NOON)
    callers.attributed()
    assert callers.whose() == ("withheld", [], None)


def test_extension_101_is_nobodys_number(callers: Callers) -> None:
    callers.contact("7", "101", at=NOON - DAY)
    callers.contact("3", "2125550101", at=NOON - DAY)
    callers.rings("101", at=NOON)
    callers.rings(ANN, key="c2", at=NOON, direction="internal")
    callers.attributed()
    assert callers.whose() == ("internal", [], None)
    assert callers.whose("c2") == ("internal", [], None)


def test_plus_one_and_ten_digits_are_one(callers: Callers) -> None:
    callers.contact("7", "12125550101", at=NOON - DAY)
    callers.contact("3", "(212) 555-0102", at=NOON - DAY)
    for key, number in (("c1", "+1 212 555 0101"), ("c2", ANN), ("c3", "+12125550102"), ("c4", "5550101")):
        callers.rings(number, key=key, at=NOON)
    callers.writes("+12125550101", at=NOON)
    callers.attributed()
    assert [callers.whose(key)[1] for key in ("c1", "c2", "c3", "text:m1")] == [["7"], ["7"], ["3"], ["7"]]
    assert callers.whose("c4") == ("unknown", [], None)


def test_a_foreign_number_is_compared_whole(callers: Callers) -> None:
    callers.contact("7", "442079460018", at=NOON - DAY)
    callers.rings("+44 20 7946 0018", at=NOON)
    callers.rings("2079460018", key="c2")
    callers.attributed()
    assert callers.whose() == ("matched", ["7"], "call")
    assert callers.whose("c2") == ("unknown", [], None)


def test_ledger_lost_no_mass_re_attribution(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.rings(BO, key="c2")
    callers.attributed()
    before = callers.shown(), callers.store.attributions.newest()
    callers.state_lost()
    assert callers.attributed(at=NOON + HOUR).counts.total() == 0
    assert callers.again().changed == []
    assert callers.again().kept == 1
    # The next run sends all contacts anew, under other keys too.
    callers.contact("8", ANN, at=NOON + 2 * HOUR)
    assert callers.attributed().counts.total() == 0
    assert (callers.shown(), callers.store.attributions.newest()) == before
    # Only what was unknown gets a contact.
    callers.contact("3", BO, at=NOON + 2 * HOUR)
    assert callers.attributed().to_json()["late"] == 1
    assert callers.whose("c2") == ("matched", ["3"], "late")


def test_a_new_state_that_is_further_on_than_the_old_one_is_noticed(callers: Callers) -> None:
    callers.rings(BO, at=NOON)
    callers.attributed()
    callers.state_lost()
    for key in range(4):
        callers.contact(str(key), BO if key == 0 else f"212555020{key}", at=NOON + HOUR + key)
    callers.attributed()
    assert callers.whose() == ("matched", ["0"], "late")


def test_what_a_person_said_wins_for_ever(callers: Callers) -> None:
    callers.contact("7", ANN, at=NOON - DAY)
    callers.rings(ANN, at=NOON)
    callers.by_hand("c1", ("tenants", "3"))
    callers.attributed()
    callers.rings(BO, at=NOON + 1)
    callers.attributed()
    assert callers.again().by_hand == 1
    assert callers.whose() == ("person", ["3"], None)
