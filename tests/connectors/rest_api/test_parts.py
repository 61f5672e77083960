"""A list with too many fields for one request is read in parts, which are joined again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.rest_api.parts import combine, split_names
from syncd.errors import SourceInvalid
from syncd.source import Needs
from tests.worlds.rest_api_world import World

NAMES = [f"field_{number:02}" for number in range(7)]
NEEDS = Needs(("id",), frozenset({"id", *NAMES}))
PAGED: dict[str, Any] = {
    "request": {"path": "/people", "query": {"fields": "{fields}", "offset": "{offset}", "since": "{since}"}},
    "page": {"by": "offset"},
}
THREE = {**PAGED, "fields": {"always": ["id"], "most": 3}}


class Crm:
    """A server with the people 1 to ``count`` that takes at most three fields in a request."""

    def __init__(self, count: int = 5) -> None:
        self.ids = list(range(1, count + 1))
        self.asked: list[tuple[str, ...]] = []
        self.before_part: Callable[[int], None] = lambda _number: None

    def __call__(self, request: httpx.Request) -> Any:
        names = tuple(request.url.params["fields"].split(","))
        if names not in self.asked:
            self.asked.append(names)
            self.before_part(len(self.asked))
        if len(names) > 3:
            return httpx.Response(400, json={"message": "too many fields"})
        begin = int(request.url.params["offset"])
        page = self.ids[begin : begin + 2]
        return [{name: id_ if name == "id" else f"{name} of {id_}" for name in names} for id_ in page]


def test_parts_hold_every_name_and_what_is_always_asked_for() -> None:
    assert split_names(["id"], ["id", "a", "b", "c"], most=3, chars=None) == [["id", "a", "b"], ["id", "c"]]
    assert split_names(["id"], ["id", "a", "b", "c"], most=None, chars=6) == [["id", "a", "b"], ["id", "c"]]
    assert split_names(["id"], ["a", "very_long", "b"], most=None, chars=6) == [
        ["id", "a"],
        ["id", "very_long"],
        ["id", "b"],
    ]
    assert split_names(["id"], ["id"], most=1, chars=1) == [["id"]]
    assert split_names([], [], most=1, chars=None) == [[]]


def test_two_parts_of_a_record_make_one() -> None:
    assert combine({"id": 1, "a": {"x": 1}}, {"id": 1, "a": {"y": 2}, "b": 3}) == {
        "id": 1,
        "a": {"x": 1, "y": 2},
        "b": 3,
    }


def test_more_fields_than_a_request_takes_are_asked_for_in_several() -> None:
    crm = Crm()
    world = World(crm, NEEDS, **THREE)
    rows, end = world.read()
    assert (end.proof, [row["id"] for row in rows]) == ("complete", ["1", "2", "3", "4", "5"])
    assert rows[4] == {"id": "5", **{name: f"{name} of 5" for name in NAMES}}
    assert all(names[0] == "id" for names in crm.asked)
    assert set(world.connector.check()) == {"id", *NAMES}


def test_characters_count_as_well() -> None:
    crm = Crm()
    rows, end = World(crm, NEEDS, **{**PAGED, "fields": {"always": ["id"], "chars": 21}}).read()
    assert (end.proof, len(rows), len(rows[0])) == ("complete", 5, 8)
    assert max(len(",".join(names)) for names in crm.asked) <= 21


@pytest.mark.parametrize("change", ["added", "removed"])
def test_who_comes_or_goes_between_the_parts_leaves_the_read_unproved(change: str) -> None:
    crm = Crm()
    world = World(crm, NEEDS, **THREE)
    world.connector.check()
    crm.asked.clear()

    def edit(part: int) -> None:
        if part == 3:
            crm.ids = [*crm.ids, 6] if change == "added" else crm.ids[:-1]

    crm.before_part = edit
    rows, end = world.read()
    assert end.proof == "unproved"
    assert "their fields were read in parts" in end.why
    assert all(len(row) == 8 and None not in row.values() for row in rows)


def test_records_without_an_id_cannot_be_put_together() -> None:
    world = World(Crm(), NEEDS, **{**PAGED, "page": {"by": "none"}, "fields": {"most": 3}})
    world.answer = lambda request: [dict.fromkeys(request.url.params["fields"].split(","), "x")]
    _, end = world.read()
    assert "fields.always" in end.why


def test_what_changed_is_asked_for_in_parts_too() -> None:
    crm = Crm()
    world = World(crm, NEEDS, **THREE, changes={"by": "time"})
    _, first = world.read()
    rows, end = world.read(first.cursor)
    assert (end.proof, len(rows), len(rows[0])) == ("partial", 5, 8)


def test_changes_by_a_token_cannot_come_in_parts() -> None:
    request = {"path": "/people", "query": {"fields": "{fields}", "offset": "{offset}", "after": "{cursor}"}}
    world = World(Crm(), NEEDS, **{**THREE, "request": request}, changes={"by": "token", "from": "sync"})
    with pytest.raises(SourceInvalid, match=r"fields\.most, fields\.chars.*use fewer"):
        world.connector.check()
