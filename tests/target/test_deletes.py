"""Deletes: unknown ids do not keep the others, and an empty request is never sent."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.target_server import a_target


@pytest.mark.parametrize("ids", [[], list(range(1, 502)), [0], [-1]])
def test_a_delete_that_could_mean_all_is_never_sent(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="ids"):
        a_target(lambda _: httpx.Response(500)).delete(ids)


class Shelf:
    """A server that deletes ids, and treats unknown ids according to ``rule``."""

    def __init__(self, ids: set[int], rule: str) -> None:
        self.ids = set(ids)
        self.rule = rule
        self.deletes = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            listed = [{"id": id_, "fields": {}} for id_ in sorted(self.ids)]
            return httpx.Response(200, json={"contacts": listed, "meta": {"total_pages": 1}})
        self.deletes += 1
        body = json.loads(request.content)
        asked = set(body.get("ids") or [body["id"]])
        unknown = asked - self.ids
        if unknown and self.rule == "nothing":
            return httpx.Response(404, json={"error": {"type": "RESOURCE_NOT_FOUND"}})
        self.ids -= asked
        if unknown and self.rule == "partial":
            return httpx.Response(200, json={"errors": [{"id": id_} for id_ in unknown]})
        return httpx.Response(404, json={"error": {}}) if unknown and self.rule == "said" else httpx.Response(204)


@settings(max_examples=30, deadline=None)
@given(rule=st.sampled_from(["nothing", "said", "silent"]), gone=st.sets(st.integers(1, 400), max_size=5))
def test_ids_that_are_gone_already_do_not_keep_the_others(rule: str, gone: set[int]) -> None:
    shelf = Shelf(set(range(1, 401)) - gone, rule)
    done = a_target(shelf).delete_all(list(range(1, 401)))
    assert set(done.fates.values()) == {"deleted"}
    assert shelf.ids == set()
    assert shelf.deletes <= 2 * len(gone) * 9 + 1


def test_a_delete_that_is_refused_for_good_is_refused_alone() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        return httpx.Response(409 if 3 in (body.get("ids") or [body["id"]]) else 204)

    done = a_target(answer).delete_all([1, 2, 3, 4, 5])
    assert done.fates == {1: "deleted", 2: "deleted", 3: "refused", 4: "deleted", 5: "deleted"}
    assert list(done.reasons) == [3]


def test_a_page_of_a_gateway_deletes_nothing() -> None:
    done = a_target(lambda _: httpx.Response(200, text="<html></html>")).delete_all([7])
    assert done.fates == {7: "unknown"}
