"""Calls whose texts are overdue are asked for alone, where that takes fewer requests than their day."""

from __future__ import annotations

from syncd.activity.pulling.one_list import ListPull
from syncd.core.activity.days.singles import is_read_soon, singly
from syncd.core.activity.days.windows import of_moment, window
from syncd.core.activity.instants import begin_of
from syncd.core.activity.settling import PATIENCE

ASKED = "singles"
"""The fact: when each call of the open window was asked for."""
SEARCHES = "searches"
"""The fact: False once the server was seen not to search."""


def ask_singly(each: ListPull) -> None:
    """Ask for the calls of the open window whose texts should be there and are not.

    Nothing is asked for before this list was seen to carry texts, and once the server was seen not to search.

    Raises:
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    kept, now = each.kept, each.clock()
    if kept.kind != "call" or not kept.fact("texts", default=False) or not kept.fact(SEARCHES, default=True):
        return
    first = begin_of(window(now).first)
    asked = {key: at for key, at in kept.fact(ASKED, {}).items() if first <= at <= now}
    overdue = {key: at for key, at in kept.overdue_texts(first, now - PATIENCE) if not is_read_soon(at, now)}
    for key in singly(list(overdue), asked, each.pages_of_a_day()):
        each.halt_if_asked()
        page = each.listing.page(of_moment(overdue[key]), search=key)
        asked[key] = now
        with kept.write():
            kept.learn(ASKED, asked)
            if page is not None:
                kept.take(page)
            if page is None or any(row.key != key for row in page.rows):
                kept.learn(SEARCHES, value=False)
                return
