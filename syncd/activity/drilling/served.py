"""Lists of calls and messages in this process, as a server shows them at a moment. Nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from syncd.activity.pulling.lists import LIMIT, PATHS
from syncd.core.activity.drills import Listed
from syncd.core.activity.instants import day_of
from syncd.rest import Answer

_KINDS = {path: kind for kind, path in PATHS.items()}


class ServedLists:
    """Answers ``GET /calls`` and ``GET /messages`` from rows, the newest first; a date is one of UTC.

    ``clock``: tells the moment as of which the rows are shown, in Unix seconds.
    """

    def __init__(self, rows: Sequence[Listed], clock: Callable[[], float]) -> None:
        self.sent = 0
        self._clock = clock
        newest = sorted(rows, key=lambda row: (-row.moment, row.key))
        self._rows = {kind: [row for row in newest if row.kind == kind] for kind in PATHS}

    def request(
        self,
        method: str,  # noqa: ARG002 (lists are only read)
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        returned: Container[int] = (),  # noqa: ARG002 (nothing is refused)
    ) -> Answer:
        """Return a page of a list, in the form of the API."""
        self.sent += 1
        asked, now = params or {}, self._clock()
        first, last, search = str(asked["start_date"]), str(asked["end_date"]), asked.get("search")
        shown = [
            row
            for row in self._rows[_KINDS[path]]
            if row.since <= now and first <= day_of(row.moment) <= last and search in {None, row.key}
        ]
        limit, page = int(asked.get("limit", LIMIT)), int(asked.get("page", 1))
        what = path[1:]
        rows: list[dict[str, Any]] = [row.as_of(now) for row in shown[(page - 1) * limit : page * limit]]
        pages = max(1, -(-len(shown) // limit))
        meta = {"page": page, "limit": limit, "total_pages": pages, f"total_{what}": len(shown)}
        return Answer(200, {what: rows, "meta": meta}, is_json=True)
