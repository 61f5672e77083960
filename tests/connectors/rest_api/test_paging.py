"""Lists read page by page: every record once, and a flaw if a record may be missing."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from connectors.rest_api.paging import (
    KeysetPages,
    NextUrlPages,
    NumberPages,
    OffsetPages,
    OnePage,
    Page,
    Pager,
    Step,
    TokenPages,
)
from connectors.rest_api.walk import Walk

Fetch = Callable[[Step], Page]


def page(ids: Sequence[str], body: Any = None, headers: dict[str, str] | None = None) -> Page:
    return Page(
        [{"id": id_} for id_ in ids], list(ids), body or {}, headers or {}, "https://crm.example.com/v1/list?x=1"
    )


def read(pager: Pager, fetch: Fetch, **options: Any) -> tuple[list[str], list[str]]:
    """Walk through the list; return the ids and the flaws."""
    walk = Walk(pager, fetch, **options)
    found = [record["id"] for each in walk.pages() for record in each.records]
    assert walk.count == len(found)
    return found, walk.flaws


ALL = [str(number) for number in range(1, 24)]


def by_offset(ids: Callable[[], Sequence[str]], size: int) -> Fetch:
    def fetch(step: Step) -> Page:
        begin = int(step.values["offset"])
        return page(ids()[begin : begin + size])

    return fetch


def by_token(ids: Sequence[str], size: int) -> Fetch:
    def fetch(step: Step) -> Page:
        begin = int(step.values.get("token", 0))
        following = begin + size
        return page(ids[begin:following], {"next": str(following)} if following < len(ids) else {})

    return fetch


def by_number(ids: Callable[[], Sequence[str]], size: int) -> Fetch:
    def fetch(step: Step) -> Page:
        begin = (int(step.values["page"]) - 1) * size
        return page(ids()[begin : begin + size])

    return fetch


def by_id(ids: Sequence[int], size: int) -> Fetch:
    def fetch(step: Step) -> Page:
        after = [id_ for id_ in sorted(ids) if id_ > int(step.values.get("last_id", 0))]
        return page([str(id_) for id_ in after[:size]])

    return fetch


@pytest.mark.parametrize("size", [2, 5, 22, 23, 24, 100])
def test_every_way_of_paging_reads_every_record_once(size: int) -> None:
    ways: list[tuple[Pager, Fetch, dict[str, Any]]] = [
        (TokenPages("next"), by_token(ALL, size), {}),
        (OffsetPages(), by_offset(lambda: ALL, size), {}),
        (NumberPages(), by_number(lambda: ALL, size), {"twice": True}),
        (KeysetPages(), by_id([int(each) for each in ALL], size), {}),
    ]
    for pager, fetch, options in ways:
        assert read(pager, fetch, **options) == (ALL, []), pager


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_lists_are_whole(count: int) -> None:
    ids = ALL[:count]
    assert read(OnePage(), lambda _: page(ids)) == (ids, [])
    assert read(TokenPages("next"), by_token(ids, 5)) == (ids, [])
    assert read(OffsetPages(), by_offset(lambda: ids, 5)) == (ids, [])
    assert read(NumberPages(), by_number(lambda: ids, 5), twice=True) == (ids, [])
    assert read(KeysetPages(), by_id([int(each) for each in ids], 5)) == (ids, [])


def test_a_short_page_is_not_the_last() -> None:
    sizes = iter([5, 1, 3, 100])

    def fetch(step: Step) -> Page:
        begin = int(step.values.get("token", 0))
        following = begin + next(sizes)
        return page(ALL[begin:following], {"next": str(following)} if following < len(ALL) else {})

    assert read(TokenPages("next"), fetch) == (ALL, [])


def test_an_empty_page_with_a_token_is_not_the_last() -> None:
    replies = {"": page(["1"], {"next": "a"}), "a": page([], {"next": "b"}), "b": page(["2"])}
    assert read(TokenPages("next"), lambda step: replies[str(step.values.get("token", ""))]) == (["1", "2"], [])


def test_pages_of_one_record_by_offset_are_read_to_the_end() -> None:
    assert read(OffsetPages(), by_offset(lambda: ALL, 1))[0] == ALL


def test_a_record_that_is_removed_while_offsets_are_read_is_noticed() -> None:
    ids = list(ALL)
    fetch = by_offset(lambda: ids, 5)

    def shrinking(step: Step) -> Page:
        found = fetch(step)
        if step.values["offset"] == 0:
            ids.remove("2")
        return found

    found, flaws = read(OffsetPages(), shrinking)
    assert flaws == ["records were added or removed while the list was read"]
    assert found  # "6" may be missing: it must not be taken for deleted


def test_a_record_that_is_removed_while_numbered_pages_are_read_is_noticed() -> None:
    ids = list(ALL)
    fetch = by_number(lambda: ids, 5)
    asked: list[int] = []

    def shrinking(step: Step) -> Page:
        found = fetch(step)
        asked.append(int(step.values["page"]))
        if asked == [1]:
            ids.remove("2")
        return found

    found, flaws = read(NumberPages(), shrinking, twice=True)
    assert "6" not in found
    assert flaws == ["the list differed when it was read a second time"]


@pytest.mark.parametrize("pager", [OffsetPages(), NumberPages(), KeysetPages()])
def test_a_server_that_ignores_what_is_asked_does_not_loop(pager: Pager) -> None:
    found, flaws = read(pager, lambda _: page(["1", "2", "3"]))
    assert found == ["1", "2", "3"]
    assert "a page came twice, so the server may ignore the parameter that asks for the next" in flaws


def test_a_token_that_comes_again_does_not_loop() -> None:
    pages = iter([page(["1"], {"next": "a"}), page(["2"], {"next": "b"}), page(["3"], {"next": "a"})])
    found, flaws = read(TokenPages("next"), lambda _: next(pages))
    assert (found, flaws) == (["1", "2", "3"], ["the server gave the same next page twice"])


def test_a_list_without_end_has_one() -> None:
    count = iter(range(10_000))
    found, flaws = read(TokenPages("next"), lambda _: page([str(at := next(count))], {"next": at}), max_pages=7)
    assert (len(found), flaws) == (7, ["there are more than 7 pages"])


def test_a_keyset_passes_numbers_as_numbers_and_other_ids_as_they_are() -> None:
    assert KeysetPages().after(Step(), page(["9", "10"])) == Step({"last_id": 10})
    assert KeysetPages().after(Step(), page(["5f3a"])) == Step({"last_id": "5f3a"})
    assert KeysetPages().after(Step(), page(["007"])) == Step({"last_id": "007"})
    assert KeysetPages(begin=0).first() == Step({"last_id": 0})


def test_the_overlap_of_offsets_is_no_repeated_record() -> None:
    walk = Walk(OffsetPages(), by_offset(lambda: ALL, 5))
    list(walk.pages())
    assert not walk.repeats


def test_a_server_that_does_not_sort_by_id_is_noticed() -> None:
    pages = iter([page(["1", "9", "5"]), page(["6", "7"]), page([])])
    _, flaws = read(KeysetPages(), lambda _: next(pages))
    assert flaws == ["a page is not in the order of the ids"]
    assert read(KeysetPages(), by_id([9, 10, 101], 2)) == (["9", "10", "101"], [])


@pytest.mark.parametrize("pager", [OffsetPages(), KeysetPages()])
def test_records_without_an_id_prove_nothing_where_pages_go_on_from_it(pager: Pager) -> None:
    pages = iter([Page([{"n": 1}, {"n": 2}], [None, None]), Page([], [])])
    walk = Walk(pager, lambda _: next(pages))
    list(walk.pages())
    assert "a record has no id, so the next page cannot be asked for" in walk.flaws


def test_the_flag_that_there_is_more_ends_the_list() -> None:
    found, flaws = read(NumberPages(), lambda _: page(["1"], {"info": {"more": False}}), more="info.more")
    assert (found, flaws) == (["1"], [])


def test_more_without_a_place_is_a_flaw() -> None:
    _, flaws = read(TokenPages("next"), lambda _: page(["1"], {"more": True}), more="more")
    assert flaws == ["the server says that there is another page, but not where"]


@pytest.mark.parametrize(("total", "flaws"), [(1, []), (2, ["there were 1 records and the server says 2"]), (None, [])])
def test_a_total_must_agree(total: int | None, flaws: list[str]) -> None:
    assert read(OnePage(), lambda _: page(["1"], {"total": total}), total="total") == (["1"], flaws)


def test_a_list_that_shows_so_many_at_most_is_not_whole_when_it_does() -> None:
    _, flaws = read(TokenPages("next"), by_token(ALL, 5), most=23)
    assert flaws == ["this list shows 23 records at most"]


def test_a_relative_address_leads_on_from_the_page() -> None:
    after = NextUrlPages("nextRecordsUrl").after(Step(), page(["1"], {"nextRecordsUrl": "/services/q/2"}))
    assert after == Step(url="https://crm.example.com/services/q/2")
    whole = NextUrlPages('"@odata.nextLink"').after(
        Step(), page(["1"], {"@odata.nextLink": "https://o.example.com/?a"})
    )
    assert whole == Step(url="https://o.example.com/?a")


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ('<https://crm.example.com/v1/list?page=2>; rel="next"', "https://crm.example.com/v1/list?page=2"),
        ('</a?p=1,2>; rel="prev", </a?p=3>; title="x"; rel=next', "https://crm.example.com/a?p=3"),
        ('<?page=2>; rel="first next"', "https://crm.example.com/v1/list?page=2"),
        ('</a>; rel="last"', None),
        ("", None),
        (None, None),
    ],
)
def test_the_next_page_may_stand_in_a_link_header(header: str | None, url: str | None) -> None:
    headers = {} if header is None else {"link": header}
    after = NextUrlPages("header:Link").after(Step(), page(["1"], headers=headers))
    assert after == (Step(url=url) if url else None)


def test_a_token_may_stand_in_a_header() -> None:
    after = TokenPages("header:X-Next").after(Step(), page(["1"], headers={"x-next": "abc"}))
    assert after == Step({"token": "abc"})


def test_records_without_an_id_are_all_kept() -> None:
    walk = Walk(OnePage(), lambda _: Page([{"n": 1}, {"n": 2}], [None, None]))
    assert [record for each in walk.pages() for record in each.records] == [{"n": 1}, {"n": 2}]
    assert walk.flaws == []


@pytest.mark.parametrize(("pager", "by"), [(NumberPages(), by_number), (OffsetPages(), by_offset)])
def test_an_order_that_leaves_ties_open_may_hide_records(pager: Pager, by: Callable[..., Fetch]) -> None:
    ids = [*ALL[:7], ALL[3], *ALL[8:]]  # the eighth is on no page, and the fourth on two
    _, flaws = read(pager, by(lambda: ids, 5), twice=isinstance(pager, NumberPages))
    assert flaws == ["a record was on two pages, so another may have been on none"]


@pytest.mark.parametrize(
    ("source", "body", "whole"),
    [
        ('"@odata.nextLink"', {}, False),
        ('"@odata.nextLink"', {"@odata.nextLink": None}, True),
        ('a."b.c"', {"a": {"b.c": ""}}, True),
        ("links[?rel=='next'].href | [0]", {"links": []}, False),
        ("a.b.c", {"a": 5}, False),
        ("header:Link", {}, False),
    ],
)
def test_a_full_page_is_the_only_one_if_the_place_of_the_token_is_there(source: str, body: Any, whole: bool) -> None:
    _, flaws = read(NextUrlPages(source), lambda _: page(ALL[:2], body), size=2)
    assert (not flaws) == whole
    _, flaws = read(NextUrlPages(source), lambda _: page(ALL[:2], {"delta": "x"}), size=2, closing="delta")
    assert not flaws
