"""Whether HubSpot's list goes on by the ids of its contacts, so that none slips between two pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from connectors.hubspot.api import ListOrder
from tests.worlds.hubspot_source import DAY, Ask, Crm


def slips(*pages: tuple[Sequence[int], str | None]) -> bool:
    order = ListOrder()
    for ids, after in pages:
        order.note([str(id_) for id_ in ids], after)
    return bool(order.slips)


PAGES: dict[str, tuple[list[tuple[Sequence[int], str | None]], bool]] = {
    "one page": ([([501, 502], None)], False),
    "the last id": ([([501, 502], "502"), ([507], None)], False),
    "the next id": ([([501, 502], "503"), ([507], None)], False),
    "an empty page": ([([501], "501"), ([], "0501"), ([502], None)], False),
    "a token that tells nothing": ([([501, 502], "NTAyCg=="), ([507], None)], True),
    "an offset": ([([501, 502], "2"), ([507], None)], True),
    "an offset that is an id as well": ([([1, 2], "2"), ([4], None)], True),
    "an offset that is an id as well, and no gap after it": ([([1, 2], "2"), ([3], None)], False),
    "ids that begin at 1, and a gap elsewhere": ([([1, 3], "3"), ([5], None)], False),
    "ids that do not ascend": ([([502, 501], "502"), ([507], None)], True),
    "pages that do not ascend": ([([501, 502], "502"), ([500], None)], True),
    "an id that comes twice": ([([501, 502], "502"), ([502, 503], None)], True),
}


@pytest.mark.parametrize("pages", PAGES)
def test_a_list_cannot_slip_whose_tokens_are_ids(pages: str) -> None:
    shown, may_slip = PAGES[pages]
    assert slips(*shown) is may_slip


def hidden(crm: Crm) -> None:
    """Let the account's tokens not show what they are."""

    def meddle(request: httpx.Request, ask: Ask) -> httpx.Response:
        after = request.url.params.get("after")
        if request.method == "GET" and after:
            request = httpx.Request(
                "GET", request.url.copy_set_param("after", after.removeprefix("t")), headers=request.headers
            )
        answer = ask(request)
        if request.method == "GET" and request.url.path.endswith("/contacts"):
            body: dict[str, Any] = json.loads(answer.read())
            if "paging" in body and "properties" not in request.url.path:
                body["paging"]["next"]["after"] = "t" + body["paging"]["next"]["after"]
                return httpx.Response(answer.status_code, json=body)
        return answer

    crm.meddle = meddle


def test_the_list_of_an_account_goes_on_by_the_ids() -> None:
    crm = Crm(250)
    crm.read()
    assert (crm.end.proof, crm.end.slips) == ("complete", "")


def test_an_account_whose_tokens_are_no_ids_may_lose_a_contact_between_two_pages() -> None:
    crm = Crm(250)
    hidden(crm)
    crm.read()
    assert (crm.end.proof, len(crm.rows)) == ("complete", 250)
    assert "HubSpot's list" in crm.end.slips
    since = json.loads(crm.end.cursor or "")["since"]
    crm.clock.now += 8 * DAY
    crm.read()
    assert crm.end.proof == "complete"
    # A contact that was made since the first read may have slipped, so that the search goes back to that read.
    assert json.loads(crm.end.cursor or "")["since"] == since


def test_a_sweep_says_that_it_may_slip() -> None:
    crm = Crm(250, options={"sweep": 0})
    hidden(crm)
    crm.read()
    crm.clock.now += 600
    crm.read()
    assert (crm.end.proof, crm.end.present is not None, bool(crm.end.slips)) == ("partial", True, True)
