"""Lookups: an id that the server gives no answer about is unknown, and never empty."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncd.errors import SourceUnavailable
from tests.worlds.rest_api_world import World

EMPTY = httpx.Response(200, json=[])


def enrich(**more: Any) -> dict[str, Any]:
    request = {"path": "/firms", "query": {"ids": "{ids}"}}
    return {"enrich": [{"into": "firm", "by": "company", "request": request, "chunk": 2, **more}]}


def company(answer: httpx.Response | None, *, known: tuple[str, ...] = ("1", "2", "3")) -> Any:
    def server(request: httpx.Request) -> Any:
        ids = request.url.params.get("ids")
        if ids is None:
            return [{"id": number, "company": number % 4} for number in range(8)]
        return answer or [{"id": id_, "name": f"Firm {id_}"} for id_ in ids.split(",") if id_ in known]

    return server


def test_a_server_that_answers_no_lookup_empties_nothing() -> None:
    with pytest.raises(SourceUnavailable, match="no answer about 4 of the ids that enrich looks up for 'firm'"):
        World(company(EMPTY), **enrich()).read()


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_an_id_that_is_not_there_is_empty(chunk: int) -> None:
    rows, end = World(company(None), **enrich(chunk=chunk)).read()
    assert [row["firm.name"] for row in rows[:4]] == [None, "Firm 1", "Firm 2", "Firm 3"]
    assert end.proof == "complete"


def test_a_server_that_fails_in_the_middle_of_its_lookups_empties_nothing() -> None:
    world = World(company(None), **enrich())
    world.connector.check()
    asked = 0

    def server(request: httpx.Request) -> Any:
        nonlocal asked
        asked += "ids" in request.url.params
        return company(EMPTY if asked > 1 else None)(request)

    world.answer = server
    with pytest.raises(SourceUnavailable, match="no answer about"):
        world.read()


@pytest.mark.parametrize(
    ("more", "options"),
    [({"missing": "empty"}, {}), ({}, {"errors": [{"status": [404], "do": "empty"}]})],
    ids=["by option", "by a rule"],
)
def test_absent_records_are_empty_where_the_configuration_says_so(more: Any, options: Any) -> None:
    answer = httpx.Response(404, json={}) if options else EMPTY
    rows, _ = World(company(answer), **enrich(**more), **options).read()
    assert "firm.name" not in rows[0] or rows[0]["firm.name"] is None
