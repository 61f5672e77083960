"""The target's fields and its list of contacts: read completely, or an error."""

from random import Random
from typing import Any

import httpx
import pytest

from syncd.errors import SchemaError, TargetRefused, TargetUnavailable
from syncd.target.contacts import Target
from tests.worlds.target_server import Answerer, a_target


@pytest.mark.parametrize("status", [301, 307, 404, 405, 410])
def test_an_address_without_fields_is_a_mistake_of_the_configuration(status: int) -> None:
    with pytest.raises(SchemaError, match=f"status {status}.*check target.base_url"):
        a_target(lambda _: httpx.Response(status, headers={"location": "/"})).fields()


@pytest.mark.parametrize("status", [400, 409, 422])
def test_fields_that_are_refused_otherwise_are_no_mistake_of_the_configuration(status: int) -> None:
    with pytest.raises(TargetRefused):
        a_target(lambda _: httpx.Response(status, json={})).fields()


@pytest.mark.parametrize("body", [{}, {"fields": 7}, {"fields": [{"id": []}]}, {"fields": [{"name": "A", "id": [1]}]}])
def test_a_schema_of_another_form_is_an_error(body: Any) -> None:
    with pytest.raises(SchemaError):
        a_target(lambda _: httpx.Response(200, json=body)).fields()


def listing(pages: list[list[int]], total: int | None, past_end: int = 200) -> Answerer:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        if page > len(pages) and past_end == 404:
            return httpx.Response(404, json={"error": {}})
        ids = pages[page - 1] if page <= len(pages) else []
        meta = {} if total is None else {"total_pages": len(pages), "total_contacts": total}
        return httpx.Response(200, json={"contacts": [{"id": id_, "fields": {}} for id_ in ids], "meta": meta})

    return answer


@pytest.mark.parametrize("total", [5, None])
@pytest.mark.parametrize("past_end", [200, 404])
def test_every_page_is_read_whatever_ends_the_list(total: int | None, past_end: int) -> None:
    target = a_target(listing([[1, 2], [3, 4], [5]], total, past_end))
    assert [contact.id for contact in target.contacts()] == [1, 2, 3, 4, 5]
    assert target.total == 5


@pytest.mark.parametrize("pages", [[[1, 2], [2, 3]], [[1, 2], [1, 2]], [[1], []]])
def test_a_list_that_does_not_add_up_is_not_taken_for_whole(pages: list[list[int]]) -> None:
    with pytest.raises(TargetUnavailable):
        a_target(listing(pages, 4)).contacts()


def shuffled(total: int) -> tuple[Target, list[int]]:
    """Return a target that lists 90 contacts in a new order for each page of two, and the pages requested."""
    draw, asked = Random(1), list[int]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(int(request.url.params["page"]))
        meta = {"total_contacts": total, "total_pages": 45}
        page = [{"id": number, "fields": {}} for number in draw.sample(range(1, 91), 2)]
        return httpx.Response(200, json={"contacts": page, "meta": meta})

    return a_target(answer), asked


def test_a_list_in_another_order_each_time_is_read_until_all_were_seen() -> None:
    target, asked = shuffled(total=90)
    assert {contact.id for contact in target.contacts()} == set(range(1, 91))
    assert 4 < asked.count(1) <= 16


def test_a_list_that_never_comes_to_its_own_count_is_given_up() -> None:
    target, asked = shuffled(total=91)
    with pytest.raises(TargetUnavailable, match="incomplete 16 times"):
        target.contacts()
    assert asked.count(1) == 16


def test_a_server_that_repeats_one_page_for_ever_is_noticed() -> None:
    page = {"contacts": [{"id": 1, "fields": {}}]}
    with pytest.raises(TargetUnavailable):
        a_target(lambda _: httpx.Response(200, json=page)).contacts()


@pytest.mark.parametrize("count", [501, 5000])
def test_a_page_of_more_contacts_than_were_asked_for_is_not_believed(count: int) -> None:
    page = [{"id": number, "fields": {"External ID": f"{number}"}} for number in range(1, count + 1)]
    body = {"contacts": page, "meta": {"total_pages": 1, "total_contacts": count}}
    target = a_target(lambda _: httpx.Response(200, json=body))
    with pytest.raises(TargetUnavailable, match=f"{count:,} contacts on one page, though 500 were asked for"):
        target.contacts()
