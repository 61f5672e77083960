"""Which lists say that a row may slip between their pages, and where the next read of changes begins then."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from syncd.errors import SourceInvalid
from syncd.source import Needs
from tests.contract import suite
from tests.worlds.rest_api_world import ANN, BOB, NOON, TIME, World

CY = {"id": 3, "name": "Cy"}
BY_ID = Needs(("id",), frozenset({"id"}))

PAGES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "number": ({"by": "number"}, {"page": "{page}"}),
    "offset": ({"by": "offset"}, {"offset": "{offset}"}),
    "token": ({"by": "token", "from": "token"}, {"token": "{token}"}),
    "next_url": ({"by": "next_url", "from": "link"}, {}),
    "next_url in a header": ({"by": "next_url", "from": "header:link"}, {}),
    "keyset": ({"by": "keyset", "start": 0}, {"above": "{last_id}"}),
    "none": ({"by": "none"}, {}),
}
CANNOT = {"keyset", "none"}


def pages(request: httpx.Request) -> httpx.Response:
    """Answer with one person a page, however the page is asked for."""
    asked = request.url.params
    begin = int(asked.get("offset") or asked.get("above") or asked.get("token") or int(asked.get("page", 1)) - 1)
    size = 3 if not asked else 1
    found = [ANN, BOB, CY][begin : begin + size]
    following = begin + size if begin + size < 3 else None
    link = f"https://crm.example.com/v1/people?offset={following}" if following else None
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return httpx.Response(200, json={"data": found, "token": following, "link": link}, headers=headers)


def world(way: str, answer: Any = pages, **page: Any) -> World:
    options, query = PAGES[way]
    first = {"size": "1"} if way.startswith(("next_url", "token")) else {}
    return World(
        answer,
        request={"path": "/people", "query": {**first, **query}},
        records={"path": "data"},
        page={**options, **page},
    )


@pytest.mark.parametrize("way", PAGES)
def test_every_list_says_that_it_may_slip_unless_it_goes_on_by_the_ids(way: str) -> None:
    rows, end = world(way).read()
    assert (len(rows), end.proof) == (3, "complete")
    assert end.slips == (
        "" if way in CANNOT else f"rows may slip between the pages of its list (page.by: {way.split(maxsplit=1)[0]})"
    )


@pytest.mark.parametrize("way", PAGES)
def test_a_list_that_is_said_to_be_stable_cannot_slip(way: str) -> None:
    assert not world(way, stable=True).read()[1].slips


@pytest.mark.parametrize("way", ["token", "next_url", "next_url in a header"])
def test_a_list_that_came_on_one_page_cannot_slip(way: str) -> None:
    _, end = world(way, lambda _: {"data": [ANN, BOB], "token": None, "link": None}).read()
    assert (end.proof, end.slips) == ("complete", "")


def test_a_row_may_move_between_the_lists_of_a_fan_out() -> None:
    two = {"into": "view", "values": ["a", "b"]}
    answer = lambda request: [ANN] if request.url.path == "/v1/a" else [BOB]  # noqa: E731
    assert "lists of fanout" in World(answer, request={"path": "/{view}"}, fanout=two).read()[1].slips
    one = {"into": "view", "values": ["a"]}
    assert not World(answer, request={"path": "/{view}"}, fanout=one).read()[1].slips


def test_a_list_of_values_may_lose_a_whole_list() -> None:
    def answer(request: httpx.Request) -> Any:
        number = request.url.params.get("page")
        return [ANN] if number is None else ["a"] * (number == "1")

    lists = [{"request": {"path": "/views", "query": {"page": "{page}"}}, "path": "@", "page": {"by": "number"}}]
    assert World(answer, request={"path": "/{view}"}, fanout={"into": "view", "lists": lists}).read()[1].slips


def test_a_list_that_is_read_in_parts_may_slip_in_every_part() -> None:
    def answer(request: httpx.Request) -> Any:
        names = request.url.params["fields"].split(",")
        page = [ANN, BOB][int(request.url.params["page"]) - 1 :][:1]
        return [{name: person.get(name, "x") for name in names} for person in page]

    found = World(
        answer,
        Needs(("id",), frozenset({"id", "name", "note"})),
        request={"path": "/people", "query": {"fields": "{fields}", "page": "{page}"}},
        page={"by": "number"},
        fields={"always": ["id"], "most": 2},
    )
    rows, end = found.read()
    assert (len(rows), end.proof) == (2, "complete")
    assert end.slips


def changing(answer: Any, **more: Any) -> World:
    query = {"page": "{page}", "since": "{since}"}
    return World(answer, **{**TIME, "request": {"path": "/people", "query": query}, "page": {"by": "number"}, **more})


def by_number(request: httpx.Request) -> Any:
    return [ANN, BOB][int(request.url.params["page"]) - 1 :][:1]


def test_after_a_full_read_that_may_have_slipped_changes_are_asked_for_since_the_read_before() -> None:
    source = changing(by_number, full_every=0)
    _, first = source.read()
    source.now += 600
    _, second = source.read(first.cursor)
    assert (second.proof, bool(second.slips)) == ("complete", True)
    assert json.loads(second.cursor or "")["since"] == NOON
    steady = World(lambda _: [ANN], **TIME, full_every=0)
    _, first = steady.read()
    steady.now += 600
    assert json.loads(steady.read(first.cursor)[1].cursor or "")["since"] == NOON + 600


def test_beyond_the_horizon_of_deletes_the_next_read_is_whole_again() -> None:
    feed = {"request": {"path": "/deleted", "query": {"since": "{since}"}}, "horizon": "1h"}
    source = changing(by_number, deletes={"feed": feed})
    _, first = source.read()
    source.now += 3600
    _, second = source.read(first.cursor)
    assert (second.proof, second.cursor) == ("complete", None)


def test_a_token_cannot_go_back_so_that_the_next_read_is_whole_again() -> None:
    def answer(request: httpx.Request) -> Any:
        return {"data": by_number(request), "sync": "t1"}

    source = changing(
        answer,
        request={"path": "/people", "query": {"page": "{page}", "sync": "{cursor}"}},
        records={"path": "data"},
        changes={"by": "token", "from": "sync"},
        full_every=0,
    )
    _, first = source.read()
    assert first.cursor
    assert source.read(first.cursor)[1].cursor is None


def test_without_changes_there_is_no_cursor_that_a_slip_could_spoil() -> None:
    assert world("number").read()[1].cursor is None


def test_a_sweep_says_that_it_may_slip() -> None:
    source = changing(by_number, deletes={"sweep": {"every": 0}})
    _, first = source.read()
    _, end = source.read(first.cursor)
    assert (end.proof, end.present is not None, bool(end.slips)) == ("partial", True, True)


def looked_up(world: World, *keys: str) -> tuple[list[str], frozenset[str]]:
    world.read()
    pages, gone = suite.looked_up(world.connector, keys)
    return [row["id"] for row in suite.rows_of(pages)], gone


def with_lookup(answer: Any, needs: Needs = BY_ID, **lookup: Any) -> World:
    return World(answer, needs, lookup={"request": {"path": "/people/{id}"}, **lookup})


def test_only_a_source_whose_key_is_the_id_can_look_up() -> None:
    assert with_lookup(pages).connector.can_look_up()
    assert not with_lookup(pages, Needs(("name",), frozenset({"name"}))).connector.can_look_up()
    assert not World(pages, BY_ID).connector.can_look_up()


def test_an_answer_may_hold_a_record_a_list_or_nothing() -> None:
    answers: dict[str, Any] = {
        "1": {"data": ANN},
        "2": {"data": [BOB]},
        "3": {"data": []},
        "4": httpx.Response(204),
        "5": httpx.Response(410, json={}),
        "6": {"data": None},
        "7": {"error": "no"},
        "8": httpx.Response(400, json={"error": "not an id"}),
    }

    def answer(request: httpx.Request) -> Any:
        return answers.get(request.url.path.rpartition("/")[2], [ANN])

    world = with_lookup(answer, records={"path": "data"})
    assert looked_up(world, *answers) == (["1", "2"], frozenset({"3", "4", "5"}))


def test_of_many_ids_a_page_may_hold_only_some() -> None:
    asked: list[list[str]] = []

    def answer(request: httpx.Request) -> Any:
        if "ids" not in request.url.params:
            return [ANN]
        asked.append(request.url.params["ids"].split(","))
        return [{"id": int(id_)} for id_ in asked[-1] if int(id_) < 7][-2:]

    world = World(answer, BY_ID, lookup={"request": {"path": "/people", "query": {"ids": "{ids}"}}, "chunk": 3})
    found, gone = looked_up(world, "2", "3", "8", "9", "4")
    assert (sorted(found), gone) == (["2", "3", "4"], frozenset({"8", "9"}))
    assert max(map(len, asked)) == 4


def test_a_server_in_trouble_is_asked_no_further() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        id_ = request.url.path.rpartition("/")[2]
        if id_ == "people":
            return [ANN]
        asked.append(id_)
        return {"1": ANN, "2": httpx.Response(404, json={})}.get(id_) or httpx.Response(503)

    assert looked_up(with_lookup(answer), "2", "3", "4") == ([], frozenset({"2"}))
    assert "4" not in asked


def test_a_server_that_then_has_nothing_proves_nothing() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> Any:
        asked.append(request.url.path)
        if request.url.path.endswith("/people"):
            return [ANN]
        return ANN if sum("/people/" in path for path in asked) == 1 else httpx.Response(404, json={})

    with pytest.raises(SourceInvalid, match="correct lookup"):
        looked_up(with_lookup(answer), "2")


def test_a_look_up_adds_what_enrich_finds_and_there_a_404_is_an_error() -> None:
    def answer(request: httpx.Request) -> Any:
        if request.url.path.endswith("/companies"):
            return httpx.Response(404, json={}) if request.url.params["ids"] == "9" else [{"id": 5, "name": "Acme"}]
        company = {"/v1/people/2": 5, "/v1/people/3": 9}.get(request.url.path, 5)
        return (
            {**BOB, "id": int(request.url.path[-1]), "company": company}
            if request.url.path[-1] in "123"
            else [{**ANN, "company": 5}]
        )

    needs = Needs(("id",), frozenset({"id", "firm.name"}))
    enrich = [{"into": "firm", "by": "company", "request": {"path": "/companies", "query": {"ids": "{ids}"}}}]
    world = World(answer, needs, enrich=enrich, lookup={"request": {"path": "/people/{id}"}})
    assert looked_up(world, "2") == (["2"], frozenset())
    with pytest.raises(SourceInvalid):
        looked_up(world, "3")


@pytest.mark.parametrize(
    ("page", "lookup", "key", "text", "good"),
    [
        ({"by": "number"}, None, "id", "the list was the same twice", False),
        ({"by": "number"}, "/people/{id}", "id", "lookup finds a record of the list", True),
        ({"by": "number"}, "/people/{id}", "name", "lookup is not used", False),
        ({"by": "number", "stable": True}, None, "id", "", True),
    ],
)
def test_check_says_how_missing_rows_are_proved(
    page: dict[str, Any], lookup: str | None, key: str, text: str, good: bool
) -> None:
    def answer(request: httpx.Request) -> Any:
        return ANN if request.url.path.endswith("/1") else [ANN] * (request.url.params["page"] == "1")

    more = {"lookup": {"request": {"path": lookup}}} if lookup else {}
    request = {"path": "/people", "query": {"page": "{page}"}}
    world = World(answer, Needs((key,), frozenset({key, "id"})), request=request, page=page, **more)
    notes = world.connector.notes()
    assert [note.good for note in notes] == [good] * bool(text)
    assert all(text in note.text for note in notes)


def test_check_refuses_a_lookup_that_finds_nobody() -> None:
    world = with_lookup(lambda request: [ANN] if request.url.path == "/v1/people" else httpx.Response(404, json={}))
    with pytest.raises(SourceInvalid, match="correct lookup"):
        world.connector.notes()
