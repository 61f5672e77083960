"""Lists that come in one long answer: read record by record, with the same rows, and bounded in what they may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from connectors.http_parts.records import MOST_COLUMNS, columns_of
from connectors.rest_api.options import RestOptions
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import received
from syncd.source import Needs
from tests.worlds.rest_api_world import World

PEOPLE: list[dict[str, Any]] = [{"id": number, "name": f"P {number}", "gone": number % 5 == 0} for number in range(50)]
WIDE = "the records have more than 10,000 columns"


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take every answer for a long one, which is read in several parts."""
    with monkeypatch.context() as patch:
        patch.setattr(received, "LONG", 0)
        patch.setattr("syncd.rest.listed._WINDOW", 256)
        yield


def both(body: Any, needs: Needs = Needs(), **options: Any) -> Any:  # noqa: B008
    """Return what a read finds, which is the same as without long lists."""
    found = World(lambda _: body, needs, **options).read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RestOptions, "long_list", lambda _: None)
        assert World(lambda _: body, needs, **options).read() == found
    return found


@pytest.mark.parametrize("path", ["@", "data", "data.people"])
def test_a_long_list_has_the_same_rows(path: str) -> None:
    body = {"@": PEOPLE, "data": {"data": PEOPLE}, "data.people": {"data": {"n": 1, "people": PEOPLE}}}[path]
    rows, end = both(body, records={"path": path})
    assert [row["id"] for row in rows] == [str(each["id"]) for each in PEOPLE]
    assert end.proof == "complete"


def test_a_column_that_only_the_last_record_has_is_found() -> None:
    world = World(lambda _: [*PEOPLE, {"id": 99, "last": "x"}])
    assert world.connector.check() == ["id", "name", "gone", "last"]


def test_records_that_come_twice_or_are_deleted_are_left_out() -> None:
    rows, _ = both([*PEOPLE, *PEOPLE[10:20]], deletes={"inline": {"when": "gone"}})
    assert [row["id"] for row in rows] == [str(each["id"]) for each in PEOPLE if not each["gone"]]


def test_a_list_without_any_record_has_no_rows() -> None:
    rows, end = both([])
    assert (rows, end.proof) == ([], "complete")


def test_pages_may_be_long_too() -> None:
    paging: dict[str, Any] = {"page": {"by": "token", "from": "next"}, "records": {"path": "data"}}
    query = {"path": "/people", "query": {"after": "{token}"}}

    def reply(request: Any) -> Any:
        return {"data": PEOPLE[30:]} if "after" in request.url.params else {"data": PEOPLE[:35], "next": "x"}

    rows, end = World(reply, request=query, **paging).read()
    assert (len(rows), end.proof) == (50, "complete")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, ()),
        ({"records": {"path": "a.b"}}, ("a", "b")),
        ({"records": {"path": "a[?b]"}}, None),
        ({"records": {"path": "a"}, "page": {"more": "length(a)"}}, None),
        ({"records": {"path": "a"}, "page": {"total": "a.n"}}, None),
        ({"records": {"path": "a"}, "page": {"total": "n"}}, ("a",)),
        ({"records": {"path": "a"}, "errors": [{"when": "[0]", "do": "later"}]}, None),
    ],
)
def test_a_list_that_other_options_look_into_is_parsed_whole(options: Any, place: Any) -> None:
    assert World(lambda _: [], **options).connector._options.long_list() == place


@pytest.mark.parametrize("each", [1, 200])
def test_too_many_columns_are_told(each: int) -> None:
    people = [{"id": at, **{f"k{at}_{n}": 1 for n in range(each)}} for at in range(MOST_COLUMNS // each + 1)]
    for records in (people, [{"id": 1, "a": people[0] | {f"k{n}": 1 for n in range(MOST_COLUMNS)}}]):
        with pytest.raises(SourceInvalid, match=WIDE):
            World(cast(Any, lambda _, records=records: records)).connector.check()


def test_too_many_keys_below_a_column_are_told_while_rows_are_read() -> None:
    people = [{"id": 1, "a": {"b": 1}}, {"id": 2, "a": {f"k{n}": 1 for n in range(MOST_COLUMNS + 1)}}]
    columns = {"id": "id", "a.b": "a.b"}
    assert len(both(people, columns=columns)[0]) == 2
    with pytest.raises(SourceInvalid, match=WIDE):
        World(lambda _: people).read()


def test_a_key_of_more_than_a_thousand_characters_is_no_column() -> None:
    assert columns_of([{"a" * 900: {"b": 1, "c" * 200: 2}, "d": 3}]) == ["a" * 900 + ".b", "d"]


def test_an_answer_that_would_fill_the_memory_names_the_remedy() -> None:
    with pytest.raises(SourceUnavailable, match=r"GET /people: .* raise max_answer, or have smaller pages"):
        World(lambda _: [{"id": 1, "a": [[]] * 500_000}]).read()
