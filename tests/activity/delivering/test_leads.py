"""Unknown callers become contacts of the sink, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.activity.delivering.book import Book, Told
from syncd.activity.delivering.screen import show_deliveries
from syncd.activity.opening import open_store
from syncd.core.activity.facts import DELIVERED
from syncd.errors import ConfigError
from syncd.report.screen import Screen
from syncd.state.leaving.forgotten import Forgotten
from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, counts, held

NUMBER = "2125550101"


@pytest.fixture(autouse=True)
def wants_leads(world: DeliveryWorld) -> None:
    world.options = {"makes_contacts": True}
    world.crm = {"contacts": "people", "leads": {"calls": 2, "talk": "30s", "count": 3}}


def contacts(world: DeliveryWorld, *calls: str) -> list[set[str]]:
    return [world.place.of(each).contacts for each in calls]


def test_a_number_that_calls_twice_becomes_a_contact_of_all_its_calls(world: DeliveryWorld) -> None:
    first = world.stranger("c1")
    assert world.deliver().leads == 0
    second = world.stranger("c2")
    report = world.deliver()
    assert (report.leads, report.error, report.exit_code) == (1, None, 0)
    assert world.place.people == {"p1": (NUMBER, "Joe Poe")}
    # The call that was delivered before is no new record.
    assert counts(report) == {"create": 1, "associate": 1}
    assert contacts(world, first, second) == [{"p1"}, {"p1"}]
    third = world.stranger("c3")
    assert (world.deliver().leads, contacts(world, third)) == (0, [{"p1"}])
    assert world.place.asked == [NUMBER]


def test_so_much_talk_is_enough(world: DeliveryWorld) -> None:
    leg = {"type": "extension", "name": "Jane", "extension": "101", "answered": True}
    times = {"start_time": world.moment(-HOUR), "duration": 31}
    world.stranger(journey=[{**leg, **times}])
    assert world.deliver().leads == 1


def test_the_contact_that_comes_back_takes_the_place_of_the_lead(world: DeliveryWorld) -> None:
    calls = [world.stranger("c1"), world.stranger("c2")]
    world.deliver()
    for each in calls:
        world.attribute(each, "p1", outcome="matched")
    assert not {"create", "update", "associate"} & counts(world.deliver()).keys()
    assert contacts(world, *calls) == [{"p1"}, {"p1"}]


def test_a_message_of_the_number_is_associated_too(world: DeliveryWorld) -> None:
    text = world.message()
    world.attribute(text, outcome="unknown", number=NUMBER)
    world.stranger("c1"), world.stranger("c2")
    world.deliver()
    assert contacts(world, text) == [{"p1"}]


def test_no_contact_is_made_if_nobody_asks_for_it(world: DeliveryWorld) -> None:
    world.crm["leads"] = "never"
    world.stranger("c1"), world.stranger("c2")
    assert (world.deliver().leads, world.place.asked) == (0, [])


def test_calls_that_the_sink_does_not_get_do_not_count(world: DeliveryWorld) -> None:
    world.crm["where"] = "direction = 'incoming'"
    world.stranger("c1"), world.stranger("c2", direction="outgoing")
    assert (world.deliver().leads, world.place.asked) == (0, [])
    world.stranger("c3")
    assert world.deliver().leads == 1


def test_own_withheld_short_and_forgotten_numbers_never_become_contacts(world: DeliveryWorld) -> None:
    world.stranger("own1", "2125550199"), world.stranger("own2", "2125550199")
    world.stranger("short1", "411411"), world.stranger("short2", "411411")
    for name in ("with1", "with2"):
        world.attribute(world.call(name, remote_number="anonymous"), outcome="withheld")
        world.attribute(world.call(f"{name}x", remote_number="anonymous"), outcome="unknown", number="")
    out = "2125550105"
    with world.store() as store:
        store.put("opt_out", number=out, out=1, at=world.now, by="message")
    world.stranger("out1", out), world.stranger("out2", out)
    report = world.deliver()
    assert (report.leads, world.place.asked, held(report)) == (0, [], [])


def test_a_number_that_was_forgotten_while_it_waited_is_not_made(world: DeliveryWorld) -> None:
    world.crm["leads"]["count"] = 1
    numbers = ["2125550101", "2125550102"]
    for each in numbers:
        world.stranger(f"a{each}", each), world.stranger(f"b{each}", each)
    assert held(world.deliver()) == [("leads.count", 2)]
    with world.store() as store:
        store.erasing.erase(numbers[0], store.erasing.traces(numbers[0]))
    world.deliver()
    with world.state() as state:
        assert not any(each in str(state.holds.of("crm")) for each in numbers)
    assert world.place.asked == []


def test_a_number_that_was_forgotten_never_becomes_a_contact(world: DeliveryWorld) -> None:
    world.stranger("c1"), world.stranger("c2")
    Forgotten(world.settings().state).add_number(NUMBER, world.now)
    # A dry run sweeps nothing, and sees what a run may have to come across.
    assert (world.deliver(dry_run=True).leads, world.deliver().leads, world.place.asked) == (0, 0, [])


def test_contacts_of_callers_need_calls(world: DeliveryWorld) -> None:
    world.crm["calls"] = "never"
    with pytest.raises(ConfigError, match=r"sinks\.crm\.leads: .*leave out calls: never"):
        world.settings()


def test_more_than_count_wait(world: DeliveryWorld) -> None:
    for n in range(4):
        world.stranger(f"a{n}", f"212555010{n}"), world.stranger(f"b{n}", f"212555010{n}")
    planned = world.deliver(dry_run=True)
    report = world.deliver()
    assert (report.leads, held(report), report.exit_code) == (0, [("leads.count", 4)], 3)
    # The dry run names the digest that the run holds, and the calls go on all the same.
    assert ([*planned.held], planned.leads) == ([*report.held], 0)
    assert counts(report) == {"create": 8}
    assert world.deliver(dry_run=True).held[0]["digest"] == report.held[0]["digest"]
    world.approve("leads.count")
    assert world.deliver(dry_run=True).leads == 4
    report = world.deliver()
    assert (report.leads, held(report), counts(report)["associate"]) == (4, [], 8)
    # What was approved is not counted, and so the next ones go.
    world.stranger("a5", "2125550105"), world.stranger("b5", "2125550105")
    assert world.deliver().leads == 1


def test_count_is_of_a_day(world: DeliveryWorld) -> None:
    for n in range(3):
        world.stranger(f"a{n}", f"212555010{n}"), world.stranger(f"b{n}", f"212555010{n}")
    assert world.deliver().leads == 3
    world.stranger("a5", "2125550105"), world.stranger("b5", "2125550105")
    assert held(world.deliver()) == [("leads.count", 1)]
    world.later(DAY + 1)
    world.stranger("a6", "2125550106"), world.stranger("b6", "2125550106")
    report = world.deliver()
    assert (report.leads, held(report)) == (1, [("leads.count", 1)])


@pytest.mark.parametrize("trouble", ["lost", "killed"])
def test_a_leads_answer_is_lost_and_there_is_no_second_contact(world: DeliveryWorld, trouble: str) -> None:
    calls = [world.stranger("c1"), world.stranger("c2")]
    world.place.trouble = [trouble]
    if trouble == "killed":
        world.die()
    else:
        report = world.deliver()
        # The calls go to the sink all the same.
        assert (report.exit_code, counts(report)) == (4, {"create": 2})
    # A sink may find only after minutes what was made.
    world.later(60)
    world.deliver()
    assert world.place.asked == [NUMBER]
    world.later(HOUR)
    report = world.deliver()
    assert (report.leads, report.error) == (1, None)
    assert (len(world.place.people), len(world.place.asked)) == (1, 2)
    assert contacts(world, *calls) == [{"p1"}, {"p1"}]


def test_what_was_not_made_is_made_by_the_next_run(world: DeliveryWorld) -> None:
    for n in range(2):
        world.stranger(f"a{n}", f"212555010{n}"), world.stranger(f"b{n}", f"212555010{n}")
    world.place.trouble = ["down"]
    assert world.deliver().exit_code == 4
    assert world.deliver().leads == 2


def test_a_number_that_the_sink_refuses_does_not_hold_up_the_others(world: DeliveryWorld) -> None:
    for n in range(2):
        world.stranger(f"a{n}", f"212555010{n}", ago=HOUR - n), world.stranger(f"b{n}", f"212555010{n}", ago=HOUR - n)
    world.place.trouble = ["refused"]
    assert world.deliver().exit_code == 2
    assert world.deliver().leads == 1
    world.later(2 * HOUR)
    assert world.deliver().leads == 1
    assert len(world.place.people) == 2


def test_a_lost_delivery_table_makes_no_second_contact(world: DeliveryWorld) -> None:
    world.stranger("c1"), world.stranger("c2")
    world.deliver()
    settings = world.settings()
    assert settings.activity
    with open_store(settings, settings.activity) as store:
        store.execute("DELETE FROM delivery")
        store.execute("DELETE FROM fact WHERE name LIKE 'deliver.%'")
    assert world.deliver().leads == 1
    assert len(world.place.people) == 1


def test_a_contact_that_a_person_deletes_stays_away(world: DeliveryWorld) -> None:
    world.stranger("c1"), world.stranger("c2")
    world.deliver()
    world.place.people.clear()
    world.place.strangers.add("p1")
    world.stranger("c3")
    report = world.deliver()
    assert (report.leads, report.missing, world.place.people) == (0, 1, {})


def test_a_dry_run_tells_who_becomes_a_contact_and_makes_none(world: DeliveryWorld) -> None:
    world.stranger("c1"), world.stranger("c2")
    report = world.deliver(dry_run=True)
    assert (report.leads, report.to_json()["leads"], world.place.asked) == (1, 1, [])
    assert world.deliver().leads == 1


def test_people_read_who_becomes_a_contact(world: DeliveryWorld, capsys: pytest.CaptureFixture[str]) -> None:
    book, written = Book(), list[Told]()
    book.write = written.append
    world.stranger("c1"), world.stranger("c2")
    report = world.deliver(dry_run=True, book=book)
    show_deliveries(Screen(), [report], book, dry_run=True)
    shown = capsys.readouterr().out
    assert "1 contact to make" in shown
    assert f"contact of {NUMBER}: Joe Poe" in shown
    [told] = [each for each in written if each["kind"] == "lead"]
    assert (told["key"], told["outcome"], told["held"]) == (f"lead:{NUMBER}", "planned", False)


def test_rules_that_ask_for_more_leave_what_was_made_and_let_the_others_go(world: DeliveryWorld) -> None:
    world.stranger("c1")
    world.deliver()
    world.crm["leads"]["calls"] = 1
    assert world.deliver().leads == 1
    world.crm["leads"] = "never"
    assert world.deliver().leads == 0


def test_many_unknown_numbers_at_once_hold_new_contacts_too(world: DeliveryWorld) -> None:
    for n in range(30):
        world.attribute(world.call(f"k{n}", ago=2 * DAY), "1")
    world.deliver()
    for n in range(30):
        world.stranger(f"u{n}", "2125550103")
    report = world.deliver()
    assert (report.leads, world.place.asked) == (0, [])
    assert [gate for gate, _ in held(report)] == ["activity.unknown"]
    world.approve("activity.unknown")
    assert world.deliver().leads == 1


def test_a_sink_that_makes_no_contacts_is_refused_with_the_place(world: DeliveryWorld) -> None:
    world.options = {}
    report = world.deliver()
    assert report.exit_code == 2
    assert "leads" in str(report.error)
    assert Path(world.settings().path).name in str(report.error)
    with world.store() as store:
        assert store.facts.get(DELIVERED + "crm") is None
