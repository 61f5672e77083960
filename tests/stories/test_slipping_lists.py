"""Whole runs over lists that shift while they are read: who is still there is never deleted, who is gone is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.core.reads.absence import MOST_READINGS
from tests.examples import crossed
from tests.worlds.commands import Command
from tests.worlds.shifting_list import BY_ID, BY_IDS, WAYS, Shifting, paged, shifting, source
from tests.worlds.world import World

BROKEN = (500, {"detail": "Server error."})
FORBIDDEN = (403, {"detail": "Not for you."})


@pytest.fixture
def people() -> Iterator[Shifting]:
    with shifting() as server:
        server.fill(20)
        yield server


def reads(world: World, people: Shifting, way: str | dict[str, Any], **options: Any) -> None:
    """Let the company read the list in this way, and load it while it is quiet."""
    world.sources = {"people": source(people, way, **options)}
    world.run()
    assert set(world.there()) == set(people.people)


def lists_read(people: Shifting, before: int) -> float:
    """Return how often the list of 20 was read, in pages of 4."""
    return (people.pages - before) / 5


@pytest.mark.parametrize(("way", "lookup"), crossed([*WAYS], [None, BY_ID, BY_IDS]))
def test_a_row_that_slips_between_two_pages_stays_and_what_is_gone_is_deleted(
    world: World, people: Shifting, way: str, lookup: dict[str, Any] | None
) -> None:
    reads(world, people, way, **({"lookup": lookup} if lookup else {}))
    del people.people["20"]
    people.once(people.goes_and_comes)
    world.run()
    assert set(people.people) - {"1000"} <= set(world.there())
    people.after_page = None
    world.run()
    assert set(world.there()) == set(people.people)


@pytest.mark.parametrize("way", ["number", "next_url with page numbers", "token"])
def test_a_few_missing_rows_are_asked_for_one_by_one(world: World, people: Shifting, way: str) -> None:
    reads(world, people, way, lookup=BY_ID)
    del people.people["13"]
    people.once(people.goes_and_comes)
    before = people.pages
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("complete", 1)
    assert {"13", "5"} <= set(people.asked)
    assert "5" in world.there()
    assert "13" not in world.there()
    # The columns are those of the first page, which is asked for once more.
    assert people.pages - before == 6


def test_a_list_that_lacks_nothing_is_read_once(world: World, people: Shifting) -> None:
    reads(world, people, "next_url with page numbers", lookup=BY_ID)
    people.people["2"] = "Ann"
    before = people.pages
    assert world.run().counts["update"] == 1
    assert (people.pages - before, people.asked) == (6, [])


def test_nobody_is_asked_for_where_nothing_is_deleted(world: World, people: Shifting) -> None:
    reads(world, people, "number", lookup=BY_ID)
    world.sources["people"]["mode"] = "upsert"
    del people.people["7"]
    before = people.pages
    report = world.run()
    assert (report.read, "7" in world.there()) == ("complete", True)
    assert (people.pages - before, people.asked) == (6, [])


def test_without_a_lookup_a_list_that_was_the_same_twice_deletes(world: World, people: Shifting) -> None:
    reads(world, people, "number")
    del people.people["7"]
    before = people.pages
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("complete", 1)
    assert people.pages - before == 1 + 2 * 5


def test_many_missing_rows_are_proved_by_a_second_list(world: World, people: Shifting) -> None:
    people.fill(240)
    people.size = 48
    reads(world, people, "next_url with page numbers", lookup=BY_ID)
    people.people = {id_: name for id_, name in people.people.items() if int(id_) > 150}
    report = world.run()
    assert (report.read, report.counts["delete"], people.asked) == ("complete", 150, [])
    assert set(world.there()) == set(people.people)


def test_a_list_that_never_stands_still_deletes_nothing_and_says_so(world: World, people: Shifting) -> None:
    reads(world, people, "next_url with page numbers")
    for id_ in ("8", "9"):
        del people.people[id_]
    people.after_page = lambda pages: people.goes_and_comes() if pages % 5 == 2 else None
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("unproved", 0)
    assert [held.gate for held in report.held] == ["deletes.unproved"]
    assert f"the list differed each of the {MOST_READINGS} times it was read" in report.held[0].detail
    assert "page.by: next_url" in report.held[0].detail
    assert {"8", "9"} <= set(world.there())


@pytest.mark.parametrize("answer", [BROKEN, FORBIDDEN], ids=["500", "403"])
def test_a_row_that_nothing_is_known_of_is_left_alone(world: World, people: Shifting, answer: tuple[int, Any]) -> None:
    reads(world, people, "number", lookup=BY_ID)
    del people.people["7"]
    del people.people["8"]
    people.lookups["8"] = answer
    report = world.run()
    assert (report.counts["delete"], report.counts["invalid"]) == (1, 1)
    [invalid] = report.invalid
    assert (invalid["key"], invalid["at"]) == ("8", "people")
    assert "its contact is left alone" in invalid["reason"]
    assert "7" not in world.there()
    assert "8" in world.there()
    people.lookups.clear()
    assert world.run().counts["delete"] == 1


@pytest.mark.parametrize(
    "lookup",
    [
        {"request": {"path": "/persons/{id}"}},
        {"request": {"path": "/people/0{id}"}},
        {"request": {"path": "/people", "query": {"id": "{id}"}}, "records": {"path": "results"}},
        {"request": {"path": "/people", "query": {"id__in": "{ids}"}}, "records": {"path": "results"}},
        {"request": {"path": "/people/{id}"}, "records": {"id": "uuid"}},
    ],
    ids=["wrong path", "wrong id", "ignored filter by id", "ignored filter by ids", "wrong place of the id"],
)
def test_a_lookup_that_does_not_find_who_is_there_deletes_nobody(
    world: World, people: Shifting, lookup: dict[str, Any]
) -> None:
    reads(world, people, "number", lookup=lookup)
    people.once(people.goes_and_comes)
    report = world.run()
    assert report.counts["delete"] == 0
    assert "correct lookup" in report.invalid[0]["reason"]
    assert {"5", "1"} <= set(world.there())


def test_a_record_that_answers_under_another_id_was_merged(world: World, people: Shifting) -> None:
    reads(world, people, "number", lookup=BY_ID)
    del people.people["7"]
    people.lookups["7"] = (200, {"id": "8", "name": "Name 8", "phone": "2125550008"})
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == set(people.people)


def test_a_record_that_says_that_it_is_deleted_is_gone(world: World, people: Shifting) -> None:
    reads(world, people, "number", lookup=BY_ID, deletes={"inline": {"when": "gone"}})
    del people.people["7"]
    people.lookups["7"] = (200, {"id": "7", "name": "Name 7", "gone": True})
    assert world.run().counts["delete"] == 1
    assert "7" not in world.there()


@pytest.mark.parametrize("lists", ["stable", "keyset", "one page"])
def test_a_list_that_cannot_slip_is_believed_at_once(world: World, people: Shifting, lists: str) -> None:
    way: str | dict[str, Any] = "next_url with page numbers"
    if lists == "keyset":
        way = paged({"above": "{last_id}"}, by="keyset", start=0)
    elif lists == "one page":
        people.size = 100
    reads(world, people, way)
    if lists == "stable":
        world.sources["people"]["options"]["page"] = {**WAYS["next_url with page numbers"]["page"], "stable": True}
    del people.people["7"]
    before = people.pages
    assert world.run().counts["delete"] == 1
    assert people.pages - before == {"stable": 6, "keyset": 7, "one page": 2}[lists]


def test_a_dry_run_asks_the_same_and_plans_the_same(world: World, people: Shifting) -> None:
    reads(world, people, "number", lookup=BY_ID)
    del people.people["7"]
    dry = world.run(dry_run=True)
    asked = list(people.asked)
    assert (dry.counts["delete"], world.deletes()) == (1, 0)
    assert world.run().digest == dry.digest
    assert people.asked == asked * 2


def reads_changes(world: World, people: Shifting, **options: Any) -> None:
    """Let the company read the list by numbers, and after that the changes and, each time, all keys."""
    request = {"path": "/people", "query": {"page": "{page}", "since": "{since}"}}
    sweep = {"request": {"query": {"keys": "yes"}}, "every": 0}
    world.sources = {
        "people": source(
            people,
            {"request": request, "page": {"by": "number"}},
            changes={"by": "time"},
            deletes={"sweep": sweep},
            **options,
        )
    }


def test_a_new_row_that_slips_out_of_the_first_list_is_found_by_a_second_one(world: World, people: Shifting) -> None:
    reads_changes(world, people)
    people.once(people.goes_and_comes)
    report = world.run()
    assert set(people.people) <= set(world.there())
    assert report.read == "complete"
    people.changed = ["1000"]
    assert world.run().read == "partial"
    assert set(world.there()) == set(people.people)


def test_a_first_list_that_never_stands_still_is_read_whole_again_by_the_next_run(
    world: World, people: Shifting
) -> None:
    reads_changes(world, people)
    people.after_page = lambda pages: people.goes_and_comes() if pages % 5 == 2 else None
    assert world.run().read == "complete"
    people.after_page = None
    assert world.run().read == "complete"
    assert set(world.there()) == set(people.people)
    assert world.run().read == "partial"


@pytest.mark.parametrize("lookup", [None, BY_ID], ids=["no lookup", "by id"])
def test_a_key_that_slips_out_of_a_sweep_stays(world: World, people: Shifting, lookup: dict[str, Any] | None) -> None:
    reads_changes(world, people, **({"lookup": lookup} if lookup else {}))
    world.run()
    del people.people["13"]
    # The changes are asked for first, which this server does not count as a page of the list.
    people.once(people.goes_and_comes)
    report = world.run()
    # A key that the sweep lists and nobody has seen is looked up; without a lookup, the source is read whole.
    assert report.read == ("partial" if lookup else "complete")
    assert set(people.people) - {"1000"} <= set(world.there())
    assert "13" not in world.there()
    people.after_page = None
    people.changed = ["1000"]
    report = world.run()
    assert report.read == "partial"
    assert set(world.there()) == set(people.people)


def test_a_sweep_that_never_stands_still_deletes_nothing_and_says_so(world: World, people: Shifting) -> None:
    reads_changes(world, people)
    world.run()
    del people.people["13"]
    people.after_page = lambda pages: people.goes_and_comes() if pages % 6 == 3 else None
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("partial", 0)
    assert "nothing is deleted" in report.warnings[0]
    people.after_page = None
    assert world.run().counts["delete"] > 0
    assert "13" not in world.there()


def test_who_is_not_answered_for_in_a_sweep_is_left_alone_and_asked_for_again(world: World, people: Shifting) -> None:
    reads_changes(world, people, lookup=BY_ID)
    world.run()
    del people.people["7"]
    del people.people["8"]
    people.lookups["8"] = FORBIDDEN
    report = world.run()
    assert (report.read, report.counts["delete"], report.counts["invalid"]) == ("partial", 1, 1)
    people.lookups.clear()
    report = world.run()
    assert (report.read, report.counts["delete"], report.counts["invalid"]) == ("partial", 1, 0)


def test_a_second_list_that_cannot_be_read_leaves_everybody_where_they_are(world: World, people: Shifting) -> None:
    reads(world, people, "next_url with page numbers")
    del people.people["13"]
    people.people["2"] = "Ann"

    def breaks(pages: int) -> None:
        people.broken = pages >= begin + 6

    begin = people.pages
    people.after_page = breaks
    report = world.run()
    assert (report.read, report.counts["delete"], report.counts["update"]) == ("unproved", 0, 1)
    assert "the list could not be read once more" in report.held[0].detail
    assert "13" in world.there()


def test_the_commands_say_and_do_the_same(
    world: World, people: Shifting, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    reads(world, people, "next_url with page numbers")
    _, checked, _ = syncd("check")
    assert "a missing row is deleted only if the list was the same twice" in " ".join(checked.split())
    people.once(people.goes_and_comes)
    _, explained, _ = syncd("explain", "5")
    assert "delete" not in explained
    assert "5" in people.people
    people.once(people.goes_and_comes)
    code, _, err = syncd("run", "--json")
    assert code == 0, err
    assert set(people.people) - {"1000", "1001"} <= set(world.there())


def test_check_tries_the_lookup(
    world: World, people: Shifting, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    reads(world, people, "number", lookup=BY_ID)
    code, checked, _ = syncd("check")
    assert (code, "lookup finds a record of the list" in checked) == (0, True)
    world.sources["people"]["options"]["lookup"] = {"request": {"path": "/persons/{id}"}}
    world.settings()
    code, checked, _ = syncd("check")
    assert (code, "correct lookup" in checked) == (2, True)
