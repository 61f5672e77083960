"""Pages of calls and messages: the envelope, the parameters, the order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import orjson

from syncd.sandbox.listing import number_of, page_size
from syncd.sandbox.replies import Refused, Reply


class Pages:
    """Makes the pages of a list that is called ``name``."""

    def __init__(self, dialects: Mapping[str, str], name: str) -> None:
        self.dialects = dialects
        self.name = name
        # If the order is unstable, each answer begins elsewhere.
        self._starts = Random(7)  # noqa: S311  needs to be repeatable, not secret

    def reply(
        self, query: Mapping[str, str], asked: Mapping[str, Any], found: Sequence[Any], row: Callable[[Any], bytes]
    ) -> Reply:
        """Return the page that ``query`` asks for of ``found`` (oldest first); ``row`` makes the JSON of one of them.

        Raises:
            Refused: page or limit is not a number from 1, or a dialect refuses it.

        """
        page, limit = number_of(query, "page", 1, self.dialects), page_size(query, self._cap, self.dialects)
        pages = max(-(-len(found) // limit), int(self.dialects["no_pages"]))
        if page > max(pages, 1) and self.dialects["past_end"] == "404":
            raise Refused(404, "Page not found.")
        rows = [row(each) for each in self._page(found, page, limit)]
        meta = {"page": page, "limit": limit, "total_pages": pages, f"total_{self.name}": len(found)}
        head = orjson.dumps({**asked, "page": page, "limit": limit})
        # The rows are JSON already: most were written for an earlier answer.
        content = b'{"query":%b,"%b":[%b],"meta":%b}' % (
            head,
            self.name.encode(),
            b",".join(rows),
            orjson.dumps(meta),
        )
        return Reply(200, content=content, rows=len(rows))

    @property
    def _cap(self) -> int:
        return int(self.dialects["list_cap"])

    def _page(self, found: Sequence[Any], page: int, limit: int) -> Sequence[Any]:
        order, count = self.dialects["list_order"], len(found)
        begin, end = min((page - 1) * limit, count), min(page * limit, count)
        if order == "oldest":
            return found[begin:end]
        newest = found[count - end : count - begin][::-1]
        if order != "unstable" or not count:
            return newest
        start = self._starts.randrange(count)
        return [found[(start + at) % count] for at in range(begin, end)]


def choice(query: Mapping[str, str], name: str, values: Sequence[str], invalid: int) -> str:
    """Return a parameter that is one of ``values`` or ``any``, which is its default.

    Raises:
        Refused: it is something else.

    """
    value = query.get(name) or "any"
    if value not in (*values, "any"):
        raise Refused(invalid, f"{name} must be one of {', '.join(values)}, any.")
    return value
